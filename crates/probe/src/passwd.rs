//! The user database as files, `passwd(5)` and `group(5)`; never by the name service.
//!
//! The functions that take a path follow its links on the machine. For the files of a root
//! filesystem directory use [`read_in_root`](crate::read_in_root) with [`parse_user`].

use std::path::Path;

use dwell_plan::Text;
use rustix::io::Errno;

use crate::bytes::number;
use crate::file;

/// A line of `passwd(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserEntry {
    /// Login name.
    pub name: Text,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Home directory.
    pub home: Text,
    /// Login shell; may be empty, which means `/bin/sh`.
    pub shell: Text,
}

/// A line of `group(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupEntry {
    /// Name.
    pub name: Text,
    /// Group id.
    pub gid: u32,
    /// Names of the users in it.
    pub members: Vec<Text>,
}

/// A line of `passwd(5)`; none when it is not one (NIS `+` lines among them).
#[must_use]
pub fn parse_user(line: &[u8]) -> Option<UserEntry> {
    let mut fields = line.split(|b| *b == b':');
    let name = fields.next().filter(|name| is_name(name))?;
    let _password = fields.next()?;
    let (uid, gid) = (number(fields.next()?)?, number(fields.next()?)?);
    let _gecos = fields.next()?;
    let home = Text::from(fields.next()?);
    let shell = Text::from(fields.next().unwrap_or_default());
    Some(UserEntry { name: Text::from(name), uid, gid, home, shell })
}

/// A line of `group(5)`; none when it is not one.
#[must_use]
pub fn parse_group(line: &[u8]) -> Option<GroupEntry> {
    let mut fields = line.split(|b| *b == b':');
    let name = fields.next().filter(|name| is_name(name))?;
    let _password = fields.next()?;
    let gid = number(fields.next()?)?;
    let members = fields.next().unwrap_or_default();
    let members = members.split(|b| *b == b',').filter(|m| !m.is_empty()).map(Text::from);
    Some(GroupEntry { name: Text::from(name), gid, members: members.collect() })
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name.first(), None | Some(b'+' | b'-' | b'#'))
}

/// The first user called `name` in a file like `/etc/passwd`; none when the file cannot be read.
#[must_use]
pub fn user_by_name(passwd_file: &Path, name: &str) -> Option<UserEntry> {
    file::find_line(passwd_file, |line| {
        (field(line, 0)? == name.as_bytes()).then(|| parse_user(line)).flatten()
    })
    .ok()
    .flatten()
}

/// The first user with the number `uid` in a file like `/etc/passwd`.
#[must_use]
pub fn user_by_uid(passwd_file: &Path, uid: u32) -> Option<UserEntry> {
    read_user_by_uid(passwd_file, uid).ok().flatten()
}

/// The same, or why the file could not be read.
pub(crate) fn read_user_by_uid(passwd_file: &Path, uid: u32) -> Result<Option<UserEntry>, Errno> {
    file::find_line(passwd_file, |line| {
        (number(field(line, 2)?) == Some(uid)).then(|| parse_user(line)).flatten()
    })
}

/// The first group called `name` in a file like `/etc/group`.
#[must_use]
pub fn group_by_name(group_file: &Path, name: &str) -> Option<GroupEntry> {
    file::find_line(group_file, |line| {
        (field(line, 0)? == name.as_bytes()).then(|| parse_group(line)).flatten()
    })
    .ok()
    .flatten()
}

/// The ids of the groups of a file like `/etc/group` that list the user `name`, in order, each
/// once. The user's own group, which `passwd(5)` has, is not added.
#[must_use]
pub fn groups_of(group_file: &Path, name: &str) -> Vec<u32> {
    let text = file::read(group_file.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let mut out = Vec::new();
    for group in crate::bytes::lines(&text).filter_map(parse_group) {
        if group.members.iter().any(|m| *m == *name) && !out.contains(&group.gid) {
            out.push(group.gid);
        }
    }
    out
}

fn field(line: &[u8], index: usize) -> Option<&[u8]> {
    line.split(|b| *b == b':').nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::noise;

    fn scratch(name: &str, text: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("dwell-probe-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn users() {
        let path = scratch(
            "passwd",
            "root:x:0:0:root:/root:/bin/bash\n+nis::1:1:::\nbad:x:y:0::/:\nshort:x:5:5\n\
             alice2:x:7:8::/h2:/bin/sh\nalice:x:1001:1002:A,,:/home/al ice:\nlast:x:9:9::/x:/y",
        );
        let alice = user_by_name(&path, "alice").unwrap();
        assert_eq!((alice.uid, alice.gid), (1001, 1002));
        assert!(alice.home == *"/home/al ice" && alice.shell.is_empty());
        assert!(user_by_uid(&path, 0).unwrap().name == *"root");
        assert!(user_by_uid(&path, 9).unwrap().shell == *"/y");
        assert!(user_by_name(&path, "last").is_some());
        for absent in ["", "ali", "alice3", "+nis", "bad", "short", "alice:x"] {
            assert_eq!(user_by_name(&path, absent), None, "{absent}");
        }
        assert_eq!((user_by_uid(&path, 1), user_by_uid(&path, 5)), (None, None));
        std::fs::remove_file(path).unwrap();
        assert_eq!(user_by_uid(Path::new("/nonexistent"), 0), None);
    }

    #[test]
    fn groups() {
        let path = scratch("group", "a:x:1:u,v\nb:x:2:\nc:x:3:vv,u\nd:x:x:u\ne:x:1:u\nf:x:4");
        assert_eq!(groups_of(&path, "u"), [1, 3]);
        assert_eq!(groups_of(&path, "v"), [1]);
        assert!(groups_of(&path, "").is_empty());
        assert_eq!(group_by_name(&path, "b").unwrap().gid, 2);
        assert_eq!(group_by_name(&path, "f").unwrap().gid, 4);
        assert_eq!(group_by_name(&path, "d"), None);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn never_panics() {
        for seed in 0..3000 {
            let text = noise(seed, b"a:0129,/\n+x");
            for line in crate::bytes::lines(&text) {
                let _ = (parse_user(line), parse_group(line));
            }
        }
    }
}
