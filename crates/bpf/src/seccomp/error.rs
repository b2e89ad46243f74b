//! Why a profile cannot be used.

use std::fmt;

/// A place in the profile and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The place, as a JSON pointer (RFC 6901); the whole profile when it is empty.
    pub pointer: String,
    /// What is wrong.
    pub reason: String,
}

impl Error {
    pub(super) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Error { pointer: pointer.into(), reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.pointer, self.reason)
        }
    }
}

impl std::error::Error for Error {}
