//! The filter of system calls, compiled before the clone.

use dwell_bpf::seccomp::emulate::{self, Data};
use dwell_bpf::seccomp::ready::ready;
use dwell_bpf::seccomp::{self, Call, Instruction, Machine, Setting};
use dwell_plan::Program;
use dwell_plan::facts::Kernel;
use dwell_plan::program::{self, Op, Rules};
use dwell_plan::proof::Act;
use dwell_sys::raw::{self, SockFilter};

use crate::failure::{Cause, Failure};

/// What `seccomp(2)` is given.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) instructions: Vec<SockFilter>,
    pub(crate) flags: u32,
    /// A harmless call that it refuses, and with which error.
    pub(crate) refused: Option<(u32, i32)>,
    /// Behind it nobody can tell that the program could not be started.
    pub(crate) mute: bool,
}

/// Compiles the Program's profile, if it has one.
pub(crate) fn compile(program: &Program) -> Result<Filter, Failure> {
    let Some(wanted) = &program.filter else { return Ok(Filter::default()) };
    let refused = |reason: String| {
        let step = program.steps.get(wanted.step as usize);
        let sentence = format!("cannot install the filter of system calls: {reason}");
        let mut failure = Failure::host(sentence, Cause::HostFile(0));
        failure.hint = step.and_then(|s| s.origin.as_ref()).map(|o| format!("asked for by {o}"));
        failure
    };
    let compiled = instructions(wanted, program.kernel).map_err(refused)?;
    if compiled.listener.is_some() {
        return Err(refused("nobody is there to answer for SCMP_ACT_NOTIFY".to_owned()));
    }
    if !lets(&compiled.instructions, "execve") {
        return Err(refused("it refuses execve, by which the program is started".to_owned()));
    }
    let mute = !lets(&compiled.instructions, "sendto");
    // Asked for by who tries it alone.
    let tried = program.entry.ops.contains(&Op::Prove(Act::MakeCall));
    let refused = if tried { harmless_refused(&compiled.instructions) } else { None };
    let instructions = for_kernel(&compiled.instructions);
    Ok(Filter { instructions, flags: compiled.flags, refused, mute })
}

fn instructions(wanted: &program::Filter, kernel: Kernel) -> Result<seccomp::Filter, String> {
    if let (Rules::Own(strictness, world), false) = (&wanted.rules, wanted.log)
        && let Some(instructions) = ready(*strictness, *world)
    {
        return Ok(seccomp::Filter { instructions, ..seccomp::Filter::default() });
    }
    let setting = Setting {
        machine: Machine::OWN,
        kernel,
        capabilities: wanted.capabilities,
        log: wanted.log,
    };
    seccomp::compile(&wanted.rules.profile(), &setting).map_err(|error| error.to_string())
}

/// Whether one's filter is the other's. dwell's own does not depend on the capabilities that a world's root has.
pub(crate) fn are_alike(one: &program::Filter, other: Option<&program::Filter>) -> bool {
    let own = |filter: &program::Filter| match filter.rules {
        Rules::Own(strictness, world) => {
            (world.holds_the_usual() && !filter.log).then_some((strictness, world.own_users))
        }
        Rules::Of(_) => None,
    };
    other.is_some_and(|other| own(one).is_some() && own(one) == own(other))
}

/// The filter as `seccomp(2)` takes it.
pub(crate) fn for_kernel(filter: &[Instruction]) -> Vec<SockFilter> {
    filter.iter().map(|i| SockFilter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect()
}

/// A call that does nothing when it is made, and that the filter answers with an error.
fn harmless_refused(filter: &[Instruction]) -> Option<(u32, i32)> {
    /// `SECCOMP_RET_ERRNO`: the error is in the lower half.
    const ERRNO: u32 = 0x0005_0000;
    let own = Machine::OWN.abis().first()?;
    raw::HARMLESS.into_iter().find_map(|number| {
        let arch = own.audit();
        let data = Data { number, arch, instruction_pointer: 0x40_1000, args: [0; 6] };
        let verdict = emulate::verdict(filter, &data).ok()?;
        let errno = i32::try_from(verdict & 0xffff).ok()?;
        (verdict & 0xffff_0000 == ERRNO && errno > 0).then_some((number, errno))
    })
}

/// Whether the filter lets a call with three addresses and nothing else through, or leaves it to a tracer.
/// Without `execve(2)` no program is started.
fn lets(filter: &[Instruction], call: &str) -> bool {
    /// `SECCOMP_RET_TRACE`; beyond it are LOG and ALLOW.
    const TRACE: u32 = 0x7ff0_0000;
    let Some(own) = Machine::OWN.abis().first() else { return true };
    let number = Call::named(call).and_then(|call| call.number(*own));
    number.is_none_or(|number| {
        // Addresses like those that the kernel gives.
        let args = [0x7f00_1000, 0x7f00_2000, 0x7f00_3000, 0, 0, 0];
        let data = Data { number, arch: own.audit(), instruction_pointer: 0x40_1000, args };
        let verdict = emulate::verdict(filter, &data).unwrap_or_default();
        (TRACE..1 << 31).contains(&verdict)
    })
}
