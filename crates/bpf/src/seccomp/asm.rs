//! An assembler for classic BPF that writes the last instruction first.
//!
//! Jumps of classic BPF go forward only. Written from the end, every target is known when a jump to it
//! is written, and where it is too far for the 8 bits of a conditional jump, a nearer instruction is
//! put before it: another return, or a jump without condition.

use super::{Instruction, MAX_INSTRUCTIONS};

/// `BPF_LD | BPF_W | BPF_ABS`.
pub(super) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(super) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
pub(super) const ALWAYS: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`.
pub(super) const ABOVE: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const AT_LEAST: u16 = 0x35;
/// `BPF_RET | BPF_K`.
pub(super) const RETURN: u16 = 0x06;

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// With this verdict.
    Return(u32),
    /// At the instruction that was written as the n-th.
    At(usize),
}

#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// The program, last instruction first.
    code: Vec<Instruction>,
    /// The nearest return of each verdict.
    returns: Vec<(u32, usize)>,
    /// It would have got longer than the kernel takes.
    full: bool,
}

impl Assembler {
    pub(super) fn with_capacity(n: usize) -> Self {
        Assembler { code: Vec::with_capacity(n), ..Assembler::default() }
    }

    /// The program, which begins at `entry`; none when it is too long.
    pub(super) fn finish(mut self, entry: Target) -> Option<Vec<Instruction>> {
        self.follow(entry);
        if self.full {
            return None;
        }
        self.code.reverse();
        Some(self.code)
    }

    fn push(&mut self, instruction: Instruction) -> usize {
        if self.code.len() >= MAX_INSTRUCTIONS {
            self.full = true;
            return self.code.len() - 1;
        }
        self.code.push(instruction);
        self.code.len() - 1
    }

    fn plain(&mut self, code: u16, k: u32) -> usize {
        self.push(Instruction { code, jt: 0, jf: 0, k })
    }

    fn write_return(&mut self, verdict: u32) -> usize {
        let at = self.plain(RETURN, verdict);
        match self.returns.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, place)) => *place = at,
            None => self.returns.push((verdict, at)),
        }
        at
    }

    /// How many instructions the next one would have to skip to get to `at`.
    fn distance(&self, at: usize) -> usize {
        self.code.len() - 1 - at
    }

    /// An instruction that leads to `target` and is near enough for a jump, when up to `more` are
    /// written before that.
    fn reach(&mut self, target: Target, more: usize) -> usize {
        let near = usize::from(u8::MAX) - more;
        match target {
            Target::Return(verdict) => {
                let known = self.returns.iter().find(|(known, _)| *known == verdict);
                match known.map(|(_, at)| *at).filter(|at| self.distance(*at) <= near) {
                    Some(at) => at,
                    None => self.write_return(verdict),
                }
            }
            Target::At(at) if self.distance(at) <= near => at,
            Target::At(at) => self.plain(ALWAYS, narrow(self.distance(at))),
        }
    }

    /// Makes `next` what follows the instruction that is written now.
    fn follow(&mut self, next: Target) {
        match next {
            Target::At(at) if at + 1 == self.code.len() => {}
            Target::At(at) => {
                self.plain(ALWAYS, narrow(self.distance(at)));
            }
            Target::Return(verdict) => {
                self.write_return(verdict);
            }
        }
    }

    /// A comparison of the accumulator with `k`.
    pub(super) fn compare(&mut self, code: u16, k: u32, yes: Target, no: Target) -> Target {
        if yes == no {
            return yes;
        }
        let yes = self.reach(yes, 1);
        let no = self.reach(no, 0);
        let short = |distance| u8::try_from(distance).unwrap_or(u8::MAX);
        let (jt, jf) = (short(self.distance(yes)), short(self.distance(no)));
        Target::At(self.push(Instruction { code, jt, jf, k }))
    }

    /// Loads 32 bits of `seccomp_data` into the accumulator.
    pub(super) fn load(&mut self, offset: u32, next: Target) -> Target {
        self.follow(next);
        Target::At(self.plain(LOAD, offset))
    }

    /// Leaves the bits of `mask` in the accumulator.
    pub(super) fn and(&mut self, mask: u32, next: Target) -> Target {
        if mask == u32::MAX {
            return next;
        }
        self.follow(next);
        Target::At(self.plain(AND, mask))
    }
}

fn narrow(distance: usize) -> u32 {
    u32::try_from(distance).unwrap_or(u32::MAX)
}
