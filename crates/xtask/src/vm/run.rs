//! Commands of the host, with errors that name them.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The command as one would type it, for messages.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs it; what it says goes to the terminal only when it fails.
pub(super) fn quietly(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", shown(command)))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}\n{said}{}", shown(command), output.status, complaint.trim_end());
    }
    Ok(said)
}
