//! What the first process does before anything is known of the machine: the beginning of its list.
//!
//! It is started ahead, where that is possible ([`setup::ahead`]), and would wait while the machine is read.
//! What follows from the Plan and from who calls stands first in the list, so that it is done meanwhile.

use super::builder::{Builder, List};
use super::ids::{self, Maps};
use super::setup;
use crate::facts::Caller;
use crate::namespace::NamespaceKind;
use crate::plan::{Mapping, Plan, RootSource, SeccompProfile};
use crate::program::{Filter, Op, Program, Rules};
use crate::seccomp::builtin::{Strictness, World};

/// The beginning of the list of the first process of a world, for what the Plan and the caller are alone; and
/// the namespaces of the first clone. None where the machine has to be known before.
///
/// [`lower`](crate::lower) makes a list for the same Plan and caller that begins alike.
#[must_use]
pub fn beginning(plan: &Plan, caller: &Caller) -> Option<Program> {
    let clone = setup::ahead(plan)?;
    let mut b = Builder::new(false);
    b.write_to(List::Setup);
    write(plan, caller, &mut b);
    let filter = filters(plan).then_some(Filter {
        rules: Rules::Own(Strictness::Default, World::OWN),
        capabilities: World::OWN.capabilities,
        log: false,
        step: 0,
    });
    Some(Program {
        arena: b.arena,
        steps: b.steps,
        setup: b.setup,
        clone,
        filter,
        ..Program::default()
    })
}

pub(super) fn write(plan: &Plan, caller: &Caller, b: &mut Builder) {
    // Who has other namespaces to enter first is in none of the new ones yet.
    if setup::in_steps(plan) {
        return;
    }
    if filters(plan) {
        b.step("install", "the filter of system calls", None);
        b.op(Op::Filter);
    }
    if let Some(maps) = own_maps(plan, caller) {
        map_own_id(&maps, b);
    }
    name(plan, b);
}

/// Whether the filter of system calls is installed before anything else is done: dwell's own default profile lets
/// through all that setting up a world takes, where that has power over the world's own namespaces alone.
///
/// KERNEL: it takes `no_new_privs` or `CAP_SYS_ADMIN` in the own user namespace (`seccomp(2)`), which the first
/// process of a new user namespace has. Most of its time goes into translating the filter and asking it about each
/// system call, which nothing else has to wait for.
pub(super) fn filters(plan: &Plan) -> bool {
    let seccomp = &plan.process.seccomp;
    let plain = matches!(seccomp.profile, SeccompProfile::Default) && !seccomp.log;
    // These change the profile, or are tried with calls that it refuses.
    let changed = plan.landlock.is_some() || plan.hardening.no_new_code || plan.hardening.verify;
    let knows_rights = plan.process.capabilities.is_empty();
    begins_with_own_users(plan) && plain && !changed && knows_rights
}

/// The map of a user who needs nobody's help for it.
pub(super) fn own_maps(plan: &Plan, caller: &Caller) -> Option<Maps> {
    let (users, groups) = (&plan.identity.users, &plan.identity.groups);
    let default = matches!((users, groups), (Mapping::Default, Mapping::Default));
    // In a directory files may belong to subordinate ids.
    let simple = default && matches!(plan.root, RootSource::Host { .. });
    (begins_with_own_users(plan) && simple && !ids::is_privileged(caller))
        .then(|| ids::own_as_root(caller))
}

pub(super) fn map_own_id(maps: &Maps, b: &mut Builder) {
    b.step("map", "your own id into the user namespace", None);
    setup::write_file(b, "/proc/self/setgroups", "deny");
    setup::write_file(b, "/proc/self/uid_map", &maps.users.kernel_text());
    setup::write_file(b, "/proc/self/gid_map", &maps.groups.kernel_text());
}

pub(super) fn name(plan: &Plan, b: &mut Builder) {
    if let Some(name) = plan.hostname.as_ref().filter(|_| plan.namespaces.owns(NamespaceKind::Uts))
    {
        b.step("set", format!("the host name {name}"), None);
        let name = b.str(name.as_bytes());
        b.op(Op::Hostname(name));
    }
}

fn begins_with_own_users(plan: &Plan) -> bool {
    plan.namespaces.owns(NamespaceKind::User) && !setup::in_steps(plan)
}
