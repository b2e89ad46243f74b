//! Who a process is, in the numbers of its own user namespace.

use dwell_plan::NamespaceKind;
use dwell_plan::idmap::IdMap;

use super::process::{link_name, parse_link, read_of};
use crate::bytes::{lines, number, words};
use crate::subid::parse_map;

/// Ids and capabilities of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups; those that its user namespace does not know are left out.
    pub groups: Vec<u32>,
    /// Permitted capabilities, bit n for capability n.
    pub permitted: u64,
    /// The most that it and its children can ever get.
    pub bounding: u64,
    /// What its programs keep whoever they are.
    pub ambient: u64,
    /// The numbers of its namespaces by kind; none where they cannot be read.
    pub namespaces: [Option<u64>; 8],
}

/// Reads who the process is. None when there is no such process, or its id is not one of its own user
/// namespace.
#[must_use]
pub fn rights(pid: i32) -> Option<Rights> {
    let map = |name| read_of(pid, name, usize::MAX).map(|text| parse_map(&text));
    let (users, groups) = (map("uid_map")?, map("gid_map")?);
    let mut rights = parse(&read_of(pid, "status", usize::MAX)?, &users, &groups)?;
    for (slot, kind) in rights.namespaces.iter_mut().zip(NamespaceKind::ALL) {
        let link = std::fs::read_link(format!("/proc/{pid}/{}", link_name(kind)));
        *slot =
            link.ok().and_then(|link| parse_link(link.as_os_str().as_encoded_bytes())).map(|l| l.1);
    }
    Some(rights)
}

/// `Uid:` and `Gid:` have four numbers of which the second is the effective one, `Groups:` any; they are
/// those of the reader's user namespace, and so are the outer ones of the maps.
pub(super) fn parse(status: &[u8], users: &IdMap, groups: &IdMap) -> Option<Rights> {
    let field = |name: &str| {
        lines(status).find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))
    };
    let id = |name: &str| number(words(field(name)?).nth(1)?);
    let set = |name: &str| {
        let text = std::str::from_utf8(words(field(name)?).next()?).ok()?;
        u64::from_str_radix(text, 16).ok()
    };
    Some(Rights {
        uid: inner(users, id("Uid")?)?,
        gid: inner(groups, id("Gid")?)?,
        groups: words(field("Groups")?).filter_map(|id| inner(groups, number(id)?)).collect(),
        permitted: set("CapPrm")?,
        bounding: set("CapBnd")?,
        ambient: set("CapAmb").unwrap_or(0),
        namespaces: [None; 8],
    })
}

/// What a map calls the id that the reader calls `outer`.
fn inner(map: &IdMap, outer: u32) -> Option<u32> {
    let range = map.0.iter().find(|r| r.has_outer(outer))?;
    range.inner.checked_add(outer - range.outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &[u8] = b"Name:\tsh\nUid:\t1002\t100000\t1\t1\nGid:\t5\t1002\t5\t5\n\
        Groups:\t100005 7 1002 \nCapPrm:\t00000000a80425fb\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n";

    #[test]
    fn numbers_of_its_own() {
        let users = parse_map(b"0 1002 1\n1 100000 65536\n");
        let groups = parse_map(b"0 1002 1\n1 100000 65536\n");
        let rights = parse(STATUS, &users, &groups).unwrap();
        assert_eq!((rights.uid, rights.gid, rights.groups), (1, 0, vec![6, 0]));
        assert_eq!((rights.permitted, rights.ambient), (0xa804_25fb, 0));
        assert_eq!(parse(STATUS, &parse_map(b"0 1002 1\n"), &groups), None);
        assert_eq!(parse(b"", &users, &groups), None);
    }

    #[test]
    fn this_process() {
        let rights = rights(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(rights.uid, rustix::process::geteuid().as_raw());
        assert!(rights.namespaces[0].is_some());
    }
}
