//! Debian's kernels: fetched, unpacked, and their modules on a disk of their own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::archive::{Apt, Archive, Suite};
use super::host;
use super::image;
use super::run::quietly;

/// The package that needs the newest kernel of its suite. Those for clouds have NVMe and ext4 built
/// in, so they start without an initramfs.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// A name for the command line, the suite, and whether that has security updates.
const KERNELS: [(&str, &str, bool); 5] = [
    ("bullseye", "bullseye", true),
    ("bookworm", "bookworm", true),
    ("backports", "bookworm-backports", false),
    ("trixie", "trixie", true),
    ("sid", "sid", false),
];

/// A kernel that can be started.
#[derive(Debug)]
pub(super) struct Kernel {
    /// As `uname -r` tells it.
    pub(super) release: String,
    /// What qemu loads.
    pub(super) vmlinuz: PathBuf,
    /// The disk for `/usr/lib/modules`.
    pub(super) modules: PathBuf,
    /// What is on it.
    pub(super) tree: PathBuf,
}

/// The names that there are.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KERNELS.iter().map(|(name, _, _)| *name)
}

fn suite(name: &str) -> Result<Suite> {
    match KERNELS.iter().find(|(known, _, _)| *known == name) {
        Some((_, suite, true)) => Ok(Suite::release(suite)),
        Some((_, suite, false)) => Ok(Suite::named(suite)),
        None => {
            let names: Vec<_> = names().collect();
            bail!("there is no kernel {name:?}; there are: {}", names.join(" "))
        }
    }
}

/// Each name with the version that the archive has of it.
pub(super) fn list(cache: &Path) -> Result<()> {
    let archive = Archive::of_host()?;
    for name in names() {
        let apt = archive.lists(&suite(name)?, cache)?;
        let version = apt.update().and_then(|()| apt.candidate(PACKAGE));
        match version {
            Ok(version) => println!("{name:10} {version}"),
            Err(error) => println!("{name:10} not in this archive: {error:#}"),
        }
    }
    Ok(())
}

/// The kernel of that name, from the cache or else from the archive.
pub(super) fn get(name: &str, cache: &Path, update: bool) -> Result<Kernel> {
    let suite = suite(name)?;
    let dir = cache.join("kernels").join(name);
    if update || !dir.exists() {
        eprintln!("fetching the kernel {name}");
        let fresh = cache.join("kernels").join(format!("{name}.new"));
        // Left over from a call that was interrupted.
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh)?;
        let apt = Archive::of_host()?.lists(&suite, cache)?;
        apt.update()?;
        fetch(&apt, &fresh).with_context(|| format!("the kernel {name}"))?;
        let _ = fs::remove_dir_all(&dir);
        fs::rename(&fresh, &dir)?;
    }
    Kernel::in_directory(&dir)
}

impl Kernel {
    fn in_directory(dir: &Path) -> Result<Kernel> {
        let release = fs::read_to_string(dir.join("release"))?;
        let tree = dir.join("modules").join(&release);
        Ok(Kernel { vmlinuz: dir.join("vmlinuz"), modules: dir.join("modules.img"), tree, release })
    }
}

fn fetch(apt: &Apt, dir: &Path) -> Result<()> {
    let needs = apt.depends(PACKAGE)?;
    let image = needs.iter().find(|p| p.starts_with("linux-image-"));
    let image = image.with_context(|| format!("{PACKAGE} needs no kernel"))?;
    // From 7.x on that is again a stub for the parts.
    let parts = apt.depends(image)?.into_iter().filter(|p| is_part(p));
    let packages: Vec<String> = std::iter::once(image.clone()).chain(parts).collect();
    let tree = dir.join("tree");
    apt.unpack(&packages, &tree)?;
    // Trixie and later have /usr/lib alone.
    let found = ["lib/modules", "usr/lib/modules"].map(|d| tree.join(d));
    let modules = found.iter().find(|d| d.is_dir()).context("the packages have no modules")?;
    let release = only_entry(modules)?;
    let places =
        [tree.join(format!("boot/vmlinuz-{release}")), modules.join(&release).join("vmlinuz")];
    let vmlinuz = places.iter().find(|f| f.is_file()).context("the packages have no kernel")?;
    fs::copy(vmlinuz, dir.join("vmlinuz"))?;
    // depmod looks for lib/modules.
    fs::create_dir(dir.join("lib"))?;
    fs::rename(modules, dir.join("lib/modules"))?;
    fs::remove_dir_all(&tree)?;
    quietly(host::program("depmod")?.arg("-b").arg(dir).arg(&release))?;
    fs::rename(dir.join("lib/modules"), dir.join("modules"))?;
    fs::remove_dir(dir.join("lib"))?;
    image::of_tree(&dir.join("modules"), "modules", &dir.join("modules.img"), 16)?;
    fs::write(dir.join("release"), release)?;
    Ok(())
}

fn is_part(package: &str) -> bool {
    ["linux-base-", "linux-binary-", "linux-modules-"].iter().any(|p| package.starts_with(p))
}

fn only_entry(dir: &Path) -> Result<String> {
    let mut names = fs::read_dir(dir)?.map(|e| Ok(e?.file_name())).collect::<Result<Vec<_>>>()?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => name.into_string().ok().context("a name that is not UTF-8"),
        _ => bail!("{} has not one entry", dir.display()),
    }
}
