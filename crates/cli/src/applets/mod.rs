//! The programs that dwell stands in for: under their own names, and as `dwell NAME`.
//!
//! Under its own name an applet does what its model does and fails with the same words. As
//! `dwell NAME` it does what was most likely meant where the model has a known trap; its help says
//! where.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod install;
mod lsns;
mod nsenter;
mod read;
mod start;
mod unshare;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;

use crate::getopt::Misuse;
use crate::message::{say, visible};

pub(crate) use install::install_links;

/// A program that dwell stands in for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applet {
    /// Its name, and the command of `dwell` for it.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    run: fn(&Door, Vec<OsString>) -> u8,
}

/// Every applet.
pub(crate) const APPLETS: &[Applet] = &[
    Applet {
        name: "unshare",
        about: "Start a program in new namespaces, as unshare(1)",
        run: unshare::main,
    },
    Applet {
        name: "nsenter",
        about: "Start a program in existing namespaces, as nsenter(1)",
        run: nsenter::main,
    },
    Applet { name: "lsns", about: "List namespaces, as lsns(8)", run: lsns::main },
];

/// The names that `dwell install-links` gives the binary.
pub(crate) const LINKS: [&str; 3] = ["unshare", "nsenter", "lsns"];

impl Applet {
    /// The applet called `name`.
    pub(crate) fn named(name: &OsStr) -> Option<&'static Applet> {
        APPLETS.iter().find(|applet| name == applet.name)
    }

    /// Runs it under its own name; `argv0` is what it was called.
    pub(crate) fn run_by_name(&self, argv0: &OsStr, args: Vec<OsString>) -> u8 {
        let called = visible(&argv0.to_string_lossy());
        (self.run)(&Door { name: self.name.to_owned(), called, bare: true }, args)
    }

    /// Runs it as a command of `dwell`.
    pub(crate) fn run_as_command(&self, args: Vec<OsString>) -> u8 {
        let name = format!("dwell {}", self.name);
        (self.run)(&Door { called: name.clone(), name, bare: false }, args)
    }
}

/// By which name an applet was started: the beginning of everything it says.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// `unshare`, or `dwell unshare`.
    pub(crate) name: String,
    /// As it was typed, path and all.
    called: String,
    /// Its own name: it does no more than its model.
    pub(crate) bare: bool,
}

/// Exit code of an applet's own failures.
pub(crate) const FAILURE: u8 = 1;

impl Door {
    /// Says what is wrong, and gives the exit code.
    pub(crate) fn fail(&self, sentence: impl Display) -> u8 {
        say(&format!("{}: {}\n", self.name, visible(&sentence.to_string())));
        FAILURE
    }

    /// Says what helps, to people.
    pub(crate) fn hint(&self, hint: &str) {
        let people = !self.bare || std::io::stderr().is_terminal();
        if people && std::env::var_os("DWELL_NO_HINTS").is_none() {
            say(&format!("hint: {}\n", visible(hint)));
        }
    }

    /// Says which word is wrong, as the C library does.
    pub(crate) fn misuse(&self, misuse: &Misuse) -> u8 {
        say(&format!("{}: {misuse}\n", self.called));
        say(&format!("Try '{} --help' for more information.\n", self.name));
        FAILURE
    }

    /// The answer to `--version`.
    pub(crate) fn version(&self) -> String {
        format!("{} from dwell {}\n", self.name, env!("CARGO_PKG_VERSION"))
    }
}

/// The applet that a path names by its last part.
pub(crate) fn by_path(path: &OsStr) -> Option<&'static Applet> {
    Path::new(path).file_name().and_then(Applet::named)
}

/// For tests: the help `text` has every spelling of `table`.
#[cfg(test)]
fn assert_explained<I>(text: &str, table: &[crate::getopt::Spelling<I>]) {
    for spelling in table {
        let long = spelling.long.map(|long| format!("--{long}"));
        let short = spelling.short.map(|short| format!("-{}, ", char::from(short)));
        for word in [long, short].into_iter().flatten() {
            assert!(text.contains(&word), "{word}");
        }
    }
}

/// For tests: `docs/compatibility.md` has a section `name` with every spelling of `table`.
#[cfg(test)]
fn assert_documented<I>(name: &str, table: &[crate::getopt::Spelling<I>]) {
    let text = include_str!("../../../../docs/compatibility.md");
    let from = text.split(&format!("\n## {name}\n")).nth(1).expect("a section");
    let section = from.split("\n## ").next().unwrap_or_default();
    for spelling in table {
        let long = spelling.long.map(|long| format!("--{long}"));
        let short = spelling.short.map(|short| format!("| `-{}`, `--", char::from(short)));
        for word in [long, short].into_iter().flatten() {
            assert!(section.contains(&word), "{name}: {word}");
        }
    }
}
