//! A stack for a child that shares the caller's memory.

use core::ffi::c_void;
use core::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use crate::Errno;

/// Below the stack lies this much unmapped memory, so that running over its end is a fault and not
/// a corruption. No page of the supported architectures is larger.
const GUARD: usize = 64 * 1024;

/// The smallest stack there is.
const SMALLEST: usize = 64 * 1024;

/// A stack for [`vfork_child`](crate::raw::vfork_child), with a guard below it (`mmap(2)`).
///
/// It can be used again when the call has returned.
#[derive(Debug)]
pub struct Stack {
    mapping: *mut c_void,
    length: usize,
}

// SAFETY: it owns its mapping, which no thread is tied to.
unsafe impl Send for Stack {}

// SAFETY: a shared stack offers nothing but its address and size.
unsafe impl Sync for Stack {}

impl Stack {
    /// Maps a stack of at least `size` bytes, and of at least 64 KiB.
    pub fn new(size: usize) -> Result<Self, Errno> {
        let size = size.max(SMALLEST).checked_next_multiple_of(GUARD).ok_or(Errno::NOMEM)?;
        let length = size.checked_add(GUARD).ok_or(Errno::NOMEM)?;
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::STACK | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let mapping = unsafe { mmap_anonymous(ptr::null_mut(), length, prot, flags) }?;
        let stack = Self { mapping, length };
        // SAFETY: the guard is part of the mapping made above, and nothing refers to it.
        unsafe { mprotect(mapping, GUARD, MprotectFlags::empty()) }?;
        Ok(stack)
    }

    /// Its lowest usable address.
    #[inline]
    pub(crate) fn base(&self) -> *mut c_void {
        self.mapping.wrapping_byte_add(GUARD)
    }

    /// Its usable size.
    #[inline]
    pub fn size(&self) -> usize {
        self.length.saturating_sub(GUARD)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody uses it any more. It can only fail for
        // an address that is not mapped.
        let _ = unsafe { munmap(self.mapping, self.length) };
    }
}
