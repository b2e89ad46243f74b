//! The view in words, for `--explain`.

use super::Context;
use super::builder::Builder;
use super::view::{Node, Placed, View};
use crate::path::WorldPath;
use crate::program::Topic;

pub(super) fn decide(cx: &Context<'_>, view: &View, b: &mut Builder) {
    let kernels = ["/proc", "/sys", "/dev"].map(WorldPath::abs);
    for (path, placed) in &view.places {
        let asked = placed.origin.is_some();
        if kernels.iter().any(|kernel| kernel.contains(path)) && !asked {
            continue;
        }
        let (what, rule) = words(cx, path, placed);
        let why = placed.origin.as_ref().map_or_else(|| rule.to_owned(), ToString::to_string);
        b.decide(Topic::Files, what, why);
    }
}

/// What is at a place, and why it is there unless somebody asked for it.
fn words(cx: &Context<'_>, path: &WorldPath, placed: &Placed) -> (String, &'static str) {
    match &placed.node {
        Node::Fresh(_) if path.is_root() => (
            "/ is built anew from the entries of the machine's".to_owned(),
            "a layer over locked mounts is refused in a user namespace",
        ),
        Node::Fresh(_) => (
            format!("{path} is empty, and the world's own"),
            "it is so on the machine, or what it holds there is not for a program that was not given it",
        ),
        Node::Link(target) => (format!("{path} is a link to {target}"), "as on the machine"),
        Node::File { .. } => (
            format!("{path} is a file of the world's own"),
            "the machine's own speaks of what is not in the world",
        ),
        Node::Copy { source } => (
            format!("{path} is a copy of the machine's {source}"),
            "you could change it, and no layer can lie on a single file",
        ),
        Node::Bind { source, read_only: true, .. } => (
            format!(
                "{path} is the machine's {source}, read-only (open_tree, mount_setattr, move_mount)"
            ),
            if cx.read_only() {
                "the world is read-only"
            } else {
                "you could change nothing in it, or it is read-only on the machine"
            },
        ),
        Node::Bind { source, device: true, .. } => {
            (format!("{path} is the device {source}"), "asked for")
        }
        Node::Bind { source, .. } => {
            (format!("{path} is the machine's {source}: changes are real"), "asked for")
        }
        Node::Layer { source, read_only: false } => (
            format!(
                "{path} is the machine's {source}, changes go to a layer that is thrown away (overlay)"
            ),
            "you could change something in it; where the file system cannot carry a layer it becomes read-only",
        ),
        Node::Layer { source, .. } => (
            format!("{path} is the machine's {source} with places added, read-only (overlay)"),
            "a mount point below it is missing",
        ),
        Node::Hidden { .. } => (
            format!("{path} is hidden"),
            "it holds secrets, or a socket that a program could connect to",
        ),
        Node::Removed => (format!("{path} is left out"), "it holds a secret"),
        Node::Groups { .. } => (format!("{path} is the own control group"), "no other shows"),
        Node::Kernel(_) => (format!("{path} is new"), "the kernel's own data"),
        Node::Frozen => (format!("{path} is read-only"), "it acts on the whole machine"),
    }
}
