//! `--walls` and `--allow-degraded`: what Landlock is asked for, beside the namespaces or without them.

use dwell_plan::landlock::{Landlock, Wall};
use dwell_plan::plan::{Grant, GrantKind, Namespaces, Origin};
use dwell_plan::{NamespaceKind, WorldPath};

use super::namespaces;
use crate::message::Failure;
use crate::options::{LowArgs, Net};

/// The option that leaves the namespaces out, if one does.
pub(super) fn without_namespaces(low: &LowArgs) -> Option<&str> {
    let walls = low.walls.as_ref().filter(|walls| !walls.value.namespaces)?;
    Some(&walls.words)
}

/// Whether Landlock alone keeps the machine's files apart.
pub(super) fn is_confined(low: &LowArgs, namespaces: &Namespaces) -> bool {
    let files = low.walls.as_ref().is_some_and(|walls| walls.value.landlock.contains(&Wall::Files));
    files && !namespaces.owns(NamespaceKind::Mount)
}

/// What Landlock is asked for.
pub(super) fn decide(low: &LowArgs, namespaces: &Namespaces) -> Result<Option<Landlock>, Failure> {
    let Some(asked) = low.walls.as_ref().filter(|walls| !walls.value.landlock.is_empty()) else {
        return match low.allow_degraded.first() {
            Some(typed) => {
                Err(Failure::cannot_use(&typed.words, "no wall of Landlock was asked for")
                    .hint("`--walls landlock` or `--walls all` does"))
            }
            None => Ok(None),
        };
    };
    let mut walls = asked.value.landlock.clone();
    let bare = !asked.value.namespaces;
    if network_is_granted(low, namespaces, bare) {
        walls.retain(|wall| *wall != Wall::Tcp);
    }
    // Without a mount namespace nothing else closes the sockets that have paths.
    if bare && asked.value.landlock.len() == Wall::OF_LANDLOCK.len() {
        walls.push(Wall::Sockets);
    }
    let accepted = low.allow_degraded.iter().flat_map(|typed| typed.value.iter().copied());
    Ok(Some(Landlock {
        walls,
        accept_missing: accepted.collect(),
        origin: Origin::Option(asked.words.clone()),
    }))
}

/// Whether the program has somebody else's network because that was asked for.
fn network_is_granted(low: &LowArgs, namespaces: &Namespaces, bare: bool) -> bool {
    let host = low.net.as_ref().is_some_and(|net| net.value == Net::Host);
    host || (!bare && !namespaces.owns(NamespaceKind::Net))
}

/// Without a mount namespace these have no meaning, whatever Landlock does.
pub(super) fn check(low: &LowArgs, from: Option<&String>) -> Result<(), Failure> {
    let asks = from
        .or(low.home.as_ref().map(|typed| &typed.words))
        .or(low.scratch.as_ref().map(|typed| &typed.words));
    match asks {
        None => Ok(()),
        Some(words) => {
            let why = "files are the machine's, and changes are real";
            Err(namespaces::missing(low, NamespaceKind::Mount, words, why))
        }
    }
}

/// Directories that belong to programs that run, and to other users.
const NEVER_SHOWN: [&str; 5] = ["/home", "/root", "/run", "/tmp", "/var/tmp"];

/// The current directory cannot be copied on write here: it is shown to be read, unless it is one of those
/// that would be empty in a world with mounts.
pub(super) fn shown_only(grant: Grant) -> Option<Grant> {
    let fresh = NEVER_SHOWN.iter().any(|path| grant.dest == WorldPath::abs(path));
    let GrantKind::CopyOnWrite { source } = grant.what else { return None };
    (!fresh).then_some(Grant { what: GrantKind::ReadOnly { source }, ..grant })
}
