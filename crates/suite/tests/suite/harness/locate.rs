//! The binary under test.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Finds the binary, or says why there is none.
pub(crate) fn dwell() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("DWELL_BIN") {
        return fs::canonicalize(&named)
            .map_err(|e| format!("{}: {e}", Path::new(&named).display()));
    }
    // TARGET/TRIPLE/PROFILE/deps/suite-HASH
    let own = std::env::current_exe().map_err(|e| format!("/proc/self/exe: {e}"))?;
    let directory = own.ancestors().nth(2).ok_or("the suite is in no target directory")?;
    let binary = directory.join("dwell");
    if let Some(cargo) = std::env::var_os("CARGO") {
        build(&cargo, directory)?;
    }
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("there is no {}: build it with `cargo build -p dwell-cli`", binary.display()))
}

fn build(cargo: &OsStr, directory: &Path) -> Result<(), String> {
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "dwell-cli", "--profile", profile]);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if let Some(target) = directory.ancestors().nth(2) {
        command.arg("--target-dir").arg(target);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build --package dwell-cli: {status}")),
        Err(error) => Err(format!("{}: {error}", Path::new(cargo).display())),
    }
}
