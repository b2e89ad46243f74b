//! Device rules of a control group, as an eBPF program for `BPF_PROG_TYPE_CGROUP_DEVICE` (Linux 4.15).
//!
//! The kernel calls the program whenever a process of the group opens or makes a device, with what is to
//! be done with which device, and refuses it (EPERM) when the program returns 0.
//!
//! A request may be about several kinds of access at once (open for reading and writing). For each of
//! them the last rule that is about it decides; the request is allowed when each is. The program goes
//! through the rules from the last to the first with those kinds in a register that are still undecided.

use dwell_plan::limits::{DeviceAccess, DeviceKind, DeviceRule};

/// One instruction of eBPF, as the kernel reads it; `struct bpf_insn` of `<linux/bpf.h>`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    /// What is done.
    pub code: u8,
    /// Destination register in the low four bits, source in the high ones.
    pub registers: u8,
    /// Of a jump or a memory access.
    pub offset: i16,
    /// The immediate operand.
    pub immediate: i32,
}

/// `BPF_DEVCG_ACC_…`: how a request tells what is to be done.
const MKNOD: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;
/// `BPF_DEVCG_DEV_…`: and with which kind of device.
const BLOCK: i32 = 1;
const CHAR: i32 = 2;

// Instruction codes, from the kernel's Documentation/bpf/standardization/instruction-set.rst.
const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP: u8 = 0x05;
const JUMP_NOT_EQUAL: u8 = 0x55;
const JUMP_ANY_SET: u8 = 0x45;
const EXIT: u8 = 0x95;

/// The answer.
const ANSWER: u8 = 0;
/// The context: access and kind in one word, major, minor.
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
/// Kinds of access that are still undecided.
const OPEN: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// The program for `rules`. What no rule is about is allowed: programs of the groups above are asked as
/// well.
#[must_use]
pub fn compile(rules: &[DeviceRule]) -> Vec<Insn> {
    let mut program = vec![
        load(KIND, 0),
        on(MOVE_REGISTER, OPEN, KIND, 0),
        with(AND, KIND, 0xffff),
        with(SHIFT_RIGHT, OPEN, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for rule in rules.iter().rev() {
        append(rule, &mut program);
        if rule.is_everything() {
            // Whatever stands before it has no say.
            break;
        }
    }
    program.extend([with(MOVE, ANSWER, 1), with(EXIT, ANSWER, 0)]);
    program
}

fn append(rule: &DeviceRule, program: &mut Vec<Insn>) {
    let Some(tests) = tests(rule) else { return };
    let access = bits(rule.access);
    let end = |answer| [with(MOVE, ANSWER, answer), with(EXIT, ANSWER, 0)];
    let mut body = Vec::with_capacity(4);
    if rule.allow {
        body.push(with(AND, OPEN, !access));
        body.push(jump(JUMP_NOT_EQUAL, OPEN, 0, 2));
        body.extend(end(1));
    } else {
        body.push(jump(JUMP_ANY_SET, OPEN, access, 1));
        body.push(jump(JUMP, 0, 0, 2));
        body.extend(end(0));
    }
    let mut rest = tests.len() + body.len();
    for (register, wanted) in tests {
        rest -= 1;
        // A rule is a handful of instructions.
        let offset = i16::try_from(rest).unwrap_or(i16::MAX);
        program.push(jump(JUMP_NOT_EQUAL, register, wanted, offset));
    }
    program.extend(body);
}

/// What a device must have for the rule to be about it: none where there is no such device.
fn tests(rule: &DeviceRule) -> Option<Vec<(u8, i32)>> {
    let kind = match rule.kind {
        DeviceKind::All => return Some(Vec::new()),
        DeviceKind::Char => CHAR,
        DeviceKind::Block => BLOCK,
    };
    let mut tests = vec![(KIND, kind)];
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        if let Some(number) = number {
            // KERNEL: a device number has 12 and 20 bits.
            tests.push((register, i32::try_from(number).ok()?));
        }
    }
    Some(tests)
}

fn bits(access: DeviceAccess) -> i32 {
    [(access.mknod, MKNOD), (access.read, READ), (access.write, WRITE)]
        .into_iter()
        .filter(|(on, _)| *on)
        .fold(0, |bits, (_, bit)| bits | bit)
}

fn load(register: u8, offset: i16) -> Insn {
    Insn { code: LOAD_WORD, registers: register | CONTEXT << 4, offset, immediate: 0 }
}

fn on(code: u8, to: u8, from: u8, immediate: i32) -> Insn {
    Insn { code, registers: to | from << 4, offset: 0, immediate }
}

fn with(code: u8, register: u8, immediate: i32) -> Insn {
    Insn { code, registers: register, offset: 0, immediate }
}

fn jump(code: u8, register: u8, immediate: i32, offset: i16) -> Insn {
    Insn { code, registers: register, offset, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    struct Request {
        kind: i32,
        access: i32,
        major: u32,
        minor: u32,
    }

    /// Runs a program as the kernel does.
    fn emulate(program: &[Insn], request: Request) -> i64 {
        let context = [
            u32::try_from(request.access << 16 | request.kind).unwrap(),
            request.major,
            request.minor,
        ];
        let mut registers = [0i64; 11];
        let mut at = 0usize;
        for _ in 0..=program.len() {
            let insn = program[at];
            let (to, from) = (usize::from(insn.registers & 15), usize::from(insn.registers >> 4));
            let immediate = i64::from(insn.immediate);
            let mut taken = false;
            match insn.code {
                LOAD_WORD => {
                    assert_eq!(from, 1, "only the context can be read");
                    registers[to] = i64::from(context[usize::try_from(insn.offset).unwrap() / 4]);
                }
                MOVE => registers[to] = immediate,
                MOVE_REGISTER => registers[to] = registers[from],
                AND => registers[to] &= immediate,
                SHIFT_RIGHT => registers[to] >>= immediate,
                JUMP => taken = true,
                JUMP_NOT_EQUAL => taken = registers[to] != immediate,
                JUMP_ANY_SET => taken = registers[to] & immediate != 0,
                EXIT => return registers[0],
                other => panic!("unknown instruction {other:#x}"),
            }
            at += 1;
            if taken {
                at = at.checked_add_signed(isize::from(insn.offset)).unwrap();
            }
        }
        panic!("no end after as many steps as there are instructions");
    }

    /// What the rules say, read one by one.
    fn interpret(rules: &[DeviceRule], request: Request) -> bool {
        [MKNOD, READ, WRITE].into_iter().filter(|bit| request.access & bit != 0).all(|bit| {
            let concerns = |rule: &&DeviceRule| {
                let device = match rule.kind {
                    DeviceKind::All => true,
                    DeviceKind::Char | DeviceKind::Block => {
                        let kind = if rule.kind == DeviceKind::Char { CHAR } else { BLOCK };
                        kind == request.kind
                            && rule.major.is_none_or(|n| n == request.major)
                            && rule.minor.is_none_or(|n| n == request.minor)
                    }
                };
                device && bits(rule.access) & bit != 0
            };
            rules.iter().rev().find(concerns).is_none_or(|rule| rule.allow)
        })
    }

    fn requests() -> Vec<Request> {
        let mut all = Vec::new();
        for kind in [CHAR, BLOCK] {
            for access in 1..8 {
                for major in [0, 1, 5] {
                    for minor in [0, 3, 9] {
                        all.push(Request { kind, access, major, minor });
                    }
                }
            }
        }
        all
    }

    fn every_rule() -> Vec<DeviceRule> {
        let mut all = Vec::new();
        for allow in [true, false] {
            for kind in [DeviceKind::All, DeviceKind::Char, DeviceKind::Block] {
                for major in [None, Some(1), Some(5)] {
                    for minor in [None, Some(3)] {
                        for letters in ["", "r", "w", "m", "rw", "rm", "wm", "rwm"] {
                            let access = DeviceAccess::parse(letters).unwrap();
                            all.push(DeviceRule { allow, kind, major, minor, access });
                        }
                    }
                }
            }
        }
        all
    }

    #[track_caller]
    fn agree(rules: &[DeviceRule]) {
        let program = compile(rules);
        for request in requests() {
            let answer = emulate(&program, request);
            assert_eq!(answer == 1, interpret(rules, request), "{rules:?} {request:?}");
            assert!(answer == 0 || answer == 1);
        }
    }

    #[test]
    fn each_rule_alone() {
        agree(&[]);
        for rule in every_rule() {
            agree(&[rule]);
        }
    }

    /// After all has been denied, as runtimes begin.
    #[test]
    fn each_rule_after_denying_all() {
        let none = DeviceRule {
            allow: false,
            kind: DeviceKind::All,
            major: None,
            minor: None,
            access: DeviceAccess::ALL,
        };
        for rule in every_rule() {
            agree(&[rule, none, rule]);
        }
    }

    #[test]
    fn lists_of_rules() {
        let rules = every_rule();
        let mut state = 1usize;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..3000 {
            let length = next(9);
            let list: Vec<DeviceRule> = (0..length).map(|_| rules[next(rules.len())]).collect();
            agree(&list);
        }
    }

    #[test]
    fn numbers_that_no_device_has() {
        let rule = DeviceRule {
            allow: false,
            kind: DeviceKind::Char,
            major: Some(u32::MAX),
            minor: None,
            access: DeviceAccess::ALL,
        };
        assert_eq!(compile(&[rule]).len(), compile(&[]).len());
        agree(&[rule]);
    }

    /// The verifier refuses code that cannot be reached.
    #[test]
    fn nothing_is_unreachable() {
        let rules: Vec<_> = every_rule().into_iter().step_by(7).collect();
        let program = compile(&rules);
        let mut seen = vec![false; program.len()];
        let mut open = vec![0usize];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let insn = program[at];
            let target = || (at + 1).checked_add_signed(isize::from(insn.offset)).unwrap();
            match insn.code {
                EXIT => {}
                JUMP => open.push(target()),
                JUMP_NOT_EQUAL | JUMP_ANY_SET => open.extend([at + 1, target()]),
                _ => open.push(at + 1),
            }
        }
        assert!(seen.into_iter().all(|s| s));
    }
}
