//! From a Plan and the Facts to a Program. Every decision and every fallback is taken here.

mod actions;
mod beginning;
mod builder;
mod emit;
mod entry;
mod explain_files;
mod grants;
mod host_view;
mod ids;
mod kernel_view;
mod landlock;
mod limits;
mod no_new_code;
mod proofs;
mod seccomp;
mod settings;
mod setup;
mod view;

use crate::data_mount::MountTree;
use crate::facts::Facts;
use crate::idmap::{IdMap, IdRange};
use crate::namespace::NamespaceKind;
use crate::path::WorldPath;
use crate::plan::{Plan, RootSource};
use crate::program::{HostMaps, MapWriter, Program, Topic};
use crate::refusal::Refusal;
use crate::text::Text;

pub(crate) use actions::check as check_actions;
pub use beginning::beginning;

use builder::Builder;
use ids::Ids;
use view::{Node, View};

/// Turns a Plan into the steps that build it on the machine that the Facts describe.
///
/// # Errors
/// The Plan asks for something that cannot be had here.
pub fn lower(plan: &Plan, facts: &Facts) -> Result<Program, Refusal> {
    lower_with(plan, facts, Builder::new(false))
}

/// The same, with every decision recorded for [`explain`](crate::explain).
///
/// # Errors
/// Those of [`lower`].
pub fn lower_explained(plan: &Plan, facts: &Facts) -> Result<Program, Refusal> {
    lower_with(plan, facts, Builder::new(true))
}

fn lower_with(plan: &Plan, facts: &Facts, mut builder: Builder) -> Result<Program, Refusal> {
    plan.check()?;
    if !plan.actions.is_empty() {
        return actions::write(plan, facts, &mut builder);
    }
    if builder.explains() {
        setup::explain_walls(plan, &mut builder);
    }
    let ids = ids::choose(plan, facts, &mut builder)?;
    let mounts = MountTree::new(&facts.mounts);
    let mut cx = Context { plan, facts, mounts, ids, enforced: limits::Enforced::default() };
    no_new_code::check(&cx)?;
    cx.enforced = limits::decide(&cx, &mut builder)?;
    let view = if cx.owns(NamespaceKind::Mount) { Some(view(&cx, &mut builder)?) } else { None };
    setup::write(&cx, view.as_ref(), &mut builder)
}

/// What every part of lowering looks at.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    mounts: MountTree<'a>,
    ids: Ids,
    enforced: limits::Enforced,
}

impl Context<'_> {
    fn owns(&self, kind: NamespaceKind) -> bool {
        self.plan.namespaces.owns(kind)
    }

    /// Whether the program lives in a user namespace that is not the caller's.
    fn leaves_users(&self) -> bool {
        self.owns(NamespaceKind::User) || self.plan.namespaces.joins(NamespaceKind::User)
    }

    /// Whether the caller may copy single mounts of the machine: root of the machine. In a user
    /// namespace the mounts that came with it are locked together.
    fn owns_root_mounts(&self) -> bool {
        self.facts.caller.is_admin() && is_initial(&self.facts.caller.uid_map)
    }

    /// Whether the program may undo the mounts of its world.
    fn may_unmount(&self) -> bool {
        entry::kept(self).0 & (1 << crate::facts::CAP_SYS_ADMIN) != 0 && self.ids.second.is_none()
    }

    /// Whether the root directory is the first file system of the mount namespace, as where an initramfs
    /// stays: such a mount has itself as its parent.
    fn root_is_first(&self) -> bool {
        let mut at_root = self.facts.mounts.iter().filter(|mount| mount.point.is_root());
        at_root.next_back().is_some_and(|mount| mount.id == mount.parent)
    }

    /// The source of a grant as the kernel names it.
    fn real_path(&self, source: &Text) -> WorldPath {
        let real = self.facts.real_paths.get(source).cloned();
        real.unwrap_or_else(|| WorldPath::from(source.clone()))
    }

    /// Where the layers go when it is not the scratch. Files of subordinate ids could not be removed
    /// from a disk afterwards, so with them it stays the scratch.
    fn disk_layer(&self) -> Option<&Text> {
        let helped =
            matches!(self.ids.host_maps, Some(HostMaps { writer: MapWriter::Helpers(..), .. }));
        let layers = self.owns(NamespaceKind::Mount) && !self.read_only() && !helped;
        self.facts.disk_layer.as_ref().filter(|_| layers)
    }

    /// Whether changes go into a root filesystem directory: then it gets the directories that every root
    /// has, and loses them again at the end.
    fn writes_root(&self) -> bool {
        matches!(self.plan.root, RootSource::Directory { writable: true, .. }) && !self.read_only()
    }

    fn read_only(&self) -> bool {
        self.plan.read_only
    }

    fn no_new_code(&self) -> bool {
        self.plan.hardening.no_new_code
    }

    /// Whether programs can be run from a tree of the machine's.
    fn is_noexec(&self, source: &Text) -> bool {
        let mount = self.mounts.mount_of(&self.real_path(source));
        mount.is_some_and(|mount| mount.noexec)
    }

    /// A tree of the machine's that the world may change without changing it.
    fn copied(&self, source: Text) -> Node {
        if self.read_only() {
            Node::Bind { source, read_only: true, recursive: true, dir: true, device: false }
        } else {
            Node::Layer { source, read_only: false }
        }
    }
}

/// Whether this is the map of the machine's own user namespace.
fn is_initial(map: &IdMap) -> bool {
    map.0 == [IdRange { inner: 0, outer: 0, count: u32::MAX }]
}

fn view(cx: &Context<'_>, builder: &mut Builder) -> Result<View, Refusal> {
    if let Some(disk) = cx.disk_layer() {
        if cx.plan.scratch.is_some() {
            return Err(Refusal::with_hint(
                "the size of the layer cannot be limited here: before Linux 6.6 a tmpfs cannot carry one, so it goes to disk",
                "leave --scratch out, or choose --read-only with --tmpfs for what must be written",
            ));
        }
        builder.decide(
            Topic::Files,
            format!("layers lie in {disk} on disk, which is removed at the end"),
            "before Linux 6.6 a tmpfs has no user.* attributes, without which a removed directory cannot be made anew",
        );
    }
    let mut view = match &cx.plan.root {
        RootSource::Host { home } => host_view::build(cx, *home),
        RootSource::Directory { path, origin, .. } if WorldPath::from(path.clone()).is_root() => {
            return Err(Refusal::with_hint(
                format!("{origin} names the machine's own root, with all its secrets"),
                "--from host shows the machine's files without them",
            ));
        }
        RootSource::Directory { path, writable, .. } => directory_view(cx, path, *writable),
    };
    grants::place(cx, &mut view)?;
    kernel_view::place(cx, &mut view, builder);
    grants::follow_secrets(cx, &mut view);
    grants::close_sockets(cx, &mut view);
    no_new_code::place(cx, &mut view, builder);
    grants::open_mount_points(cx, &mut view, builder)?;
    if builder.explains() {
        explain_files::decide(cx, &view, builder);
    }
    Ok(view)
}

fn directory_view(cx: &Context<'_>, path: &Text, writable: bool) -> View {
    let mut view = View::default();
    let root = if writable {
        let read_only = cx.read_only();
        Node::Bind { source: path.clone(), read_only, recursive: true, dir: true, device: false }
    } else {
        cx.copied(path.clone())
    };
    view.put(WorldPath::root(), root);
    for (path, mode) in [("/tmp", 0o1777), ("/run", 0o755)] {
        view.put(WorldPath::abs(path), view::Fresh::mode(mode));
    }
    if let Some((_, text)) = &cx.facts.resolv_conf {
        let data = text.as_bytes().to_vec();
        view.put_optional(WorldPath::abs("/etc/resolv.conf"), Node::File { mode: 0o644, data });
    }
    view
}

/// A word for `--explain` about one namespace.
fn decide_wall(builder: &mut Builder, what: String, why: &str) {
    builder.decide(Topic::Walls, what, why);
}
