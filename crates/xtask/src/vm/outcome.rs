//! How a call of `cargo xtask vm` ends.

use std::fmt;
use std::process::ExitCode;

/// Says that it could not be tried here. 77 is what automake's and meson's test drivers take for it.
pub(super) const SKIPPED: u8 = 77;
/// The time was up.
pub(super) const TIMED_OUT: u8 = 124;
/// The bed itself failed: no guest, or one that did not come to its end.
pub(super) const BROKEN: u8 = 125;

/// What this machine lacks for a guest: not a failure of what was to be tested.
#[derive(Debug)]
pub(super) struct Missing(pub(super) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// Turns what went wrong on the way into a line and an exit code.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(Missing(why)) = error.downcast_ref() {
        println!("skipped: {why}");
        return ExitCode::from(SKIPPED);
    }
    eprintln!("xtask: {error:#}");
    ExitCode::from(BROKEN)
}
