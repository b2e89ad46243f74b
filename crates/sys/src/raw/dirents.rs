//! Reading directories into a buffer of the caller.

use core::ffi::CStr;

use super::call::syscall;
use super::{Errno, Fd};

/// Fills `buf` with entries of the directory `fd`; 0 is the end (`getdents64(2)`).
///
/// Hand the filled part to [`dir_entries`]. `EINVAL` when the buffer has no room for the next entry:
/// 280 bytes always have.
#[inline]
pub fn getdents64(fd: Fd, buf: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most the buffer's length into it.
    unsafe { syscall!(__NR_getdents64, fd, buf.as_mut_ptr(), buf.len()) }
}

/// Walks over the entries in the filled part of a [`getdents64`] buffer, `.` and `..` among them.
#[inline]
pub fn dir_entries(filled: &[u8]) -> DirEntries<'_> {
    DirEntries { rest: filled }
}

/// The entries in a [`getdents64`] buffer: name and type (`DT_DIR` …).
#[derive(Clone, Debug)]
pub struct DirEntries<'a> {
    rest: &'a [u8],
}

/// Before the name of an entry: inode and offset (8 bytes each), length of the entry (2), type (1).
const LENGTH_AT: usize = 16;
const TYPE_AT: usize = 18;
const NAME_AT: usize = 19;

impl<'a> Iterator for DirEntries<'a> {
    type Item = (&'a CStr, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let length = self.rest.get(LENGTH_AT..)?.first_chunk::<2>()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        // Shorter than its own head is nonsense: it would also never end.
        if length < NAME_AT {
            return None;
        }
        let (entry, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let name = CStr::from_bytes_until_nul(entry.get(NAME_AT..)?).ok()?;
        Some((name, *entry.get(TYPE_AT)?))
    }
}
