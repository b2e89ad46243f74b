//! The programs, the directories and the people that the benches are made with.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use dwell_sys::raw;
use serde_json::{Map, Value, json};

use super::job::{Job, Who, which};
use super::sample::Sample;
use crate::build;

/// `bwrap` with these is what `true-walls` compares with.
pub(super) const BWRAP: [&str; 9] =
    ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"];

/// One program run one time after the other.
pub(super) struct Lab {
    pub(super) rounds: usize,
    pub(super) dwell: PathBuf,
    pub(super) against: Option<PathBuf>,
    pub(super) floor: PathBuf,
    /// Whom everything is measured for: the user, and root where we are root.
    pub(super) people: Vec<Who>,
    pub(super) results: Map<String, Value>,
    pub(super) dir: Scratch,
}

/// A directory that is gone with its holder.
pub(super) struct Scratch(pub(super) PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: cannot remove {}: {error}", self.0.display());
        }
    }
}

impl Lab {
    pub(super) fn new(
        rounds: usize,
        user: Option<&str>,
        against: Option<&Path>,
        built: Option<&Path>,
    ) -> Result<Lab> {
        let built = match built {
            Some(dir) => ["dwell", "floor", "stats"].map(|name| dir.join(name)).into(),
            None => build()?,
        };
        let dir = env::temp_dir().join(format!("dwell-bench-{}", std::process::id()));
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        let dir = Scratch(dir);
        open_to_all(&dir.0)?;
        let nothing = static_true(&dir.0)?;
        let people = people(&dir.0, user, &nothing)?;
        // Elsewhere the user may not be able to read them.
        let copy = |from: &Path, name: &str| -> Result<PathBuf> {
            let to = dir.0.join(name);
            fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
            open_to_all(&to)?;
            Ok(to)
        };
        let find = |name: &str| {
            let found = built.iter().find(|path| path.file_name() == Some(OsStr::new(name)));
            found.with_context(|| format!("cargo did not build {name}"))
        };
        for who in &people {
            fs::copy(find("stats")?, who.cwd().join("stats"))?;
        }
        Ok(Lab {
            rounds,
            dwell: copy(find("dwell")?, "dwell")?,
            against: against.map(|file| copy(file, "dwell-other")).transpose()?,
            floor: copy(find("floor")?, "floor")?,
            people,
            results: Map::new(),
            dir,
        })
    }

    /// The ordinary user, or whoever is closest to one.
    pub(super) fn user(&self) -> Result<Who> {
        self.people.first().cloned().context("nobody to measure for")
    }

    /// The program that does nothing, alone: what any start costs.
    pub(super) fn nothing(&self, who: &Who) -> Job {
        Job::new("static true", who, &[who.nothing()])
    }

    /// `dwell run OPTIONS --`, for the build of this workspace and for the other one.
    pub(super) fn dwells(&self, name: &str, who: &Who, options: &[&str]) -> Vec<Job> {
        let job = |program: &Path, name: &str| {
            Job::new(name, who, &[program]).with(&["run"]).with(options).with(&["--"])
        };
        let other = self.against.iter().map(|p| job(p, &format!("{name} (other)")));
        std::iter::once(job(&self.dwell, name)).chain(other).collect()
    }

    pub(super) fn bwrap(&self, who: &Who) -> Job {
        Job::new("bwrap", who, &BWRAP)
    }

    pub(super) fn floor(&self, who: &Who) -> Job {
        Job::new("floor", who, &[&self.floor])
    }

    /// Those that work here; the others are named with the reason.
    pub(super) fn working(&self, jobs: Vec<Job>) -> Vec<Job> {
        let works = |job: &Job| match job.check() {
            Ok(()) => true,
            Err(error) => {
                println!("- {} as {}: left out, {error:#}", job.name, job.who.label);
                false
            }
        };
        jobs.into_iter().filter(works).collect()
    }

    /// Keeps medians for `--json`.
    pub(super) fn store(&mut self, bench: &str, who: &str, samples: &[Sample]) {
        for sample in samples {
            self.store_value(bench, who, &sample.name, sample.json());
        }
    }

    pub(super) fn store_value(&mut self, bench: &str, who: &str, name: &str, value: Value) {
        let bench = self.results.entry(bench).or_insert_with(|| json!({}));
        let Some(bench) = bench.as_object_mut() else { return };
        let who = bench.entry(who).or_insert_with(|| json!({}));
        if let Some(who) = who.as_object_mut() {
            who.insert(name.to_owned(), value);
        }
    }

    pub(super) fn head(&mut self) {
        let kernel = line("/proc/sys/kernel/osrelease");
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let load = line("/proc/loadavg");
        let peer = said(Command::new("bwrap").arg("--version"));
        println!("Linux {kernel}, {cores} cores, {peer}; load at the start {load}.");
        let user = self.people.first().map_or(0, |w| w.uid);
        println!("User: uid {user}. Times in µs; {} runs of each, in turns.", self.rounds);
        let machine = json!({"kernel": kernel, "cores": cores, "bwrap": peer, "load": load});
        self.results.insert("machine".to_owned(), machine);
    }

    pub(super) fn foot(&mut self) {
        println!("\nLoad at the end: {}.", line("/proc/loadavg"));
    }
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn said(command: &mut Command) -> String {
    let output = command.stderr(Stdio::null()).output();
    output.map_or_else(
        |_| "no bwrap".to_owned(),
        |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
    )
}

/// Builds dwell and the helper programs as dwell is shipped; returns the paths of all that was built.
fn build() -> Result<Vec<PathBuf>> {
    let mut built = build::shipped("dist", "dwell-cli")?;
    built.extend(build::shipped("release", "xtask")?);
    Ok(built.into_iter().map(|built| built.file).collect())
}

/// A C program where there is a compiler: nothing starts quicker.
fn static_true(dir: &Path) -> Result<PathBuf> {
    let (source, program) = (dir.join("true.c"), dir.join("true"));
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-static", "-O2", "-o"]).arg(&program).arg(&source).stderr(Stdio::null());
    if gcc.status().is_ok_and(|status| status.success()) {
        return Ok(program);
    }
    println!("No gcc for a static program: /bin/true is used, which is slower by itself.");
    which(OsStr::new("true")).context("there is no program `true`")
}

fn open_to_all(path: &Path) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

fn people(dir: &Path, user: Option<&str>, nothing: &Path) -> Result<Vec<Who>> {
    let (uid, gid) = (raw::geteuid(), raw::getegid());
    let who = |label, uid, gid| Who { label, uid, gid, home: dir.join(label) };
    let people = if uid == 0 {
        let (user, group) = ids_of(user.unwrap_or("nobody"))?;
        vec![who("user", user, group), who("root", 0, 0)]
    } else {
        if user.is_some() {
            bail!("--user takes root");
        }
        vec![who("user", uid, gid)]
    };
    for who in &people {
        fs::create_dir_all(who.cwd())?;
        fs::copy(nothing, who.nothing())?;
        for path in [&who.home, &who.cwd(), &who.nothing()] {
            open_to_all(path)?;
            chown(path, Some(who.uid), Some(who.gid))?;
        }
    }
    Ok(people)
}

/// `UID:GID`, or a name of `/etc/passwd`.
fn ids_of(user: &str) -> Result<(u32, u32)> {
    if let Some((uid, gid)) = user.split_once(':') {
        return Ok((uid.parse()?, gid.parse()?));
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (name == user).then(|| Some((uid.parse().ok()?, gid.parse().ok()?)))?
    });
    match entry {
        Some(ids) => Ok(ids),
        None if user == "nobody" => Ok((65534, 65534)),
        None => bail!("there is no user {user:?} in /etc/passwd"),
    }
}
