//! The view of a world made from the machine's own files.
//!
//! As the machine's root, one layer covers the whole root filesystem, and one each mount below it.
//! As anybody else the kernel refuses a layer over a directory with mounts below it (they are locked
//! in a user namespace, and an overlay would uncover what they hide), so directories above mount
//! points are built anew and every entry gets its own bind or layer.

use super::Context;
use super::view::{Fresh, Node, View};
use crate::data_mount::{SYSTEM_TREES, in_system_tree};
use crate::facts::{Found, MountFact, Shown};
use crate::path::WorldPath;
use crate::text::Text;

/// Directories whose content belongs to running programs or other users: empty in a world.
const FRESH_DIRECTORIES: [(&str, u32); 3] =
    [("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/run", 0o755)];

pub(super) fn build(cx: &Context<'_>, home: bool) -> View {
    let mut view = View::default();
    if cx.owns_root_mounts() {
        from_one_layer(cx, &mut view);
    } else {
        from_pieces(cx, &mut view);
    }
    for (path, mode) in FRESH_DIRECTORIES {
        place_if_there(cx, &mut view, path, Fresh::mode(mode));
    }
    homes(cx, &mut view, home);
    secrets(cx, &mut view);
    resolv_conf(cx, &mut view);
    view
}

fn from_one_layer(cx: &Context<'_>, view: &mut View) {
    view.put(WorldPath::root(), cx.copied(Text::from("/")));
    for mount in cx.mounts.data_mounts() {
        view.put(mount.point.clone(), mount_node(cx, mount));
    }
}

fn from_pieces(cx: &Context<'_>, view: &mut View) {
    let mut mounts = cx.mounts.data_mounts();
    mounts.retain(|mount| !in_system_tree(&mount.point));
    view.put(WorldPath::root(), Fresh::mode(0o755));
    let entries = cx.facts.directories.get(&WorldPath::root());
    for entry in entries.into_iter().flatten() {
        let path = WorldPath::root().join(entry.name.as_bytes());
        if !is_special(&path) {
            let pieces = Pieces { mounts: &mounts, system: false };
            piece(cx, view, &pieces, (&path, &path), &entry.found);
        }
    }
    let local = WorldPath::abs("/usr/local");
    if cx.facts.places.get(&local).is_some_and(|f| matches!(f, Found::Directory { .. })) {
        view.put(local.clone(), cx.copied(local.text().clone()));
    }
}

/// What decides how the entries of a directory that is built anew are shown.
struct Pieces<'a> {
    /// What is mounted below it.
    mounts: &'a [&'a MountFact],
    /// Whether the operating system's trees are to be changed too: they were asked for.
    system: bool,
}

/// An entry of a directory that is built anew: where it goes, and where it is on the machine.
fn piece(
    cx: &Context<'_>,
    view: &mut View,
    pieces: &Pieces<'_>,
    (place, source): (&WorldPath, &WorldPath),
    found: &Found,
) {
    let mounts = pieces.mounts;
    if let Some(mount) = mounts.iter().find(|m| m.point == *source)
        && (mount.read_only || !mount.is_dir)
    {
        view.put(place.clone(), mount_node(cx, mount));
        return;
    }
    let system = !pieces.system && SYSTEM_TREES.iter().any(|t| source.text() == t);
    let above = mounts.iter().any(|m| m.point != *source && source.contains(&m.point));
    let node = match found {
        Found::Link(target) => Node::Link(target.clone()),
        Found::Directory { .. } if system => bind(source.text(), true),
        Found::Directory { mode, .. } if above => {
            view.put(place.clone(), Fresh::mode(*mode));
            let entries = cx.facts.directories.get(source);
            for entry in entries.into_iter().flatten() {
                let name = entry.name.as_bytes();
                piece(cx, view, pieces, (&place.join(name), &source.join(name)), &entry.found);
            }
            return;
        }
        Found::Directory { empty: true, mode } => Fresh::mode(*mode),
        Found::Directory { .. } => cx.copied(source.text().clone()),
        Found::ClosedDirectory => Fresh::mode(0o755),
        Found::File => file(cx, source),
        Found::Missing | Found::Socket | Found::Device | Found::Fifo | Found::Denied(_) => return,
    };
    view.put(place.clone(), node);
}

/// The largest file that is copied so that it can be changed where no layer can lie.
const LARGEST_COPY: u64 = 16 << 20;

/// A file that stands alone: no layer covers it, so one that the caller could change is copied.
fn file(cx: &Context<'_>, source: &WorldPath) -> Node {
    let writable = cx.facts.writable_files.get(source);
    if writable.is_some_and(|size| *size <= LARGEST_COPY) && !cx.read_only() {
        return Node::Copy { source: source.text().clone() };
    }
    bind(source.text(), false)
}

/// A directory of the machine, copy-on-write, whatever is mounted below it.
pub(super) fn copy_on_write(
    cx: &Context<'_>,
    view: &mut View,
    place: &WorldPath,
    source: &Text,
    found: &Found,
) {
    let own = cx.real_path(source);
    let mounts = cx.mounts.below(&own);
    if mounts.is_empty() || cx.owns_root_mounts() {
        view.put(place.clone(), cx.copied(source.clone()));
    } else {
        let pieces = Pieces { mounts: &mounts, system: in_system_tree(&own) };
        piece(cx, view, &pieces, (place, &own), found);
        return;
    }
    for mount in mounts {
        let below = own.remainder(&mount.point).unwrap_or_default();
        let secret = cx.facts.secrets.iter().any(|secret| secret.path.contains(&mount.point));
        if !secret {
            view.put(place.join(below), mount_node(cx, mount));
        }
    }
}

fn is_special(path: &WorldPath) -> bool {
    ["/proc", "/sys", "/dev", "/run", "/tmp", "/home", "/root", "/lost+found"]
        .iter()
        .any(|p| path.text() == p)
}

fn mount_node(cx: &Context<'_>, mount: &MountFact) -> Node {
    let source = mount.point.text().clone();
    match mount {
        MountFact { reachable: false, is_dir, .. } => Node::Hidden { dir: *is_dir },
        MountFact { read_only: false, is_dir: true, .. } => cx.copied(source),
        MountFact { read_only: false, .. } => file(cx, &mount.point),
        MountFact { is_dir, .. } => bind(&source, *is_dir),
    }
}

fn bind(source: &Text, dir: bool) -> Node {
    Node::Bind { source: source.clone(), read_only: true, recursive: dir, dir, device: false }
}

fn place_if_there(cx: &Context<'_>, view: &mut View, path: &str, node: Node) {
    let path = WorldPath::abs(path);
    if cx.facts.places.get(&path).is_some_and(Found::is_dir) {
        view.places.retain(|p, _| *p == path || !path.contains(p));
        view.put(path, node);
    }
}

/// `/home` with the caller's own directory alone in it, `/root` empty.
fn homes(cx: &Context<'_>, view: &mut View, shown: bool) {
    place_if_there(cx, view, "/home", Fresh::mode(0o755));
    place_if_there(cx, view, "/root", Fresh::mode(0o700));
    let mut homes = cx.facts.caller.homes.clone();
    homes.retain(|home| !SYSTEM_TREES.iter().any(|tree| WorldPath::abs(tree).contains(home)));
    for home in homes {
        match cx.facts.places.get(&home) {
            Some(found) if shown => copy_on_write(cx, view, &home, home.text(), found),
            Some(found) if found.is_dir() => {
                view.places.retain(|p, _| *p == home || !home.contains(p));
                view.put(home, Fresh::users(0o700));
            }
            _ => {}
        }
    }
}

fn secrets(cx: &Context<'_>, view: &mut View) {
    for secret in &cx.facts.secrets {
        let hidden_anyway = view.nearest(&secret.path).is_some_and(|(at, placed)| {
            *at != secret.path && !matches!(placed.node, Node::Layer { .. } | Node::Bind { .. })
        });
        if hidden_anyway {
            continue;
        }
        let node = match &secret.shown {
            Shown::EmptyDirectory => Node::Hidden { dir: true },
            Shown::Nothing if cx.read_only() => Node::Hidden { dir: false },
            Shown::Nothing => Node::Removed,
            Shown::Redacted(text) => Node::File { mode: 0o600, data: text.as_bytes().to_vec() },
        };
        view.put_optional(secret.path.clone(), node);
    }
}

/// `/etc/resolv.conf` is often a link into `/run`, which is the world's own.
fn resolv_conf(cx: &Context<'_>, view: &mut View) {
    if let Some((path, text)) = &cx.facts.resolv_conf {
        view.put(path.clone(), Node::File { mode: 0o644, data: text.as_bytes().to_vec() });
    }
}
