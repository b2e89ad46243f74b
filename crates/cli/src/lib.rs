//! The command line of `dwell`.
//!
//! Two stages. What was typed becomes [`options::LowArgs`], every item with the words that asked
//! for it; [`world`] turns those into a [`dwell_plan::Plan`], where paths are absolute, names are
//! numbers and contradictions are refused. Neither stage makes a system call: what they must know
//! of the machine comes from an [`Invocation`].
//!
//! One table, [`options::RUN`], feeds the parser, the help and (in `xtask`) man page and
//! completions.
#![forbid(unsafe_code)]

mod applets;
pub mod command;
pub mod enter;
pub mod execute;
pub mod getopt;
pub mod invocation;
pub mod ls;
mod machine;
pub mod message;
pub mod options;
pub mod show;
pub mod table;
#[cfg(test)]
mod testing;
pub mod world;

use std::ffi::{OsStr, OsString};

use command::Action;
use invocation::Invocation;

/// What the binary does, by the name it was started under.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// `dwell COMMAND …`, and every name that no applet has.
    Dwell,
    /// A program that dwell stands in for.
    Applet(&'static applets::Applet),
}

impl Role {
    /// The role that belongs to `argv[0]`: its base name decides.
    fn of(argv0: Option<&OsStr>) -> Role {
        argv0.and_then(applets::by_path).map_or(Role::Dwell, Role::Applet)
    }
}

/// Runs the command line `args` (the first is the program's own name) to its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> u8 {
    let mut args = args;
    let argv0 = args.next();
    match Role::of(argv0.as_deref()) {
        Role::Dwell => dwell(args.collect()),
        Role::Applet(applet) => applet.run_by_name(&argv0.unwrap_or_default(), args.collect()),
    }
}

fn dwell(args: Vec<OsString>) -> u8 {
    if let Some(applet) = args.first().and_then(|name| applets::Applet::named(name)) {
        return applet.run_as_command(args.into_iter().skip(1).collect());
    }
    if args.first().is_some_and(|word| word == "ls") {
        return ls::ls(args.into_iter().skip(1).collect());
    }
    let machine = machine::Local;
    let invocation = Invocation {
        env: std::env::vars_os().collect(),
        cwd: std::env::current_dir().ok(),
        uid: rustix::process::geteuid().as_raw(),
        machine: &machine,
    };
    match command::decide(args, &invocation) {
        Ok(Action::Run { plan, explain }) => execute::execute(&plan, explain),
        Ok(Action::Print(text)) => message::print(&text),
        Err(failure) => message::fail(&failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_name_is_dwell() {
        for name in [Some("dwell"), Some("/usr/local/bin/dwell-1.0"), Some(""), None] {
            assert!(matches!(Role::of(name.map(OsStr::new)), Role::Dwell), "{name:?}");
        }
    }

    #[test]
    fn applets_have_their_names() {
        for name in ["lsns", "/usr/bin/lsns"] {
            assert!(
                matches!(Role::of(Some(OsStr::new(name))), Role::Applet(a) if a.name == "lsns")
            );
        }
    }
}
