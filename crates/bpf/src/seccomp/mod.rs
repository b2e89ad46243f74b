//! Seccomp profiles, as classic BPF.
//!
//! For each ABI the numbers of the system calls are cut into ranges that get the same answer, and the
//! filter searches the range by halving. KERNEL: when a filter is installed the kernel runs it once for
//! every number to learn which calls it always allows; those are not filtered any more when they are
//! made. So what a filter costs is how long it is and how many steps it takes to an answer.
//!
//! What a profile means is what the runtimes in use (runc with libseccomp) make of it:
//!
//! - **Which rules count.** `includes` must all hold and `excludes` must none: capabilities of the
//!   bounding set, the machine in Go's words, the kernel. A rule that does what is done by default anyway
//!   says nothing. A name that no ABI knows is left out and counted.
//! - **Several rules for a call.** One without conditions wins over those with some; of several without,
//!   the first one wins. Else the first whose conditions hold decides, and the default if none does.
//! - **Conditions of a rule** must all hold, but of several on the same argument one is enough.
//!   Arguments are 64 bits without a sign; on x86, ARM and x32 they are 32 bits, and a negative value
//!   written with 64 bits is shortened.
//! - **Calls newer than the profile.** Where the default is neither to allow, nor to log, nor to trace,
//!   nor ENOSYS already, every number above the largest that a rule names on that ABI is answered ENOSYS:
//!   a C library then falls back to an older call. ARM's private calls, from 0xf0000 on, are apart from
//!   this: they are neither counted nor answered so.
//! - **Other ABIs.** A call by way of an ABI that the profile does not name kills the thread. Calls of x32
//!   on x86-64 have a larger number: where x32 is not named and the rule before applies, they get ENOSYS.
//! - **Multiplexers of x86.** A rule for `socket` and its like also is one for `socketcall(2)`, and one for
//!   `semop` and its like one for `ipc(2)`. A filter sees only the arguments of these: a condition on
//!   the first one is replaced by the call's number, others look at what is there.

mod abi;
mod args;
mod asm;
mod calls;
pub mod emulate;
mod errno;
mod error;
mod policy;
pub mod ready;
mod select;
mod table;
mod tree;
mod verdict;

use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::{Action, Flag, Profile};

pub use abi::{Abi, Machine, X32_BIT};
pub use calls::Call;
pub use error::Error;
pub use table::RELEASE;

use asm::{Assembler, EQUAL, Target};
use policy::Policy;
use select::Selection;

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// One instruction of classic BPF, `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// How many instructions to skip when a comparison holds.
    pub jt: u8,
    /// How many to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// What the conditions of a profile are about.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The machine.
    pub machine: Machine,
    /// Its kernel.
    pub kernel: Kernel,
    /// The bounding set of the program's capabilities.
    pub capabilities: CapSet,
    /// What is not allowed is logged and made all the same.
    pub log: bool,
}

/// A compiled profile: all that `seccomp(2)` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The program, at most [`MAX_INSTRUCTIONS`] long.
    pub instructions: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_…`. With a listener this has `NEW_LISTENER`, and with that and `TSYNC`
    /// also `TSYNC_ESRCH`, which Linux 5.7 brought for the two together.
    pub flags: u32,
    /// Who answers, where a rule asks.
    pub listener: Option<Listener>,
    /// How many names of calls were left out because nobody knows them.
    pub unknown: usize,
}

/// Where the descriptor of the listener is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// A Unix socket.
    pub path: String,
    /// What is sent along, as it is.
    pub metadata: String,
}

const FLAG_NEW_LISTENER: u32 = 1 << 3;
const FLAG_TSYNC_ESRCH: u32 = 1 << 4;

/// Compiles a profile.
///
/// # Errors
/// It contradicts itself, names what does not exist, or is too long for the kernel.
pub fn compile(profile: &Profile<'_>, setting: &Setting) -> Result<Filter, Error> {
    let selection = Selection::of(profile, setting)?;
    let listener = listener(profile, &selection)?;
    let instructions = instructions(profile, setting, &selection)?;
    Ok(Filter {
        instructions,
        flags: flags(profile, listener.is_some()),
        listener,
        unknown: selection.unknown,
    })
}

fn instructions(
    profile: &Profile<'_>,
    setting: &Setting,
    selection: &Selection,
) -> Result<Vec<Instruction>, Error> {
    let mut asm = Assembler::with_capacity(1024);
    let abis: Vec<Abi> = setting.machine.chosen(profile).collect();
    let mut next = Target::Return(selection.alien);
    // The own ABI is asked for first, so it is written last.
    for abi in abis.iter().rev().filter(|abi| **abi != Abi::X32) {
        let mut policy = Policy::of(*abi, selection)?;
        let mut ranges = policy.ranges(&mut asm);
        if *abi == Abi::X86_64 {
            add_x32(abis.contains(&Abi::X32), selection, &mut asm, &mut ranges)?;
        }
        let search = tree::write_numbers(&mut asm, &ranges);
        let number = match search {
            Target::At(_) if ranges.len() > 1 => asm.load(0, search),
            _ => search,
        };
        next = asm.compare(EQUAL, abi.audit(), number, next);
    }
    let entry = asm.load(4, next);
    asm.finish(entry).ok_or_else(|| {
        Error::new(
            "",
            format!("it takes more than the {MAX_INSTRUCTIONS} instructions of a filter"),
        )
    })
}

/// x32 has the architecture of x86-64 and larger numbers.
fn add_x32(
    named: bool,
    selection: &Selection,
    asm: &mut Assembler,
    ranges: &mut Vec<tree::Range>,
) -> Result<(), Error> {
    if named {
        for (from, target) in Policy::of(Abi::X32, selection)?.ranges(asm) {
            tree::push(ranges, from, target);
        }
        return Ok(());
    }
    let verdict = if selection.refuses_newer { verdict::ENOSYS } else { selection.alien };
    tree::push(ranges, X32_BIT, Target::Return(verdict));
    Ok(())
}

fn flags(profile: &Profile<'_>, listens: bool) -> u32 {
    let flags = profile.flags.iter().fold(0, |flags, flag| {
        flags
            | match flag {
                Flag::Tsync => 1 << 0,
                Flag::Log => 1 << 1,
                Flag::SpecAllow => 1 << 2,
                Flag::WaitKillableRecv => 1 << 5,
            }
    });
    match listens {
        true if flags & 1 != 0 => flags | FLAG_NEW_LISTENER | FLAG_TSYNC_ESRCH,
        true => flags | FLAG_NEW_LISTENER,
        false => flags,
    }
}

fn listener(profile: &Profile<'_>, selection: &Selection) -> Result<Option<Listener>, Error> {
    let error = |pointer: &str, reason: &str| Err(Error::new(pointer, reason));
    if profile.default_action == Action::Notify {
        return error(
            "/defaultAction",
            "every call cannot be asked about: SCMP_ACT_NOTIFY is for rules",
        );
    }
    let metadata = profile.listener_metadata.as_deref().unwrap_or_default().to_owned();
    match (&profile.listener_path, selection.notifies) {
        (Some(path), true) => Ok(Some(Listener { path: path.to_string(), metadata })),
        (None, true) => error("/listenerPath", "it is missing, and a rule has SCMP_ACT_NOTIFY"),
        (None, false) if !metadata.is_empty() => {
            error("/listenerMetadata", "it is for a listenerPath, which is missing")
        }
        _ if profile.flags.contains(&Flag::WaitKillableRecv) => {
            error("/flags", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for SCMP_ACT_NOTIFY")
        }
        _ => Ok(None),
    }
}
