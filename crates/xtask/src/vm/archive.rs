//! Debian's archive as the host's apt knows it: which mirror, and lists of other suites in a
//! directory of our own. The host's configuration is read and never changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::outcome::Missing;
use super::run::quietly;

/// Used where apt's configuration names no key.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The mirrors that the host is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// The release that the host runs.
    pub(super) codename: String,
    main: String,
    security: Option<String>,
}

/// A release of Debian, with its security updates where it has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suite {
    name: String,
    security: bool,
}

impl Suite {
    /// A part of the archive without security updates of its own.
    pub(super) fn named(name: &str) -> Suite {
        Suite { name: name.to_owned(), security: false }
    }

    /// A release that has them.
    pub(super) fn release(name: &str) -> Suite {
        Suite { name: name.to_owned(), security: true }
    }
}

impl Archive {
    /// Asks apt.
    pub(super) fn of_host() -> Result<Archive> {
        let mut apt = Command::new("apt-get");
        apt.args(["indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)"]);
        let Ok(targets) = quietly(&mut apt) else {
            return Err(Missing("there is no apt that could tell a mirror of Debian".into()).into());
        };
        Archive::parse(&targets).ok_or_else(|| {
            let how = "apt knows no mirror of Debian (on Debian itself: `apt-get update` first)";
            Missing(how.to_owned()).into()
        })
    }

    fn parse(targets: &str) -> Option<Archive> {
        let debian = targets.lines().filter_map(|line| line.strip_prefix("Debian|"));
        let pairs: Vec<(&str, &str)> = debian.filter_map(|line| line.split_once('|')).collect();
        let (codename, main) = pairs.iter().find(|(codename, _)| !codename.contains('-'))?;
        let security = pairs.iter().find(|(codename, _)| codename.ends_with("-security"));
        Some(Archive {
            codename: (*codename).to_owned(),
            main: (*main).to_owned(),
            security: security.map(|(_, uri)| (*uri).to_owned()),
        })
    }

    /// The suite's sources, one line each.
    pub(super) fn sources(&self, suite: &Suite) -> String {
        let line = |uri: &str, name: &str| {
            let signed = if Path::new(KEYRING).exists() {
                format!("[signed-by={KEYRING}] ")
            } else {
                String::new()
            };
            format!("deb {signed}{uri} {name} main\n")
        };
        let mut sources = line(&self.main, &suite.name);
        if let Some(security) = self.security.as_ref().filter(|_| suite.security) {
            sources += &line(security, &format!("{}-security", suite.name));
        }
        sources
    }

    /// apt with the lists of this suite alone.
    pub(super) fn lists(&self, suite: &Suite, cache: &Path) -> Result<Apt> {
        let apt = Apt { dir: cache.join("apt").join(&suite.name) };
        fs::create_dir_all(apt.dir.join("lists/partial"))?;
        fs::create_dir_all(apt.dir.join("cache/archives/partial"))?;
        fs::write(apt.dir.join("sources.list"), self.sources(suite))?;
        fs::write(apt.dir.join("empty"), "")?;
        Ok(apt)
    }

    /// apt's options to install on the host with this suite preferred, beside the host's sources.
    pub(super) fn with_host(&self, suite: &Suite, cache: &Path) -> Result<Vec<String>> {
        let apt = self.lists(suite, cache)?;
        let parts = apt.dir.join("parts");
        fs::create_dir_all(&parts)?;
        fs::copy(apt.dir.join("sources.list"), parts.join("vm.list"))?;
        for entry in fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten() {
            fs::copy(entry.path(), parts.join(entry.file_name()))?;
        }
        let mut options = vec!["-t".to_owned(), suite.name.clone()];
        for (key, value) in [("Etc::SourceParts", parts), ("State::Lists", apt.dir.join("lists"))] {
            options.extend(["-o".to_owned(), format!("Dir::{key}={}", value.display())]);
        }
        quietly(Command::new("apt-get").args(&options).args(["update", "-q"]))?;
        Ok(options)
    }
}

/// apt that knows one suite and no installed package.
#[derive(Debug)]
pub(super) struct Apt {
    dir: PathBuf,
}

impl Apt {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let places = [
            ("Etc::SourceList", "sources.list"),
            ("Etc::SourceParts", "none"),
            ("Etc::PreferencesParts", "none"),
            ("State::Lists", "lists"),
            ("State::status", "empty"),
            ("Cache", "cache"),
        ];
        for (key, name) in places {
            command.arg("-o").arg(format!("Dir::{key}={}", self.dir.join(name).display()));
        }
        command.args(["-o", "Acquire::Languages=none", "-o", "Acquire::Check-Valid-Until=false"]);
        command.args(["-o", "Acquire::Check-Date=false"]).current_dir(&self.dir);
        command
    }

    /// Fetches the lists.
    pub(super) fn update(&self) -> Result<()> {
        quietly(self.command("apt-get").args(["update", "-q", "--error-on=any"])).map(drop)
    }

    /// What a package needs, by name.
    pub(super) fn depends(&self, package: &str) -> Result<Vec<String>> {
        let said = quietly(self.command("apt-cache").args(["depends", "--important", package]))?;
        let needs = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(needs.map(str::to_owned).collect())
    }

    /// The version that would be installed.
    pub(super) fn candidate(&self, package: &str) -> Result<String> {
        let said = quietly(self.command("apt-cache").args(["policy", package]))?;
        let found = said.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        found.map(str::to_owned).with_context(|| format!("there is no package {package}"))
    }

    /// Fetches packages and unpacks them into `tree`.
    pub(super) fn unpack(&self, packages: &[String], tree: &Path) -> Result<()> {
        let debs = self.dir.join("debs");
        // Left over from a call that was interrupted.
        let _ = fs::remove_dir_all(&debs);
        fs::create_dir_all(&debs)?;
        // Without apt's own user, who cannot write to everybody's directories.
        let mut download = self.command("apt-get");
        download.args(["download", "-q", "-o", "APT::Sandbox::User=root"]).args(packages);
        quietly(download.current_dir(&debs))?;
        for deb in fs::read_dir(&debs)? {
            quietly(Command::new("dpkg-deb").arg("-x").arg(deb?.path()).arg(tree))?;
        }
        fs::remove_dir_all(&debs)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Archive, Suite};

    #[test]
    fn the_mirrors_are_those_of_apt() {
        let targets = "|nodistro|http://elsewhere/\n\
                       Debian|bookworm-updates|http://mirror/debian/\n\
                       Debian|bookworm-security|http://mirror/security/\n\
                       Debian|bookworm|http://mirror/debian/\n";
        let archive = Archive::parse(targets).unwrap();
        assert_eq!(archive.codename, "bookworm");
        let sources = archive.sources(&Suite::release("trixie"));
        let lines: Vec<&str> = sources.lines().collect();
        assert!(lines[0].ends_with("http://mirror/debian/ trixie main"), "{sources}");
        assert!(lines[1].ends_with("http://mirror/security/ trixie-security main"), "{sources}");
        assert_eq!(archive.sources(&Suite::named("sid")).lines().count(), 1);
    }

    #[test]
    fn another_distribution_is_none() {
        assert_eq!(Archive::parse("Ubuntu|noble|http://mirror/ubuntu/\n"), None);
        assert_eq!(Archive::parse(""), None);
    }
}
