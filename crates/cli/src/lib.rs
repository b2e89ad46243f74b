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

pub mod command;
pub mod doctor;
pub mod execute;
pub mod invocation;
mod machine;
pub mod message;
pub mod options;
pub mod show;
#[cfg(test)]
mod testing;
pub mod world;

use std::ffi::{OsStr, OsString};

use command::Action;
use invocation::{Invocation, Machine};

/// What the binary does, by the name it was started under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// `dwell COMMAND …`, and every name that no applet has.
    Dwell,
}

impl Role {
    /// The role that belongs to `argv[0]`: its base name decides. Applets get their arms here.
    fn of(argv0: Option<&OsStr>) -> Role {
        let base = argv0.map(std::path::Path::new).and_then(std::path::Path::file_name);
        match base.and_then(OsStr::to_str) {
            Some("dwell") | Some(_) | None => Role::Dwell,
        }
    }
}

/// Runs the command line `args` (the first is the program's own name) to its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> u8 {
    let mut args = args;
    let argv0 = args.next();
    match Role::of(argv0.as_deref()) {
        Role::Dwell => dwell(args.collect()),
    }
}

fn dwell(args: Vec<OsString>) -> u8 {
    let machine = machine::Local;
    let invocation = Invocation {
        env: std::env::vars_os().collect(),
        cwd: std::env::current_dir().ok(),
        uid: rustix::process::geteuid().as_raw(),
        machine: &machine,
    };
    match command::decide(args, &invocation) {
        Ok(Action::Run { plan, explain }) => execute::execute(&plan, explain),
        Ok(Action::Doctor(asked)) => doctor::run(*asked, machine.columns().unwrap_or(80)),
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
            assert_eq!(Role::of(name.map(OsStr::new)), Role::Dwell, "{name:?}");
        }
    }
}
