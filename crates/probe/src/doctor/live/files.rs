//! Acts on files. They run in a child: `dwell_sys::raw` alone.

use core::ffi::CStr;

use dwell_sys::Errno;
use dwell_sys::raw;
use dwell_sys::raw::consts::{
    O_CLOEXEC, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY, RESOLVE_IN_ROOT,
};

use super::acts::{CWD, Prepared};
use super::child::{Answer, Named, Refusal};

/// Maps the caller to 0 in the user namespace it is in.
pub(crate) fn map_self(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    map(prepared)
}

pub(crate) fn map(prepared: &Prepared) -> Result<(), Refusal> {
    map_to(&prepared.uid_map, &prepared.gid_map)
}

pub(crate) fn map_to(uid_map: &CStr, gid_map: &CStr) -> Result<(), Refusal> {
    match write(c"/proc/self/setgroups", c"deny") {
        // Before Linux 3.19 there is no such file.
        Err(Errno::NOENT) | Ok(()) => {}
        Err(errno) => return Err(errno).at("write /proc/self/setgroups"),
    }
    write(c"/proc/self/uid_map", uid_map).at("write /proc/self/uid_map")?;
    write(c"/proc/self/gid_map", gid_map).at("write /proc/self/gid_map")
}

/// Writes all of `text` at once, as the files of procfs want it.
pub(crate) fn write(path: &CStr, text: &CStr) -> Result<(), Errno> {
    let fd = raw::openat(CWD, path, O_WRONLY | O_CLOEXEC, 0)?;
    let written = raw::write_all(fd, text.to_bytes());
    let _ = raw::close(fd);
    written
}

/// The security label that a process in a new user namespace has.
pub(crate) fn label(_: &Prepared, answer: &mut Answer) -> Result<(), Refusal> {
    let path = c"/proc/self/attr/current";
    let fd = raw::openat(CWD, path, O_RDONLY | O_CLOEXEC, 0).at("open /proc/self/attr/current")?;
    let count = raw::read(fd, answer.room()).at("read /proc/self/attr/current")?;
    answer.filled(count);
    Ok(())
}

pub(crate) fn openat2(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    let flags = u64::from(O_PATH | O_CLOEXEC);
    raw::openat2(CWD, c"/", flags, 0, RESOLVE_IN_ROOT).map(drop).at("openat2")
}

pub(crate) fn fuse(_: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    let flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
    raw::openat(CWD, c"/dev/fuse", flags, 0).map(drop).at("open /dev/fuse")
}
