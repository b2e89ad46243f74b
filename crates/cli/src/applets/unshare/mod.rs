//! `unshare(1)`: a program in new namespaces.

mod actions;
mod help;
mod options;

use std::ffi::OsString;
use std::io::IsTerminal;

use dwell_plan::plan::EnvVar;
use dwell_plan::{NamespaceKind, Text};

use super::Door;
use super::read::Bad;
use super::start::{self, Start};
use crate::message;
use options::{Environment, Read, TABLE, TABLE_OF_COMMAND, Wanted};

pub(super) fn main(door: &Door, args: Vec<OsString>) -> u8 {
    let ids = || {
        let uid = rustix::process::geteuid().as_raw();
        (uid, rustix::process::getegid().as_raw())
    };
    let read = if door.bare {
        options::read(TABLE, args, ids)
    } else {
        options::read(&[TABLE, TABLE_OF_COMMAND].concat(), args, ids)
    };
    match read {
        Ok(Read::Wanted(wanted)) => run(door, *wanted),
        Ok(Read::Help) => message::print(&help::text(door)),
        Ok(Read::Version) => message::print(&door.version()),
        Err(Bad::Misuse(misuse)) => door.misuse(&misuse),
        Err(Bad::Value(sentence)) => door.fail(sentence),
    }
}

fn run(door: &Door, mut wanted: Wanted) -> u8 {
    if door.bare {
        point_out(door, &wanted);
    } else {
        mean(&mut wanted);
    }
    let actions = actions::actions(&wanted);
    let uid = wanted.uid.or(wanted.map_user);
    let env = environment(&wanted.env);
    start::start(door, Start { actions, program: wanted.program, env, uid, told: wanted.told })
}

/// What the command of `dwell` adds to what was asked for: a new pid namespace is of use to children
/// alone, and shows in a new procfs alone.
fn mean(wanted: &mut Wanted) {
    if !wanted.own.has(NamespaceKind::Pid) {
        return;
    }
    wanted.fork |= !wanted.no_fork;
    let mounts = wanted.own.has(NamespaceKind::Mount) && wanted.fork && !wanted.no_mount_proc;
    if mounts && wanted.proc.is_none() {
        wanted.proc = Some(Text::from("/proc"));
    }
}

/// The trap of `unshare --pid`: said to people, and nobody else.
fn point_out(door: &Door, wanted: &Wanted) {
    let trapped = wanted.own.has(NamespaceKind::Pid) && !wanted.fork;
    if trapped && std::io::stderr().is_terminal() {
        let proc = if wanted.proc.is_none() { " --mount-proc" } else { "" };
        door.hint(&format!(
            "without --fork only the children of the program are in the new pid namespace, and when \
             the first of them ends no other can be started: --fork{proc} was probably meant"
        ));
    }
}

fn environment(wanted: &Environment) -> Vec<EnvVar> {
    match wanted {
        Environment::Inherited => start::environment(),
        Environment::Only(names) if names.is_empty() => Vec::new(),
        Environment::Only(names) => {
            let mut env = start::environment();
            env.retain(|var| names.contains(&var.name));
            env
        }
    }
}

/// Reads any words, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn try_options(args: Vec<OsString>) {
    // What is not understood is refused with a sentence.
    let read = options::read(&[TABLE, TABLE_OF_COMMAND].concat(), args, || (1000, 1000));
    if let Err(Bad::Value(sentence)) = read {
        assert!(!sentence.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use dwell_plan::NamespaceSet;

    use super::*;

    fn wanted(line: &str) -> Wanted {
        let table = [TABLE, TABLE_OF_COMMAND].concat();
        let words = line.split(' ').map(OsString::from).collect();
        match options::read(&table, words, || (7, 8)) {
            Ok(Read::Wanted(wanted)) => *wanted,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_people_meant() {
        let meant = |line: &str| {
            let mut wanted = wanted(line);
            mean(&mut wanted);
            (wanted.fork, wanted.proc.is_some())
        };
        assert_eq!(meant("--pid --mount sh"), (true, true));
        assert_eq!(meant("--pid sh"), (true, false));
        assert_eq!(meant("--mount sh"), (false, false));
        assert_eq!(meant("--pid --mount --no-fork sh"), (false, false));
        assert_eq!(meant("--pid --mount --no-mount-proc sh"), (true, false));
        assert_eq!(wanted("--pid --mount --mount-proc=/p").proc, Some(Text::from("/p")));
    }

    #[test]
    fn implied() {
        let set = |kinds: &[NamespaceKind]| NamespaceSet::from_iter(kinds.iter().copied());
        use NamespaceKind::{Mount, Net, User};
        for (line, own) in [
            ("--mount-proc", set(&[Mount])),
            ("--mount-binfmt", set(&[Mount, User])),
            ("-l :x:", set(&[Mount, User])),
            ("-r", set(&[User])),
            ("--map-users 0:1:2", set(&[User])),
            ("--owner 1:2", set(&[User])),
            ("-n --wd /", set(&[Net])),
        ] {
            assert_eq!(wanted(line).own, own, "{line}");
        }
        assert_eq!((wanted("-c").map_user, wanted("-c").map_group), (Some(7), Some(8)));
        assert_eq!(wanted("-c --map-user=3").map_user, Some(3));
        assert!(wanted("--kill-child").fork && wanted("--forward-signals").fork);
        assert_eq!(wanted("--kill-child=INT").kill_child, Some(2));
        let env = Environment::Only(vec![Text::from("A"), Text::from("B")]);
        assert_eq!(wanted("--whitelist-env A,B --clear-env").env, env);
        assert_eq!(wanted("-l x").proc, Some(Text::from("/proc")));
        assert_eq!(wanted("--mount-binfmt=/b -l x").proc, None);
    }
}
