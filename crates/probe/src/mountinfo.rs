//! `/proc/self/mountinfo`, see `proc_pid_mountinfo(5)`.

use dwell_plan::Text;
use dwell_plan::WorldPath;
use dwell_plan::cgroups::Version;
use dwell_plan::facts::MountFact;

use crate::bytes::{lines, number, unescape};

/// The mounts of a `mountinfo` text, in its order. Lines that cannot be read are skipped.
///
/// `is_dir` and `reachable` are not in the text: they are set.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<MountFact> {
    lines(text).filter_map(line).collect()
}

/// `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue`
fn line(line: &[u8]) -> Option<MountFact> {
    let mut fields = line.split(|b| *b == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let _device = fields.next()?;
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let options = fields.next()?;
    // Any number of optional fields, and the dash that ends them.
    fields.find(|field| *field == b"-")?;
    let fstype = unescape(fields.next()?);
    let source = unescape(fields.next()?);
    let super_options = fields.next().unwrap_or_default();
    if point.first() != Some(&b'/') || point.contains(&0) {
        return None;
    }
    // KERNEL: so it shows a mount whose mount point was removed, from another mount namespace.
    if point.ends_with(b"//deleted") {
        return None;
    }
    Some(MountFact {
        id,
        parent,
        root: Text::from(root),
        point: WorldPath::new(&point, b"/"),
        fstype: Text::from(fstype),
        source: Text::from(source),
        read_only: has(options, b"ro") || has(super_options, b"ro"),
        noexec: has(options, b"noexec"),
        is_dir: true,
        reachable: true,
    })
}

/// A mount of control groups.
pub(crate) struct CgroupMount {
    pub(crate) version: Version,
    /// The group that it begins at.
    pub(crate) root: Text,
    pub(crate) point: WorldPath,
    pub(crate) read_only: bool,
    /// Options of the filesystem: in version 1 the controllers are among them.
    options: Vec<u8>,
}

impl CgroupMount {
    /// Whether all of `controllers` belong to its hierarchy.
    pub(crate) fn has(&self, controllers: &[String]) -> bool {
        controllers.iter().all(|c| has(&self.options, c.as_bytes()))
    }
}

/// The mounts of control groups, in order.
pub(crate) fn cgroup_mounts(text: &[u8]) -> Vec<CgroupMount> {
    let of = |text: &[u8]| {
        let mount = line(text)?;
        let version = match mount.fstype.as_bytes() {
            b"cgroup" => Version::V1,
            b"cgroup2" => Version::V2,
            _ => return None,
        };
        let options = text.rsplit(|b| *b == b' ').next().unwrap_or_default().to_vec();
        let (root, point, read_only) = (mount.root, mount.point, mount.read_only);
        Some(CgroupMount { version, root, point, read_only, options })
    };
    lines(text).filter_map(of).collect()
}

fn has(options: &[u8], wanted: &[u8]) -> bool {
    options.split(|b| *b == b',').any(|option| option == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::noise;

    const TEXT: &[u8] = br"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 27 98:0 /mnt1 /mnt\0402/\134x ro,noatime master:1 shared:7 - ext3 /dev/root rw,errors=remount-ro
37 27 0:30 / /tmpfs rw -  tmpfs  rw
38 27 0:31 / /e rw - fuse.a\040b  rw
39 27 0:31 / /super rw - iso9660 /dev/sr0 ro
40 27 0:31 / /gone//deleted rw - ext4 /dev/x rw
41 27 0:31 / /ends rw - ext4 /dev/x
";

    #[test]
    fn reads_lines() {
        let mounts = parse(TEXT);
        let points: Vec<_> = mounts.iter().map(|m| m.point.to_string()).collect();
        assert_eq!(points, ["/", r"/mnt 2/\x", "/tmpfs", "/e", "/super", "/ends"]);
        let second = &mounts[1];
        assert_eq!((second.id, second.parent), (36, 27));
        assert!(second.root == *"/mnt1" && second.fstype == *"ext3");
        assert!(second.read_only && !mounts[0].read_only && mounts[4].read_only);
        assert!(mounts[3].fstype == *"fuse.a b" && mounts[3].source.is_empty());
    }

    #[test]
    fn skips_what_is_no_line() {
        for bad in [
            "",
            "\n\n",
            "1",
            "1 2 0:1 / /x rw",
            "1 2 0:1 / /x rw - ",
            "1 2 0:1 / /x rw shared:1 ext4 d rw",
            "x 2 0:1 / /x rw - ext4 d rw",
            "1 -2 0:1 / /x rw - ext4 d rw",
            "1 2 0:1 / x rw - ext4 d rw",
            r"1 2 0:1 / /\000 rw - ext4 d rw",
        ] {
            assert_eq!(parse(bad.as_bytes()), [], "{bad}");
        }
        let mixed = [b"garbage\n", TEXT].concat();
        assert_eq!(parse(&mixed), parse(TEXT));
    }

    #[test]
    fn never_panics() {
        for seed in 0..3000 {
            let _ = parse(&noise(seed, b"1 2 / -\\040:,\nro"));
        }
        for end in 0..TEXT.len() {
            let _ = parse(&TEXT[..end]);
        }
    }
}
