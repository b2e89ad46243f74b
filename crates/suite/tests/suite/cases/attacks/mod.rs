//! Attacks that were published, or that a box invites. Each case first shows that its attack
//! succeeds where there is no wall, or where one was left out, and then that it fails in the
//! default world. `docs/security.md` has a row for every case.

mod documents;

pub(super) mod calls;
pub(super) mod descriptors;
pub(super) mod devices;
pub(super) mod exhaustion;
pub(super) mod helpers;
pub(super) mod ids;
pub(super) mod images;
pub(super) mod launcher;
pub(super) mod left_behind;
pub(super) mod leftovers;
pub(super) mod names;
pub(super) mod namespaces;
pub(super) mod neighbours;
pub(super) mod openings;
pub(super) mod overlays;
pub(super) mod ports;
pub(super) mod procfs;
pub(super) mod roots;
pub(super) mod signals;
pub(super) mod sockets;
pub(super) mod storm;
pub(super) mod stuck;
pub(super) mod trees;
pub(super) mod whiteouts;

pub(super) use documents::CASES;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::harness::{Ctx, Got, Outcome, Run, ensure};

/// What every attack in Python begins with. An attempt has got through when it neither raises
/// nor gives `False`.
const PRELUDE: &str = "
import ctypes, fcntl, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, act):
    try:
        got = act()
    except Exception as error:
        print('held', name, repr(error), flush=True)
    else:
        print('held' if got is False else 'through', name, flush=True)
def checked(got):
    if got < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return got
def call(number, *args):
    return checked(libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args]))
def read(path):
    with open(path, 'rb') as file:
        return file.read(4096)
";

/// A program that tries to get somewhere, and says of each attempt what it came to.
#[derive(Debug)]
pub(super) struct Attack<'a> {
    ctx: &'a Ctx,
    script: PathBuf,
    args: Vec<String>,
    cwd: PathBuf,
}

impl<'a> Attack<'a> {
    /// An attack in Python. It lies in a directory `inside`, which is the current one.
    pub(super) fn python(ctx: &'a Ctx, body: &str) -> Outcome<Attack<'a>> {
        ctx.needs("python3")?;
        let cwd = ctx.dir("inside")?;
        let name = format!("inside/attack-{}.py", std::fs::read_dir(&cwd)?.count());
        let script = ctx.file(name, format!("{PRELUDE}{body}"))?;
        Ok(Attack { ctx, script, args: Vec::new(), cwd })
    }

    pub(super) fn arg(mut self, arg: impl std::fmt::Display) -> Attack<'a> {
        self.args.push(arg.to_string());
        self
    }

    /// The words that start it.
    pub(super) fn words(&self) -> Vec<String> {
        let head = ["python3".to_owned(), self.script.display().to_string()];
        head.into_iter().chain(self.args.clone()).collect()
    }

    /// The text, for where its file cannot be seen.
    pub(super) fn text(&self) -> Outcome<String> {
        Ok(std::fs::read_to_string(&self.script)?)
    }

    /// Outside of any world.
    pub(super) fn bare(&self) -> Outcome<Tried> {
        self.started_by(&[])
    }

    /// By a program outside that starts what it is given.
    pub(super) fn started_by(&self, words: &[&str]) -> Outcome<Tried> {
        let words = words.iter().map(|w| (*w).to_owned()).chain(self.words());
        let words: Vec<String> = words.collect();
        let (program, args) = words.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        Tried::read(self.ctx.host(program).args(args).cwd(&self.cwd).go()?)
    }

    /// A world of these options, and in it the attack.
    pub(super) fn run(&self, options: &str) -> Run {
        let options = options.split_whitespace();
        self.ctx.run().args(options).arg("--").args(self.words()).cwd(&self.cwd)
    }

    /// In a world of these options.
    pub(super) fn world(&self, options: &str) -> Outcome<Tried> {
        Tried::read(self.run(options).go()?)
    }
}

/// What the attempts of an attack came to.
#[derive(Debug)]
pub(super) struct Tried {
    got: Got,
    through: BTreeSet<String>,
    held: BTreeSet<String>,
}

impl Tried {
    pub(super) fn read(got: Got) -> Outcome<Tried> {
        got.exits(0)?;
        let (mut through, mut held) = (BTreeSet::new(), BTreeSet::new());
        for line in got.out().lines() {
            let mut words = line.split(' ');
            let list = match words.next() {
                Some("through") => &mut through,
                Some("held") => &mut held,
                _ => continue,
            };
            list.extend(words.next().map(str::to_owned));
        }
        Ok(Tried { got, through, held })
    }

    /// Every attempt has got through.
    pub(super) fn succeeds(&self) -> Outcome<&Tried> {
        let (through, held) = (&self.through, &self.held);
        ensure!(held.is_empty(), "the attack itself fails: {held:?}{}", self.got);
        ensure!(!through.is_empty(), "nothing was tried{}", self.got);
        Ok(self)
    }

    /// No attempt has got through.
    pub(super) fn fails(&self) -> Outcome<&Tried> {
        let (through, held) = (&self.through, &self.held);
        ensure!(through.is_empty(), "the attack succeeds: {through:?}{}", self.got);
        ensure!(!held.is_empty(), "nothing was tried{}", self.got);
        Ok(self)
    }

    /// None of these attempts has got through.
    pub(super) fn holds(&self, names: &[&str]) -> Outcome<&Tried> {
        for name in names {
            ensure!(self.held.contains(*name), "the attack succeeds: {name}{}", self.got);
        }
        Ok(self)
    }

    /// These attempts have got through.
    pub(super) fn gets(&self, names: &[&str]) -> Outcome<&Tried> {
        for name in names {
            ensure!(self.through.contains(*name), "the attack itself fails: {name}{}", self.got);
        }
        Ok(self)
    }

    /// As many attempts have got through.
    pub(super) fn reaches(&self, many: usize) -> Outcome<&Tried> {
        ensure!(self.through.len() == many, "{many} were expected to succeed{}", self.got);
        Ok(self)
    }

    /// Whether this attempt has got through.
    pub(super) fn through(&self, name: &str) -> bool {
        self.through.contains(name)
    }
}

/// A file with a secret in a directory that a world started in `inside` is not shown.
pub(super) fn secret(ctx: &Ctx) -> Outcome<PathBuf> {
    ctx.file("outside/secret", "s3cret\n")
}
