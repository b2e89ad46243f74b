//! Which acts are tried at the walls of a world, for `--verify`.

use super::Context;
use super::builder::Builder;
use super::entry;
use crate::namespace::{NamespaceKind, NamespaceSet};
use crate::plan::RootSource;
use crate::program::{Op, Topic, own_terminal};
use crate::proof::Act;

const CAP_SYS_CHROOT: u32 = 18;

/// The acts that need calls which a filter may refuse.
pub(super) fn before_filter(cx: &Context<'_>, b: &mut Builder, held: u64, bounded: bool) {
    if !cx.plan.hardening.verify {
        return;
    }
    let acts = acts(cx, held, bounded);
    let mut walls: Vec<_> = acts.iter().map(|act| act.proof().wall).collect();
    walls.dedup();
    b.decide(
        Topic::Walls,
        format!("tried just before the program is executed: {}", walls.join(", ")),
        "`--verify`",
    );
    for act in acts {
        prove(b, act);
    }
}

/// The act that is about the filter itself.
pub(super) fn after_filter(cx: &Context<'_>, b: &mut Builder, filtered: bool) {
    if cx.plan.hardening.verify && filtered {
        prove(b, Act::MakeCall);
    }
}

fn prove(b: &mut Builder, act: Act) {
    b.step("try", format!("the wall {}", act.proof().wall), None);
    b.op(Op::Prove(act));
}

fn acts(cx: &Context<'_>, held: u64, bounded: bool) -> Vec<Act> {
    let own = cx.plan.namespaces.own;
    let owns = |kind| own.has(kind);
    let lacks = |cap: u32| held & (1 << cap) == 0;
    let terminal = own_terminal(cx.plan.process.pty, cx.facts.terminals);
    let kept = entry::kept(cx).0;
    let rows = [
        (owns(NamespaceKind::Pid), Act::SignalOutside),
        (owns(NamespaceKind::Mount) && !shows_root(cx), Act::LeaveRoot),
        (owns(NamespaceKind::Net), Act::ConnectOutside),
        (true, Act::HaveCapability(held)),
        (bounded, Act::GetCapability(kept)),
        (lacks(CAP_SYS_CHROOT), Act::UseCapability),
        (true, Act::GainPrivileges),
        (true, Act::UseDescriptor),
        (terminal == [false; 3], Act::OpenTerminal),
        (cx.no_new_code(), Act::MapCode),
    ];
    let spaces = all(own).map(|kind| (true, Act::ShareNamespace(kind)));
    spaces.chain(rows).filter(|(wanted, _)| *wanted).map(|(_, act)| act).collect()
}

fn all(own: NamespaceSet) -> impl Iterator<Item = NamespaceKind> {
    NamespaceKind::ALL.into_iter().filter(move |kind| own.has(*kind))
}

/// Whether the world's root directory is the machine's own, seen again.
fn shows_root(cx: &Context<'_>) -> bool {
    let bound = cx.read_only() && cx.owns_root_mounts();
    let host = matches!(cx.plan.root, RootSource::Host { .. });
    bound && host || cx.plan.grants.iter().any(|grant| grant.dest.is_root())
}
