//! What a profile must refuse so that nothing that was written can be executed.
//!
//! `PR_SET_MDWE` keeps memory from becoming executable that was not when it was mapped. What is written
//! through one mapping and executed through another is left: of a memory file (`memfd_create(2)`, with
//! `MFD_NOEXEC_SEAL` too, which is about `execve(2)` alone) and of System V shared memory. A tracer
//! writes to any memory. With `READ_IMPLIES_EXEC` what can be read can be executed.

use super::{Action, Arg, Compare, Name, Profile, Rule, builtin};

const EPERM: u32 = 1;
const EACCES: u32 = 13;
const ENOSYS: u32 = 38;

/// Calls that fail whatever their arguments.
const REFUSED: [(&[&str], u32); 2] =
    [(&["memfd_create", "memfd_secret"], ENOSYS), (&["ptrace"], EPERM)];

/// Calls that fail when `argument & mask == value`: `SHM_EXEC`, and `READ_IMPLIES_EXEC` (all bits ask for
/// the personality and change nothing).
const SOMETIMES: [(&str, u32, u64, u64, u32); 2] = [
    ("shmat", 2, 0o100_000, 0o100_000, EACCES),
    ("personality", 0, 0x8040_0000, 0x0040_0000, EPERM),
];

/// The profile with this refused too.
#[must_use]
pub fn harden(mut profile: Profile<'static>) -> Profile<'static> {
    let mut first = Vec::new();
    for (calls, errno) in REFUSED {
        for call in calls {
            drop(take_out(&mut profile, call, |_| true));
        }
        first.push(rule(calls, Action::Errno, Some(errno), Vec::new()));
    }
    for (call, index, mask, value, errno) in SOMETIMES {
        // Rules without conditions win over those with some.
        let plain = take_out(&mut profile, call, |rule| rule.args.is_empty());
        let on = |op, value, value_two| vec![Arg { index, value, value_two, op }];
        let refused = on(Compare::MaskedEqual, mask, value);
        first.push(rule(&[call], Action::Errno, Some(errno), refused));
        let always = on(Compare::GreaterOrEqual, 0, 0);
        profile
            .syscalls
            .extend(plain.into_iter().map(|rule| Rule { args: always.clone(), ..rule }));
    }
    profile.syscalls.splice(0..0, first);
    profile
}

/// A profile that allows all else.
#[must_use]
pub fn alone() -> Profile<'static> {
    let arch_map = builtin::own_abis();
    harden(Profile { default_action: Action::Allow, arch_map, ..Profile::default() })
}

fn rule(
    calls: &[&'static str],
    action: Action,
    errno_ret: Option<u32>,
    args: Vec<Arg>,
) -> Rule<'static> {
    let names = calls.iter().map(|call| Name::from(*call)).collect();
    Rule { names, action, errno_ret, args, ..Rule::default() }
}

/// Takes a call out of the rules that are meant, and gives these for the call alone.
fn take_out(
    profile: &mut Profile<'static>,
    call: &'static str,
    meant: impl Fn(&Rule<'_>) -> bool,
) -> Vec<Rule<'static>> {
    let mut taken = Vec::new();
    for rule in profile.syscalls.iter_mut().filter(|rule| meant(rule)) {
        let before = rule.names.len();
        rule.names.retain(|name| **name != *call);
        let single = rule.name.take_if(|name| **name == *call).is_some();
        if single || rule.names.len() < before {
            taken.push(Rule { names: vec![Name::from(call)], name: None, ..rule.clone() });
        }
    }
    profile.syscalls.retain(|rule| rule.name.is_some() || !rule.names.is_empty());
    taken
}
