//! The ops of Landlock.

use dwell_plan::program::Op;
use dwell_sys::raw::{self, Errno, Fd, Handled, consts};

use crate::prepared::Prepared;

pub(super) fn landlock(p: &mut Prepared, op: Op) -> Result<(), Errno> {
    match op {
        Op::Ruleset { files, network, scoped, into } => {
            let ruleset = raw::landlock_create_ruleset(&Handled { files, network, scoped })?;
            p.put(into, ruleset);
            Ok(())
        }
        Op::AllowPath { ruleset, path, rights } => {
            raw::landlock_allow_path(p.fd(ruleset), p.c_str(path)?, rights)
        }
        Op::AllowFile { ruleset, file, rights } => {
            raw::landlock_allow_beneath(p.fd(ruleset), p.fd(file), rights)
        }
        Op::AllowStdio { ruleset, fd, read, write } => {
            let file = Fd(i32::from(fd));
            let rights = match raw::open_flags(file)? & consts::O_ACCMODE {
                consts::O_RDONLY => read,
                consts::O_WRONLY => write,
                _ => read | write,
            };
            raw::landlock_allow_beneath(p.fd(ruleset), file, rights)
        }
        Op::Confine { ruleset, flags } => raw::landlock_restrict_self(p.fd(ruleset), flags),
        // No other op comes here.
        _ => Err(Errno::NOSYS),
    }
}
