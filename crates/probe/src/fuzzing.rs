//! What holds for the parsers, whatever the bytes; see `dwell_plan::fuzzing`.

use dwell_plan::fuzzing::Body;
use dwell_plan::{Text, WorldPath};

use crate::inventory::fuzzing::{ns_link, stat, status};
use crate::{bytes, cgroups, mountinfo, passwd, shadow, subid, unix_sockets};

/// The parsers of this crate.
pub const BODIES: &[Body] = &[
    Body {
        name: "mountinfo",
        words: &[
            "36 27 98:0 /mnt1 /mnt\\0402/\\134x ro,noatime master:1 shared:7 - ext3 /dev/root rw\n",
            "1 0 0:1 / / rw - tmpfs  rw\n",
            "//deleted",
            "- ",
            "\\040",
            "\\000",
        ],
        run: mounts,
    },
    Body { name: "id_map", words: &["0 0 4294967295\n", "  7 8 9\n", "1 "], run: id_map },
    Body {
        name: "subid",
        words: &["alice:100000:65536\n", "1001:", "4294967295", ":1", "alice"],
        run: subids,
    },
    Body {
        name: "passwd",
        words: &["root:x:0:0:root:/root:/bin/sh\n", "a:x:1000:1000:", ":/home/a", "::", "+"],
        run: users,
    },
    Body { name: "group", words: &["wheel:x:10:alice,bob\n", "g:x:", "1", ":", ","], run: groups },
    Body {
        name: "shadow",
        words: &["root:$y$j9T$abc$def:19000:0:99999:7:::\n", "a:*:1\n", ":!:", "$6$x"],
        run: passwords,
    },
    Body {
        name: "unix_sockets",
        words: &[
            "0000000000000000: 00000002 00000000 00010000 0001 01 21127 /run/x\n",
            "ffff: 1 2 3 4 5 6 ",
            "@/tmp/x",
            "//run/../a",
        ],
        run: sockets,
    },
    Body {
        name: "cgroups",
        words: &[
            "4:memory:/a/b\n",
            "0::/a\n",
            "\0",
            "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            "31 1 0:27 /x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            "memory\t3\t90\t1\n",
        ],
        run: control_groups,
    },
    Body {
        name: "group_name",
        words: &["dwell-", "4026531836", "-", "123", ".0", ".scope"],
        run: group_name,
    },
    Body {
        name: "proc_stat",
        words: &["1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 77 9\n", "(", ")", " S "],
        run: stat,
    },
    Body {
        name: "proc_status",
        words: &[
            "Uid:\t1002\t100000\t1\t1\nGid:\t5\t1002\t5\t5\nGroups:\t7 8 \n",
            "CapPrm:\t00000000a80425fb\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n",
            "Uid:",
            "\n",
        ],
        run: status,
    },
    Body { name: "ns_link", words: &["net:[4026531840]", "pid", ":[", "]", "0"], run: ns_link },
];

fn mounts(text: &[u8]) {
    let mounts = mountinfo::parse(text);
    assert!(mounts.len() <= bytes::lines(text).count());
    for mount in &mounts {
        assert_eq!(WorldPath::new(mount.point.as_bytes(), b"/"), mount.point);
    }
    // A line says the same whatever stands beside it.
    let twice = [text, b"\n", text].concat();
    assert_eq!(mountinfo::parse(&twice), [&mounts[..], &mounts[..]].concat());
}

fn id_map(text: &[u8]) {
    let map = subid::parse_map(text);
    assert_eq!(subid::parse_map(map.kernel_text().as_bytes()), map);
    let _ = (map.overlap(), map.len(), map.outer_of(7));
}

fn subids(text: &[u8]) {
    for (first, count) in subid::parse_subids(text, b"alice", 1001) {
        assert!(count > 0 && first.checked_add(count).is_some());
    }
    assert!(subid::parse_subids(text, b"", u32::MAX).len() <= bytes::lines(text).count());
}

fn users(text: &[u8]) {
    for user in bytes::lines(text).filter_map(passwd::parse_user) {
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        let (home, shell) = (user.home.as_bytes(), user.shell.as_bytes());
        let parts = [user.name.as_bytes(), b"x", uid.as_bytes(), gid.as_bytes(), b"", home, shell];
        assert_eq!(passwd::parse_user(&parts.join(&b':')), Some(user));
    }
}

fn groups(text: &[u8]) {
    for group in bytes::lines(text).filter_map(passwd::parse_group) {
        assert!(group.members.iter().all(|name| !name.is_empty()));
        let gid = group.gid.to_string();
        let members: Vec<&[u8]> = group.members.iter().map(Text::as_bytes).collect();
        let members = members.join(&b',');
        let parts = [group.name.as_bytes(), b"", gid.as_bytes(), &members];
        assert_eq!(passwd::parse_group(&parts.join(&b':')), Some(group));
    }
}

fn passwords(text: &[u8]) {
    let shown = shadow::redact(text);
    for line in bytes::lines(shown.as_bytes()) {
        let password = line.split(|b| *b == b':').nth(1);
        assert!(matches!(password, Some(b"*" | b"!")), "{}", String::from_utf8_lossy(line));
    }
    assert_eq!(shadow::redact(shown.as_bytes()), shown);
}

fn sockets(text: &[u8]) {
    let paths = unix_sockets::parse(text);
    assert!(paths.is_sorted_by(|a, b| a < b));
    assert!(paths.iter().all(|path| WorldPath::new(path.as_bytes(), b"/") == *path));
}

/// The three files, with NULs between them.
fn control_groups(text: &[u8]) {
    let mut texts = text.splitn(3, |b| *b == 0);
    let mut next = || texts.next().unwrap_or_default();
    let (mounts, own, controllers) = (next(), next(), next());
    let groups = cgroups::parse(mounts, own, controllers);
    for place in groups.hierarchies.iter().flat_map(|hierarchy| &hierarchy.places) {
        assert_eq!(place.dir.as_bytes().first(), Some(&b'/'), "{place:?}");
    }
}

fn group_name(text: &[u8]) {
    let name = String::from_utf8_lossy(text);
    if cgroups::is_abandoned(&name).is_some() {
        assert!(name.starts_with(cgroups::GROUP_PREFIX));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes() {
        dwell_plan::fuzzing::bounded(super::BODIES);
    }
}
