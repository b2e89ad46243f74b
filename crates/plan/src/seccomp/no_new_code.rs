//! What a profile must refuse so that nothing that was written can be executed.
//!
//! `PR_SET_MDWE` keeps memory from becoming executable that was not when it was mapped. What is written
//! through one mapping and executed through another is left: of a memory file (`memfd_create(2)`, with
//! `MFD_NOEXEC_SEAL` too, which is about `execve(2)` alone) and of System V shared memory. A tracer
//! writes to any memory. With `READ_IMPLIES_EXEC` what can be read can be executed.

use super::Profile;
use super::refuse::{Always, Sometimes, refuse};

const EPERM: u32 = 1;
const EACCES: u32 = 13;
const ENOSYS: u32 = 38;

const ALWAYS: [Always; 2] = [(&["memfd_create", "memfd_secret"], ENOSYS), (&["ptrace"], EPERM)];

/// `SHM_EXEC`, and `READ_IMPLIES_EXEC` (all bits ask for the personality and change nothing).
const SOMETIMES: [Sometimes; 2] = [
    ("shmat", &[(2, 0o100_000, 0o100_000)], EACCES),
    ("personality", &[(0, 0x8040_0000, 0x0040_0000)], EPERM),
];

/// The profile with this refused too.
#[must_use]
pub fn harden(mut profile: Profile<'static>) -> Profile<'static> {
    refuse(&mut profile, &ALWAYS, &SOMETIMES);
    profile
}
