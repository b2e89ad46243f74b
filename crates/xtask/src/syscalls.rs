//! `cargo xtask syscalls`: the table of call numbers in `crates/bpf`, from the kernel's headers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};

const HELP: &str = "\
Usage: cargo xtask syscalls DIR

Writes crates/bpf/src/seccomp/table.rs from the kernel's headers in DIR: usr/include of an unpacked
linux-libc-dev (the newest: dpkg-deb -x linux-libc-dev_VERSION_all.deb TMP).
";

/// The columns of the table: where the numbers of an ABI are defined.
const COLUMNS: [&[&str]; 6] = [
    &["x86_64-linux-gnu/asm/unistd_64.h"],
    &["x86_64-linux-gnu/asm/unistd_x32.h"],
    &["x86_64-linux-gnu/asm/unistd_32.h"],
    &["aarch64-linux-gnu/asm/unistd_64.h"],
    &["arm-linux-gnueabihf/asm/unistd-eabi.h", "arm-linux-gnueabihf/asm/unistd.h"],
    &["riscv64-linux-gnu/asm/unistd_64.h"],
];

/// `__ARM_NR_BASE` (0xf0000) as the table writes it.
const ARM_PRIVATE: u16 = 0xf000;
const NONE: u16 = u16::MAX;

pub(crate) fn main(mut parser: Parser) -> Result<()> {
    let dir: PathBuf = match parser.next()? {
        Some(Arg::Value(dir)) => dir.into(),
        None | Some(Arg::Short('h') | Arg::Long("help")) => {
            print!("{HELP}");
            return Ok(());
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    let mut rows: BTreeMap<String, [u16; 6]> = BTreeMap::new();
    for (column, files) in COLUMNS.iter().enumerate() {
        for file in *files {
            for (name, number) in numbers(&read(&dir.join(file))?, &rows, column)? {
                rows.entry(name).or_insert([NONE; 6])[column] = number;
            }
        }
    }
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bpf/src/seccomp/table.rs");
    fs::write(&out, source(&release(&dir)?, &rows)).context("writing the table")?;
    println!("{} calls", rows.len());
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The names and numbers that a header defines.
fn numbers(
    text: &str,
    known: &BTreeMap<String, [u16; 6]>,
    column: usize,
) -> Result<Vec<(String, u16)>> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some("#define"), Some(macro_name)) = (words.next(), words.next()) else { continue };
        let value: String = words.take_while(|w| *w != "/*").collect();
        let (name, base) = match macro_name {
            // Neither is a call's number.
            "__NR_syscalls"
            | "__NR_SYSCALL_BASE"
            | "__NR_SYSCALL_MASK"
            | "__NR_OABI_SYSCALL_BASE"
            | "__ARM_NR_BASE" => continue,
            _ => match (macro_name.strip_prefix("__NR_"), macro_name.strip_prefix("__ARM_NR_")) {
                (Some(name), _) => (name, 0),
                (_, Some(name)) => (name, ARM_PRIVATE),
                _ => continue,
            },
        };
        let number = match value.strip_prefix("__NR_") {
            // Another name of a call that is there already.
            Some(other) => known.get(other).map_or(NONE, |row| row[column]),
            None => {
                let inner = value.trim_matches(['(', ')']);
                let digits = inner.rsplit('+').next().unwrap_or(inner);
                base + digits.parse::<u16>().with_context(|| format!("in {line:?}"))?
            }
        };
        if number == NONE {
            bail!("{line:?} refers to what is not there");
        }
        found.push((name.to_owned(), number));
    }
    Ok(found)
}

/// `LINUX_VERSION_CODE` as `major.minor`.
fn release(dir: &Path) -> Result<String> {
    let text = read(&dir.join("linux/version.h"))?;
    let code = text.lines().find_map(|l| l.strip_prefix("#define LINUX_VERSION_CODE "));
    let code: u32 = code.context("no LINUX_VERSION_CODE")?.trim().parse()?;
    Ok(format!("{}.{}", code >> 16, code >> 8 & 0xff))
}

fn source(release: &str, rows: &BTreeMap<String, [u16; 6]>) -> String {
    let mut out = String::from(
        "// Written by `cargo xtask syscalls` from the kernel's headers; not to be changed by hand.\n\n\
         //! The system calls and their numbers.\n\n\
         /// The kernel whose headers these are.\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(out, "pub const RELEASE: &str = \"{release}\";\n");
    out.push_str(
        "/// Where an ABI does not have a call.\npub(super) const NONE: u16 = u16::MAX;\n\n\
         /// ARM's private calls begin here in the table, and at 0xf0000 in the kernel.\n\
         pub(super) const ARM_PRIVATE: u16 = 0xf000;\n\n\
         const __: u16 = NONE;\n\n\
         /// Name; numbers on x86-64, x32 (without its bit), x86, aarch64, arm, riscv64. Sorted by name.\n",
    );
    let _ = writeln!(
        out,
        "#[rustfmt::skip]\npub(super) static ROWS: [(&str, [u16; 6]); {}] = [",
        rows.len()
    );
    for (name, numbers) in rows {
        let numbers: Vec<String> = numbers
            .iter()
            .map(|n| if *n == NONE { "__".to_owned() } else { n.to_string() })
            .collect();
        let _ = writeln!(out, "    (\"{name}\", [{}]),", numbers.join(", "));
    }
    out.push_str("];\n");
    out
}
