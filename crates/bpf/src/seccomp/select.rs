//! The rules of a profile that count here, ready for every ABI.

use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::{Action, Arg, Compare, Name, Profile, Rule, Where};

use super::abi::Abi;
use super::args::Alternative;
use super::calls::Call;
use super::error::Error;
use super::{Setting, verdict};

/// What counts.
#[derive(Debug)]
pub(super) struct Selection {
    /// What is done by default.
    pub(super) default: u32,
    /// What is done about calls by way of an ABI without rules.
    pub(super) alien: u32,
    /// Whether calls that are newer than the profile are answered ENOSYS.
    pub(super) refuses_newer: bool,
    /// Whether any rule asks a listener.
    pub(super) notifies: bool,
    /// Names that nobody knows.
    pub(super) unknown: usize,
    pub(super) rules: Vec<Selected>,
    /// What rules with conditions consist of.
    pub(super) alternatives: Vec<Alternative>,
    /// The same for the calls of x86 that make others: their places, in the order of the rules.
    pub(super) multiplexed: Vec<(usize, Alternative)>,
}

/// A rule that counts.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) calls: Vec<Call>,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// Nothing else than what is done by default.
    Default,
    /// This, whatever the arguments.
    Always(u32),
    /// The alternatives from the one to before the other.
    Sometimes(usize, usize),
}

impl Selection {
    pub(super) fn of(profile: &Profile<'_>, setting: &Setting) -> Result<Selection, Error> {
        let default = verdict::of(
            profile.default_action,
            profile.default_errno_ret,
            profile.default_errno.as_ref(),
            &String::new,
            ["defaultErrnoRet", "defaultErrno"],
        )?;
        let default = logged(default, setting);
        let permits = setting.log
            || matches!(profile.default_action, Action::Allow | Action::Log | Action::Trace);
        let mut selection = Selection {
            default,
            alien: logged(verdict::KILL_THREAD, setting),
            refuses_newer: !permits && default != verdict::ENOSYS,
            notifies: false,
            unknown: 0,
            rules: Vec::with_capacity(profile.syscalls.len()),
            alternatives: Vec::new(),
            multiplexed: Vec::new(),
        };
        let x86 = setting.machine.chosen(profile).any(|abi| abi == Abi::X86);
        for (at, rule) in profile.syscalls.iter().enumerate() {
            selection.add(at, rule, setting)?;
        }
        if x86 {
            selection.multiplex();
        }
        Ok(selection)
    }

    fn add(&mut self, at: usize, rule: &Rule<'_>, setting: &Setting) -> Result<(), Error> {
        let pointer = || format!("/syscalls/{at}");
        let keys = ["errnoRet", "errno"];
        let verdict =
            verdict::of(rule.action, rule.errno_ret, rule.errno.as_ref(), &pointer, keys)?;
        let verdict = logged(verdict, setting);
        check(rule, at)?;
        if !counts(rule, at, setting)? {
            return Ok(());
        }
        let calls = self.calls(rule);
        let what = if verdict == self.default {
            What::Default
        } else if rule.args.is_empty() {
            What::Always(verdict)
        } else {
            self.alternatives(&rule.args, verdict)
        };
        self.notifies |= rule.action == Action::Notify && !setting.log;
        self.rules.push(Selected { calls, what });
        Ok(())
    }

    /// `socketcall(2)` and `ipc(2)` get the rules of the calls they make. Their first argument says which,
    /// so a condition on the first argument of the call itself cannot be looked at.
    fn multiplex(&mut self) {
        for rule in &self.rules {
            let alternatives = match rule.what {
                What::Default => continue,
                What::Always(verdict) => &[Alternative { verdict, conditions: Vec::new() }][..],
                What::Sometimes(from, to) => &self.alternatives[from..to],
            };
            for (place, number) in rule.calls.iter().filter_map(|call| call.multiplexed()) {
                let which = Arg { index: 0, value: number, value_two: 0, op: Compare::Equal };
                self.multiplexed.extend(alternatives.iter().map(
                    |Alternative { verdict, conditions }| {
                        let others = conditions.iter().copied().filter(|arg| arg.index != 0);
                        let conditions = [which].into_iter().chain(others).collect();
                        (place, Alternative { verdict: *verdict, conditions })
                    },
                ));
            }
        }
    }

    fn calls(&mut self, rule: &Rule<'_>) -> Vec<Call> {
        let mut calls = Vec::with_capacity(rule.names.len() + 1);
        for name in rule.names.iter().chain(&rule.name) {
            match Call::named(name) {
                Some(call) => calls.push(call),
                None => self.unknown += 1,
            }
        }
        calls
    }

    /// One alternative with all the conditions; or, where two are on the same argument, one for each.
    fn alternatives(&mut self, args: &[Arg], verdict: u32) -> What {
        let from = self.alternatives.len();
        let mut seen = 0u32;
        let repeated = args.iter().any(|arg| {
            let bit = 1 << arg.index;
            let before = seen;
            seen |= bit;
            before & bit != 0
        });
        // A mask without bits says nothing.
        let empty =
            |arg: &&Arg| arg.op == Compare::MaskedEqual && arg.value == 0 && arg.value_two == 0;
        let nothing = args.iter().filter(empty).count();
        if nothing == args.len() || repeated && nothing > 0 {
            return What::Always(verdict);
        }
        if repeated {
            let each = args.iter().map(|arg| Alternative { verdict, conditions: vec![*arg] });
            self.alternatives.extend(each);
        } else {
            self.alternatives.push(Alternative { verdict, conditions: args.to_vec() });
        }
        What::Sometimes(from, self.alternatives.len())
    }
}

/// The verdict, or where only the log is wanted what writes there.
fn logged(verdict: u32, setting: &Setting) -> u32 {
    if setting.log && verdict != verdict::ALLOW { verdict::LOG } else { verdict }
}

/// Looks for what is wrong in a rule, whether it counts or not.
fn check(rule: &Rule<'_>, at: usize) -> Result<(), Error> {
    if rule.names.is_empty() && rule.name.is_none() {
        return Err(Error::new(format!("/syscalls/{at}/names"), "it names no call"));
    }
    if let Some(n) = rule.names.iter().position(|name| name.is_empty()) {
        return Err(Error::new(format!("/syscalls/{at}/names/{n}"), "the name is empty"));
    }
    if let Some(n) = rule.args.iter().position(|arg| arg.index > 5) {
        let why = format!("a call has the arguments 0 to 5, not {}", rule.args[n].index);
        return Err(Error::new(format!("/syscalls/{at}/args/{n}/index"), why));
    }
    Ok(())
}

fn counts(rule: &Rule<'_>, at: usize, setting: &Setting) -> Result<bool, Error> {
    let is = |key| {
        move |part: &Where<'_>| {
            let Some(kernel) = part.min_kernel.as_deref().filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            match release(kernel) {
                Some(wanted) => Ok(Some(setting.kernel >= wanted)),
                None => Err(Error::new(
                    format!("/syscalls/{at}/{key}/minKernel"),
                    format!("{kernel:?} is not a release like \"4.8\""),
                )),
            }
        }
    };
    let (included, excluded) = (is("includes")(&rule.includes)?, is("excludes")(&rule.excludes)?);
    let holds = |name: &Name<'_>| {
        let named = name.strip_prefix("CAP_").and_then(CapSet::named);
        named.is_some_and(|cap| cap != CapSet::ALL && cap.without(setting.capabilities).0 == 0)
    };
    let machine = |name: &Name<'_>| **name == *setting.machine.go_name();
    let (yes, no) = (&rule.includes, &rule.excludes);
    let wanted = (yes.arches.is_empty() || yes.arches.iter().any(machine))
        && yes.caps.iter().all(holds)
        && included.unwrap_or(true);
    let unwanted =
        no.arches.iter().any(machine) || no.caps.iter().any(holds) || excluded.unwrap_or(false);
    Ok(wanted && !unwanted)
}

/// `4.8`.
fn release(text: &str) -> Option<Kernel> {
    let (major, minor) = text.split_once('.')?;
    Some(Kernel { major: major.parse().ok()?, minor: minor.parse().ok()? })
}
