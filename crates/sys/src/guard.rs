//! An allocator for tests: it ends every process but one that uses it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::raw;

/// The exit code of a process that allocated and was not to.
pub const CAUGHT: i32 = 99;

/// The system's allocator, for one process alone. A child that allocates between clone and exec, on
/// its own or on shared memory, ends with [`CAUGHT`].
#[derive(Debug)]
pub struct GuardAllocator {
    owner: AtomicI32,
}

impl GuardAllocator {
    /// For everybody, until [`guard`](Self::guard) is called.
    #[must_use]
    pub const fn new() -> Self {
        GuardAllocator { owner: AtomicI32::new(0) }
    }

    /// From now on for the calling process alone.
    pub fn guard(&self) {
        self.owner.store(raw::getpid(), Ordering::Relaxed);
    }

    fn check(&self) {
        let owner = self.owner.load(Ordering::Relaxed);
        if owner != 0 && raw::getpid() != owner {
            raw::exit_group(CAUGHT);
        }
    }
}

impl Default for GuardAllocator {
    fn default() -> Self {
        GuardAllocator::new()
    }
}

// SAFETY: the system's allocator does the work, and ending the process breaks no promise.
unsafe impl GlobalAlloc for GuardAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.check();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.check();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }
}
