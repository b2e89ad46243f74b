//! What an applet's options come down to.

use crate::getopt::Misuse;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<Wanted> {
    Wanted(Box<Wanted>),
    Help,
    Version,
}

/// Why the options come down to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// A word that is no option.
    Misuse(Misuse),
    /// A value that is none, or an option too many.
    Value(String),
}

impl From<Misuse> for Bad {
    fn from(misuse: Misuse) -> Bad {
        Bad::Misuse(misuse)
    }
}

impl From<String> for Bad {
    fn from(sentence: String) -> Bad {
        Bad::Value(sentence)
    }
}
