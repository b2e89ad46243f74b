//! Hiding arguments and environment.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{exit_code, fork};
use dwell_sys::raw::consts::O_CLOEXEC;
use dwell_sys::raw::{self, ArgArea};

/// What the parent sees of a child that gave itself this title.
fn seen(area: &ArgArea, title: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (wait, go) = raw::pipe2(O_CLOEXEC).unwrap();
    let (ready, tell) = raw::pipe2(O_CLOEXEC).unwrap();
    let child = raw::clone_child(&fork(), || {
        let _ = raw::close(go);
        raw::hide_arguments(area, title);
        let _ = raw::write(tell, b"x");
        let _ = raw::read(wait, &mut [0]);
        0
    });
    let pid = child.unwrap().pid;
    raw::read(ready, &mut [0]).unwrap();
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
    let found = (read("cmdline"), read("environ"));
    for fd in [go, wait, ready, tell] {
        raw::close(fd).unwrap();
    }
    assert_eq!(exit_code(pid), 0);
    found
}

#[test]
fn nothing_is_left_to_see() {
    let own = || {
        let read = |file: &str| std::fs::read(format!("/proc/self/{file}")).unwrap();
        (read("cmdline"), read("environ"))
    };
    let before = own();
    let area = ArgArea::locate().expect("the area of this process");

    let (cmdline, environ) = seen(&area, b"dwell");
    assert_eq!(String::from_utf8_lossy(&cmdline), "dwell\0");
    assert!(environ.iter().all(|&byte| byte == 0));

    let (cmdline, _) = seen(&area, b"");
    assert!(cmdline.iter().all(|&byte| byte == 0));

    // Longer than the arguments: it goes on where the environment was.
    let title = vec![b'x'; before.0.len() + 5];
    let (cmdline, _) = seen(&area, &title);
    assert_eq!(cmdline.iter().position(|&byte| byte != b'x'), Some(title.len()));

    // Longer than both: cut off, and the final NUL stays.
    let (cmdline, environ) = seen(&area, &[b'x'; 100_000]);
    let room = before.0.len() + before.1.len() - 1;
    assert_eq!(
        cmdline.iter().filter(|&&byte| byte == b'x').count(),
        room.min(4096 - 1).min(cmdline.len())
    );
    assert_eq!(environ.last(), Some(&0));

    assert_eq!(own(), before);
}
