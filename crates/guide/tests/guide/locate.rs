//! The binary that the transcripts call `dwell`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Finds the binary, brought up to date by Cargo where Cargo runs this.
pub(crate) fn dwell() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("DWELL_BIN") {
        return fs::canonicalize(&named)
            .map_err(|e| format!("{}: {e}", Path::new(&named).display()));
    }
    // TARGET/TRIPLE/PROFILE/deps/guide-HASH
    let own = std::env::current_exe().map_err(|e| format!("/proc/self/exe: {e}"))?;
    let directory = own.ancestors().nth(2).ok_or("this test is in no target directory")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "dwell-cli", "--profile", profile]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        if let Some(target) = directory.ancestors().nth(2) {
            build.arg("--target-dir").arg(target);
        }
        match build.status() {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("cargo build --package dwell-cli: {status}")),
            Err(error) => return Err(format!("cargo build: {error}")),
        }
    }
    let binary = directory.join("dwell");
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("there is no {}: build it with `cargo build -p dwell-cli`", binary.display()))
}
