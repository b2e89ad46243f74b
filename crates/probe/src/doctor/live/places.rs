//! The file systems that something is put on. A server may not answer, so a child asks.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dwell_sys::raw;

use super::child::{Named, Report, attempt};
use crate::doctor::observations::Place;

/// Looks at each.
pub(crate) fn look(uid: u32) -> BTreeMap<String, Place> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| Path::new(v).is_absolute());
    let home = variable("HOME").or_else(|| {
        let entry = crate::user_by_uid(Path::new("/etc/passwd"), uid)?;
        Some(entry.home.as_os_str().to_owned())
    });
    let temporary = variable("TMPDIR").unwrap_or_else(|| "/tmp".into());
    [
        ("home", home),
        ("temporary", Some(temporary)),
        ("var-tmp", Some("/var/tmp".into())),
        ("cgroup", Some("/sys/fs/cgroup".into())),
    ]
    .into_iter()
    .filter_map(|(name, path)| Some((name.to_owned(), place(path?.as_bytes()))))
    .collect()
}

fn place(path: &[u8]) -> Place {
    let place = Place { path: String::from_utf8_lossy(path).into_owned(), ..Place::default() };
    let Ok(path) = CString::new(path) else { return place };
    let report = attempt(0, |answer| {
        let stat = raw::statfs(&path).at("statfs")?;
        answer.add(&stat.kind.to_ne_bytes());
        answer.add(&stat.flags.to_ne_bytes());
        Ok(())
    });
    let number = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..).and_then(|b| b.first_chunk::<8>());
        word.map_or(0, |word| u64::from_ne_bytes(*word))
    };
    match report {
        Report::Done(bytes) => Place { kind: number(&bytes, 0), flags: number(&bytes, 8), ..place },
        Report::Refused(_, errno) => Place { errno: Some(errno), ..place },
        Report::Stuck(_) => Place { silent: true, ..place },
    }
}
