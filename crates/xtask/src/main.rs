//! `cargo xtask …`: what the workspace does for itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod bench;

use std::process::ExitCode;

use lexopt::Arg;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  bench   Measure speed and memory beside other tools; `bench --help` tells more
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut parser = lexopt::Parser::from_env();
    match parser.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => {
            print!("{HELP}");
            Ok(())
        }
        Some(Arg::Value(command)) => match command.to_str() {
            Some("bench") => bench::main(parser),
            _ => anyhow::bail!("unknown command {command:?}; there is: bench"),
        },
        Some(other) => Err(other.unexpected().into()),
    }
}
