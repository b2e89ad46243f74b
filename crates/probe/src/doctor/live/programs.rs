//! Programs of others, and `dwell` itself: found, and run for a bounded time.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dwell_sys::raw;
use rustix::fs::StatVfsMountFlags;

use crate::caller::program;
use crate::doctor::observations::{Helper, RunReport};

const LIMIT: Duration = Duration::from_secs(10);
/// More than anything here says; the rest is not read.
const ROOM: u64 = 1 << 20;

/// Those that can be used, and whether they are asked for their version.
const HELPERS: [(&str, bool); 5] = [
    ("newuidmap", false),
    ("newgidmap", false),
    ("pasta", true),
    ("slirp4netns", true),
    ("fuse-overlayfs", false),
];

/// Looks for each in `PATH` and the usual places.
pub(crate) fn find() -> BTreeMap<String, Helper> {
    let found = |(name, asked): (&str, bool)| {
        let path = program(name.as_bytes())?;
        let mut helper = look(path.as_path());
        if asked {
            helper.version = version(path.as_path());
        }
        Some((name.to_owned(), helper))
    };
    HELPERS.into_iter().filter_map(found).collect()
}

fn look(path: &Path) -> Helper {
    const SET_UID: u32 = 0o4000;
    let stat = rustix::fs::stat(path).ok();
    let mut value = [0u8; 64];
    let mount = rustix::fs::statvfs(path).ok();
    Helper {
        path: path.to_string_lossy().into_owned(),
        setuid: stat.is_some_and(|s| s.st_uid == 0 && s.st_mode & SET_UID != 0),
        capable: rustix::fs::getxattr(path, "security.capability", &mut value).is_ok(),
        nosuid: mount.is_some_and(|m| m.f_flag.contains(StatVfsMountFlags::NOSUID)),
        version: String::new(),
    }
}

fn version(path: &Path) -> String {
    let said = output(Command::new(path).arg("--version").stderr(Stdio::null())).ok();
    let text = said.map(|(_, out)| String::from_utf8_lossy(&out).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Runs a program and gives its exit code and standard output.
pub(crate) fn output(command: &mut Command) -> io::Result<(Option<i32>, Vec<u8>)> {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let reader = child.stdout.take().map(follow);
    let code = wait(&mut child);
    let out = reader.and_then(|reader| reader.recv_timeout(Duration::from_secs(1)).ok());
    Ok((code, out.unwrap_or_default()))
}

/// What `dwell run` does with its defaults and these options: a program of the machine's, started in `/`.
pub(crate) fn run(dwell: &Path, options: &[&str]) -> RunReport {
    let mut command = Command::new(dwell);
    command.arg("run").args(options).arg("--");
    match program(b"true") {
        Some(path) => command.arg(path.as_path()),
        None => command.args(["sh", "-c", ":"]),
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = match spawn(&mut command) {
        Ok(child) => child,
        Err(error) => return RunReport { code: None, said: error.to_string() },
    };
    let reader = child.stderr.take().map(follow);
    let code = wait(&mut child);
    let said = reader.and_then(|reader| reader.recv_timeout(Duration::from_secs(1)).ok());
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).trim().to_owned();
    RunReport { code, said }
}

/// In a process group of its own, so that all of it can be ended.
fn spawn(command: &mut Command) -> io::Result<Child> {
    command.process_group(0).spawn()
}

fn follow(pipe: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(ROOM).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// The exit code; none when it was ended, by a signal or because the time was up.
pub(crate) fn wait(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.code(),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
            _ => break,
        }
    }
    let group = i32::try_from(child.id()).unwrap_or(i32::MAX).saturating_neg();
    let _ = raw::kill(group, raw::consts::SIGKILL);
    let until = Instant::now() + Duration::from_secs(1);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_run() {
        let (code, out) = output(Command::new("sh").args(["-c", "echo a; exit 3"])).unwrap();
        assert_eq!((code, out.as_slice()), (Some(3), &b"a\n"[..]));
        assert!(output(&mut Command::new("/nonexistent")).is_err());
        let report = run(Path::new("/nonexistent"), &[]);
        assert!(report.code.is_none() && report.said.contains("No such file"));
    }
}
