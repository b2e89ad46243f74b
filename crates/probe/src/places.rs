//! What is at the places of a world, and at the sources of its grants.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};

use dwell_plan::data_mount::PROGRAM_TREES;
use dwell_plan::facts::{Entry, Found};
use dwell_plan::plan::{GrantKind, Plan, RootSource};
use dwell_plan::{Text, WorldPath};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::ProbeError;
use crate::file::{self, PATH};
use crate::look;

/// The places that the rules of `lower` ask about in every world with its own mounts. Those right
/// below `/` are looked into: their `empty` is true to fact, that of all others is not known and
/// false.
pub const PLACES: &[&str] = &[
    "/dev",
    "/dev/mqueue",
    "/etc/hostname",
    "/etc/hosts",
    "/home",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/tmp",
    "/usr/local",
    "/var/tmp",
];

/// The error because of which it is not known what is there.
fn unknown(found: &Found) -> Option<Errno> {
    let Found::Denied(no) = found else { return None };
    let no = Errno::from_raw_os_error(*no);
    (!look::is_answer(no)).then_some(no)
}

fn not_found_out(path: &[u8], call: &'static str) -> impl Fn(Errno) -> ProbeError {
    move |no| ProbeError::kernel("look at", &String::from_utf8_lossy(path), call, no)
}

/// What is found at the source of every grant, and at the root directory's.
pub(crate) fn sources(plan: &Plan) -> BTreeMap<Text, Found> {
    let root = match &plan.root {
        RootSource::Directory { path, .. } => Some(path),
        RootSource::Host { .. } => None,
    };
    let grants = plan.grants.iter().filter_map(|grant| grant.what.source());
    grants.chain(root).map(|path| (path.clone(), look::follow(path.as_bytes()))).collect()
}

/// The machine's path of what the world shows at `path`, as far as grants say.
fn on_machine(plan: &Plan, path: &WorldPath) -> Option<WorldPath> {
    match plan.grant_above(path) {
        Some(grant) => {
            let source = WorldPath::from(grant.what.source()?.clone());
            Some(source.join(grant.dest.remainder(path)?))
        }
        None => matches!(plan.root, RootSource::Host { .. }).then(|| path.clone()),
    }
}

/// Where grants really go when links of the machine lie on the way, or at their end.
pub(crate) fn real_places(plan: &Plan) -> Result<BTreeMap<WorldPath, WorldPath>, ProbeError> {
    let mut out = BTreeMap::new();
    for grant in &plan.grants {
        if let Some(there) = on_machine(plan, &grant.dest)
            && has_links(&there)?
        {
            let place = without_links(plan, &grant.dest)?;
            if place != grant.dest {
                out.insert(grant.dest.clone(), place);
            }
        }
    }
    Ok(out)
}

/// Whether there may be links in a path of the machine's, as far as there is something.
fn has_links(path: &WorldPath) -> Result<bool, ProbeError> {
    let mut next = Some(path.clone());
    while let Some(path) = next {
        let failed = not_found_out(path.as_bytes(), "openat");
        if let Some(real) = look::real_path(path.as_bytes()).map_err(failed)? {
            return Ok(real != path);
        }
        next = path.parent();
    }
    Ok(false)
}

/// How many links are followed, as by the kernel (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Where a path of the world leads: links of the machine's are followed as they will be in the world, where
/// they may lie elsewhere.
fn without_links(plan: &Plan, path: &WorldPath) -> Result<WorldPath, ProbeError> {
    let (mut at, mut links) = (WorldPath::root(), 0);
    let mut left: VecDeque<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
    while let Some(name) = left.pop_front() {
        if name == b".." {
            at = at.parent().unwrap_or_default();
            continue;
        }
        let next = at.join(&name);
        let link = on_machine(plan, &next).map(|there| look::link(&there)).transpose();
        let failed = not_found_out(next.as_bytes(), "readlinkat");
        match link.map_err(failed)?.flatten().filter(|_| links < MOST_LINKS) {
            Some(target) => {
                links += 1;
                if target.first() == Some(&b'/') {
                    at = WorldPath::root();
                }
                let names = target.split(|b| *b == b'/').filter(|n| !n.is_empty() && *n != b".");
                for (place, name) in names.enumerate() {
                    left.insert(place, name.to_vec());
                }
            }
            None => at = next,
        }
    }
    Ok(at)
}

/// Where the sources of grants really are, for those that are reached through links.
pub(crate) fn real_paths(plan: &Plan) -> Result<BTreeMap<Text, WorldPath>, ProbeError> {
    let mut out = BTreeMap::new();
    for source in plan.grants.iter().filter_map(|grant| grant.what.source()) {
        let real = look::real_path(source.as_bytes());
        let real = real.map_err(not_found_out(source.as_bytes(), "openat"))?;
        if let Some(real) = real.filter(|real| source != real.text()) {
            out.insert(source.clone(), real);
        }
    }
    Ok(out)
}

/// The files of a world before anything is done to them.
pub(crate) enum World<'a> {
    /// The machine's, with the entries of `/` as far as they are known.
    Host(&'a [Entry]),
    /// A root filesystem directory.
    Directory(OwnedFd),
}

impl<'a> World<'a> {
    /// The world that a Plan starts from; none when there is no such root directory.
    pub(crate) fn open(plan: &Plan, top: &'a [Entry]) -> Result<Option<Self>, ProbeError> {
        match &plan.root {
            RootSource::Host { .. } => Ok(Some(World::Host(top))),
            RootSource::Directory { path, .. } => {
                let flags = PATH | OFlags::DIRECTORY;
                let opened = rustix::fs::openat(CWD, path.as_bytes(), flags, Mode::empty());
                let known = look::known(opened);
                let known = known.map_err(not_found_out(path.as_bytes(), "openat"))?;
                Ok(known.map(World::Directory))
            }
        }
    }

    /// What is at `path`, links followed within the world.
    fn find(&self, path: &WorldPath) -> Found {
        match self {
            World::Host(_) => look::follow(path.as_bytes()),
            World::Directory(root) => match file::open_in_root(root.as_fd(), path, PATH) {
                Ok(fd) => look::opened(&fd),
                Err(no) => look::failed(no),
            },
        }
    }

    /// What is right below `/` itself, links not followed.
    fn find_itself(&self, path: &WorldPath) -> Found {
        let itself = match self {
            World::Host(_) => look::stat(CWD, path.as_bytes(), AtFlags::SYMLINK_NOFOLLOW),
            World::Directory(root) => {
                look::stat(root.as_fd(), path.relative(), AtFlags::SYMLINK_NOFOLLOW)
            }
        };
        match itself.map(|stat| look::file_type(&stat)) {
            Ok(FileType::Symlink) | Err(_) => Found::Missing,
            Ok(_) => self.find(path),
        }
    }

    /// The same for a directory right below `/`, which is looked into.
    fn find_top(&self, path: &WorldPath) -> Found {
        let is_it = |entry: &&Entry| entry.name.as_bytes() == path.name();
        if let World::Host(top) = self
            && let Some(entry) = top.iter().find(is_it)
            && !matches!(entry.found, Found::Link(_))
        {
            return entry.found.clone();
        }
        let found = self.find(path);
        let Found::Directory { mode, .. } = found else { return found };
        match self {
            World::Host(_) => look::look_into(CWD, path.as_bytes(), OFlags::empty(), mode),
            World::Directory(root) => match file::open_in_root(root.as_fd(), path, PATH) {
                Ok(fd) => look::look_into(fd.as_fd(), b".", OFlags::empty(), mode),
                Err(no) => look::failed(no),
            },
        }
    }

    /// What is found at the places that the Plan names, with everything above those that do not
    /// exist, and (when the world has its own mounts) at [`PLACES`].
    pub(crate) fn places(
        &self,
        plan: &Plan,
        homes: &[WorldPath],
        real: &BTreeMap<WorldPath, WorldPath>,
        own_mounts: bool,
    ) -> Result<BTreeMap<WorldPath, Found>, ProbeError> {
        let mut out = BTreeMap::new();
        for place in PLACES.iter().filter(|_| own_mounts).map(|place| WorldPath::abs(place)) {
            let top = place.components().count() == 1;
            let found = if top { self.find_top(&place) } else { self.find(&place) };
            out.insert(place, found);
        }
        if plan.hardening.no_new_code {
            let trees = PROGRAM_TREES.map(WorldPath::abs).into_iter();
            let found = trees.map(|tree| (tree.clone(), self.find_itself(&tree)));
            out.extend(found.filter(|(_, found)| found.is_dir()));
        }
        let workdir = plan.command.workdir.as_ref().map(|workdir| &workdir.path);
        let dests = plan.grants.iter().map(|grant| real.get(&grant.dest).unwrap_or(&grant.dest));
        for place in dests.chain(workdir).chain(homes) {
            self.add_with_ancestors(&mut out, place);
        }
        // What covers has to be of the kind of what is there, wherever that comes from.
        let hidden = plan.grants.iter().filter(|grant| grant.what == GrantKind::Hide);
        for place in hidden.map(|grant| real.get(&grant.dest).unwrap_or(&grant.dest)) {
            if let Some(there) = on_machine(plan, place).filter(|there| there != place) {
                out.insert(place.clone(), look::follow(there.as_bytes()));
            }
        }
        match out.iter().find_map(|(path, found)| Some((path, unknown(found)?))) {
            Some((path, no)) => Err(ProbeError::kernel("look at", &path.to_string(), "statx", no)),
            None => Ok(out),
        }
    }

    /// Adds what is at `place`, and at everything above it when it does not exist.
    fn add_with_ancestors(&self, out: &mut BTreeMap<WorldPath, Found>, place: &WorldPath) {
        let mut next = Some(place.clone());
        let mut missing = false;
        while let Some(path) = next {
            next = path.parent();
            let found = out.entry(path).or_insert_with_key(|path| self.find(path));
            missing |= !found.exists();
            if !missing {
                return;
            }
        }
    }
}
