//! Refusing more than a profile does, whatever it says.

use super::{Action, Arg, Compare, Name, Profile, Rule};

/// Calls that fail with this error, whatever their arguments.
pub(super) type Always = (&'static [&'static str], u32);

/// A call that fails with this error when, for each triple, `argument & mask == value`.
pub(super) type Sometimes = (&'static str, &'static [(u32, u64, u64)], u32);

/// Makes a profile refuse these, too.
pub(super) fn refuse(profile: &mut Profile<'static>, always: &[Always], sometimes: &[Sometimes]) {
    let mut first = Vec::new();
    for (calls, errno) in always {
        for call in *calls {
            drop(take_out(profile, call, |_| true));
        }
        first.push(rule(calls, *errno, Vec::new()));
    }
    for (call, conditions, errno) in sometimes {
        // Rules without conditions win over those with some.
        let plain = take_out(profile, call, |rule| rule.args.is_empty());
        let refused = conditions.iter().map(|(index, mask, value)| Arg {
            index: *index,
            value: *mask,
            value_two: *value,
            op: Compare::MaskedEqual,
        });
        first.push(rule(&[call], *errno, refused.collect()));
        let any = Arg { index: 0, value: 0, value_two: 0, op: Compare::GreaterOrEqual };
        profile.syscalls.extend(plain.into_iter().map(|rule| Rule { args: vec![any], ..rule }));
    }
    profile.syscalls.splice(0..0, first);
}

fn rule(calls: &[&'static str], errno: u32, args: Vec<Arg>) -> Rule<'static> {
    let names = calls.iter().map(|call| Name::from(*call)).collect();
    Rule { names, action: Action::Errno, errno_ret: Some(errno), args, ..Rule::default() }
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
