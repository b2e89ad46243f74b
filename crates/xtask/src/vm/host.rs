//! Programs that the host has to have, and the packages they are in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::archive::{Archive, Suite};
use super::outcome::Missing;
use super::run::quietly;

/// A program, the package of Debian that has it.
const NEEDED: [(&str, &str); 6] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("depmod", "kmod"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];

/// Where administrators' programs lie; an ordinary user's PATH often lacks them.
const ALSO: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Makes sure that everything is there; `install` allows to fetch it.
pub(super) fn prepare(install: bool, cache: &Path) -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Missing(format!("no recipe for {}", std::env::consts::ARCH)).into());
    }
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !install || !is_root() || find("apt-get").is_none() {
        let how = "`apt-get install` them as root, or let --install do it";
        return Err(Missing(format!("the machine lacks packages: {list}; {how}")).into());
    }
    eprintln!("installing {list}");
    if let Err(error) = install_packages(&missing, cache) {
        return Err(Missing(format!("packages cannot be installed: {list}: {error:#}")).into());
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    NEEDED.iter().filter(|(program, _)| find(program).is_none()).map(|(_, p)| *p).collect()
}

/// The program's path.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = std::env::split_paths(&path).collect::<Vec<_>>();
    let all = usual.into_iter().chain(ALSO.map(PathBuf::from));
    all.map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A command of one of the programs above.
pub(super) fn program(name: &str) -> Result<Command> {
    Ok(Command::new(find(name).with_context(|| format!("there is no {name}"))?))
}

pub(super) fn is_root() -> bool {
    dwell_sys::raw::geteuid() == 0
}

/// What is installed stays: where another part of qemu came from backports, the release's own
/// package would remove it, so the one from backports is taken.
fn install_packages(packages: &[&str], cache: &Path) -> Result<()> {
    let install = |options: &[String]| {
        let mut apt = Command::new("apt-get");
        apt.args(options).args(["install", "-q", "-y", "--no-install-recommends", "--no-remove"]);
        apt.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
        quietly(&mut apt)
    };
    quietly(Command::new("apt-get").args(["update", "-q"]))?;
    let Err(first) = install(&[]) else { return Ok(()) };
    let archive = Archive::of_host()?;
    let backports = Suite::named(&format!("{}-backports", archive.codename));
    let options = archive.with_host(&backports, cache)?;
    install(&options).map(drop).with_context(|| format!("{first:#}\nand from backports"))
}
