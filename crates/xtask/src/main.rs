//! `cargo xtask …`: what the workspace does for itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod bench;
mod syscalls;

use std::process::ExitCode;

use lexopt::Arg;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  bench      Measure speed and memory beside other tools; `bench --help` tells more
  syscalls   Write the table of system calls of crates/bpf from the kernel's headers
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
            Some("syscalls") => syscalls::main(parser),
            _ => anyhow::bail!("unknown command {command:?}; there are: bench, syscalls"),
        },
        Some(other) => Err(other.unexpected().into()),
    }
}
