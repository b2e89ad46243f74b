//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use dwell_sys::raw::consts::{__WALL, SIGCHLD};
use dwell_sys::raw::{self, CloneArgs, WaitStatus};

pub fn fork() -> CloneArgs {
    CloneArgs { exit_signal: SIGCHLD, ..CloneArgs::default() }
}

/// Runs `child` in a process of its own and returns its exit code.
pub fn in_child(child: impl FnOnce() -> i32) -> i32 {
    let cloned = raw::clone_child(&fork(), child).unwrap();
    exit_code(cloned.pid)
}

/// Waits for `pid` and insists on an exit.
pub fn exit_code(pid: i32) -> i32 {
    match raw::wait(pid, __WALL).unwrap() {
        WaitStatus::Exited { pid: who, code } if who == pid => code,
        other => panic!("unexpected: {other:?}"),
    }
}

/// A new directory, removed with what is in it at the end.
pub struct TempDir(pub std::path::PathBuf);

impl TempDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dwell-sys-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn c_path(&self) -> std::ffi::CString {
        std::ffi::CString::new(self.0.to_str().unwrap()).unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
