//! `--no-new-code`: what can be written cannot be executed.
//!
//! Files: a mount that can be written is `noexec`, and the trees that programs lie in are read-only. Memory:
//! the kernel refuses what would make writable memory executable (`PR_SET_MDWE`), `/proc` is read-only
//! because writing to `/proc/PID/mem` reaches read-only memory too, and the filter of system calls
//! refuses what is neither: see [`crate::seccomp::no_new_code`]. In a user namespace of its own a program
//! could mount what it likes, so none can be made.

use super::Context;
use super::builder::Builder;
use super::entry;
use super::view::{Node, View};
use crate::data_mount::PROGRAM_TREES;
use crate::facts::{CAP_SYS_ADMIN, Found};
use crate::path::WorldPath;
use crate::program::Topic;
use crate::refusal::Refusal;
use crate::text::Text;

/// What cannot be kept here is refused.
pub(super) fn check(cx: &Context<'_>) -> Result<(), Refusal> {
    if !cx.no_new_code() {
        return Ok(());
    }
    let kernel = cx.facts.kernel;
    if !kernel.since(6, 3) {
        return Err(Refusal::new(format!(
            "cannot keep `--no-new-code`: memory that is written can be executed before Linux 6.3 (PR_SET_MDWE), and this is {}.{}",
            kernel.major, kernel.minor
        )));
    }
    if entry::kept(cx).0 & (1 << CAP_SYS_ADMIN) != 0 {
        return Err(Refusal::with_hint(
            "cannot keep `--no-new-code` from a program with the capability sys_admin: it could mount what it likes",
            "leave --cap-add sys_admin out",
        ));
    }
    Ok(())
}

/// Makes the trees of programs read-only, and those that show what can be written elsewhere not
/// executable.
pub(super) fn place(cx: &Context<'_>, view: &mut View, b: &mut Builder) {
    if !cx.no_new_code() {
        return;
    }
    for tree in PROGRAM_TREES.map(WorldPath::abs) {
        let there = cx.facts.places.get(&tree).is_some_and(Found::is_dir);
        if let Some(source) = copied_from(view, &tree).filter(|_| there) {
            view.put(tree.clone(), read_only(source));
        }
        for (path, placed) in &mut view.places {
            if tree.contains(path)
                && placed.origin.is_none()
                && let Node::Layer { source, read_only: false } = &placed.node
            {
                placed.node = read_only(source.clone());
            }
        }
    }
    b.decide(
        Topic::Files,
        "what can be written cannot be executed (noexec), and programs cannot be written",
        "`--no-new-code`",
    );
}

fn read_only(source: Text) -> Node {
    Node::Bind { source, read_only: true, recursive: true, dir: true, device: false }
}

/// Where the machine's files at `tree` come from, when a layer above it shows them.
fn copied_from(view: &View, tree: &WorldPath) -> Option<Text> {
    let (at, placed) = view.nearest(tree)?;
    let Node::Layer { source, read_only: false } = &placed.node else { return None };
    if at == tree {
        return None;
    }
    let below = at.remainder(tree)?;
    Some(WorldPath::from(source.clone()).join(below).text().clone())
}

/// Whether a read-only tree shows files that the world can write through another of its mounts.
pub(super) fn is_written_elsewhere(cx: &Context<'_>, view: &View, at: &WorldPath) -> bool {
    let Some(Node::Bind { source, .. }) = view.places.get(at).map(|placed| &placed.node) else {
        return false;
    };
    let shown = cx.real_path(source);
    // Whether `below`, a path of the machine, is seen through the mount at `place` of `tree`.
    let seen = |place: &WorldPath, tree: &WorldPath, below: &WorldPath| {
        let Some(rest) = tree.remainder(below) else { return false };
        view.nearest(&place.join(rest)).is_some_and(|(top, _)| top == place)
    };
    view.places.iter().filter(|(place, _)| *place != at).any(|(place, placed)| {
        let Node::Bind { source, read_only: false, device: false, .. } = &placed.node else {
            return false;
        };
        let written = cx.real_path(source);
        seen(at, &shown, &written) || seen(place, &written, &shown)
    })
}
