//! The options of `nsenter`, and what they ask for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dwell_plan::action::{Source, Target};
use dwell_plan::{NamespaceKind, Text};

use crate::applets::read::{self, Bad};
use crate::applets::start::Told;
use crate::applets::values::{number, number_or};
use crate::getopt::{Getopt, Operands, Spelling, Takes};

/// What an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    All,
    Target,
    Namespace(NamespaceKind),
    NetSocket,
    UserParent,
    Setuid,
    Setgid,
    PreserveCredentials,
    KeepCaps,
    Root,
    Wd,
    Wdns,
    Env,
    NoFork,
    JoinCgroup,
    FollowContext,
    Help,
    Version,
    /// Of `dwell nsenter` alone.
    Explain,
    Plan,
}

use NamespaceKind as N;
use Opt as O;
use Takes::{Nothing, Perhaps, Value};

/// Every spelling, in the order in which the C library lists them when one is ambiguous.
pub(super) const TABLE: &[Spelling<Opt>] = &[
    Spelling::both(O::All, b'a', "all", Nothing),
    Spelling::both(O::Help, b'h', "help", Nothing),
    Spelling::both(O::Version, b'V', "version", Nothing),
    Spelling::both(O::Target, b't', "target", Value),
    Spelling::both(O::Namespace(N::Mount), b'm', "mount", Perhaps),
    Spelling::both(O::Namespace(N::Uts), b'u', "uts", Perhaps),
    Spelling::both(O::Namespace(N::Ipc), b'i', "ipc", Perhaps),
    Spelling::both(O::Namespace(N::Net), b'n', "net", Perhaps),
    Spelling::both(O::NetSocket, b'N', "net-socket", Value),
    Spelling::both(O::Namespace(N::Pid), b'p', "pid", Perhaps),
    Spelling::both(O::Namespace(N::User), b'U', "user", Perhaps),
    Spelling::both(O::Namespace(N::Cgroup), b'C', "cgroup", Perhaps),
    Spelling::both(O::Namespace(N::Time), b'T', "time", Perhaps),
    Spelling::both(O::Setuid, b'S', "setuid", Value),
    Spelling::both(O::Setgid, b'G', "setgid", Value),
    Spelling::both(O::Root, b'r', "root", Perhaps),
    Spelling::both(O::Wd, b'w', "wd", Perhaps),
    Spelling::both(O::Wdns, b'W', "wdns", Perhaps),
    Spelling::both(O::Env, b'e', "env", Nothing),
    Spelling::both(O::NoFork, b'F', "no-fork", Nothing),
    Spelling::both(O::JoinCgroup, b'c', "join-cgroup", Nothing),
    Spelling::long(O::PreserveCredentials, "preserve-credentials", Nothing),
    Spelling::long(O::KeepCaps, "keep-caps", Nothing),
    Spelling::long(O::UserParent, "user-parent", Nothing),
    Spelling::both(O::FollowContext, b'Z', "follow-context", Nothing),
];

/// What `dwell nsenter` has beside them.
pub(super) const TABLE_OF_COMMAND: &[Spelling<Opt>] =
    &[Spelling::long(O::Explain, "explain", Nothing), Spelling::long(O::Plan, "plan", Value)];

/// An id, or whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Number(u32),
    /// The target's.
    Follow,
}

/// A directory: named, or the target's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dir {
    Named(Text),
    OfTarget,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) all: bool,
    pub(super) target: Option<Target>,
    /// None for the target's.
    pub(super) kinds: Vec<(NamespaceKind, Option<Source>)>,
    pub(super) socket: Option<i32>,
    pub(super) user_parent: bool,
    pub(super) uid: Option<Who>,
    pub(super) gid: Option<Who>,
    pub(super) preserve: bool,
    pub(super) keep_caps: bool,
    pub(super) root: Option<Dir>,
    pub(super) workdir: Option<Dir>,
    pub(super) workdir_inside: Option<Text>,
    pub(super) env: bool,
    pub(super) no_fork: bool,
    pub(super) cgroup: bool,
    pub(super) context: bool,
    pub(super) told: Told,
    pub(super) program: Vec<OsString>,
}

/// What the options come down to.
pub(super) type Read = read::Read<Wanted>;

/// Reads the options.
pub(super) fn read(table: &[Spelling<Opt>], args: Vec<OsString>) -> Result<Read, Bad> {
    let mut options = Getopt::new(table, Operands::EndOptions, args);
    let mut wanted = Wanted::default();
    // Which of two was given that exclude each other.
    let mut workdir = None;
    while let Some((opt, value)) = options.next_option()? {
        if matches!(opt, O::Wd | O::Wdns) && workdir.replace(opt).is_some_and(|other| other != opt)
        {
            return Err("mutually exclusive arguments: --wdns --wd".to_owned().into());
        }
        match opt {
            O::Help => return Ok(Read::Help),
            O::Version => return Ok(Read::Version),
            _ => wanted.take(opt, value)?,
        }
    }
    wanted.program = options.operands();
    Ok(Read::Wanted(Box::new(wanted)))
}

impl Wanted {
    fn take(&mut self, opt: Opt, value: Option<OsString>) -> Result<(), String> {
        let dir = |value: Option<OsString>| value.map_or(Dir::OfTarget, |v| Dir::Named(v.into()));
        match opt {
            O::All => self.all = true,
            O::Explain => self.told = Told::Actions,
            O::Plan => self.told = Told::plan(&value.unwrap_or_default())?,
            O::Target if self.target.is_some() => {
                return Err("option --target may be given only once".to_owned());
            }
            O::Target => self.target = Some(target(&value.unwrap_or_default())?),
            O::Namespace(kind) => self.namespace(kind, value)?,
            O::NetSocket => {
                let what = "failed to parse file descriptor";
                let fd: i32 = number_or(&value.unwrap_or_default(), what)?;
                if fd < 0 {
                    return Err(format!("{what}: '{fd}': Numerical result out of range"));
                }
                self.socket = Some(fd);
            }
            O::UserParent => self.user_parent = true,
            O::Setuid => self.uid = Some(who(&value.unwrap_or_default(), "failed to parse uid")?),
            O::Setgid => self.gid = Some(who(&value.unwrap_or_default(), "failed to parse gid")?),
            O::PreserveCredentials => self.preserve = true,
            O::KeepCaps => self.keep_caps = true,
            O::Root => self.root = Some(dir(value)),
            O::Wd => self.workdir = Some(dir(value.map(unmarked))),
            O::Wdns => self.workdir_inside = value.map(unmarked).map(Text::from),
            O::Env => self.env = true,
            O::NoFork => self.no_fork = true,
            O::JoinCgroup => self.cgroup = true,
            O::FollowContext => self.context = true,
            O::Help | O::Version => {}
        }
        Ok(())
    }

    /// The last one that names something wins over the target's.
    fn namespace(&mut self, kind: NamespaceKind, value: Option<OsString>) -> Result<(), String> {
        let source = value.map(unmarked).map(|value| source(&value)).transpose()?;
        match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) => *known = source.or(known.take()),
            None => self.kinds.push((kind, source)),
        }
        Ok(())
    }
}

/// `-m=FILE` is taken for `-mFILE`.
fn unmarked(value: OsString) -> OsString {
    match value.as_bytes().strip_prefix(b"=") {
        Some(rest) => OsStr::from_bytes(rest).to_owned(),
        None => value,
    }
}

/// A file, or with a colon before it a number.
fn source(value: &OsStr) -> Result<Source, String> {
    match value.as_bytes().strip_prefix(b":") {
        None => Ok(Source::File(Text::from(value))),
        Some(digits) => number(OsStr::from_bytes(digits))
            .map(Source::Number)
            .map_err(|_| format!("failed to parse nsid: {}", String::from_utf8_lossy(digits))),
    }
}

/// `PID`, or `PID:INODE`.
fn target(value: &OsStr) -> Result<Target, String> {
    let bad =
        |why: &str| format!("failed to parse PID argument '{}': {why}", value.to_string_lossy());
    let no_number = || bad("Invalid argument");
    let text = value.to_str().ok_or_else(no_number)?;
    let (pid, inode) = text.split_once(':').map_or((text, None), |(pid, inode)| (pid, Some(inode)));
    let pid: i64 = number(OsStr::new(pid)).map_err(|_| no_number())?;
    let out_of_range = || bad("Numerical result out of range");
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).ok_or_else(out_of_range)?;
    let inode = match inode {
        None => None,
        Some(inode) => match number(OsStr::new(inode)).map_err(|_| no_number())? {
            0 => return Err(out_of_range()),
            inode => Some(inode),
        },
    };
    Ok(Target { pid, inode })
}

fn who(value: &OsStr, what: &str) -> Result<Who, String> {
    if value == "follow" { Ok(Who::Follow) } else { number_or(value, what).map(Who::Number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> Result<Wanted, String> {
        let words = line.split(' ').map(OsString::from).collect();
        match read(TABLE, words) {
            Ok(Read::Wanted(wanted)) => Ok(*wanted),
            Err(Bad::Value(sentence)) => Err(sentence),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn where_namespaces_are_found() {
        let file = |path: &str| Some(Source::File(Text::from(path)));
        for (line, source) in [
            ("-n", None),
            ("-n/x", file("/x")),
            ("-n=/x", file("/x")),
            ("--net=/x", file("/x")),
            ("--net==/x", file("/x")),
            ("-n:7", Some(Source::Number(7))),
            ("--net=:7", Some(Source::Number(7))),
            ("-n./:7", file("./:7")),
            ("-n/x -n", file("/x")),
            ("-n -n/x", file("/x")),
        ] {
            assert_eq!(wanted(line).unwrap().kinds, [(N::Net, source)], "{line}");
        }
        assert_eq!(wanted("-n:x").unwrap_err(), "failed to parse nsid: x");
    }

    #[test]
    fn targets() {
        let target = |line: &str| wanted(line).map(|w| w.target.unwrap());
        assert_eq!(target("-t 5").unwrap(), Target { pid: 5, inode: None });
        assert_eq!(target("-t5:9").unwrap(), Target { pid: 5, inode: Some(9) });
        for (line, why) in [
            ("-t x", "Invalid argument"),
            ("-t 1x", "Invalid argument"),
            ("-t 5:", "Invalid argument"),
            ("-t 0", "Numerical result out of range"),
            ("-t -5", "Numerical result out of range"),
            ("-t 4294967296", "Numerical result out of range"),
            ("-t 5:0", "Numerical result out of range"),
        ] {
            let sentence = target(line).unwrap_err();
            assert!(sentence.starts_with("failed to parse PID argument '"), "{sentence}");
            assert!(sentence.ends_with(why), "{line}: {sentence}");
        }
        assert_eq!(wanted("-t 1 -t 2").unwrap_err(), "option --target may be given only once");
    }

    #[test]
    fn directories_and_ids() {
        let all = wanted("-r -w -S follow -G 5").unwrap();
        assert_eq!((all.root, all.workdir), (Some(Dir::OfTarget), Some(Dir::OfTarget)));
        assert_eq!((all.uid, all.gid), (Some(Who::Follow), Some(Who::Number(5))));
        let named = wanted("-r/a -w=/b").unwrap();
        assert_eq!(named.root, Some(Dir::Named(Text::from("/a"))));
        assert_eq!(named.workdir, Some(Dir::Named(Text::from("/b"))));
        assert_eq!(wanted("-W=/c").unwrap().workdir_inside, Some(Text::from("/c")));
        let both = "mutually exclusive arguments: --wdns --wd";
        assert_eq!(wanted("-w/ -W/").unwrap_err(), both);
        assert_eq!(wanted("-W/ --wd=/").unwrap_err(), both);
        assert!(wanted("-w/a -w/b").is_ok());
    }
}
