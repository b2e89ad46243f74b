//! `cargo xtask bench`: time, memory and system calls of worlds, beside other tools and beside the
//! least program that could do the same.
//!
//! Programs that are compared run in turns, each turn in another order, so that whatever else the machine does
//! meets all of them alike; what is compared are medians, less that of a static program that does
//! nothing.

mod applets;
mod elsewhere;
mod grants;
mod job;
mod lab;
mod limits;
mod lsns;
mod memory;
mod phases;
mod sample;
mod seccomp;
mod start;
mod syscalls;
mod walls;
mod work;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use lab::Lab;

const HELP: &str = "\
Usage: cargo xtask bench [OPTION]...

      --only NAME     Only this one; may be given again. NAME is one of
                       true-walls true-default phases walls grants-2000 work memory limits
                       syscalls seccomp applets lsns
      --rounds N      Runs of each program (default: 200)
      --quick         A quarter of a minute for most: 40 runs of each
      --user NAME     As root: measure as this user (a name of /etc/passwd or UID:GID) besides root;
                      default: nobody
      --against FILE  Measure another build of dwell too
      --built DIR     Build nothing: DIR has dwell, floor and stats, as where there is no Cargo
      --root DIR      As root: measure with DIR as the root file system, as debootstrap makes one, with the
                      peers in it
      --json FILE     Store the medians

As root all of it is measured, else what an ordinary user can.
";

/// What was asked for.
#[derive(Debug, Default)]
struct Options {
    rounds: Option<usize>,
    quick: bool,
    only: Vec<String>,
    json: Option<PathBuf>,
    user: Option<String>,
    against: Option<PathBuf>,
    built: Option<PathBuf>,
    root: Option<PathBuf>,
}

type Bench = fn(&mut Lab) -> Result<()>;

const BENCHES: &[(&str, Bench)] = &[
    ("true-walls", start::walls),
    ("true-default", start::default),
    ("phases", phases::run),
    ("walls", walls::run),
    ("grants-2000", grants::run),
    ("work", work::run),
    ("memory", memory::run),
    ("limits", limits::run),
    ("syscalls", syscalls::run),
    ("seccomp", seccomp::run),
    ("applets", applets::run),
    ("lsns", lsns::run),
];

pub(crate) fn main(parser: Parser) -> Result<()> {
    let Some(options) = parse(parser)? else {
        print!("{HELP}");
        return Ok(());
    };
    let rounds = options.rounds.unwrap_or(if options.quick { 40 } else { 200 });
    let mut lab = Lab::new(
        rounds,
        options.user.as_deref(),
        options.against.as_deref(),
        options.built.as_deref(),
    )?;
    let scratch = lab.dir.0.clone();
    // A thread may have a root of its own; what the benches have made is cleared away from outside.
    std::thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            options.root.as_deref().map_or(Ok(()), |root| elsewhere::enter(root, &scratch))?;
            measure(&mut lab, &options.only)
        });
        measuring.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&lab.results)?;
        std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn measure(lab: &mut Lab, only: &[String]) -> Result<()> {
    lab.head();
    for (name, bench) in BENCHES {
        if only.is_empty() || only.iter().any(|o| o == name) {
            bench(lab).with_context(|| format!("the bench {name}"))?;
        }
    }
    lab.foot();
    Ok(())
}

fn parse(mut parser: Parser) -> Result<Option<Options>> {
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("rounds") => options.rounds = Some(parser.value()?.parse()?),
            Arg::Long("quick") => options.quick = true,
            Arg::Long("json") => options.json = Some(parser.value()?.into()),
            Arg::Long("user") => options.user = Some(parser.value()?.string()?),
            Arg::Long("against") => options.against = Some(parser.value()?.into()),
            Arg::Long("built") => options.built = Some(parser.value()?.into()),
            Arg::Long("root") => options.root = Some(parser.value()?.into()),
            Arg::Long("only") => {
                for name in parser.values()? {
                    let name = name.string()?;
                    if !BENCHES.iter().any(|(known, _)| *known == name) {
                        bail!("there is no bench {name:?}; see --help");
                    }
                    options.only.push(name);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.rounds == Some(0) {
        bail!("--rounds needs at least one");
    }
    Ok(Some(options))
}
