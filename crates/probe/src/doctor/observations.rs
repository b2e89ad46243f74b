//! What was seen on a machine: plain data that can be stored, sent and written by hand.

use std::collections::BTreeMap;

use dwell_plan::NamespaceKind;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::names::errno_name;

/// The version of the format.
pub const OBSERVATIONS_VERSION: u32 = 1;

/// `CAP_SYS_ADMIN` as a bit; `capabilities(7)`.
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// Everything that was seen. What is missing was not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Observations {
    /// Version of this format: [`OBSERVATIONS_VERSION`].
    pub version: u32,
    /// Path of the program that looked.
    pub program: String,
    /// Who looked.
    pub caller: Who,
    /// What files of `/proc`, `/sys` and `/etc` hold, by path.
    pub files: BTreeMap<String, Reading>,
    /// What became of each act that was tried, by its name.
    pub acts: BTreeMap<String, Outcome>,
    /// The file systems that `dwell` puts something on, by what they are for.
    pub places: BTreeMap<String, Place>,
    /// Programs that `dwell` can use, by name.
    pub programs: BTreeMap<String, Helper>,
    /// Subordinate ids: `/etc/subuid`, `/etc/subgid`.
    pub subuid: SubIds,
    /// The same for groups.
    pub subgid: SubIds,
    /// The caller's cgroup of version 2, where there is one.
    pub cgroup: Cgroup,
    /// Where `/etc/resolv.conf` leads.
    pub resolv_conf: Option<Link>,
    /// Whether the root directory is another than that of process 1, where that can be seen.
    pub other_root_than_init: Option<bool>,
    /// The process id, in the caller's own pid namespace.
    pub pid: i32,
    /// Where the link `/proc/self` leads.
    pub proc_self: Option<String>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether there is a message bus of the user's own.
    pub user_bus: Option<bool>,
    /// What `dwell run` did with its defaults.
    pub run: Option<RunReport>,
    /// What it did when every wall was tried.
    pub walls: Option<RunReport>,
}

/// Who looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Who {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Whether `/etc/passwd` has a name for it.
    pub named: bool,
    /// Effective capabilities, bit n for number n.
    pub effective: u64,
    /// The bounding set, in the same form.
    pub bounding: u64,
}

/// What a file said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reading {
    /// Its text.
    Text(String),
    /// It could not be read: the error number.
    Failed(i32),
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The kernel did it. The text is what it answered, where it answers something.
    Done(String),
    /// The kernel refused.
    Refused {
        /// The call, with its object where that helps.
        call: String,
        /// The error number.
        errno: i32,
    },
    /// It did not end in time, or a signal ended it.
    Stuck(String),
}

/// A file system that something is put on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// The directory.
    pub path: String,
    /// Magic number of the file system; `statfs(2)`.
    pub kind: u64,
    /// `ST_RDONLY` 1, `ST_NOSUID` 2, `ST_NODEV` 4, `ST_NOEXEC` 8.
    pub flags: u64,
    /// Why it could not be looked at.
    pub errno: Option<i32>,
    /// It did not answer in time.
    pub silent: bool,
}

/// A program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Helper {
    /// Where it was found.
    pub path: String,
    /// Whether it runs as root: a set-user-ID bit of root's.
    pub setuid: bool,
    /// Whether it has file capabilities; `capabilities(7)`.
    pub capable: bool,
    /// Whether its mount says `nosuid`, which makes both useless.
    pub nosuid: bool,
    /// The first line of what it says about its version.
    pub version: String,
}

/// Subordinate ids as (first, count).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubIds {
    /// The caller's.
    pub own: Vec<(u32, u32)>,
    /// Everybody else's.
    pub others: Vec<(u32, u32)>,
    /// Whether the name service has a source of its own (`subid:` of `nsswitch.conf(5)`).
    pub elsewhere: bool,
}

/// The caller's cgroup of version 2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cgroup {
    /// Its directory.
    pub path: String,
    /// Whether `cgroup.procs` may be written.
    pub writable: bool,
    /// `cgroup.controllers`.
    pub controllers: String,
    /// How many processes are in it.
    pub processes: usize,
    /// Whether it is the root of the hierarchy, where processes are no obstacle.
    pub is_root: bool,
    /// Whether there is a `cgroup.kill` (Linux 5.14).
    pub kill: bool,
}

/// A symbolic link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// Its text; empty where it is no link.
    pub target: String,
    /// Whether something is there.
    pub resolves: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunReport {
    /// Exit code; none when it did not end in time.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub said: String,
}

impl Observations {
    /// The text of a file, without blanks around it.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.files.get(path)? {
            Reading::Text(text) => Some(text.trim()),
            Reading::Failed(_) => None,
        }
    }

    /// Whether the file was looked for and is not there.
    #[must_use]
    pub fn missing(&self, path: &str) -> bool {
        matches!(self.files.get(path), Some(Reading::Failed(no)) if *no == Errno::NOENT.raw_os_error())
    }

    /// A setting that is a number.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// The value of a line `Name: value` of `/proc/self/status`.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<&str> {
        let status = self.text(STATUS)?;
        status.lines().find_map(|l| Some(l.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    /// Whether a seccomp filter is in place.
    #[must_use]
    pub fn filtered(&self) -> bool {
        self.status("Seccomp") == Some("2")
    }

    /// The security label of the process: that of AppArmor or SELinux.
    #[must_use]
    pub fn label(&self) -> &str {
        self.text(LABEL).unwrap_or_default().trim_end_matches('\0').trim_end()
    }

    /// What an act ended with, when it was refused.
    #[must_use]
    pub fn refused(&self, act: &str) -> Option<(&str, Errno)> {
        match self.acts.get(act)? {
            Outcome::Refused { call, errno } => Some((call, Errno::from_raw_os_error(*errno))),
            _ => None,
        }
    }

    /// Whether an act succeeded.
    #[must_use]
    pub fn done(&self, act: &str) -> bool {
        matches!(self.acts.get(act), Some(Outcome::Done(_)))
    }

    /// Whether the caller has `CAP_SYS_ADMIN`.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.caller.effective & CAP_SYS_ADMIN != 0
    }

    /// Whether `CAP_SYS_ADMIN` can be had at all.
    #[must_use]
    pub fn may_be_admin(&self) -> bool {
        self.caller.bounding & CAP_SYS_ADMIN != 0
    }

    /// Whether the kernel's release is at least this; false when it is not known.
    #[must_use]
    pub fn since(&self, major: u32, minor: u32) -> bool {
        self.release().is_some_and(|release| release >= (major, minor))
    }

    /// Whether the kernel's release is known and lower than this.
    #[must_use]
    pub fn before(&self, major: u32, minor: u32) -> bool {
        self.release().is_some_and(|release| release < (major, minor))
    }

    fn release(&self) -> Option<(u32, u32)> {
        let mut parts = self.text(RELEASE)?.split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// The mounts, as `proc_pid_mountinfo(5)` shows them: place, file system, options of the mount,
    /// its optional fields.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = Mount<'_>> {
        self.text(MOUNTINFO).unwrap_or_default().lines().filter_map(Mount::parse)
    }

    /// Whether an option of the kernel's configuration is off; none where it is not known.
    #[must_use]
    pub fn configured(&self, option: &str) -> Option<bool> {
        let config = self.text(CONFIG)?;
        let set = config.lines().any(|l| {
            l.strip_prefix(option)
                .is_some_and(|rest| rest.starts_with("=y") || rest.starts_with("=m"))
        });
        Some(set)
    }

    /// The limit of namespaces of this kind.
    #[must_use]
    pub fn limit(&self, kind: NamespaceKind) -> Option<i64> {
        self.number(&limit_path(kind))
    }
}

impl Outcome {
    /// One line of evidence.
    #[must_use]
    pub fn evidence(&self) -> String {
        match self {
            Outcome::Done(text) if text.is_empty() => "tried: it works".to_owned(),
            Outcome::Done(text) => format!("tried: it works ({text})"),
            Outcome::Refused { call, errno } => {
                let errno = Errno::from_raw_os_error(*errno);
                format!("{call}: {}", errno_name(errno))
            }
            Outcome::Stuck(how) => how.clone(),
        }
    }
}

/// A line of `mountinfo`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mount<'a> {
    pub(crate) root: &'a str,
    pub(crate) point: &'a str,
    pub(crate) options: &'a str,
    pub(crate) shared: bool,
    pub(crate) fstype: &'a str,
    pub(crate) super_options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point, options) = (fields.next()?, fields.next()?, fields.next()?);
        let shared = fields.any(|field| field.starts_with("shared:"));
        let mut after = after.split(' ');
        let fstype = after.next()?;
        let super_options = after.nth(1).unwrap_or_default();
        Some(Mount { root, point, options, shared, fstype, super_options })
    }

    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.split(',').chain(self.super_options.split(',')).any(|o| o == option)
    }
}

/// The file with the limit of namespaces of a kind; `namespaces(7)`.
pub(crate) fn limit_path(kind: NamespaceKind) -> String {
    format!("/proc/sys/user/max_{}_namespaces", kind.proc_name())
}

/// `/proc/self/status`, and the others by name.
pub(crate) const STATUS: &str = "/proc/self/status";
pub(crate) const LABEL: &str = "/proc/self/attr/current";
pub(crate) const MOUNTINFO: &str = "/proc/self/mountinfo";
pub(crate) const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// The key under which the kernel's configuration is kept, wherever it was read from.
pub(crate) const CONFIG: &str = "config";

#[cfg(test)]
mod tests {
    use super::*;

    fn with(path: &str, text: &str) -> Observations {
        let files = BTreeMap::from([(path.to_owned(), Reading::Text(text.to_owned()))]);
        Observations { files, ..Observations::default() }
    }

    #[test]
    fn files_are_asked_for() {
        let seen = with(STATUS, "Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n");
        assert!(seen.filtered());
        assert_eq!(seen.status("NoNewPrivs"), Some("1"));
        assert_eq!(seen.status("Sec"), None);
        let seen = with(RELEASE, "5.10.0-20-amd64\n");
        assert!(seen.since(5, 10) && !seen.since(5, 11) && seen.before(6, 0));
        assert!(!Observations::default().since(0, 0) && !Observations::default().before(9, 9));
        let seen = with(CONFIG, "CONFIG_USER_NS=y\nCONFIG_TUN=m\n# CONFIG_TIME_NS is not set\n");
        assert_eq!(seen.configured("CONFIG_USER_NS"), Some(true));
        assert_eq!(seen.configured("CONFIG_TUN"), Some(true));
        assert_eq!(seen.configured("CONFIG_TIME_NS"), Some(false));
        assert_eq!(Observations::default().configured("CONFIG_USER_NS"), None);
    }

    #[test]
    fn mounts_are_read() {
        let seen = with(
            MOUNTINFO,
            "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\nbad\n\
             28 27 0:5 /x /proc/sys ro,nosuid - proc proc rw,hidepid=2\n",
        );
        let mounts: Vec<_> = seen.mounts().collect();
        assert_eq!(mounts.len(), 2);
        assert!(mounts[0].shared && mounts[0].fstype == "ext4" && mounts[0].root == "/");
        assert!(mounts[1].has("ro") && mounts[1].has("hidepid=2") && !mounts[1].shared);
    }

    #[test]
    fn goes_out_and_comes_back() {
        let mut seen = with("/a", "text");
        seen.files.insert("/b".into(), Reading::Failed(2));
        seen.acts.insert("user".into(), Outcome::Done(String::new()));
        seen.acts.insert("x".into(), Outcome::Refused { call: "clone3".into(), errno: 1 });
        let json = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<Observations>(&json).unwrap(), seen);
        assert!(seen.missing("/b") && !seen.missing("/a") && !seen.missing("/c"));
        assert!(serde_json::from_str::<Observations>(r#"{"fiels": {}}"#).is_err());
    }
}
