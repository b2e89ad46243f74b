//! What holds for the parsers of what `/proc/PID` says.

use dwell_plan::idmap::{IdMap, IdRange};

use super::identity;
use super::process::{parse_link, parse_stat};

pub(crate) fn stat(text: &[u8]) {
    let Some(process) = parse_stat(text) else { return };
    let mut again = format!("{} (", process.pid).into_bytes();
    again.extend_from_slice(process.name.as_bytes());
    again.extend_from_slice(b") ");
    again.push(process.state);
    again.extend_from_slice(format!(" {}", process.parent).as_bytes());
    again.extend_from_slice(&b" 0".repeat(17));
    again.extend_from_slice(format!(" {}", process.started).as_bytes());
    assert_eq!(parse_stat(&again), Some(process));
}

/// Ids are always those that the maps have.
pub(crate) fn status(text: &[u8]) {
    let map = IdMap(vec![IdRange { inner: 0, outer: 1000, count: 10 }]);
    if let Some(rights) = identity::parse(text, &map, &map) {
        let ids = rights.groups.iter().chain([&rights.uid, &rights.gid]);
        assert!(ids.into_iter().all(|id| *id < 10), "{rights:?}");
    }
    let end = IdMap(vec![IdRange { inner: u32::MAX, outer: 0, count: u32::MAX }]);
    let _ = identity::parse(text, &end, &end);
}

pub(crate) fn ns_link(text: &[u8]) {
    if let Some((kind, id)) = parse_link(text) {
        let again = format!("{}:[{id}]", kind.proc_name());
        assert_eq!(parse_link(again.as_bytes()), Some((kind, id)));
    }
}
