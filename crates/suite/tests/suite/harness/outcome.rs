//! How a case ends.

use std::io;

/// Why a case did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It cannot be tried here.
    Skip(String),
    /// Something is wrong.
    Fail(String),
}

impl Stop {
    /// Why.
    pub(crate) fn into_text(self) -> String {
        match self {
            Stop::Skip(why) | Stop::Fail(why) => why,
        }
    }
}

/// What a case, or a part of one, gives back.
pub(crate) type Outcome<T = ()> = Result<T, Stop>;

/// Ends a case as failed.
pub(crate) fn fail<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Stop::Fail(why.into()))
}

/// Ends a case as not to be tried here.
pub(crate) fn skip<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Stop::Skip(why.into()))
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Fail(format!("the suite itself: {error}"))
    }
}

impl From<rustix::io::Errno> for Stop {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// Ends the case as failed, with a formatted reason, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return $crate::harness::fail(format!($($reason)+));
        }
    };
}
pub(crate) use ensure;
