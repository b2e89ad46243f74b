//! Actions as the filter returns them: `SECCOMP_RET_…`, with the error number or the tracer's message
//! in the lower half.

use dwell_plan::seccomp::{Action, Name};

use super::errno;
use super::error::Error;

/// `SECCOMP_RET_KILL_THREAD`.
pub(super) const KILL_THREAD: u32 = 0;
/// `SECCOMP_RET_ALLOW`.
pub(super) const ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_LOG`.
pub(super) const LOG: u32 = 0x7ffc_0000;
const ERRNO: u32 = 0x0005_0000;
const TRACE: u32 = 0x7ff0_0000;
/// `SECCOMP_RET_ERRNO` with ENOSYS.
pub(super) const ENOSYS: u32 = ERRNO | 38;

/// `MAX_ERRNO`: the kernel turns larger ones into this.
const MAX_ERRNO: u32 = 4095;
const EPERM: u32 = 1;

/// The verdict of an action. `pointer` is the place of the object that it belongs to; `keys` are what the
/// number and the name of the error are called there.
pub(super) fn of(
    action: Action,
    number: Option<u32>,
    name: Option<&Name<'_>>,
    pointer: &dyn Fn() -> String,
    keys: [&str; 2],
) -> Result<u32, Error> {
    let [number_key, name_key] = keys;
    let data = match name {
        Some(name) if !name.is_empty() => Some(errno::number(name).ok_or_else(|| {
            Error::new(
                format!("{}/{name_key}", pointer()),
                format!("there is no error {:?}", &**name),
            )
        })?),
        _ => number,
    };
    let largest = match action {
        Action::Errno => MAX_ERRNO,
        Action::Trace => 0xffff,
        _ if data.is_some() => {
            let why = "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take a number";
            return Err(Error::new(format!("{}/{number_key}", pointer()), why));
        }
        _ => 0,
    };
    let data = data.unwrap_or(EPERM);
    Ok(match action {
        Action::KillThread => KILL_THREAD,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Notify => 0x7fc0_0000,
        Action::Log => LOG,
        Action::Allow => ALLOW,
        Action::Errno | Action::Trace if data > largest => {
            let why = format!("{data} is more than {largest}");
            return Err(Error::new(format!("{}/{number_key}", pointer()), why));
        }
        Action::Errno => ERRNO | data,
        Action::Trace => TRACE | data,
    })
}
