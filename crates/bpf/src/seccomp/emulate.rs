//! A machine for classic BPF as the kernel runs it for seccomp: what a filter says about a call.

use std::fmt;

use super::Instruction;

/// What a filter sees of a call: `struct seccomp_data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// The call's number.
    pub number: u32,
    /// `AUDIT_ARCH_…`.
    pub arch: u32,
    /// Where the call was made.
    pub instruction_pointer: u64,
    /// Its arguments.
    pub args: [u64; 6],
}

/// Size of `struct seccomp_data`.
const SIZE: u32 = 64;

impl Data {
    /// The 32 bits at an offset that the kernel allows: a multiple of 4 below the size.
    fn word(&self, offset: u32) -> Option<u32> {
        let half = |value: u64| {
            let half = if offset.is_multiple_of(8) { value } else { value >> 32 };
            u32::try_from(half & u64::from(u32::MAX)).unwrap_or(0)
        };
        match offset {
            _ if !offset.is_multiple_of(4) || offset >= SIZE => None,
            0 => Some(self.number),
            4 => Some(self.arch),
            8 | 12 => Some(half(self.instruction_pointer)),
            _ => self.args.get((offset as usize - 16) / 8).map(|arg| half(*arg)),
        }
    }
}

/// Why the kernel would not take the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The instruction with this number is not one that a seccomp filter may have.
    Instruction(usize),
    /// It goes on behind its last instruction.
    End,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Instruction(at) => write!(f, "instruction {at} is not allowed"),
            Fault::End => f.write_str("the program does not end with a return"),
        }
    }
}

impl std::error::Error for Fault {}

/// What the program returns, and after how many steps.
///
/// # Errors
/// The program is not one that the kernel would take, as far as this call comes.
pub fn run(program: &[Instruction], data: &Data) -> Result<(u32, usize), Fault> {
    let mut machine = Machine { a: 0, x: 0, memory: [0; 16] };
    let mut at = 0usize;
    let mut steps = 0;
    loop {
        let instruction = program.get(at).ok_or(Fault::End)?;
        steps += 1;
        match machine.step(*instruction, data).ok_or(Fault::Instruction(at))? {
            Next::Return(verdict) => return Ok((verdict, steps)),
            Next::Skip(n) => at += 1 + n as usize,
        }
    }
}

/// What the program returns.
///
/// # Errors
/// Those of [`run`].
pub fn verdict(program: &[Instruction], data: &Data) -> Result<u32, Fault> {
    run(program, data).map(|(verdict, _)| verdict)
}

struct Machine {
    a: u32,
    x: u32,
    memory: [u32; 16],
}

enum Next {
    Skip(u32),
    Return(u32),
}

impl Machine {
    /// The codes are those that `seccomp_check_filter` of the kernel lets through.
    fn step(&mut self, i: Instruction, data: &Data) -> Option<Next> {
        match i.code {
            0x20 => self.a = data.word(i.k)?,
            0x80 => self.a = SIZE,
            0x81 => self.x = SIZE,
            0x00 => self.a = i.k,
            0x01 => self.x = i.k,
            0x60 => self.a = *self.memory.get(i.k as usize)?,
            0x61 => self.x = *self.memory.get(i.k as usize)?,
            0x02 => *self.memory.get_mut(i.k as usize)? = self.a,
            0x03 => *self.memory.get_mut(i.k as usize)? = self.x,
            0x07 => self.x = self.a,
            0x87 => self.a = self.x,
            0x06 => return Some(Next::Return(i.k)),
            0x16 => return Some(Next::Return(self.a)),
            0x05 => return Some(Next::Skip(i.k)),
            code if code & 7 == 4 => self.calculate(i)?,
            code if code & 7 == 5 => return self.compare(i),
            _ => return None,
        }
        Some(Next::Skip(0))
    }

    fn operand(&self, i: Instruction) -> u32 {
        if i.code & 8 != 0 { self.x } else { i.k }
    }

    fn calculate(&mut self, i: Instruction) -> Option<()> {
        let by = self.operand(i);
        self.a = match i.code & 0xf0 {
            0x00 => self.a.wrapping_add(by),
            0x10 => self.a.wrapping_sub(by),
            0x20 => self.a.wrapping_mul(by),
            0x30 => self.a.checked_div(by)?,
            0x40 => self.a | by,
            0x50 => self.a & by,
            0x60 => self.a.wrapping_shl(by),
            0x70 => self.a.wrapping_shr(by),
            0x80 => self.a.wrapping_neg(),
            0xa0 => self.a ^ by,
            _ => return None,
        };
        Some(())
    }

    fn compare(&self, i: Instruction) -> Option<Next> {
        let with = self.operand(i);
        let holds = match i.code & 0xf0 {
            0x10 => self.a == with,
            0x20 => self.a > with,
            0x30 => self.a >= with,
            0x40 => self.a & with != 0,
            _ => return None,
        };
        Some(Next::Skip(u32::from(if holds { i.jt } else { i.jf })))
    }
}
