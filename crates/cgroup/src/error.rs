//! What went wrong, as a sentence.

use std::fmt;
use std::io;
use std::path::Path;

/// A group that could not be made, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// One sentence, without a full stop.
    pub sentence: String,
    /// What helps.
    pub hint: Option<String>,
}

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Error { sentence: sentence.into(), hint: None }
    }

    /// `cannot VERB OBJECT: REASON (CALL of FILE)`.
    pub(crate) fn of_call(what: &str, call: &str, path: &Path, error: &io::Error) -> Self {
        Error::new(format!("cannot {what}: {} ({call} {})", reason(error), path.display()))
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Error { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The kernel's words for an error, without the number that `std` adds.
pub(crate) fn reason(error: &io::Error) -> String {
    dwell_sys::words::of(error).into_owned()
}
