//! `stats DIR COUNT`: looks at the files below a directory, one after the other and from the start
//! again, until it has made COUNT `stat` calls.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// More files than this would measure the disk.
const FILES: usize = 5000;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), Some(count)) = (args.next(), args.next()) else { return ExitCode::from(2) };
    let Some(count) = count.to_str().and_then(|c| c.parse().ok()) else { return ExitCode::from(2) };
    let mut files = Vec::new();
    gather(Path::new(&dir), &mut files);
    if files.is_empty() {
        return ExitCode::FAILURE;
    }
    let sizes = files.iter().cycle().take(count).filter_map(|f| fs::metadata(f).ok());
    // The sum keeps the calls from being optimised away.
    let sum = sizes.fold(0u64, |sum, m| sum.wrapping_add(m.len()));
    if sum == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn gather(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if files.len() >= FILES {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => gather(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}
