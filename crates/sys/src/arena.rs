//! An allocator for a program that is over soon: its first memory is one piece, handed out from the start.
//!
//! KERNEL: each page that is touched for the first time is an exception, which takes longer than what is done with
//! the page; [`populate`] has many given in one call. A C library's own heap cannot be prepared so
//! everywhere: musl's gives pages back as soon as nothing is in them.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

use rustix::mm::{Advice, madvise};

/// Bytes of the one piece. What does not fit any more comes from the C library.
const SIZE: usize = 512 * 1024;
const PAGE: usize = 4096;

#[repr(C, align(4096))]
struct Memory(UnsafeCell<[u8; SIZE]>);

// SAFETY: its bytes are reached through pointers alone that `Arena` has given to one owner each.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; SIZE]));
/// Where the part of it begins that nobody has.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The allocator. What is freed is used again if it was handed out last; the rest stays as it is, so that a
/// program that lives long gets what it needs then from the C library.
#[derive(Debug)]
pub struct Arena;

fn start() -> *mut u8 {
    MEMORY.0.get().cast()
}

/// Where in the piece an allocation lies, if it does.
fn place(block: *const u8) -> Option<usize> {
    let at = block.addr().wrapping_sub(start().addr());
    (at < SIZE).then_some(at)
}

/// Moves the boundary, unless something has been handed out or given back meanwhile. What one thread did with
/// a block before it gave it back comes before what the next one does with it.
fn moved(from: usize, to: usize) -> bool {
    NEXT.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

fn take(layout: Layout) -> Option<*mut u8> {
    if layout.align() > PAGE {
        return None;
    }
    loop {
        let next = NEXT.load(Ordering::Relaxed);
        let at = next.checked_next_multiple_of(layout.align())?;
        let end = at.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
        if moved(next, end) {
            return Some(start().wrapping_add(at));
        }
    }
}

// SAFETY: what is handed out lies between two values of the boundary, the lower of which was its end before in
// one step with becoming the higher, so nobody else has it; it is aligned because the piece is, to a page.
// It stays until it is given back. What does not come from the piece comes from `System` and goes there.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` wants.
        take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some(block) => {
                // SAFETY: it is that long. Whoever had it before may have written to it.
                unsafe { ptr::write_bytes(block, 0, layout.size()) };
                block
            }
            // SAFETY: the caller's promises are those that `System` wants.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match place(block) {
            Some(at) => {
                moved(at + layout.size(), at);
            }
            // SAFETY: it is not of the piece, so `System` gave it, for this layout.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(at) = place(block) else {
            // SAFETY: it is not of the piece, so `System` gave it, for this layout.
            return unsafe { System.realloc(block, layout, size) };
        };
        let end = at.checked_add(size).filter(|end| *end <= SIZE);
        if end.is_some_and(|end| moved(at + layout.size(), end)) || size <= layout.size() {
            return block;
        }
        // SAFETY: the size is not 0, and the caller has checked it for this alignment.
        let larger = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as above.
        let new = unsafe { self.alloc(larger) };
        if !new.is_null() {
            // SAFETY: both are at least as long as the old one, and the new one is nobody else's.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
        }
        new
    }
}

/// Has the kernel give the next `bytes` of the piece at once (`madvise(2)`, `MADV_POPULATE_WRITE`, Linux 5.14),
/// for a program that will use about as much. On older kernels, and where memory is short, the pages come one
/// by one.
pub fn populate(bytes: usize) {
    let from = NEXT.load(Ordering::Relaxed) & !(PAGE - 1);
    let length = bytes.next_multiple_of(PAGE).min(SIZE - from);
    let place = start().wrapping_add(from).cast::<c_void>();
    // SAFETY: the pages lie in the piece, and what they hold stays.
    let _ = unsafe { madvise(place, length, Advice::LinuxPopulateWrite) };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

    use super::*;

    /// A block that is filled with one byte, for as long as it is as long as it says.
    struct Block(*mut u8, Layout);

    impl Block {
        fn layout(size: usize, align: usize) -> Layout {
            Layout::from_size_align(size, align).unwrap()
        }

        fn new(size: usize, align: usize, fill: u8) -> Block {
            let layout = Block::layout(size, align);
            // SAFETY: the size is not 0.
            let mut block = Block(unsafe { Arena.alloc(layout) }, layout);
            block.bytes().fill(fill);
            block
        }

        fn zeroed(size: usize, align: usize) -> Block {
            let layout = Block::layout(size, align);
            // SAFETY: the size is not 0.
            Block(unsafe { Arena.alloc_zeroed(layout) }, layout)
        }

        fn bytes(&mut self) -> &mut [u8] {
            // SAFETY: the block is that long, nobody else's, and written to from its beginning to its end.
            unsafe { core::slice::from_raw_parts_mut(self.0, self.1.size()) }
        }

        /// As large as `size` from here on; what it has more is filled too.
        fn resize(&mut self, size: usize) {
            let fill = *self.bytes().first().unwrap();
            // SAFETY: it is of this allocator and this layout, and is not used again if it moves.
            self.0 = unsafe { Arena.realloc(self.0, self.1, size) };
            self.1 = Block::layout(size, self.1.align());
            assert!(self.bytes().iter().take(8).all(|b| *b == fill));
            self.bytes().fill(fill);
        }

        fn free(self) {
            // SAFETY: it is of this allocator and this layout, and nobody has it any more.
            unsafe { Arena.dealloc(self.0, self.1) };
        }
    }

    /// The tests share the piece, so they are one.
    #[test]
    fn hands_out_takes_back_and_runs_out() {
        let mut one = Block::new(24, 8, 9);
        let odd = Block::new(3, 1, 1);
        assert_eq!(odd.0.addr(), one.0.addr() + 24);
        let aligned = Block::new(8, 64, 1);
        assert_eq!((aligned.0.addr() % 64, place(aligned.0).is_some()), (0, true));
        aligned.free();

        // The last one grows and shrinks where it is, another one moves with what it holds.
        let mut last = Block::new(24, 8, 7);
        let (first_at, last_at) = (one.0, last.0);
        last.resize(100);
        last.resize(24);
        assert_eq!(last.0, last_at);
        one.resize(48);
        assert_ne!(one.0, first_at);
        assert_eq!((one.bytes().to_vec(), last.bytes().to_vec()), (vec![9; 48], vec![7; 24]));
        // Shorter fits where it is.
        last.resize(8);
        assert_eq!(last.0, last_at);

        // What was handed out last is used again, and is zero where that is asked for.
        let at = one.0;
        one.free();
        let mut again = Block::zeroed(48, 8);
        assert_eq!((again.0, again.bytes().to_vec()), (at, vec![0; 48]));

        populate(10_000);
        let mut large = Block::zeroed(SIZE, 16);
        assert_eq!(place(large.0), None);
        assert!(large.bytes().iter().all(|b| *b == 0));
        large.resize(SIZE + 1);
        assert_eq!(place(large.0), None);
        large.free();
        let strict = Block::new(1, 2 * PAGE, 1);
        assert_eq!((place(strict.0), strict.0.addr() % (2 * PAGE)), (None, 0));
        strict.free();

        // Threads never get the same.
        let take = || (0..2000).map(|_| Block::new(16, 16, 1).0.addr()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(take)).collect();
        let mut all: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8000);
    }
}
