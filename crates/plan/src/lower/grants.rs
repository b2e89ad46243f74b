//! What the user adds to, or takes from, the view; and what follows from it.

use std::collections::BTreeMap;

use super::Context;
use super::builder::Builder;
use super::host_view;
use super::view::{Fresh, Node, Placed, View};
use crate::facts::{Found, Shown};
use crate::path::WorldPath;
use crate::plan::{Grant, GrantKind, Origin, RootSource};
use crate::program::Topic;
use crate::refusal::Refusal;
use crate::text::Text;

pub(super) fn place(cx: &Context<'_>, view: &mut View) -> Result<(), Refusal> {
    let asked = |g: &&Grant| matches!(g.origin, Origin::Option(_));
    refuse_contradictions(cx, view)?;
    refuse_to_be_undone(cx)?;
    for grant in cx.plan.grants.iter().filter(asked) {
        let dest = place_of(cx, view, grant);
        clear_below(cx, view, &dest);
    }
    for grant in &cx.plan.grants {
        let dest = place_of(cx, view, grant);
        let kept_out = visible(view, &dest) || is_fresh(view, &dest) || in_secret(cx, &dest);
        if asked(&grant) || !kept_out {
            place_one(cx, view, &dest, grant)?;
        }
    }
    open_hidden_directories(view);
    Ok(())
}

/// A program that may mount in the namespace that its mounts were made in can undo them.
fn refuse_to_be_undone(cx: &Context<'_>) -> Result<(), Refusal> {
    let may_mount = cx.may_unmount();
    let undone = |what: &dyn std::fmt::Display| {
        Err(Refusal::with_hint(
            format!(
                "cannot keep {what} from a program with the capability sys_admin: it could undo the mounts"
            ),
            "leave --cap-add sys_admin out",
        ))
    };
    let kept = |grant: &&Grant| matches!(grant.what, GrantKind::ReadOnly { .. } | GrantKind::Hide);
    match cx.plan.grants.iter().find(kept) {
        _ if !may_mount => Ok(()),
        Some(grant) => undone(&grant.origin),
        None if cx.read_only() => undone(&"`--read-only`"),
        None if cx.root_is_first() => undone(&"the machine's own root"),
        None => Ok(()),
    }
}

/// Where a grant goes, links on the way followed: the machine's, and those that the view itself places.
fn place_of(cx: &Context<'_>, view: &View, grant: &Grant) -> WorldPath {
    let real =
        cx.facts.real_places.get(&grant.dest).filter(|_| has_links_of_machine(cx, view, grant));
    view.resolve(real.unwrap_or(&grant.dest))
}

/// Whether what lies above a grant is the machine's: a link that is not in the world leads nowhere there.
/// Grants that are not placed yet count, whatever the order.
fn has_links_of_machine(cx: &Context<'_>, view: &View, grant: &Grant) -> bool {
    let placed = view.nearest(&grant.dest);
    if let Some(above) = cx.plan.grant_above(&grant.dest)
        && placed.is_none_or(|(at, _)| at.contains(&above.dest))
    {
        return above.what.source().is_some();
    }
    match placed {
        Some((at, Placed { node: Node::Layer { source, .. } | Node::Bind { source, .. }, .. })) => {
            *source == *at.text()
        }
        _ => false,
    }
}

/// Of two options for one place neither can be meant to lose, by whichever names they go.
fn refuse_contradictions(cx: &Context<'_>, view: &View) -> Result<(), Refusal> {
    let mut seen: BTreeMap<WorldPath, &Grant> = BTreeMap::new();
    for grant in cx.plan.grants.iter().filter(|g| matches!(g.origin, Origin::Option(_))) {
        if let Some(other) =
            seen.insert(place_of(cx, view, grant), grant).filter(|other| other.what != grant.what)
        {
            return Err(Refusal::new(format!(
                "{} and {} contradict each other",
                other.origin, grant.origin
            )));
        }
    }
    Ok(())
}

/// A grant covers what the default view has at and below its place, but never uncovers a secret.
fn clear_below(cx: &Context<'_>, view: &mut View, dest: &WorldPath) {
    let secret =
        |path: &WorldPath| cx.facts.secrets.iter().any(|s| s.path == *path) && path != dest;
    view.places
        .retain(|path, placed| !dest.contains(path) || placed.origin.is_some() || secret(path));
}

/// No rule fills what another rule empties: `/tmp` or `/home` as a working directory.
fn is_fresh(view: &View, dest: &WorldPath) -> bool {
    let placed = view.places.get(dest);
    placed.is_some_and(|p| p.origin.is_none() && matches!(p.node, Node::Fresh(_)))
}

/// Only the user's own word uncovers a secret, no rule does.
fn in_secret(cx: &Context<'_>, dest: &WorldPath) -> bool {
    cx.facts.secrets.iter().any(|secret| secret.path.contains(dest))
}

/// Whether the machine's file at this path is in the view already: then a rule that would show it
/// (copy-on-write) has nothing to add.
fn visible(view: &View, dest: &WorldPath) -> bool {
    let Some((at, placed)) = view.nearest(dest) else { return false };
    match &placed.node {
        Node::Layer { source, .. } | Node::Bind { source, .. } => *source == *at.text(),
        _ => false,
    }
}

fn place_one(
    cx: &Context<'_>,
    view: &mut View,
    dest: &WorldPath,
    grant: &Grant,
) -> Result<(), Refusal> {
    let found = grant.what.source().and_then(|s| cx.facts.sources.get(s));
    let dir = found.is_none_or(Found::is_dir);
    let bind = |source: &Text, read_only, device| Node::Bind {
        source: source.clone(),
        read_only,
        recursive: dir,
        dir,
        device,
    };
    let node = match &grant.what {
        GrantKind::ReadOnly { .. } | GrantKind::ReadWrite { .. }
            if found == Some(&Found::Socket) =>
        {
            return Err(Refusal::with_hint(
                format!(
                    "{} names a socket, and files that can be read are not sockets to connect to",
                    grant.origin
                ),
                format!("--socket {} lets the program connect to it", grant.dest),
            ));
        }
        GrantKind::Socket { .. } if found != Some(&Found::Socket) => {
            return Err(Refusal::new(format!(
                "cannot let {} through: it is not a socket",
                grant.origin
            )));
        }
        GrantKind::ReadOnly { source } => bind(source, true, false),
        GrantKind::ReadWrite { source } | GrantKind::Socket { source } => {
            bind(source, false, false)
        }
        GrantKind::Device { source } => bind(source, false, true),
        GrantKind::CopyOnWrite { source } => {
            let found = found.unwrap_or(&Found::Missing);
            if !found.is_dir() && found.exists() {
                return Err(Refusal::with_hint(
                    format!("{} names a file, and only a directory can have a layer", grant.origin),
                    "name the directory it is in",
                ));
            }
            host_view::copy_on_write(cx, view, dest, source, found);
            if let Some(placed) = view.places.get_mut(dest) {
                placed.origin = Some(grant.origin.clone());
            }
            return Ok(());
        }
        GrantKind::Hide => Node::Hidden {
            dir: !matches!(
                cx.facts.places.get(dest),
                Some(Found::File | Found::Socket | Found::Fifo | Found::Device)
            ),
        },
        GrantKind::Tmpfs { size } => {
            Node::Fresh(Fresh { mode: 0o755, users_own: true, size: *size, own_filesystem: true })
        }
    };
    view.put_for(dest.clone(), node, &grant.origin);
    Ok(())
}

/// A hidden directory with something granted below it must be able to hold the mount points.
fn open_hidden_directories(view: &mut View) {
    let hidden: Vec<WorldPath> = view
        .places
        .iter()
        .filter(|(_, placed)| placed.node == Node::Hidden { dir: true })
        .map(|(path, _)| path.clone())
        .filter(|path| has_below(view, path))
        .collect();
    for path in hidden {
        if let Some(placed) = view.places.get_mut(&path) {
            placed.node = Fresh::mode(0o755);
        }
    }
}

fn has_below(view: &View, path: &WorldPath) -> bool {
    view.places.range(path.clone()..).nth(1).is_some_and(|(next, _)| path.contains(next))
}

/// The trees of the machine that the view shows: where, and where they really are.
fn shown_trees(
    cx: &Context<'_>,
    view: &View,
    which: impl Fn(&Node) -> Option<&Text>,
) -> Vec<(WorldPath, WorldPath)> {
    let shown = |(dest, placed): (&WorldPath, &Placed)| {
        Some((dest.clone(), cx.real_path(which(&placed.node)?)))
    };
    view.places.iter().filter_map(shown).collect()
}

/// Covers `hidden`, a path of the machine, wherever one of `trees` shows it.
fn cover(view: &mut View, trees: &[(WorldPath, WorldPath)], hidden: &WorldPath, dir: bool) {
    for (dest, source) in trees {
        let Some(below) = source.remainder(hidden) else { continue };
        let place = dest.join(below);
        if view.nearest(&place).is_some_and(|(at, _)| at == dest) {
            view.put_optional(place, Node::Hidden { dir });
        }
    }
}

/// A secret stays one when the tree it lies in is shown in another place.
pub(super) fn follow_secrets(cx: &Context<'_>, view: &mut View) {
    let mut moved = shown_trees(cx, view, |node| match node {
        Node::Bind { source, dir: true, .. } | Node::Layer { source, .. } => Some(source),
        _ => None,
    });
    moved.retain(|(dest, source)| dest != source);
    for secret in &cx.facts.secrets {
        // What is granted by its own path is shown.
        let above: Vec<_> =
            moved.iter().filter(|(_, source)| *source != secret.path).cloned().collect();
        cover(view, &above, &secret.path, secret.shown == Shown::EmptyDirectory);
    }
}

/// KERNEL: neither a read-only mount nor file permissions of others keep a process of the same user
/// from `connect()`ing to a socket that it can reach by path. Through a layer it cannot: the overlay's
/// inode is not the one that the socket is bound to. In binds each known socket is covered.
pub(super) fn close_sockets(cx: &Context<'_>, view: &mut View) {
    let binds = shown_trees(cx, view, |node| match node {
        Node::Bind { source, dir: true, .. } => Some(source),
        _ => None,
    });
    for socket in &cx.facts.sockets {
        cover(view, &binds, socket, false);
    }
}

/// Sees to it that every place can be mounted on: gives a read-only tree a layer where a mount point
/// is missing, and refuses to leave a stub in a tree whose changes are real.
pub(super) fn open_mount_points(
    cx: &Context<'_>,
    view: &mut View,
    b: &mut Builder,
) -> Result<(), Refusal> {
    let mut dropped = Vec::new();
    let mut layers = Vec::new();
    for (path, placed) in &view.places {
        let Some((at, Placed { node: Node::Bind { source, read_only, dir: true, .. }, .. })) =
            view.above(path)
        else {
            continue;
        };
        if !missing(cx, view, at, path) {
            continue;
        }
        if placed.origin.is_none() && !placed.optional && cx.writes_root() {
            continue;
        }
        if placed.optional {
            dropped.push(path.clone());
        } else if *read_only {
            let parent = existing_parent(cx, at, path);
            if parent != *at && cx.facts.places.get(&parent).is_some_and(|found| !found.is_dir()) {
                // Below a file there is no place; the kernel says so.
                continue;
            }
            let below = at.remainder(&parent).unwrap_or_default();
            let source = WorldPath::from(source.clone()).join(below);
            refuse_over_mounts(cx, (path, placed), &parent, &source)?;
            layers.push((parent.clone(), source));
        } else if placed.node == (Node::Hidden { dir: true }) {
            b.decide(
                Topic::Files,
                format!("nothing is hidden at {path}"),
                "it does not exist, and a stub would appear on the machine",
            );
            dropped.push(path.clone());
        } else {
            let origin =
                placed.origin.as_ref().map_or_else(|| "the world".to_owned(), ToString::to_string);
            return Err(Refusal::with_hint(
                format!(
                    "cannot place {path} for {origin}: it does not exist, and making it would change {source} on the machine"
                ),
                format!("make it first: mkdir -p {path}"),
            ));
        }
    }
    for path in dropped {
        view.places.remove(&path);
    }
    for (path, source) in layers {
        b.decide(
            Topic::Files,
            format!("{path} gets a read-only layer"),
            "a mount point below it does not exist on the machine",
        );
        view.put(path, Node::Layer { source: source.text().clone(), read_only: true });
    }
    Ok(())
}

/// KERNEL: in a user namespace no overlay covers a directory with mounts below it.
fn refuse_over_mounts(
    cx: &Context<'_>,
    (path, placed): (&WorldPath, &Placed),
    parent: &WorldPath,
    source: &WorldPath,
) -> Result<(), Refusal> {
    let mounts = cx.mounts.below(source);
    let (Some(mount), Some(origin), false) =
        (mounts.first(), &placed.origin, cx.owns_root_mounts())
    else {
        return Ok(());
    };
    Err(Refusal::with_hint(
        format!(
            "cannot place {path} for {origin}: it does not exist, and no layer can make it below {parent}, where {} is mounted",
            mount.point
        ),
        format!("--cow {parent} makes room for it"),
    ))
}

/// Whether `path` does not exist in the tree that is mounted at `at`.
fn missing(cx: &Context<'_>, view: &View, at: &WorldPath, path: &WorldPath) -> bool {
    let known = match (view.places.get(at).map(|p| &p.node), &cx.plan.root) {
        (Some(Node::Bind { source, .. } | Node::Layer { source, .. }), RootSource::Host { .. }) => {
            *source == *at.text()
        }
        _ => at.is_root(),
    };
    known && cx.facts.places.get(path) == Some(&Found::Missing)
}

fn existing_parent(cx: &Context<'_>, at: &WorldPath, path: &WorldPath) -> WorldPath {
    let mut parent = path.parent().unwrap_or_default();
    while parent != *at && cx.facts.places.get(&parent) == Some(&Found::Missing) {
        parent = parent.parent().unwrap_or_default();
    }
    parent
}
