//! Namespaces as files.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use dwell_sys::{Errno, hostname, nsfs, pidfd};

fn own(kind: &str) -> File {
    File::open(format!("/proc/self/ns/{kind}")).unwrap()
}

fn inode(file: impl Into<File>) -> u64 {
    file.into().metadata().unwrap().ino()
}

#[test]
fn kinds() {
    for kind in ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"] {
        assert_eq!(nsfs::kind_name(nsfs::kind(&own(kind)).unwrap()), Some(kind));
    }
    assert_eq!(nsfs::kind(&File::open("/dev/null").unwrap()), Err(Errno::NOTTY));
    assert_eq!(nsfs::kind_name(0), None);
}

#[test]
fn relations() {
    // The owner of the caller's namespaces may lie above the caller's user namespace.
    match nsfs::owner(&own("uts")) {
        Ok(owner) => assert_eq!(nsfs::kind_name(nsfs::kind(&owner).unwrap()), Some("user")),
        Err(no) => assert_eq!(no, Errno::PERM),
    }
    assert!(matches!(nsfs::parent(&own("uts")), Err(Errno::INVAL)));
    assert!(matches!(nsfs::owner_uid(&own("uts")), Err(Errno::INVAL)));
    nsfs::owner_uid(&own("user")).unwrap();
}

#[test]
fn sockets() {
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    match nsfs::of_socket(&one) {
        Ok(namespace) => assert_eq!(inode(namespace), inode(own("net"))),
        Err(no) => assert_eq!(no, Errno::PERM),
    }
}

#[test]
fn descriptors_of_a_process() {
    let me = pidfd::open(dwell_sys::raw::getpid()).unwrap();
    let file = own("uts");
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    match nsfs::descriptor_of(&me, number) {
        Ok(copy) => assert_eq!(inode(copy), inode(file)),
        // Before 5.6, or where a filter forbids it.
        Err(no) => assert!(no == Errno::NOSYS || no == Errno::PERM),
    }
}

/// Linux 6.18.
#[test]
fn opened_by_id() {
    let id = match nsfs::unique_id(&own("net")) {
        Ok(id) => id,
        Err(no) => return assert_eq!(no, Errno::NOTTY),
    };
    let known = (nsfs::kind(&own("net")).unwrap(), u32::try_from(inode(own("net"))).unwrap());
    assert_eq!(inode(nsfs::open(id, Some(known)).unwrap()), inode(own("net")));
    assert!(matches!(nsfs::open(u64::MAX, Some(known)), Err(Errno::STALE | Errno::PERM)));
}

/// Linux 6.19.
#[test]
fn listed() {
    let all = match nsfs::list() {
        Ok(all) => all,
        Err(no) => return assert_eq!(no, Errno::NOSYS),
    };
    assert!(all.is_sorted() && all.contains(&nsfs::unique_id(&own("net")).unwrap()));
}

#[test]
fn host_names() {
    let me = pidfd::open(dwell_sys::raw::getpid()).unwrap();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    match hostname::of_process(&me) {
        Ok(told) => assert_eq!(told, name.trim_end().as_bytes()),
        Err(no) => assert_eq!(no, Errno::PERM),
    }
}
