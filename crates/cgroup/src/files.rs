//! Control files: one write each, and numbers read from them.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use dwell_plan::limits::{Value, Write};

use crate::error::Error;

/// Writes `text` in one call, as the kernel wants it.
pub(crate) fn put(path: &Path, text: &str) -> io::Result<()> {
    // Neither created nor truncated: what is not there is not a control file.
    OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

/// Carries out one write in the group at `dir`.
pub(crate) fn carry_out(write: &Write, dir: &Path) -> Result<(), Error> {
    let first = match &write.value {
        Value::Text(text) => text.clone(),
        Value::OfParent => {
            let from = dir.parent().unwrap_or(dir).join(&write.file);
            let read = fs::read_to_string(&from);
            read.map_err(|e| Error::of_call(&format!("set {}", write.what), "read", &from, &e))?
        }
    };
    let path = dir.join(&write.file);
    let error = match (put(&path, first.trim_end()), &write.otherwise) {
        (Ok(()), _) => return Ok(()),
        (Err(error), Some((file, text))) if error.kind() == ErrorKind::NotFound => {
            match put(&dir.join(file), text) {
                Ok(()) => return Ok(()),
                Err(other) if other.kind() == ErrorKind::NotFound => error,
                Err(other) => return Err(refused(write, file, text, dir, &other)),
            }
        }
        (Err(error), _) => error,
    };
    Err(refused(write, &write.file, first.trim_end(), dir, &error))
}

fn refused(write: &Write, file: &str, text: &str, dir: &Path, error: &io::Error) -> Error {
    let what = format!("set {}", write.what);
    if error.kind() == ErrorKind::NotFound {
        let error = Error::new(format!("cannot {what}: this kernel has no {file} here"));
        return match missing_because(file) {
            Some(hint) => error.hint(hint),
            None => error,
        };
    }
    Error::of_call(&what, &format!("write {text:?} to"), &dir.join(file), error)
}

fn missing_because(file: &str) -> Option<&'static str> {
    match file {
        "memory.memsw.limit_in_bytes" | "memory.swap.max" => {
            Some("swap is accounted with swapaccount=1 on the kernel's command line")
        }
        "io.weight" | "blkio.weight" | "blkio.weight_device" => Some(
            "weights need the scheduler bfq or the cost model of the block device (io.cost.qos)",
        ),
        "cpu.max.burst" | "cpu.cfs_burst_us" => Some("bursts are there since Linux 5.14"),
        "cpu.idle" => Some("the idle class is there since Linux 5.15"),
        _ => None,
    }
}

/// The number in a file; none for `max` and where there is no such file.
pub(crate) fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number behind `key` in a file of `key number` lines.
pub(crate) fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The number behind `key` in a file.
pub(crate) fn value_in(path: &Path, key: &str) -> Option<u64> {
    value(&fs::read_to_string(path).ok()?, key)
}
