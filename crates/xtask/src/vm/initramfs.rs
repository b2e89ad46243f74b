//! An initramfs that stays the root file system: busybox, some modules, and what is shared.
//!
//! There `pivot_root(2)` is EINVAL, because nothing lies below the root.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::archive::{Archive, Suite};
use super::cpio::Archive as Cpio;
use super::host;
use super::kernel::Kernel;
use super::rootfs::{RELEASE, sources};

const DIRECTORIES: [&str; 11] =
    ["bin", "dev", "etc", "home", "home/dwelltest", "modules", "proc", "root", "run", "sys", "var"];

const FILES: [(&str, &str); 4] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndwelltest:x:1002:1002:user:/home/dwelltest:/bin/sh\n",
    ),
    ("etc/group", "root:x:0:\ntty:x:5:\ndwelltest:x:1002:\n"),
    ("etc/subuid", "dwelltest:231072:65536\n"),
    ("etc/subgid", "dwelltest:231072:65536\n"),
];

/// Makes the file `to`, with the tree `share` as `/t`.
pub(super) fn make(kernel: &Kernel, share: &Path, cache: &Path, to: &Path) -> Result<()> {
    let mut cpio = Cpio::default();
    for directory in DIRECTORIES {
        cpio.directory(directory, 0o755, owner(directory));
    }
    for open in ["tmp", "var/tmp"] {
        cpio.directory(open, 0o1777, 0);
    }
    for (name, text) in FILES {
        cpio.file(name, 0o644, 0, text.as_bytes());
    }
    cpio.file("bin/busybox", 0o755, 0, &fs::read(busybox(cache)?)?);
    cpio.link("bin/sh", b"busybox");
    cpio.file("init", 0o755, 0, &fs::read(sources().join("initramfs/init"))?);
    for (n, module) in modules(kernel)?.iter().enumerate() {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".xz").trim_end_matches(".zst");
        cpio.file(&format!("modules/{n:02}-{name}"), 0o644, 0, &expanded(module)?);
    }
    tree(&mut cpio, share, "t")?;
    Ok(fs::write(to, cpio.finish())?)
}

fn owner(directory: &str) -> u32 {
    if directory.starts_with("home/") { 1002 } else { 0 }
}

fn tree(cpio: &mut Cpio, directory: &Path, name: &str) -> Result<()> {
    cpio.directory(name, 0o755, 0);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, data) = (entry.path(), entry.metadata()?);
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if data.is_dir() {
            tree(cpio, &path, &name)?;
        } else if data.is_symlink() {
            cpio.link(&name, fs::read_link(&path)?.as_os_str().as_bytes());
        } else {
            cpio.file(&name, data.mode() & 0o7777, 0, &fs::read(&path)?);
        }
    }
    Ok(())
}

/// The one of Debian that needs no library.
fn busybox(cache: &Path) -> Result<PathBuf> {
    let dir = cache.join("busybox");
    let usual = [dir.join("bin/busybox"), dir.join("usr/bin/busybox")];
    if !usual.iter().any(|file| file.exists()) {
        let apt = Archive::of_host()?.lists(&Suite::release(RELEASE), cache)?;
        apt.update()?;
        apt.unpack(&["busybox-static".to_owned()], &dir)?;
    }
    usual.into_iter().find(|file| file.exists()).context("busybox-static has no busybox")
}

/// The files of the modules, each behind those that it needs.
fn modules(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let wanted = fs::read_to_string(sources().join("initramfs/modules"))?;
    let table = fs::read_to_string(kernel.tree.join("modules.dep"))?;
    let needs: HashMap<&str, &str> = table.lines().filter_map(|l| l.split_once(':')).collect();
    let mut files: Vec<&str> = Vec::new();
    for name in wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let start = format!("/{name}.ko");
        // What is built in is in no table.
        let Some((file, others)) = needs.iter().find(|(file, _)| file.contains(&start)) else {
            continue;
        };
        // The table names what is needed before what that needs.
        for file in others.split_whitespace().rev().chain([*file]) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files.into_iter().map(|file| kernel.tree.join(file)).collect())
}

/// busybox's `insmod` and older kernels expand nothing.
fn expanded(module: &Path) -> Result<Vec<u8>> {
    let program = match module.extension().and_then(|e| e.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return Ok(fs::read(module)?),
    };
    let output = host::program(program)?.arg("-dcq").arg(module).output()?;
    if !output.status.success() {
        bail!("{program} {}: {}", module.display(), output.status);
    }
    Ok(output.stdout)
}
