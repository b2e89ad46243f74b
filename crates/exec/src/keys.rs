//! A filter that closes the kernel's key store to the program.
//!
//! KERNEL: keys belong to a user id, not to a namespace. A process inherits its caller's session keyring,
//! and may link the user's own keyring by its number, whatever walls it is behind. A keyring of its own
//! would only hide the former, and counts against the user's quota (200 keys by default), which many
//! worlds at once use up. So the three calls answer ENOSYS, as on a kernel without keys.

use dwell_sys::raw::SockFilter;

/// Where the three calls `add_key`, `request_key`, `keyctl` begin; their numbers follow each other.
#[derive(Clone, Copy)]
struct Abi {
    /// `AUDIT_ARCH_…`.
    arch: u32,
    /// The number of `add_key`.
    first: u32,
}

/// The kernel's ABIs that a program of this architecture can use.
const ABIS: [Abi; 2] = if cfg!(target_arch = "x86_64") {
    [Abi { arch: 0xc000_003e, first: 248 }, Abi { arch: 0x4000_0003, first: 286 }]
} else if cfg!(target_arch = "aarch64") {
    [Abi { arch: 0xc000_00b7, first: 217 }, Abi { arch: 0x4000_0028, first: 309 }]
} else {
    [Abi { arch: 0xc000_00f3, first: 217 }, Abi { arch: 0x4000_00f3, first: 217 }]
};

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const ABOVE: u16 = 0x25;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_ERRNO` with ENOSYS.
const REFUSE: u32 = 0x0005_0000 | 38;

/// `seccomp_data.nr` and `.arch`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// Calls of the x32 ABI have the numbers of x86-64 and this bit.
const WITHOUT_X32: u32 = !0x4000_0000;

/// The filter.
pub(crate) const FILTER: [SockFilter; 13] = filter();

const fn op(code: u16, k: u32) -> SockFilter {
    SockFilter { code, jt: 0, jf: 0, k }
}

const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> SockFilter {
    SockFilter { code, jt, jf, k }
}

const fn filter() -> [SockFilter; 13] {
    let (a, b) = (ABIS[0], ABIS[1]);
    [
        op(LOAD, ARCH),
        // Five instructions an ABI; the last two of all are the verdicts.
        jump(EQUAL, a.arch, 0, 4),
        op(LOAD, NUMBER),
        op(AND, WITHOUT_X32),
        jump(AT_LEAST, a.first, 0, 6),
        jump(ABOVE, a.first + 2, 5, 6),
        jump(EQUAL, b.arch, 0, 4),
        op(LOAD, NUMBER),
        op(AND, WITHOUT_X32),
        jump(AT_LEAST, b.first, 0, 1),
        jump(ABOVE, b.first + 2, 0, 1),
        op(RETURN, ALLOW),
        op(RETURN, REFUSE),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter says of a call: a machine for the six instructions it is made of.
    fn verdict(arch: u32, number: u32) -> u32 {
        let (mut at, mut accumulator) = (0usize, 0u32);
        loop {
            let SockFilter { code, jt, jf, k } = FILTER[at];
            at += 1;
            let holds = match code {
                LOAD => {
                    accumulator = if k == ARCH { arch } else { number };
                    continue;
                }
                AND => {
                    accumulator &= k;
                    continue;
                }
                RETURN => return k,
                EQUAL => accumulator == k,
                AT_LEAST => accumulator >= k,
                ABOVE => accumulator > k,
                other => panic!("instruction {other:#x}"),
            };
            at += usize::from(if holds { jt } else { jf });
        }
    }

    #[test]
    fn three_calls_and_no_other() {
        for Abi { arch, first } in ABIS {
            for number in (0..600).chain([u32::MAX, u32::MAX >> 2]) {
                let key = (first..first + 3).contains(&number);
                assert_eq!(
                    verdict(arch, number),
                    if key { REFUSE } else { ALLOW },
                    "{arch:#x} {number}"
                );
            }
        }
        assert_eq!(verdict(ABIS[0].arch, ABIS[0].first | 0x4000_0000), REFUSE, "by way of x32");
        assert_eq!(verdict(0x1234, ABIS[0].first), ALLOW, "an ABI that is not there");
    }
}
