//! What the guest is given: a directory that becomes `/t` there.
//!
//! `/t/bin` has programs, `/t/tests` the workspace's test executables, `/t/docs` the documents,
//! `/t/share` what `--share` names, and `/t/run` is the script that the guest runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::rootfs::quoted_word;
use super::run::quietly;

/// The directory, gone with its holder.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) dir: PathBuf,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("xtask: cannot remove {}: {error}", self.dir.display());
        }
    }
}

impl Share {
    pub(super) fn new(dir: PathBuf) -> Result<Share> {
        for part in ["bin", "tests", "share"] {
            fs::create_dir_all(dir.join(part)).with_context(|| dir.display().to_string())?;
        }
        Ok(Share { dir })
    }

    /// A program, under `name` in `bin` or `tests`.
    pub(super) fn program(&self, part: &str, name: &str, file: &Path) -> Result<()> {
        let to = self.dir.join(part).join(name);
        fs::copy(file, &to).with_context(|| format!("copying {}", file.display()))?;
        Ok(fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?)
    }

    /// A file or a tree, with its owners and permissions.
    pub(super) fn tree(&self, file: &Path, to: &str) -> Result<()> {
        let mut cp = Command::new("cp");
        quietly(cp.arg("-a").arg(file).arg(self.dir.join(to))).map(drop)
    }

    /// What the guest runs.
    pub(super) fn script(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.dir.join("run"), text)?)
    }
}

/// The environment that everything in the guest finds.
pub(super) const ENVIRONMENT: &str = "\
export PATH=/t/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8 DWELL_BIN=/t/bin/dwell DWELL_DOCS=/t/docs
";

/// A script that runs one command as `user`: root from the machine's own service, others in a
/// session of their own.
pub(super) fn command_script(words: &[String], user: &str, systemd: bool) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted_word(word)).collect();
    let words = words.join(" ");
    let name = quoted_word(user);
    let keep = "--setenv=PATH --setenv=LC_ALL --setenv=DWELL_BIN --setenv=DWELL_DOCS";
    let line = match (user, systemd) {
        ("root", _) => format!("export HOME=/root USER=root\ncd /root\n{words}"),
        (_, true) => format!(
            "systemd-run --quiet --wait --pipe --uid={name} --property=PAMName=login \
             --property=WorkingDirectory='~' {keep} -- {words}"
        ),
        (_, false) => format!("cd ~{user}\nsu -s /bin/sh {name} -c {}", quoted_word(&words)),
    };
    format!("{ENVIRONMENT}{line}\n")
}
