//! From typed arguments to registers and from the kernel's answer to a `Result`.

use core::ffi::CStr;

use super::Fd;
use super::arch;
use crate::Errno;

/// A value that fits the register of one system-call argument.
pub(crate) trait Arg {
    /// The register's content.
    fn arg(self) -> usize;
}

impl Arg for usize {
    #[inline(always)]
    fn arg(self) -> usize {
        self
    }
}

impl Arg for u32 {
    #[inline(always)]
    fn arg(self) -> usize {
        self as usize
    }
}

impl Arg for i32 {
    #[inline(always)]
    fn arg(self) -> usize {
        (self as isize).cast_unsigned()
    }
}

impl Arg for u64 {
    #[inline(always)]
    fn arg(self) -> usize {
        // The same size: the crate does not build where a pointer has other than 64 bits.
        usize::from_ne_bytes(self.to_ne_bytes())
    }
}

impl Arg for Fd {
    #[inline(always)]
    fn arg(self) -> usize {
        self.0.arg()
    }
}

impl<T> Arg for *const T {
    #[inline(always)]
    fn arg(self) -> usize {
        self.expose_provenance()
    }
}

impl<T> Arg for *mut T {
    #[inline(always)]
    fn arg(self) -> usize {
        self.expose_provenance()
    }
}

impl Arg for &CStr {
    #[inline(always)]
    fn arg(self) -> usize {
        self.as_ptr().expose_provenance()
    }
}

/// An absent string is a null pointer.
impl Arg for Option<&CStr> {
    #[inline(always)]
    fn arg(self) -> usize {
        self.map_or(0, Arg::arg)
    }
}

/// Makes system call `nr` and sorts its answer.
///
/// # Safety
///
/// As for [`arch::syscall`].
#[inline(always)]
pub(crate) unsafe fn invoke(nr: u32, args: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: the caller vouches for the arguments.
    let answer = unsafe { arch::syscall(nr, args) };
    check(answer)
}

/// The kernel answers an error as a number from -4095 to -1.
#[inline(always)]
pub(crate) fn check(answer: usize) -> Result<usize, Errno> {
    match answer.wrapping_neg() {
        // `Errno` asserts this very range, so the assertion cannot fail.
        errno @ 1..=4095 => Err(Errno::from_raw_os_error(low32(errno))),
        _ => Ok(answer),
    }
}

/// The low half of an answer: process ids, descriptors and flags are 32 bits wide.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
pub(crate) fn low32(answer: usize) -> i32 {
    (answer as u32).cast_signed()
}

/// The descriptor in an answer.
#[inline(always)]
pub(crate) fn to_fd(answer: usize) -> Fd {
    Fd(low32(answer))
}

/// `syscall!(__NR_name, arguments…)`: up to six arguments of any type that is [`Arg`]; missing ones
/// are zero. Evaluates to `Result<usize, Errno>` and contains exactly one unsafe operation.
macro_rules! syscall {
    (@call $nr:ident; $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr $(, $zero:expr)*) => {
        $crate::raw::call::invoke(
            linux_raw_sys::general::$nr,
            [
                $crate::raw::call::Arg::arg($a),
                $crate::raw::call::Arg::arg($b),
                $crate::raw::call::Arg::arg($c),
                $crate::raw::call::Arg::arg($d),
                $crate::raw::call::Arg::arg($e),
                $crate::raw::call::Arg::arg($f),
            ],
        )
    };
    ($nr:ident $(, $arg:expr)* $(,)?) => {
        $crate::raw::call::syscall!(
            @call $nr; $($arg,)* 0usize, 0usize, 0usize, 0usize, 0usize, 0usize
        )
    };
}
pub(crate) use syscall;
