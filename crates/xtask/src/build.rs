//! Building with Cargo, and for which target.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Builds; what Cargo says goes to the terminal. Each executable with its target's name.
pub(crate) fn build(arguments: &[&str]) -> Result<Vec<Built>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).args(["--locked", "--message-format=json-render-diagnostics"]);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let output = command.stderr(Stdio::inherit()).output().context("running cargo")?;
    if !output.status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    let messages = output.stdout.split(|b| *b == b'\n');
    let values = messages.filter_map(|m| serde_json::from_slice::<Value>(m).ok());
    Ok(values.filter_map(|v| Built::of(&v)).collect())
}

/// Builds the executables of a package as they are shipped.
pub(crate) fn shipped(profile: &str, package: &str) -> Result<Vec<Built>> {
    let target = shipped_target();
    build(&["build", "--profile", profile, "--package", package, "--bins", "--target", target])
}

/// `cargo xtask dist`: the binary to be installed; prints where it is.
pub(crate) fn dist() -> Result<()> {
    for built in shipped("dist", "dwell-cli")? {
        println!("{}", built.file.display());
    }
    Ok(())
}

/// The target of what is shipped: that of musl, where the standard library for it is here or rustup can get it, else
/// the compiler's own.
///
/// A static program of glibc asks the processor what it can, 43 times before `main`, and on a virtual machine each
/// time is a trap; one of musl starts without (docs/performance.md).
fn shipped_target() -> &'static str {
    static TARGET: OnceLock<String> = OnceLock::new();
    TARGET.get_or_init(|| {
        let host = host();
        let Some(musl) = host.strip_suffix("gnu").map(|system| format!("{system}musl")) else {
            return host;
        };
        if has_library(&musl) || can_add(&musl) && has_library(&musl) {
            return musl;
        }
        eprintln!("xtask: Rust has no standard library for {musl} here: building for {host}, which starts later");
        host
    })
}

fn host() -> String {
    let said = rustc(&["-vV"]);
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned()
}

fn has_library(target: &str) -> bool {
    let sysroot = rustc(&["--print", "sysroot"]);
    Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir()
}

fn can_add(target: &str) -> bool {
    let added =
        Command::new("rustup").args(["target", "add", target]).stdout(Stdio::null()).status();
    added.is_ok_and(|status| status.success())
}

fn rustc(arguments: &[&str]) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(arguments).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// An executable that Cargo has built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The name of its crate's directory.
    pub(crate) package: String,
    pub(crate) target: String,
    pub(crate) is_test: bool,
    pub(crate) file: PathBuf,
}

impl Built {
    fn of(message: &Value) -> Option<Built> {
        let file = message.get("executable")?.as_str()?;
        // …/crates/NAME/Cargo.toml
        let manifest = Path::new(message.get("manifest_path")?.as_str()?);
        Some(Built {
            package: manifest.parent()?.file_name()?.to_str()?.to_owned(),
            is_test: message.pointer("/profile/test")?.as_bool()?,
            target: message.pointer("/target/name")?.as_str()?.to_owned(),
            file: file.into(),
        })
    }
}
