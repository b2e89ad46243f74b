//! Everything that dwell itself says: failures on standard error, answers on standard output.

use std::io::{self, Write};

/// Exit code of dwell's own failures.
pub const OWN_FAILURE: u8 = 125;

/// Why something was not done: one sentence, and what helps where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The sentence, without `dwell: ` and without a period.
    pub sentence: String,
    /// A flag, command or setting that helps.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(sentence: impl Into<String>) -> Self {
        Failure { sentence: sentence.into(), hint: None }
    }

    /// The option typed as `words` cannot be used, because of `reason`.
    #[must_use]
    pub fn cannot_use(words: &str, reason: &str) -> Self {
        Failure::new(format!("cannot use `{words}`: {reason}"))
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }
}

/// Writes `failure` to standard error and gives the exit code that goes with it.
pub fn fail(failure: &Failure) -> u8 {
    fail_with(failure, OWN_FAILURE)
}

/// Writes text to standard error.
pub fn say(text: &str) {
    // As below.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes `failure` to standard error and gives back `code`.
pub fn fail_with(failure: &Failure, code: u8) -> u8 {
    let mut text = format!("dwell: {}\n", visible(&failure.sentence));
    if let Some(hint) = &failure.hint {
        text.push_str("hint: ");
        text.push_str(&visible(hint));
        text.push('\n');
    }
    // Nobody may be reading any more (EPIPE): the exit code still tells.
    let _ = io::stderr().write_all(text.as_bytes());
    code
}

/// Writes `text` to standard output and gives the exit code. A reader that has seen enough (EPIPE)
/// is no failure.
#[must_use]
pub fn print(text: &str) -> u8 {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            fail(&Failure::new(format!("cannot write to standard output: {} (write)", reason(&e))))
        }
        _ => 0,
    }
}

/// The kernel's words for an error, without Rust's ` (os error 2)`.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    dwell_sys::words::of(error).into_owned()
}

/// `text` with control characters spelt out: an argument must not steer the terminal.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_do_not_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2J\n…"), "a\\u{1b}[2J\\n…");
    }
}
