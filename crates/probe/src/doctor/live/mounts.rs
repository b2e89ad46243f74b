//! Acts in a mount namespace of the child's own: `dwell_sys::raw` alone.
//!
//! They mount on `/sys`, a directory that is everywhere and from which nothing is taken.

use core::ffi::CStr;

use dwell_sys::raw::consts::{
    AT_EMPTY_PATH, AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_IDMAP, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC,
    O_CLOEXEC, O_CREAT, O_PATH, O_RDONLY, O_RDWR, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE,
};
use dwell_sys::raw::{self, Fd};

use super::acts::{CWD, Prepared};
use super::child::{Answer, Named, Refusal};
use super::files::map;
use super::system::with_user_namespace;

type Tried = Result<(), Refusal>;

const KERNEL_FS: u64 = MS_NOSUID | MS_NODEV | MS_NOEXEC;

fn own_mounts(prepared: &Prepared) -> Tried {
    map(prepared)?;
    raw::set_propagation(c"/", MS_REC | MS_PRIVATE).at("mount MS_PRIVATE on /")
}

fn mount(fstype: &CStr, place: &CStr, data: Option<&CStr>, call: &'static str) -> Tried {
    raw::mount_legacy(c"none", place, fstype, KERNEL_FS, data).at(call)
}

pub(crate) fn private(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)
}

pub(crate) fn legacy(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    scratch()
}

fn scratch() -> Tried {
    mount(c"tmpfs", c"/sys", None, "mount tmpfs")
}

/// A tmpfs that hangs nowhere.
fn detached_tmpfs() -> Result<Fd, Refusal> {
    let context = raw::fsopen(c"tmpfs").at("fsopen")?;
    raw::fsconfig_create(context).at("fsconfig FSCONFIG_CMD_CREATE")?;
    raw::fsmount(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV).at("fsmount")
}

pub(crate) fn api(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    let tree = detached_tmpfs()?;
    raw::move_mount(tree, c"", CWD, c"/sys", MOVE_MOUNT_F_EMPTY_PATH).at("move_mount")
}

/// A read-only copy of the whole tree of mounts.
pub(crate) fn attributes(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
    let tree = raw::open_tree(CWD, c"/", flags).at("open_tree")?;
    let at = AT_EMPTY_PATH | AT_RECURSIVE;
    raw::mount_setattr(tree, c"", at, MOUNT_ATTR_RDONLY, 0, 0, 0).at("mount_setattr")
}

pub(crate) fn pivot_root(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    scratch()?;
    raw::chdir(c"/sys").at("chdir")?;
    raw::pivot_root(c".", c".").at("pivot_root")?;
    raw::umount2(c".", MNT_DETACH).at("umount2")
}

pub(crate) fn procfs(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    mount(c"proc", c"/sys", None, "mount proc")
}

pub(crate) fn sysfs(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    mount(c"sysfs", c"/sys", None, "mount sysfs")
}

pub(crate) fn devpts(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    mount(c"devpts", c"/sys", Some(c"newinstance,ptmxmode=0666"), "mount devpts")
}

pub(crate) fn mqueue(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    mount(c"mqueue", c"/sys", None, "mount mqueue")
}

/// A scratch with directories for the layers of an overlay.
fn layers(prepared: &Prepared) -> Tried {
    own_mounts(prepared)?;
    scratch()?;
    for directory in [c"/sys/lower", c"/sys/upper", c"/sys/work", c"/sys/merged"] {
        raw::mkdirat(CWD, directory, 0o755).at("mkdir on tmpfs")?;
    }
    Ok(())
}

pub(crate) fn overlay(prepared: &Prepared, _: &mut Answer) -> Tried {
    layers(prepared)?;
    let data = c"lowerdir=/sys/lower,upperdir=/sys/upper,workdir=/sys/work,userxattr";
    mount(c"overlay", c"/sys/merged", Some(data), "mount overlay")
}

/// KERNEL: in a user namespace the mounts that came with it are locked together, and an overlay over a
/// directory with some below would uncover what they hide.
pub(crate) fn overlay_root(prepared: &Prepared, _: &mut Answer) -> Tried {
    layers(prepared)?;
    let data = c"lowerdir=/,upperdir=/sys/upper,workdir=/sys/work,userxattr";
    mount(c"overlay", c"/sys/merged", Some(data), "mount overlay over /")
}

/// Layers given by descriptor (Linux 6.13).
pub(crate) fn overlay_descriptors(prepared: &Prepared, _: &mut Answer) -> Tried {
    layers(prepared)?;
    let lower = raw::openat(CWD, c"/sys/lower", O_PATH | O_CLOEXEC, 0).at("open")?;
    let context = raw::fsopen(c"overlay").at("fsopen overlay")?;
    raw::fsconfig_fd(context, c"lowerdir+", lower).at("fsconfig FSCONFIG_SET_FD lowerdir+")
}

pub(crate) fn user_xattr(prepared: &Prepared, _: &mut Answer) -> Tried {
    layers(prepared)?;
    let file = raw::openat(CWD, c"/sys/upper/f", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        .at("open a file on tmpfs")?;
    raw::setxattr_fd(file, c"user.overlay.opaque", b"y").at("fsetxattr user.* on tmpfs")
}

/// A mount whose ids are shifted by another user namespace's map.
pub(crate) fn idmap(prepared: &Prepared, _: &mut Answer) -> Tried {
    own_mounts(prepared)?;
    let tree = detached_tmpfs()?;
    with_user_namespace(c"0 0 1", c"0 0 1", |pid| {
        let mut room = [0u8; 32];
        let path = namespace_path(pid, &mut room);
        let namespace =
            raw::openat(CWD, path, O_RDONLY | O_CLOEXEC, 0).at("open /proc/PID/ns/user")?;
        let userns = u64::from(namespace.0.unsigned_abs());
        raw::mount_setattr(tree, c"", AT_EMPTY_PATH, MOUNT_ATTR_IDMAP, 0, 0, userns)
            .at("mount_setattr MOUNT_ATTR_IDMAP")
    })
}

/// `/proc/PID/ns/user`, put together without formatting.
fn namespace_path(pid: i32, room: &mut [u8; 32]) -> &CStr {
    let mut digits = [0u8; 10];
    let mut rest = pid.unsigned_abs();
    let mut count = 0usize;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        count = count.saturating_add(1);
        if rest == 0 {
            break;
        }
    }
    let number = digits.get(10usize.saturating_sub(count)..).unwrap_or_default();
    let parts = b"/proc/".iter().chain(number).chain(b"/ns/user");
    for (place, byte) in room.iter_mut().zip(parts) {
        *place = *byte;
    }
    CStr::from_bytes_until_nul(room).unwrap_or(c"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_namespaces() {
        for (pid, path) in [(1, c"/proc/1/ns/user"), (i32::MAX, c"/proc/2147483647/ns/user")] {
            assert_eq!(namespace_path(pid, &mut [0; 32]), path);
        }
        assert_eq!(namespace_path(4070, &mut [0; 32]), c"/proc/4070/ns/user");
    }
}
