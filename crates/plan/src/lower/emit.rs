//! From the view to mounts.
//!
//! One tmpfs, the scratch, holds everything that is thrown away: `new` is the world's root where that
//! is built from pieces, `u/N` and `w/N` are the upper and work directories of layer N, `d/N` are the
//! fresh directories that lie in other trees. It hangs in the old root (on `/sys`, which nothing is
//! taken from), so when that is detached nothing but the mounts made from it holds it: with the last
//! process it is gone.
//!
//! Paths of the machine are named from the old root, which stays the process's root until the end;
//! places in the world are named from the new root's descriptor, and where a tree that is not ours
//! lies on the way, resolved by the kernel beneath it.

mod beside;
mod layer;
mod own;

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::builder::Builder;
use super::no_new_code;
use super::setup::Beside;
use super::view::{Fresh, KernelFs, Node, Placed, View};
use crate::errno::{EACCES, ELOOP, ENOENT, ENOTDIR, EPERM};
use crate::facts::Found;
use crate::hardening::ProcView;
use crate::path::WorldPath;
use crate::plan::{Origin, RootSource};
use crate::program::{Attrs, DISK_LAYER, Op, Slot};
use crate::text::Text;

/// What lies at a place, for what comes below it.
#[derive(Clone, Debug)]
enum Ground {
    /// A directory of ours without foreign links, at `base` in `slot`. In the world it lies in the
    /// mount `mount`, which is attached at `at`.
    Own { slot: Slot, base: Vec<u8>, mount: Slot, at: WorldPath },
    /// Layer number n.
    Layer,
    /// A tree that nothing can be made in.
    Other,
}

/// What is left of the mounts for the rest of the setup.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) root: Slot,
    pub(super) uppers: Slot,
    /// Directories to be removed from the machine at the end.
    pub(super) added: Vec<Text>,
    /// The layers: where, and their number.
    pub(super) layers: Vec<(WorldPath, usize)>,
}

pub(super) struct Emitter<'a> {
    cx: &'a Context<'a>,
    view: &'a View,
    b: &'a mut Builder,
    scratch: Slot,
    /// Where upper and work directories are: the scratch, or a directory on disk.
    uppers: Slot,
    root: Slot,
    grounds: BTreeMap<WorldPath, Ground>,
    made: BTreeSet<(Slot, Vec<u8>)>,
    done: BTreeSet<WorldPath>,
    layers: Vec<(WorldPath, usize)>,
    fresh: usize,
    /// Directories made in a root that is written into.
    added: Vec<Text>,
    whole: BTreeMap<WorldPath, Slot>,
    /// The helper that makes the layers, if one does.
    beside: Option<Beside>,
    /// Layers that one of both makes before: which piece each is, and where it will be.
    ready: BTreeMap<WorldPath, (u8, Slot)>,
    /// The place that is filled next, where it has been looked for already.
    point: Option<Slot>,
}

/// A masked or optional place that this kernel or machine does not have.
const ABSENT: &[i32] = &[ENOENT, ENOTDIR, ELOOP, EACCES];

pub(super) fn mounts(
    cx: &Context<'_>,
    view: &View,
    aside: Option<Beside>,
    b: &mut Builder,
) -> Mounted {
    let whole = clone_around_scratch(cx, view, b);
    let disk = cx.disk_layer().map(|path| {
        b.step("open", "the directory for layers", None);
        let into = b.slot();
        let path = b.str([path.as_bytes(), b"/", DISK_LAYER.as_bytes()].concat());
        b.op(Op::OpenDir { at: Slot::CWD, path, into });
        into
    });
    b.step("make", "the scratch filesystem", None);
    let limits = cx.plan.scratch.map(|size| TmpfsLimits::new(size, 16384));
    let mut options = vec![("mode", &b"0755"[..])];
    options.extend(limits.iter().flat_map(TmpfsLimits::options));
    let attrs = Attrs { noexec: cx.no_new_code(), ..Attrs::SAFE };
    let scratch = b.new_filesystem("tmpfs", &options, attrs);
    let spot = b.str(cx.facts.spot.as_bytes());
    b.op(Op::Attach { tree: scratch, to: Slot::CWD, path: spot });
    let mut e = Emitter {
        cx,
        view,
        b,
        scratch,
        uppers: disk.unwrap_or(scratch),
        root: scratch,
        grounds: BTreeMap::new(),
        made: BTreeSet::new(),
        done: BTreeSet::new(),
        layers: Vec::new(),
        fresh: 0,
        added: Vec::new(),
        whole,
        beside: None,
        ready: BTreeMap::new(),
        point: None,
    };
    e.base_directories();
    e.place_root();
    e.beside = aside.filter(|_| e.layers_beside());
    e.start_layers();
    // sysfs shows the network namespace of the process that mounts it.
    let sys = WorldPath::abs("/sys");
    let waits = e.below_layers();
    e.place_all(|path| !sys.contains(path) && !waits.contains(path));
    e.make_layers();
    if let Some(Beside { socket, net, .. }) = aside {
        e.b.step("make", "the network namespace", None);
        e.b.op(Op::EnterAside { socket, into: net });
    }
    e.place_all(|path| sys.contains(path) && !waits.contains(path));
    if let Some(Beside { socket, .. }) = aside {
        e.b.step("bring up", "the loopback interface", None);
        e.b.op(Op::LoopbackUp(socket));
    }
    e.place_all(|path| waits.contains(path));
    if let Some(Beside { socket, .. }) = aside {
        e.b.close(socket);
    }
    if cx.read_only() {
        e.freeze_root();
    }
    Mounted { root: e.root, uppers: e.uppers, layers: e.layers, added: e.added }
}

/// Binds in which the scratch will hang are copied before it does: a copy made later would have it too.
fn clone_around_scratch(
    cx: &Context<'_>,
    view: &View,
    b: &mut Builder,
) -> BTreeMap<WorldPath, Slot> {
    let mut whole = BTreeMap::new();
    for (path, placed) in &view.places {
        let Node::Bind { source, recursive, .. } = &placed.node else { continue };
        let real = cx.real_path(source);
        if real.contains(&cx.facts.spot)
            || cx.facts.spot.contains(&real) && !cx.facts.spot.is_root()
        {
            b.step("bind", source.to_string(), placed.origin.as_ref());
            whole.insert(path.clone(), b.clone_tree(Slot::CWD, source, *recursive));
        }
    }
    whole
}

impl Emitter<'_> {
    fn base_directories(&mut self) {
        let nodes = || self.view.places.values().map(|p| &p.node);
        let layers = nodes().any(|n| matches!(n, Node::Layer { .. }));
        let mut names = vec!["new", "d"];
        if layers {
            self.mkdir(self.uppers, "u", 0o755);
            self.mkdir(self.uppers, "w", 0o755);
        }
        if layers && self.cx.owns_root_mounts() {
            names.push("l");
        }
        for name in names {
            self.mkdir(self.scratch, name, 0o755);
        }
    }

    fn place_root(&mut self) {
        let root = WorldPath::root();
        let fallback = Placed { node: Fresh::mode(0o755), origin: None, optional: false };
        let placed = self.view.places.get(&root).unwrap_or(&fallback);
        self.b.step("make", "the root directory", placed.origin.as_ref());
        let (tree, ground) = match &placed.node {
            Node::Layer { source, read_only } => {
                (self.layer(&root, source, *read_only), Ground::Layer)
            }
            Node::Bind { source, read_only, .. } => {
                (self.bind(&root, source, true, *read_only, false), Ground::Other)
            }
            _ => {
                let new = Text::from("new");
                let tree = self.b.clone_tree(self.scratch, &new, false);
                let base = b"new".to_vec();
                (tree, Ground::Own { slot: self.scratch, base, mount: tree, at: root.clone() })
            }
        };
        let new = self.b.str("new");
        self.b.op(Op::Attach { tree, to: self.scratch, path: new });
        self.root = tree;
        self.grounds.insert(root.clone(), ground);
        if matches!(placed.node, Node::Layer { .. }) {
            self.write_through(&root);
        }
    }

    fn place_all(&mut self, which: impl Fn(&WorldPath) -> bool) {
        let view = self.view;
        for (path, placed) in view.places.iter().filter(|(path, _)| !path.is_root() && which(path))
        {
            if !self.done.contains(path) {
                self.place(path, placed);
            }
        }
    }

    fn place(&mut self, path: &WorldPath, placed: &Placed) {
        let ground = self.ground_of(path);
        self.announce(path, placed);
        self.complete_root(path, placed, &ground);
        if !placed.optional || matches!(ground, Ground::Own { .. }) {
            self.put(path, placed, &ground);
            return;
        }
        // The place may be missing in a tree of the machine's: then there is nothing to do. It is looked
        // for before anything is made for it.
        // KERNEL: closing a tree that hangs nowhere waits for a grace period of RCU.
        // Others may want it too, whatever becomes of this place.
        let _ = match placed.node {
            Node::Hidden { dir } => self.nothing(dir),
            Node::Removed => self.nothing(false),
            _ => "",
        };
        let rescue_from = self.b.mark();
        self.point = Some(self.find(path.relative()));
        self.put(path, placed, &ground);
        if let Some(point) = self.point.take() {
            self.b.close(point);
        }
        self.b.rescue_since(rescue_from, ABSENT);
    }

    fn complete_root(&mut self, path: &WorldPath, placed: &Placed, ground: &Ground) {
        let missing = self.cx.facts.places.get(path) == Some(&Found::Missing);
        let wanted = matches!(ground, Ground::Other) && missing && !placed.optional;
        let RootSource::Directory { path: root, .. } = &self.cx.plan.root else { return };
        if wanted && self.cx.writes_root() {
            self.mkdir(self.root, path.relative(), 0o755);
            self.added.push(WorldPath::from(root.clone()).join(path.relative()).into());
        }
    }

    fn announce(&mut self, path: &WorldPath, placed: &Placed) {
        let verb = match &placed.node {
            Node::Bind { source, .. } => {
                self.b.step("bind", source.to_string(), placed.origin.as_ref());
                return;
            }
            Node::Copy { source } => {
                self.b.step("copy", source.to_string(), placed.origin.as_ref());
                return;
            }
            Node::Layer { source, .. } => {
                self.b.step("layer", source.to_string(), placed.origin.as_ref());
                return;
            }
            Node::Fresh(_) | Node::Link(_) | Node::File { .. } => "make",
            Node::Hidden { .. } | Node::Removed => "hide",
            Node::Kernel(_) | Node::Groups { .. } => "mount",
            Node::Frozen => "make read-only",
        };
        self.b.step(verb, path.to_string(), placed.origin.as_ref());
    }

    fn ground_of(&self, path: &WorldPath) -> Ground {
        let mut at = path.parent();
        while let Some(path) = at {
            if let Some(ground) = self.grounds.get(&path) {
                return ground.clone();
            }
            at = path.parent();
        }
        Ground::Other
    }

    /// The nearest place above, which is what the ground of `path` belongs to.
    fn ground_path(&self, path: &WorldPath) -> WorldPath {
        self.view.above(path).map_or_else(WorldPath::root, |(at, _)| at.clone())
    }

    fn put(&mut self, path: &WorldPath, placed: &Placed, ground: &Ground) {
        match &placed.node {
            Node::Fresh(fresh) => self.fresh(path, *fresh, ground),
            Node::Link(target) => self.link(path, target, ground),
            Node::File { mode, data } => self.file(path, *mode, data, ground),
            Node::Copy { source } => self.copy(path, source, ground),
            Node::Bind { source, read_only, recursive, dir, device } => {
                self.point(path, *dir, ground);
                let tree = self.bind(path, source, *recursive, *read_only, *device);
                self.attach(tree, path, ground);
                self.grounds.insert(path.clone(), Ground::Other);
            }
            Node::Layer { source, read_only } => {
                self.point(path, true, ground);
                self.layer_or_bind(path, source, *read_only, placed.origin.as_ref(), ground);
                self.grounds.insert(path.clone(), Ground::Layer);
                self.write_through(path);
            }
            Node::Hidden { dir } => self.hidden(path, *dir, ground),
            Node::Kernel(fs) => self.kernel(path, *fs, ground),
            Node::Groups { controllers, read_only } => {
                self.groups(path, controllers, *read_only, ground);
            }
            Node::Frozen => self.frozen(path),
            Node::Removed => self.removed(path, ground),
        }
    }

    fn find(&mut self, relative: &[u8]) -> Slot {
        let into = self.b.slot();
        let path = self.b.str(if relative.is_empty() { &b"."[..] } else { relative });
        self.b.op(Op::Find { root: self.root, path, into });
        into
    }

    fn attach(&mut self, tree: Slot, path: &WorldPath, ground: &Ground) {
        self.attach_open(tree, path, ground);
        self.b.close(tree);
    }

    fn attach_open(&mut self, tree: Slot, path: &WorldPath, ground: &Ground) {
        if let Ground::Own { mount, at, .. } = ground {
            let path = self.b.str(at.remainder(path).unwrap_or_default());
            self.b.op(Op::Attach { tree, to: *mount, path });
            return;
        }
        let point = self.point.take().unwrap_or_else(|| self.find(path.relative()));
        let here = self.b.str("");
        self.b.op(Op::Attach { tree, to: point, path: here });
        self.b.close(point);
    }

    fn bind(
        &mut self,
        path: &WorldPath,
        source: &Text,
        recursive: bool,
        read_only: bool,
        device: bool,
    ) -> Slot {
        let copied = self.whole.remove(path);
        let tree = copied.unwrap_or_else(|| self.b.clone_tree(Slot::CWD, source, recursive));
        let noexec = device && !recursive || self.forbids_programs(path, read_only);
        let attrs = Attrs { read_only, nosuid: true, nodev: !device, noexec };
        self.b.op(Op::SetAttrs { tree, attrs, recursive });
        tree
    }

    /// Whether programs must not be run from a tree of the machine's: it can be written, here or there.
    pub(super) fn forbids_programs(&self, path: &WorldPath, read_only: bool) -> bool {
        self.cx.no_new_code()
            && (!read_only || no_new_code::is_written_elsewhere(self.cx, self.view, path))
    }

    fn kernel(&mut self, path: &WorldPath, fs: KernelFs, ground: &Ground) {
        self.point(path, true, ground);
        let tree = match fs {
            KernelFs::Proc => self.proc(),
            KernelFs::Mqueue => self.b.new_filesystem("mqueue", &[], Attrs::KERNEL),
            KernelFs::Sysfs => self.b.new_filesystem("sysfs", &[], Attrs::KERNEL_READ_ONLY),
            KernelFs::Devpts => self.b.new_filesystem(
                "devpts",
                &[("ptmxmode", b"0666"), ("mode", b"0620")],
                Attrs { nodev: false, ..Attrs::KERNEL },
            ),
        };
        self.attach(tree, path, ground);
        self.grounds.insert(path.clone(), Ground::Other);
    }

    /// KERNEL: who can write to `/proc/PID/mem` writes to memory that is read-only and executable too.
    fn proc(&mut self) -> Slot {
        const FEW: [(&str, &[u8]); 2] = [("subset", b"pid"), ("hidepid", b"ptraceable")];
        let few = self.cx.plan.hardening.proc == ProcView::Pids;
        let options: &[(&str, &[u8])] = if few { &FEW } else { &[] };
        let attrs = Attrs { read_only: self.cx.no_new_code(), ..Attrs::KERNEL };
        self.b.new_filesystem("proc", options, attrs)
    }

    /// KERNEL: what is mounted begins at the root of the cgroup namespace, so nothing else shows.
    fn groups(
        &mut self,
        path: &WorldPath,
        controllers: &[String],
        read_only: bool,
        ground: &Ground,
    ) {
        self.point(path, true, ground);
        let options: Vec<(&str, &[u8])> =
            controllers.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let fstype = if controllers.is_empty() { "cgroup2" } else { "cgroup" };
        let attrs = if read_only { Attrs::KERNEL_READ_ONLY } else { Attrs::KERNEL };
        let tree = self.b.new_filesystem(fstype, &options, attrs);
        self.attach(tree, path, ground);
        self.grounds.insert(path.clone(), Ground::Other);
    }

    /// KERNEL: a bind of part of a mount has attributes of its own, so a directory of a procfs can be
    /// read-only while the rest is not.
    fn frozen(&mut self, path: &WorldPath) {
        let relative = Text::from(path.relative());
        let tree = self.b.clone_tree(self.root, &relative, true);
        self.b.op(Op::SetAttrs { tree, attrs: Attrs::KERNEL_READ_ONLY, recursive: true });
        self.attach(tree, path, &Ground::Other);
    }

    fn freeze_root(&mut self) {
        self.b.step(
            "make read-only",
            "the root directory",
            Some(&Origin::Option("--read-only".to_owned())),
        );
        self.b.op(Op::SetAttrs { tree: self.root, attrs: Attrs::SAFE_READ_ONLY, recursive: false });
    }
}

fn append(path: &mut Vec<u8>, part: &[u8]) {
    if part.is_empty() {
        return;
    }
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(part);
}

/// What the kernel answers where an overlay cannot lie on a directory.
pub(super) const NO_LAYER: &[i32] =
    &[crate::errno::EINVAL, EPERM, crate::errno::EOPNOTSUPP, crate::errno::ENODEV];

/// How much a tmpfs may hold.
// KERNEL: `size` counts pages of content. A file, a link and a directory without any take about 1 KiB
// of memory each, that counts for `nr_inodes` alone. Without a size the kernel allows one for each page.
struct TmpfsLimits {
    size: String,
    inodes: String,
}

impl TmpfsLimits {
    /// `size` bytes, and one file for each page of them beside the `own` ones.
    fn new(size: u64, own: u64) -> Self {
        TmpfsLimits { size: size.to_string(), inodes: (own + size / 4096).to_string() }
    }

    fn options(&self) -> [(&'static str, &[u8]); 2] {
        [("size", self.size.as_bytes()), ("nr_inodes", self.inodes.as_bytes())]
    }
}
