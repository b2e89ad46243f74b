//! Black-box tests of `dwell`: every case runs the built binary and looks at the world from inside
//! and from outside.
//!
//! `cargo test -p dwell-suite -- [--list] [--exact] [--skip TEXT] [TEXT…]`
//!
//! - `DWELL_BIN` names the binary; else it is the one of the same target directory and profile,
//!   brought up to date by Cargo where Cargo runs the suite.
//! - Started by root, a case runs as root and as the account `dwelltest`, which is made when
//!   `DWELL_SUITE_ADDUSER=1`; started by a user, as that user. The suite then works in mount,
//!   network, IPC and UTS namespaces of its own, so that the machine is not touched, and whatever
//!   is left over in them at the end is a failure.

#![forbid(unsafe_code)]

mod cases;
mod harness;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::main(cases::ALL)
}
