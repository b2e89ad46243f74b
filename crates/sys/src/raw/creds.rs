//! Who the caller is and what it may do.

use linux_raw_sys::prctl as pr;

use super::Errno;
use super::call::{low32, syscall};

/// Sets real, effective and saved user id; `u32::MAX` leaves one as it is (`setresuid(2)`).
// KERNEL: this changes one thread; it is the C library that tells the others.
#[inline]
pub fn setresuid(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setresuid, real, effective, saved) }.map(drop)
}

/// Sets real, effective and saved group id; `u32::MAX` leaves one as it is (`setresgid(2)`).
#[inline]
pub fn setresgid(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setresgid, real, effective, saved) }.map(drop)
}

/// Sets the user id: all three for who may (`CAP_SETUID`), else the effective one alone (`setuid(2)`).
#[inline]
pub fn setuid(uid: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setuid, uid) }.map(drop)
}

/// Sets the group id: all three for who may (`CAP_SETGID`), else the effective one alone (`setgid(2)`).
#[inline]
pub fn setgid(gid: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_setgid, gid) }.map(drop)
}

/// Sets the supplementary groups (`setgroups(2)`).
// KERNEL: EPERM in a user namespace whose /proc/PID/setgroups says `deny`, or that has no gid_map yet.
#[inline]
pub fn setgroups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the groups.
    unsafe { syscall!(__NR_setgroups, groups.len(), groups.as_ptr()) }.map(drop)
}

/// The real user id (`getuid(2)`).
#[inline]
pub fn getuid() -> u32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_getuid) }.map_or(u32::MAX, |id| low32(id).cast_unsigned())
}

/// The effective user id (`geteuid(2)`).
#[inline]
pub fn geteuid() -> u32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_geteuid) }.map_or(u32::MAX, |id| low32(id).cast_unsigned())
}

/// The real group id (`getgid(2)`).
#[inline]
pub fn getgid() -> u32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_getgid) }.map_or(u32::MAX, |id| low32(id).cast_unsigned())
}

/// The effective group id (`getegid(2)`).
#[inline]
pub fn getegid() -> u32 {
    // SAFETY: takes no pointers.
    unsafe { syscall!(__NR_getegid) }.map_or(u32::MAX, |id| low32(id).cast_unsigned())
}

/// The third version of the capability calls: 64 capabilities in two halves.
#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

/// One half: effective, permitted, inheritable.
#[repr(C)]
#[derive(Copy, Clone, Default)]
struct CapHalf {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAP_HEADER: CapHeader = CapHeader { version: 0x2008_0522, pid: 0 };

/// Sets the capability sets, one bit for each capability (`capset(2)`).
pub fn capset(effective: u64, permitted: u64, inheritable: u64) -> Result<(), Errno> {
    let mut header = CAP_HEADER;
    let halves = [0, 32].map(|shift| CapHalf {
        effective: low_half(effective >> shift),
        permitted: low_half(permitted >> shift),
        inheritable: low_half(inheritable >> shift),
    });
    // SAFETY: the kernel reads two halves; it may write the version it prefers into the header.
    unsafe { syscall!(__NR_capset, &raw mut header, halves.as_ptr()) }.map(drop)
}

/// The capability sets: effective, permitted, inheritable (`capget(2)`).
pub fn capget() -> Result<(u64, u64, u64), Errno> {
    let mut header = CAP_HEADER;
    let mut halves = [CapHalf::default(); 2];
    // SAFETY: the kernel writes two halves, and maybe the version it prefers into the header.
    unsafe { syscall!(__NR_capget, &raw mut header, halves.as_mut_ptr()) }?;
    let [low, high] = halves;
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok((
        join(low.effective, high.effective),
        join(low.permitted, high.permitted),
        join(low.inheritable, high.inheritable),
    ))
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low_half(set: u64) -> u32 {
    set as u32
}

/// Removes a capability from the bounding set (`PR_CAPBSET_DROP`). `EINVAL` past the last one known.
#[inline]
pub fn cap_bounding_drop(cap: u32) -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_CAPBSET_DROP, cap) }.map(drop)
}

/// The bounding set has this capability (`PR_CAPBSET_READ`). `EINVAL` past the last one known.
#[inline]
pub fn cap_bounding_read(cap: u32) -> Result<bool, Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_CAPBSET_READ, cap) }.map(|has| has == 1)
}

/// Empties the ambient set (`PR_CAP_AMBIENT_CLEAR_ALL`).
#[inline]
pub fn cap_ambient_clear_all() -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_CAP_AMBIENT, pr::PR_CAP_AMBIENT_CLEAR_ALL) }.map(drop)
}

/// Adds a capability to the ambient set; it must be permitted and inheritable
/// (`PR_CAP_AMBIENT_RAISE`).
#[inline]
pub fn cap_ambient_raise(cap: u32) -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_CAP_AMBIENT, pr::PR_CAP_AMBIENT_RAISE, cap) }.map(drop)
}

/// Sets the securebits (`PR_SET_SECUREBITS`; `capabilities(7)`).
#[inline]
pub fn set_securebits(bits: u32) -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_SECUREBITS, bits) }.map(drop)
}

/// Keeps the permitted capabilities over a change of user id (`PR_SET_KEEPCAPS`).
#[inline]
pub fn set_keepcaps(on: bool) -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_KEEPCAPS, u32::from(on)) }.map(drop)
}

/// From here on no program gains privileges by being executed (`PR_SET_NO_NEW_PRIVS`).
#[inline]
pub fn set_no_new_privs() -> Result<(), Errno> {
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_NO_NEW_PRIVS, 1u32) }.map(drop)
}

/// From here on no mapping is writable and executable, and none becomes executable that was not
/// (`PR_SET_MDWE`, Linux 6.3). Programs that are executed later inherit it.
#[inline]
pub fn refuse_exec_gain() -> Result<(), Errno> {
    let bits = pr::PR_MDWE_REFUSE_EXEC_GAIN;
    // SAFETY: this operation takes no pointers.
    unsafe { syscall!(__NR_prctl, pr::PR_SET_MDWE, bits, 0u32, 0u32, 0u32) }.map(drop)
}
