//! Namespaces of others, and ids.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::in_child;
use dwell_sys::raw::consts::*;
use dwell_sys::raw::{self, Fd};
use dwell_sys::{Errno, adopt};

#[test]
fn descriptors_of_another_process() {
    let own = adopt(raw::pidfd_open(raw::getpid(), 0).unwrap());
    let file = adopt(raw::memfd_create(c"shared", MFD_CLOEXEC).unwrap());
    match raw::pidfd_getfd(Fd::of(&own), Fd::of(&file).0) {
        Ok(copy) => {
            let copy = adopt(copy);
            let (one, other) =
                (raw::fstat_mode_uid(Fd::of(&file)), raw::fstat_mode_uid(Fd::of(&copy)));
            assert_eq!(one.unwrap(), other.unwrap());
            // It is no socket.
            assert_eq!(raw::socket_network(Fd::of(&copy)), Err(Errno::NOTTY));
        }
        // A filter of a container's.
        Err(errno) => println!("skipped: pidfd_getfd: {errno}"),
    }
    assert_eq!(raw::pidfd_getfd(Fd(-1), 0), Err(Errno::BADF));
}

#[test]
fn the_network_of_a_socket() {
    let (one, other) = raw::socketpair_seqpacket_cloexec().unwrap();
    let (one, _other) = (adopt(one), adopt(other));
    match raw::socket_network(Fd::of(&one)) {
        Ok(network) => {
            let network = adopt(network);
            let own = raw::statx_at(Fd::CWD, c"/proc/self/ns/net", 0).unwrap();
            assert_eq!(raw::fstat_mode_uid(Fd::of(&network)).unwrap().ino, own.ino);
        }
        Err(errno) => assert_eq!(errno, Errno::PERM),
    }
}

#[test]
fn no_namespace_has_the_last_number() {
    // Before 6.18 the descriptor for the root of nsfs is none; elsewhere a filter may answer.
    let answer = raw::namespace_by_number(u64::MAX);
    assert!(
        matches!(answer, Err(Errno::STALE | Errno::BADF | Errno::PERM | Errno::NOSYS)),
        "{answer:?}"
    );
}

#[test]
fn the_own_ids_again() {
    let code = in_child(|| {
        let set = raw::setgid(raw::getegid()).and_then(|()| raw::setuid(raw::geteuid()));
        i32::from(set.is_err())
    });
    assert_eq!(code, 0);
    let refused = in_child(|| {
        if raw::geteuid() == 0 && raw::setuid(7).is_err() {
            return 1;
        }
        // From here on nobody is root.
        i32::from(raw::setuid(0) != Err(Errno::PERM))
    });
    assert_eq!(refused, 0);
}
