//! Who the program is.

use std::path::Path;

use dwell_plan::idmap::IdMap;
use dwell_plan::plan::{Identity, Mapping, Namespaces, RootSource, User};
use dwell_plan::{NamespaceKind, Text};

use super::files::contradiction;
use super::namespaces;
use super::paths::Paths;
use crate::invocation::{Invocation, UserEntry};
use crate::message::Failure;
use crate::options::{IdSpec, LowArgs, LowMap, LowUser, Typed};

/// The program's user, by number and by the user database of its world.
pub(super) struct Who {
    /// For the Plan.
    pub(super) identity: Identity,
    /// `USER` and `LOGNAME`; for the caller they stay as they are.
    pub(super) name: Name,
    /// `HOME`.
    pub(super) home: Text,
    /// The login shell in a root filesystem directory.
    pub(super) shell: Option<Text>,
}

/// What `USER` and `LOGNAME` say.
pub(super) enum Name {
    /// What they say outside.
    Callers,
    /// This.
    Known(Text),
    /// Nothing: the number has no name.
    Nameless,
}

/// `--user`, `--root`, `--map-users`, `--map-groups`.
pub(super) fn decide(
    low: &LowArgs,
    root: &RootSource,
    namespaces: &Namespaces,
    paths: &Paths<'_>,
    invocation: &Invocation<'_>,
) -> Result<Who, Failure> {
    if let (Some(root), Some(user)) = (&low.root, &low.user) {
        return Err(contradiction(&root.words, &user.words, "a program has one user"));
    }
    let tree = match root {
        RootSource::Host { .. } => None,
        RootSource::Directory { path, .. } => Some(path.as_path()),
    };
    let database = tree.unwrap_or(Path::new("/"));
    let users = mapping(&low.map_users, low, namespaces)?;
    let groups = mapping(&low.map_groups, low, namespaces)?;
    let identity = |user| Identity { user, users, groups };

    if let Some(typed) = &low.user {
        let (ids, entry) = chosen(typed, database, invocation)?;
        let unknown_home = if tree.is_some() { Text::from("/") } else { paths.home.clone() };
        let (name, home, shell) = match entry {
            Some(e) => (Name::Known(e.name), Some(e.home), Some(e.shell)),
            None => (Name::Nameless, None, None),
        };
        let home = home.filter(|h| h.as_path().is_absolute()).unwrap_or(unknown_home);
        return Ok(Who { identity: identity(ids), name, home, shell });
    }
    let root_name = || Name::Known(Text::from("root"));
    match (tree, &low.root) {
        (Some(tree), _) => {
            let entry = invocation.machine.user_by_uid(tree, 0);
            let (name, home, shell) = match entry {
                Some(e) => (Name::Known(e.name), Some(e.home), Some(e.shell)),
                None => (root_name(), None, None),
            };
            let home = home.filter(|h| h.as_path().is_absolute());
            let home = home.unwrap_or_else(|| Text::from("/root"));
            Ok(Who { identity: identity(User::Root), name, home, shell })
        }
        (None, Some(_)) => {
            let (name, home) = (root_name(), paths.home.clone());
            Ok(Who { identity: identity(User::Root), name, home, shell: None })
        }
        (None, None) => {
            let home = paths.home.clone();
            Ok(Who { identity: identity(User::Caller), name: Name::Callers, home, shell: None })
        }
    }
}

/// The ids that `--user` means. Without a group it is the user's own, and for a number without an
/// entry the group of the same number.
fn chosen(
    typed: &Typed<LowUser>,
    database: &Path,
    invocation: &Invocation<'_>,
) -> Result<(User, Option<UserEntry>), Failure> {
    let (uid, entry) = match &typed.value.user {
        IdSpec::Id(uid) => (*uid, invocation.machine.user_by_uid(database, *uid)),
        IdSpec::Name(name) => match invocation.machine.user_by_name(database, name) {
            Some(entry) => (entry.uid, Some(entry)),
            None => {
                let file = database.join("etc/passwd");
                let why = format!("there is no user '{name}' in {}", file.display());
                return Err(Failure::cannot_use(&typed.words, &why));
            }
        },
    };
    let gid = typed.value.gid.or(entry.as_ref().map(|e| e.gid)).unwrap_or(uid);
    Ok((User::Ids { uid, gid }, entry))
}

fn mapping(
    typed: &[Typed<LowMap>],
    low: &LowArgs,
    namespaces: &Namespaces,
) -> Result<Mapping, Failure> {
    let Some(first) = typed.first() else { return Ok(Mapping::Default) };
    if !namespaces.owns(NamespaceKind::User) {
        let why = "ids are the machine's";
        return Err(namespaces::missing(low, NamespaceKind::User, &first.words, why));
    }
    let mut map = IdMap::default();
    let mut auto = None;
    let mut range = None;
    for one in typed {
        match one.value {
            LowMap::Auto => auto = Some(&one.words),
            LowMap::Range(r) => {
                range = Some(&one.words);
                map.0.push(r);
            }
        }
    }
    match (auto, range) {
        (Some(auto), Some(range)) => {
            Err(contradiction(auto, range, "the map is made by dwell or by you"))
        }
        (Some(_), None) => Ok(Mapping::Subids),
        (None, _) => match map.overlap() {
            None => Ok(Mapping::Ranges(map)),
            Some((a, b)) => Err(Failure::new(format!(
                "the ranges {}:{}:{} and {}:{}:{} map an id twice (`{}`)",
                a.inner, a.outer, a.count, b.inner, b.outer, b.count, first.words
            ))),
        },
    }
}
