//! `cargo xtask …`: what the workspace does for itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod bench;
mod build;
mod filter;
mod syscalls;
mod vm;

use std::process::ExitCode;

use lexopt::Arg;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  bench      Measure speed and memory beside other tools; `bench --help` tells more
  dist       Build the binary that is shipped, and print where it is
  filter     Write the filter of dwell's own profile that crates/bpf has compiled beforehand
  syscalls   Write the table of system calls of crates/bpf from the kernel's headers
  vm         Run a command in a virtual machine; `vm --help` tells more
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut parser = lexopt::Parser::from_env();
    match parser.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some(Arg::Value(command)) => match command.to_str() {
            Some("bench") => bench::main(parser).map(|()| ExitCode::SUCCESS),
            Some("dist") => build::dist().map(|()| ExitCode::SUCCESS),
            Some("filter") => filter::main().map(|()| ExitCode::SUCCESS),
            Some("syscalls") => syscalls::main(parser).map(|()| ExitCode::SUCCESS),
            Some("vm") => Ok(vm::main(parser)),
            _ => {
                anyhow::bail!(
                    "unknown command {command:?}; there are: bench, dist, filter, syscalls, vm"
                )
            }
        },
        Some(other) => Err(other.unexpected().into()),
    }
}
