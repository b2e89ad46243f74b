//! Benches on another root file system, such as `debootstrap` makes.
//!
//! What a world costs depends on what lies in the machine's root directory, since a world shows all of it.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use dwell_sys::raw::{self, consts};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::mount::{mount, mount_bind, mount_bind_recursive, mount_change, unmount};

/// What a machine mounts as it starts: where, the type, its options.
const MOUNTS: [(&str, &str, &str); 5] = [
    ("proc", "proc", ""),
    ("dev", "tmpfs", "mode=755"),
    ("dev/pts", "devpts", "newinstance,ptmxmode=666,mode=620"),
    ("run", "tmpfs", "mode=755"),
    ("tmp", "tmpfs", "mode=1777"),
];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Has the calling thread, and what it starts, see the directory `root` as the root, with `keep` at its path.
pub(super) fn enter(root: &Path, keep: &Path) -> Result<()> {
    raw::unshare(consts::CLONE_NEWNS).context("making a mount namespace")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount_bind(root, root).with_context(|| format!("mounting {}", root.display()))?;
    std::env::set_current_dir(root)?;
    for (at, kind, options) in MOUNTS {
        make_directory(Path::new(at))?;
        let options = std::ffi::CString::new(options)?;
        mount(kind, at, kind, MountFlags::NOSUID, options.as_c_str())
            .with_context(|| format!("mounting {kind} at {at}"))?;
    }
    mount_bind_recursive("/sys", "sys").context("mounting sysfs")?;
    for name in DEVICES {
        let at = Path::new("dev").join(name);
        File::create(&at)?;
        mount_bind(Path::new("/dev").join(name), &at)?;
    }
    symlink("pts/ptmx", "dev/ptmx")?;
    symlink("/proc/self/fd", "dev/fd")?;
    let at = Path::new(".").join(keep.strip_prefix("/")?);
    make_directory(&at)?;
    mount_bind(keep, &at)?;
    rustix::process::pivot_root(".", ".").context("making it the root")?;
    unmount(".", UnmountFlags::DETACH)?;
    Ok(std::env::set_current_dir("/")?)
}

fn make_directory(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.with_context(|| format!("making {}", path.display()))
}
