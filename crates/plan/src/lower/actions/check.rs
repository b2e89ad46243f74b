//! Actions that contradict each other, or something else in their Plan.

use super::{persists, unshared};
use crate::action::{Action, IdBlock, Setgroups};
use crate::namespace::NamespaceKind;
use crate::plan::{Identity, Plan, Process, RootSource};
use crate::refusal::Refusal;

/// Looks for contradictions within a Plan with actions.
pub(crate) fn check(plan: &Plan) -> Result<(), Refusal> {
    alone(plan)?;
    let has = |wanted: fn(&Action) -> bool| plan.actions.iter().any(wanted);
    let own = unshared(plan);
    if has(|a| matches!(a, Action::Clock(_))) && !own.has(NamespaceKind::Time) {
        return Err(Refusal::new(
            "options --monotonic and --boottime require unsharing of a time namespace (-T)",
        ));
    }
    let allows = has(|a| *a == Action::Setgroups(Setgroups::Allow));
    if allows && has(|a| matches!(a, Action::MapOwnGroup(_))) {
        return Err(Refusal::new(
            "options --setgroups=allow and --map-group are mutually exclusive",
        ));
    }
    once(plan)?;
    let unbound = plan.actions.iter().find_map(|a| match a {
        Action::Persist { kind, .. } if !own.has(*kind) => Some(*kind),
        _ => None,
    });
    if let (true, Some(kind)) = (persists(plan), unbound) {
        return Err(Refusal::new(format!("there is no new {kind} namespace to be kept")));
    }
    Ok(())
}

/// What a world has, a process that starts in place has not.
fn alone(plan: &Plan) -> Result<(), Refusal> {
    let bare = plan.namespaces.own.is_empty()
        && plan.namespaces.join.is_empty()
        && plan.identity == Identity::default()
        && plan.root == RootSource::default()
        && plan.grants.is_empty()
        && !plan.read_only
        && plan.scratch.is_none()
        && plan.hostname.is_none()
        && plan.clocks.is_empty()
        && plan.process == Process::default()
        && plan.command.workdir.is_none();
    if bare {
        return Ok(());
    }
    Err(Refusal::new("a plan has either actions or a world"))
}

/// What can only be there once.
fn once(plan: &Plan) -> Result<(), Refusal> {
    let count = |wanted: fn(&Action) -> bool| plan.actions.iter().filter(|a| wanted(a)).count();
    let own_ids =
        |blocks: &[IdBlock]| blocks.iter().filter(|block| matches!(block, IdBlock::Own(_))).count();
    let twice = if count(|a| matches!(a, Action::Fork(_))) > 1 {
        "forks"
    } else if count(|a| matches!(a, Action::MapFromOutside { .. })) > 1 {
        "maps ids from outside"
    } else if plan.actions.iter().any(|a| match a {
        Action::MapFromOutside { users, groups } => own_ids(users) > 1 || own_ids(groups) > 1,
        _ => false,
    }) {
        "maps the caller's own id"
    } else {
        return Ok(());
    };
    Err(Refusal::new(format!("a plan {twice} only once")))
}
