//! The guest's root file system: Debian 12 by mmdebstrap, with what `vm/setup` makes of it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::archive::{Archive, Suite};
use super::host;
use super::image;
use super::run::quietly;

/// The release that the guest is of, whatever kernel it runs on.
pub(super) const RELEASE: &str = "bookworm";
/// In MiB; the file is sparse.
const SIZE: u32 = 6144;

/// The files beside the code that the guest is made of.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vm")
}

/// The image, from the cache or else built. `more` are packages beside the usual ones.
pub(super) fn get(cache: &Path, more: &[String]) -> Result<PathBuf> {
    let vm = sources();
    let list = fs::read_to_string(vm.join("packages")).context("vm/packages")?;
    let usual = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let packages: Vec<&str> = usual.chain(more.iter().map(String::as_str)).collect();
    let mut hash = DefaultHasher::new();
    (&packages, RELEASE, SIZE).hash(&mut hash);
    for file in ["setup", "image", "guest/vm-run", "guest/vm-run.service", "guest/modules.mount"] {
        fs::read(vm.join(file)).with_context(|| format!("vm/{file}"))?.hash(&mut hash);
    }
    let image = cache.join(format!("root-{:016x}.img", hash.finish()));
    if !image.exists() {
        eprintln!("building the guest's root file system (once: one to three minutes)");
        let fresh = image.with_extension("new");
        build(&packages.join(","), &fresh)?;
        fs::rename(&fresh, &image)?;
    }
    Ok(image)
}

/// Nothing is mounted on the host: as root mmdebstrap is given a mount namespace of its own, as an
/// ordinary user it makes one in a user namespace. The image is made in there, by the last hook, because
/// the files' owners are right in there alone; its file is made here, so that it is the caller's.
fn build(packages: &str, image: &Path) -> Result<()> {
    let archive = Archive::of_host()?;
    image::partitioned(image, SIZE)?;
    if !host::is_root() {
        fs::set_permissions(image, fs::Permissions::from_mode(0o666))?;
    }
    let sources_list = image.with_extension("list");
    fs::write(&sources_list, archive.sources(&Suite::release(RELEASE)))?;
    let mut debstrap = host::program("mmdebstrap")?;
    if host::is_root() {
        // Where it is killed, what it has mounted goes with the namespace.
        let bare = std::mem::replace(&mut debstrap, Command::new("unshare"));
        debstrap.args(["--mount", "--propagation", "private", "--"]).arg(bare.get_program());
    }
    debstrap.args(["--variant=apt", "--format=null"]);
    for option in ["Acquire::Check-Valid-Until", "Acquire::Check-Date", "Apt::Install-Recommends"] {
        debstrap.arg(format!("--aptopt={option} \"false\""));
    }
    for unread in ["man", "locale", "doc"] {
        debstrap.arg(format!("--dpkgopt=path-exclude=/usr/share/{unread}/*"));
    }
    debstrap.arg(format!("--include={packages}"));
    let vm = sources().canonicalize()?;
    for hook in [
        format!("{} \"$1\"", quoted(&vm.join("setup"))),
        format!("{} \"$1\" {} {SIZE}", quoted(&vm.join("image")), quoted(image)),
    ] {
        debstrap.arg(format!("--customize-hook={hook}"));
    }
    debstrap.arg(RELEASE).arg("/dev/null").arg(&sources_list);
    quietly(&mut debstrap)?;
    fs::remove_file(&sources_list)?;
    Ok(())
}

/// For the shell.
pub(super) fn quoted(path: &Path) -> String {
    quoted_word(&path.to_string_lossy())
}

/// For the shell.
pub(super) fn quoted_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
