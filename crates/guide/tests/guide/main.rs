//! Runs every `console` block of `docs/namespaces.md` and compares what comes out.
//!
//! `cargo test -p dwell-guide -- [--list] [TEXT…]`
//!
//! A block is one shell session in an empty directory. `$ ` begins a command of an ordinary user,
//! `# ` one of root, `> ` goes on with the line before; all other lines are what the command says.
//! In these, `…` stands for any text, and a line of `…` alone for any number of lines. Blanks count
//! as one blank.
//!
//! Started by root, the blocks of an ordinary user run as the account `dwelltest`, or where there is
//! none, as a number without an account. `DWELL_BIN` names the binary; else it is the one of the same
//! target directory and profile. `DWELL_DOCS` names the directory of the guide.

#![forbid(unsafe_code)]

mod block;
mod compare;
mod locate;
mod session;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use block::Block;
use session::{Machine, Verdict};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
/// What libtest exits with when something has failed.
const FAILED: u8 = 101;

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let list = wanted.iter().any(|word| word == "--list");
    wanted.retain(|word| !word.starts_with('-'));
    let docs = std::env::var("DWELL_DOCS").unwrap_or_else(|_| DOCS.to_owned());
    let guide = format!("{docs}/namespaces.md");
    let blocks = match std::fs::read_to_string(&guide) {
        Ok(text) => block::all(&text),
        Err(error) => return cannot(&format!("{guide}: {error}")),
    };
    let total = blocks.len();
    let chosen = |block: &Block| wanted.is_empty() || wanted.iter().any(|w| block.name.contains(w));
    let blocks: Vec<Block> = blocks.into_iter().filter(chosen).collect();
    if list {
        for block in &blocks {
            say(&format!("{}: test\n", block.name));
        }
        return ExitCode::SUCCESS;
    }
    // Found or not, an empty guide is a mistake in this file's reading of it.
    if total == 0 {
        return cannot(&format!("{guide}: there is no console block in it"));
    }
    match locate::dwell().and_then(|dwell| Machine::look(&dwell)) {
        Ok(machine) => run(&machine, &blocks, total),
        Err(why) => cannot(&why),
    }
}

fn run(machine: &Machine, blocks: &[Block], total: usize) -> ExitCode {
    let started = Instant::now();
    let (mut passed, mut skipped) = (0, 0);
    let mut failures = Vec::new();
    say(&format!("\nrunning {} tests\n", blocks.len()));
    for block in blocks {
        let verdict = machine.run(block);
        let word = match verdict {
            Verdict::Ok => {
                passed += 1;
                "ok".to_owned()
            }
            Verdict::Skipped(why) => {
                skipped += 1;
                format!("ignored, skipped: {why}")
            }
            Verdict::Failed(why) => {
                failures.push(format!("---- {} ----\n{why}\n", block.name));
                "FAILED".to_owned()
            }
        };
        say(&format!("test {} ... {word}\n", block.name));
    }
    for failure in &failures {
        say(&format!("\n{failure}"));
    }
    let failed = failures.len();
    let result = if failed == 0 { "ok" } else { "FAILED" };
    say(&format!(
        "\ntest result: {result}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; \
         {} filtered out; finished in {:.2}s\n\n",
        total - blocks.len(),
        started.elapsed().as_secs_f64()
    ));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn cannot(why: &str) -> ExitCode {
    say(&format!("the guide cannot be tried: {why}\n"));
    ExitCode::from(FAILED)
}

fn say(text: &str) {
    // Nobody is left to tell when this fails.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Whether a program of this name is in one of the directories of [`session::PATH`].
fn installed(name: &str) -> bool {
    session::PATH.split(':').any(|dir| Path::new(dir).join(name).is_file())
}
