//! Arguments and environments in the form `execve(2)` wants, made before the clone.

use core::ffi::{CStr, c_char};
use core::{ptr, slice};

use super::Errno;

/// NUL-terminated strings and a table of pointers to them that ends with a null.
///
/// Building one allocates; using one does not, so it is built in the parent and used in the child.
#[derive(Debug)]
pub struct ExecTable {
    /// All strings, one after the other, each with its NUL. Owned, and a raw pointer because
    /// `pointers` points into it.
    bytes: *mut [u8],
    /// One pointer for each string in their order, then a null.
    pointers: Box<[*const c_char]>,
}

// SAFETY: it owns the memory its pointers lead to, and nothing changes that memory after `new`.
unsafe impl Send for ExecTable {}

// SAFETY: as for `Send`: shared tables are only ever read.
unsafe impl Sync for ExecTable {}

impl ExecTable {
    /// Copies the strings. `EINVAL` when one has a NUL inside.
    pub fn new<I>(strings: I) -> Result<Self, Errno>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for string in strings {
            let string = string.as_ref();
            if string.contains(&0) {
                return Err(Errno::INVAL);
            }
            starts.push(bytes.len());
            bytes.extend_from_slice(string);
            bytes.push(0);
        }
        let bytes = Box::into_raw(bytes.into_boxed_slice());
        let base = bytes.cast::<c_char>().cast_const();
        let pointers =
            starts.into_iter().map(|at| base.wrapping_add(at)).chain([ptr::null()]).collect();
        Ok(Self { bytes, pointers })
    }

    /// How many strings there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.pointers.len().saturating_sub(1)
    }

    /// There are no strings.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// String number `i`.
    pub fn get(&self, i: usize) -> Option<&CStr> {
        let start = *self.pointers.get(i)?;
        let next = *self.pointers.get(i.wrapping_add(1))?;
        // The last string ends where the memory does.
        let end = if next.is_null() {
            self.bytes.cast::<u8>().addr().wrapping_add(self.bytes.len())
        } else {
            next.addr()
        };
        let length = end.wrapping_sub(start.addr());
        // SAFETY: the strings lie one after the other, so these are all of the string's bytes; they
        // live as long as `self` and do not change.
        let bytes = unsafe { slice::from_raw_parts(start.cast::<u8>(), length) };
        CStr::from_bytes_with_nul(bytes).ok()
    }

    /// The table as `execve(2)` wants it.
    #[inline]
    pub fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

impl Drop for ExecTable {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Box::into_raw` and is given back once.
        drop(unsafe { Box::from_raw(self.bytes) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_strings() {
        let table = ExecTable::new(["true", "", "x y"]).unwrap();
        assert_eq!(table.len(), 3);
        assert_eq!(table.get(0), Some(c"true"));
        assert_eq!(table.get(1), Some(c""));
        assert_eq!(table.get(2), Some(c"x y"));
        assert_eq!(table.get(3), None);
        assert_eq!(table.get(usize::MAX), None);
    }

    #[test]
    fn empty_and_refused() {
        let table = ExecTable::new(Vec::<Vec<u8>>::new()).unwrap();
        assert!(table.is_empty());
        assert_eq!(table.get(0), None);
        assert_eq!(ExecTable::new([b"a\0b"]).unwrap_err(), Errno::INVAL);
    }
}
