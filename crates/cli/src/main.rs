//! The binary `dwell`; everything is in the library beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(dwell_cli::main(std::env::args_os()))
}
