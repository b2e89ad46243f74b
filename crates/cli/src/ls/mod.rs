//! `dwell ls`: who is behind which walls.

mod json;
mod namespaces;
mod rows;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use dwell_probe::inventory::worlds::{World, Worlds};
use dwell_probe::inventory::{self, About, Inventory, Wanted};
use lexopt::Arg;

use crate::message::{self, Failure};
use crate::table::Table;

pub(crate) const HELP: &str = "\
dwell ls - list worlds: who is behind which walls

Usage: dwell ls [OPTIONS]

A world is a set of namespaces that differ from what lies around them, with the processes in it,
whoever made it. Worlds inside others are listed below them.

  NAME     what its engine calls it, else its host name, else its program
  PID      the process to enter it by
  USER     whose process that is
  SINCE    how long ago its first process was started
  PROCS    how many processes are in it
  MADE BY  the engine, as far as control group and process tell
  WALLS    which namespaces differ from what it lies in

Options:
  -a, --all    List every namespace instead, and what keeps it
      --json   Write JSON; its fields are explained in docs/worlds.md
  -h, --help   Print this help
";

#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    all: bool,
    json: bool,
    help: bool,
}

/// Runs `dwell ls` to its exit code.
#[must_use]
pub fn ls(args: Vec<OsString>) -> u8 {
    match parse(args).and_then(|asked| run(&asked)) {
        Ok(code) => code,
        Err(failure) => message::fail(&failure),
    }
}

fn parse(args: Vec<OsString>) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    let mut words = lexopt::Parser::from_args(args);
    let hint = "`dwell ls --help` lists the options";
    while let Some(word) =
        words.next().map_err(|e| Failure::new(format!("cannot read the options: {e}")))?
    {
        match word {
            Arg::Short('a') | Arg::Long("all") => asked.all = true,
            Arg::Long("json") => asked.json = true,
            Arg::Short('h') | Arg::Long("help") => asked.help = true,
            Arg::Long(name) => {
                return Err(Failure::new(format!("there is no option `--{name}`")).hint(hint));
            }
            Arg::Short(name) => {
                return Err(Failure::new(format!("there is no option `-{name}`")).hint(hint));
            }
            Arg::Value(word) => {
                let word = word.to_string_lossy().into_owned();
                return Err(Failure::new(format!("`ls` takes no operand: '{word}'"))
                    .hint(format!("`dwell enter {word}` enters a world")));
            }
        }
    }
    Ok(asked)
}

fn run(asked: &Asked) -> Result<u8, Failure> {
    if asked.help {
        return Ok(message::print(HELP));
    }
    let all = inventory::read(&Wanted { two_threads: true, ..Wanted::ALL })
        .map_err(|e| Failure::new(e.to_string()))?;
    let text = match (asked.all, asked.json) {
        (true, true) => json::namespaces(&all),
        (true, false) => laid_out(namespaces::table(&all)),
        (false, json) => {
            let (worlds, about) = look(&all);
            if json { json::worlds(&all, &worlds, &about) } else { people(&all, &worlds, &about) }
        }
    };
    if let Some(text) = unseen(&all) {
        message::say(&text);
    }
    Ok(message::print(&text))
}

/// All worlds, and what there is to know about each.
pub(crate) fn look(all: &Inventory) -> (Worlds, Vec<About>) {
    let reader = i32::try_from(std::process::id()).unwrap_or(0);
    let worlds = Worlds::of(all, reader);
    let about = worlds.list.iter().map(|w: &World| inventory::about(all, &worlds, w)).collect();
    (worlds, about)
}

fn people(all: &Inventory, worlds: &Worlds, about: &[About]) -> String {
    if worlds.list.is_empty() {
        message::say("dwell: there are no worlds but the machine itself\n");
    }
    laid_out(rows::table(all, worlds, about, std::time::SystemTime::now()))
}

fn laid_out(mut table: Table) -> String {
    use crate::invocation::Machine;
    table.terminal = crate::machine::Local.columns();
    String::from_utf8_lossy(&table.print()).into_owned()
}

/// What the list lacks, where it lacks something: it is never short without a word.
fn unseen(all: &Inventory) -> Option<String> {
    // KERNEL: threads of the kernel are in the machine's namespaces, and closed to ordinary users.
    const KTHREADD: i32 = 2;
    let is_closed = |p: &&inventory::Process| {
        p.namespaces.iter().all(|id| *id == 0) && p.pid != KTHREADD && p.parent != KTHREADD
    };
    let closed = all.processes.iter().filter(is_closed).count();
    let mut text = String::new();
    if closed > 0 && all.unread.processes > 0 {
        let plural = if closed == 1 { "process" } else { "processes" };
        text = format!(
            "dwell: the namespaces of {closed} {plural} are closed to you and not listed\n"
        );
    }
    if all.unread.hidden {
        text.push_str("dwell: /proc hides processes of others (hidepid); they are not listed\n");
    }
    if !text.is_empty() && !rustix::process::geteuid().is_root() {
        text.push_str("hint: root sees all of them\n");
    }
    (!text.is_empty()).then_some(text)
}
