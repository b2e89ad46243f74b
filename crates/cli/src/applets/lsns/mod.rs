//! `lsns`: lists namespaces, as the tool of util-linux does.

mod columns;
mod options;
mod show;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use dwell_probe::inventory;

use super::{Door, FAILURE};
use crate::table::{Charset, Table};
use options::{Parsed, Settings};

/// Exit code when the kernel does not know a call that is needed.
const UNSUPPORTED: u8 = 2;

/// `ENOTTY`.
const NO_SUCH_CALL: i32 = 25;

pub(super) fn main(door: &Door, args: Vec<OsString>) -> u8 {
    let settings = match options::parse(args) {
        Ok(Parsed::Run(settings)) => settings,
        Ok(Parsed::Help) => return print(door, help(door).as_bytes()),
        Ok(Parsed::Version) => return print(door, door.version().as_bytes()),
        Ok(Parsed::Columns(form)) => {
            return print(door, &columns::list(form, Charset::of_environment()).print());
        }
        Err(options::Mistake::Grammar(misuse)) => return door.misuse(&misuse),
        Err(options::Mistake::Said(sentences)) => {
            for sentence in sentences {
                door.fail(sentence);
            }
            return FAILURE;
        }
    };
    run(door, &settings)
}

fn run(door: &Door, settings: &Settings) -> u8 {
    let all = match inventory::read(&settings.wanted()) {
        Ok(all) => all,
        Err(error) => {
            let code = door.fail(&error);
            return if error.errno() == Some(NO_SUCH_CALL) { UNSUPPORTED } else { code };
        }
    };
    let mut table = Table::new(settings.table_columns(), Charset::of_environment());
    table.form = settings.form;
    table.headings = settings.headings;
    table.terminal = terminal();
    match show::fill(&all, settings, &mut table) {
        Ok(()) => print(door, &table.print()),
        Err(sentence) => door.fail(sentence),
    }
}

/// The width of the terminal on standard output, where there is one.
fn terminal() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let asked = rustix::termios::tcgetwinsize(&out).map_or(0, |size| size.ws_col);
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    Some(Some(usize::from(asked)).filter(|n| *n > 0).or_else(told).unwrap_or(80))
}

/// Writes to standard output. Unlike other output, that a reader has gone is a failure here too, but
/// one without words.
fn print(door: &Door, text: &[u8]) -> u8 {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => FAILURE,
        Err(error) => door.fail(format!("write error: {}", crate::message::reason(&error))),
    }
}

fn help(door: &Door) -> String {
    let mut text = format!("\nUsage:\n {} [options] [<namespace>]\n{}", door.name, options::HELP);
    text.push_str("\nColumns for --output:\n");
    for column in &columns::COLUMNS {
        text.push_str(&format!(" {:>8}  {}\n", column.shape.name, column.help));
    }
    text
}

/// Reads any words, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn try_options(args: Vec<OsString>) {
    // As util-linux, it says nothing to a column without a name.
    if let Err(options::Mistake::Said(sentences)) = options::parse(args) {
        assert!(sentences.iter().all(|sentence| !sentence.is_empty()));
    }
}
