//! `cargo xtask filter`: compiles dwell's own profile for the worlds that are started most.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use dwell_bpf::seccomp::{Machine, Setting, compile, ready};
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::builtin::{Strictness, profile};

/// No rule of the profile depends on it; a test says so.
const KERNEL: Kernel = Kernel { major: 6, minor: 18 };

pub(crate) fn main() -> Result<()> {
    let setting = Setting {
        machine: Machine::X86_64,
        kernel: KERNEL,
        capabilities: ready::WORLD.capabilities,
        log: false,
    };
    let filter = compile(&profile(Strictness::Default, ready::WORLD), &setting)
        .map_err(|error| anyhow::anyhow!("compiling the profile: {error}"))?;
    let words: Vec<u64> = filter.instructions.into_iter().map(ready::pack).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bpf/src/seccomp/ready/table.rs");
    fs::write(file, source(&words)).context("writing the table")?;
    println!("{} instructions", words.len());
    Ok(())
}

fn source(words: &[u64]) -> String {
    let mut out = "//! Written by `cargo xtask filter`.\n\n".to_owned();
    out.push_str("#[rustfmt::skip]\npub(super) static FILTER: &[u64] = &[\n");
    for line in words.chunks(5) {
        let line: Vec<String> = line.iter().map(|word| format!("{word:#018x}")).collect();
        let _ = writeln!(out, "    {},", line.join(", "));
    }
    out.push_str("];\n");
    out
}
