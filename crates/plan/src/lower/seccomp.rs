//! Which system calls the program can make.

use super::builder::Builder;
use super::entry;
use super::{Context, beginning};
use crate::landlock::Wall;
use crate::namespace::NamespaceKind;
use crate::plan::SeccompProfile;
use crate::program::{Filter, Op, Rules, Topic};
use crate::seccomp::builtin::{self, Answer, FAMILIES_OF_CALLS, Strictness, World};
use crate::seccomp::{Action, Profile, no_new_code, tcp};

/// Writes the op that installs the filter, if there is one. KERNEL: a process without `CAP_SYS_ADMIN`
/// must have `no_new_privs` by then, so that set-user-ID programs are not confused by it.
pub(super) fn filter(cx: &Context<'_>, b: &mut Builder) -> Option<Filter> {
    let wanted = &cx.plan.process.seccomp;
    let world = world(cx);
    let (mut rules, origin) = match &wanted.profile {
        SeccompProfile::None if cx.no_new_code() || cx.closes_tcp() => {
            (Rules::Of(builtin::everything()), None)
        }
        SeccompProfile::None => {
            b.decide(Topic::Process, "every system call can be made (no seccomp)", "asked for");
            return None;
        }
        SeccompProfile::Default => (own(Strictness::Default, world, b), None),
        SeccompProfile::Strict => (own(Strictness::Strict, world, b), None),
        SeccompProfile::Given { profile, origin } => {
            tell_given(profile, origin, b);
            (Rules::Of(profile.as_ref().clone()), Some(origin))
        }
    };
    if cx.no_new_code() {
        rules = Rules::Of(no_new_code::harden(rules.profile().into_owned()));
    }
    if cx.closes_tcp() {
        rules = Rules::Of(tcp::harden(rules.profile().into_owned(), may_listen(cx)));
    }
    if cx.closes_sockets() {
        let tcp = cx.plan.landlock.as_ref().is_some_and(|asked| asked.wants(Wall::Tcp));
        let mut profile = rules.profile().into_owned();
        builtin::close_sockets(&mut profile, !tcp, cx.tells_sockets_apart());
        rules = Rules::Of(profile);
    }
    if wanted.log {
        b.decide(Topic::Process, "what seccomp does not allow is logged and made", "asked for");
    }
    if !beginning::filters(cx.plan) {
        b.step("install", "the filter of system calls", origin);
        b.op(Op::Filter);
    }
    let step = b.current_step();
    Some(Filter { rules, capabilities: world.capabilities, log: wanted.log, step })
}

/// A port that `listen(2)` takes by itself is open to nobody outside of the world's own network.
fn may_listen(cx: &Context<'_>) -> bool {
    cx.owns(NamespaceKind::Net)
}

fn world(cx: &Context<'_>) -> World {
    World { own_users: cx.leaves_users(), capabilities: entry::kept(cx) }
}

fn own(strictness: Strictness, world: World, b: &mut Builder) -> Rules {
    if b.explains() {
        tell_own(strictness, world, b);
    }
    Rules::Own(strictness, world)
}

fn tell_own(strictness: Strictness, world: World, b: &mut Builder) {
    let name = match strictness {
        Strictness::Default => "default",
        Strictness::Strict => "strict",
    };
    let titles = |wanted: fn(Answer) -> bool| {
        let families = FAMILIES_OF_CALLS.iter();
        let titles = families.filter(|family| wanted(family.answer(strictness, world)));
        titles.map(|family| family.title).collect::<Vec<_>>().join("; ")
    };
    let refused = titles(|answer| matches!(answer, Answer::Refuse | Answer::Missing));
    b.decide(
        Topic::Process,
        format!("system calls: the profile {name} (seccomp) refuses: {refused}"),
        "what programs do not need, an attack on the kernel cannot use",
    );
    let partly =
        titles(|answer| matches!(answer, Answer::Only(..) | Answer::Without(..) | Answer::Bits(_)));
    b.decide(Topic::Process, format!("allowed by their arguments: {partly}"), "the same");
}

fn tell_given(profile: &Profile<'_>, origin: &crate::plan::Origin, b: &mut Builder) {
    let otherwise = match profile.default_action {
        Action::Allow => "made",
        Action::Log => "made and logged",
        Action::Errno => "refused",
        Action::Trap | Action::KillThread | Action::KillProcess => "answered with SIGSYS",
        Action::Trace | Action::Notify => "somebody else's to answer",
    };
    b.decide(
        Topic::Process,
        format!(
            "system calls: {} rules of a profile (seccomp); what they do not name is {otherwise}",
            profile.syscalls.len()
        ),
        origin.to_string(),
    );
}
