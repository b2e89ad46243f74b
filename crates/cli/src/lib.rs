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
pub mod doctor;
pub mod enter;
pub mod execute;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gc;
pub mod getopt;
pub mod invocation;
pub mod ls;
mod machine;
pub mod message;
pub mod options;
mod report;
pub mod show;
pub mod table;
#[cfg(test)]
mod testing;
pub mod world;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use applets::Applet;
use command::Action;
use invocation::{Invocation, Machine};

/// What the binary does, by the name it was started under.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// `dwell COMMAND …`, and every name that no applet has.
    Dwell,
    /// A program that dwell stands in for.
    Applet(&'static Applet),
}

impl Role {
    /// The role that belongs to `argv[0]`, by its base name. Where that says nothing, as when a program
    /// starts itself anew under another one, the name of the file decides: links to it are hard links.
    fn of(argv0: Option<&OsStr>, file: impl FnOnce() -> Option<PathBuf>) -> Role {
        let base = argv0.map(Path::new).and_then(Path::file_name);
        if base == Some(OsStr::new("dwell")) {
            return Role::Dwell;
        }
        let by_file = || file().and_then(|file| applets::by_path(file.as_os_str()));
        argv0.and_then(applets::by_path).or_else(by_file).map_or(Role::Dwell, Role::Applet)
    }
}

/// Memory that the start of any world uses; what one needs beyond it comes page by page.
const HEAP: usize = 88 * 1024;

/// Runs the command line `args` (the first is the program's own name) to its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> u8 {
    let mut args = args;
    let argv0 = args.next();
    let own_file = || std::env::current_exe().ok();
    match Role::of(argv0.as_deref(), own_file) {
        Role::Dwell => {
            // An applet leaves both as they are: its program inherits them.
            dwell_sys::entry::as_the_runtime_would();
            dwell_sys::arena::populate(HEAP);
            dwell(argv0.unwrap_or_else(|| "dwell".into()), args.collect())
        }
        Role::Applet(applet) => {
            applet.run_by_name(argv0.as_deref().unwrap_or_default(), args.collect())
        }
    }
}

/// Whether these words may enter namespaces that exist.
fn may_join(args: &[OsString]) -> bool {
    let asks = |word: &OsString| {
        [&b"--join"[..], b"--from-plan"].iter().any(|option| word.as_bytes().starts_with(option))
    };
    args.first().is_some_and(|c| c == "enter" || c == "run" && args.iter().any(asks))
}

fn dwell(argv0: OsString, mut args: Vec<OsString>) -> u8 {
    if may_join(&args) {
        let all: Vec<OsString> = [argv0].into_iter().chain(args.iter().cloned()).collect();
        if let Err(failure) = dwell_exec::go_on_sealed(&all) {
            let code = failure.code();
            let (sentence, hint) = (failure.sentence, failure.hint);
            return message::fail_with(&message::Failure { sentence, hint }, code);
        }
    }
    if let Some(applet) = args.first().and_then(|command| Applet::named(command)) {
        args.remove(0);
        return applet.run_as_command(args);
    }
    if let [help, command] = args.as_slice()
        && help == "help"
        && let Some(applet) = Applet::named(command)
    {
        return applet.run_as_command(vec!["--help".into()]);
    }
    if args.first().is_some_and(|command| command == "install-links") {
        return applets::install_links(args.get(1..).unwrap_or_default());
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
        Ok(Action::Doctor(asked)) => doctor::run(*asked, machine.columns().unwrap_or(80)),
        Ok(Action::Print(text)) => message::print(&text),
        Ok(Action::CollectGarbage) => gc::run(),
        Err(failure) => message::fail(&failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(argv0: Option<&str>, file: &str) -> &'static str {
        match Role::of(argv0.map(OsStr::new), || Some(PathBuf::from(file))) {
            Role::Dwell => "dwell",
            Role::Applet(applet) => applet.name,
        }
    }

    #[test]
    fn names() {
        for applet in applets::APPLETS {
            assert_eq!(role(Some(applet.name), "/x/dwell"), applet.name);
            assert_eq!(role(Some(&format!("/bin/{}", applet.name)), "/x/dwell"), applet.name);
            assert!(applets::LINKS.contains(&applet.name));
        }
        for name in [Some("dwell"), Some("/usr/local/bin/dwell-1.0"), Some(""), None] {
            assert_eq!(role(name, "/x/dwell-1.0"), "dwell", "{name:?}");
        }
        assert_eq!(role(Some("exe"), "/x/unshare"), "unshare");
        assert_eq!(role(Some("dwell"), "/x/unshare"), "dwell");
    }
}
