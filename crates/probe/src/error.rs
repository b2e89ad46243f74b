//! What goes wrong while reading the machine.

use std::fmt;

use rustix::io::Errno;

/// `cannot <verb> <object>: <the kernel's reason> (<call>)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeError {
    verb: &'static str,
    object: String,
    call: &'static str,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Kernel(Errno),
    Words(&'static str),
}

impl ProbeError {
    pub(crate) fn kernel(verb: &'static str, object: &str, call: &'static str, no: Errno) -> Self {
        ProbeError { verb, object: object.to_owned(), call, reason: Reason::Kernel(no) }
    }

    pub(crate) fn words(verb: &'static str, object: &str, reason: &'static str) -> Self {
        ProbeError { verb, object: object.to_owned(), call: "", reason: Reason::Words(reason) }
    }

    /// The kernel's error number, where it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self.reason {
            Reason::Kernel(no) => Some(no.raw_os_error()),
            Reason::Words(_) => None,
        }
    }

    /// The system call that failed; empty where none did.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.call
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: ", self.verb, self.object)?;
        match self.reason {
            Reason::Kernel(no) => {
                let reason = dwell_sys::words::of_number(no.raw_os_error());
                write!(f, "{reason} ({})", self.call)
            }
            Reason::Words(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for ProbeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_sentence() {
        let error = ProbeError::kernel("read", "/proc/self/uid_map", "open", Errno::ACCESS);
        assert_eq!(error.to_string(), "cannot read /proc/self/uid_map: Permission denied (open)");
        assert_eq!(error.errno(), Some(13));
        let error = ProbeError::words("use", "/proc", "it is not a proc filesystem");
        assert_eq!(error.to_string(), "cannot use /proc: it is not a proc filesystem");
    }
}
