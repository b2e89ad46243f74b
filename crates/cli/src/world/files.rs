//! Where the files come from, what is granted, and where the program starts.

use dwell_plan::plan::{Grant, GrantKind, Namespaces, Origin, RootSource, Workdir};
use dwell_plan::{NamespaceKind, WorldPath};

use super::namespaces;
use super::paths::Paths;
use super::walls;
use crate::invocation::Invocation;
use crate::message::{Failure, reason};
use crate::options::{LowArgs, LowGrant};

/// `--from`, `--writable`, `--home`.
pub(super) fn root(
    low: &LowArgs,
    paths: &Paths<'_>,
    invocation: &Invocation<'_>,
) -> Result<RootSource, Failure> {
    let directory = low.from.as_ref().filter(|from| from.value != b"host");
    let Some(from) = directory else {
        return match &low.writable {
            Some(writable) => Err(Failure::new(format!(
                "`{}` needs `--from DIR`: the machine's own files are changed with `--rw`",
                writable.words
            ))),
            None => Ok(RootSource::Host { home: low.home.is_some() }),
        };
    };
    if let Some(home) = &low.home {
        return Err(contradiction(&home.words, &from.words, "there is no home of yours in it"));
    }
    if let (Some(writable), Some(read_only)) = (&low.writable, &low.read_only) {
        let why = "one lets changes into the directory, the other lets none happen";
        return Err(contradiction(&writable.words, &read_only.words, why));
    }
    let path = paths.source(&from.value, &from.words)?;
    let hint = "it takes `host` or a directory that holds a root filesystem";
    match invocation.machine.is_directory(path.as_path()) {
        Ok(true) => Ok(RootSource::Directory {
            path,
            writable: low.writable.is_some(),
            origin: Origin::Option(from.words.clone()),
        }),
        Ok(false) => Err(Failure::cannot_use(&from.words, "Not a directory").hint(hint)),
        Err(e) => Err(Failure::cannot_use(&from.words, &reason(&e)).hint(hint)),
    }
}

/// Two options that exclude each other.
pub(super) fn contradiction(one: &str, other: &str, why: &str) -> Failure {
    Failure::new(format!("`{one}` and `{other}` exclude each other: {why}"))
}

/// Without an own mount namespace nothing about files can change.
pub(super) fn check(
    low: &LowArgs,
    root: &RootSource,
    namespaces: &Namespaces,
) -> Result<(), Failure> {
    if namespaces.owns(NamespaceKind::Mount) {
        return Ok(());
    }
    let from = match root {
        RootSource::Directory { .. } => low.from.as_ref().map(|t| &t.words),
        RootSource::Host { .. } => None,
    };
    if walls::is_confined(low, namespaces) {
        return walls::check(low, from);
    }
    let asks = (low.grants.first().map(|t| &t.words))
        .or(from)
        .or(low.read_only.as_ref().map(|t| &t.words))
        .or(low.home.as_ref().map(|t| &t.words))
        .or(low.scratch.as_ref().map(|t| &t.words));
    match asks {
        None => Ok(()),
        Some(words) => {
            let why = "nothing about files can change";
            Err(namespaces::missing(low, NamespaceKind::Mount, words, why))
        }
    }
}

/// The grants that were typed.
pub(super) fn grants(low: &LowArgs, paths: &Paths<'_>) -> Result<Vec<Grant>, Failure> {
    // One more: the current directory's.
    let mut grants = Vec::with_capacity(low.grants.len() + 1);
    for typed in &low.grants {
        let words = typed.words.as_str();
        let mapped = |path: &[u8], dest: &Option<Vec<u8>>| {
            let place = match dest {
                Some(dest) => paths.place(dest, words)?,
                None => paths.same_place(path, words)?,
            };
            Ok((place, paths.source(path, words)?))
        };
        let (dest, what) = match &typed.value {
            LowGrant::ReadWrite { path, dest } => {
                let (place, source) = mapped(path, dest)?;
                (place, GrantKind::ReadWrite { source })
            }
            LowGrant::ReadOnly { path, dest } => {
                let (place, source) = mapped(path, dest)?;
                (place, GrantKind::ReadOnly { source })
            }
            LowGrant::CopyOnWrite { path, dest } => {
                let (place, source) = mapped(path, dest)?;
                (place, GrantKind::CopyOnWrite { source })
            }
            LowGrant::Device { path } => {
                let (place, source) = mapped(path, &None)?;
                (place, GrantKind::Device { source })
            }
            LowGrant::Socket { path } => {
                let (place, source) = mapped(path, &None)?;
                (place, GrantKind::Socket { source })
            }
            LowGrant::Hide { path } => (paths.place(path, words)?, GrantKind::Hide),
            LowGrant::Tmpfs { dest, size } => {
                (paths.place(dest, words)?, GrantKind::Tmpfs { size: *size })
            }
        };
        grants.push(Grant { dest, what, origin: Origin::Option(typed.words.clone()) });
    }
    Ok(grants)
}

/// Where the program starts.
pub(super) fn workdir(
    low: &LowArgs,
    root: &RootSource,
    own_files: bool,
    paths: &Paths<'_>,
) -> Result<Option<Workdir>, Failure> {
    if let Some(typed) = &low.workdir {
        let path = paths.place(&typed.value, &typed.words)?;
        return Ok(Some(Workdir { path, required: true }));
    }
    let current = paths.current();
    let stays = match root {
        _ if !own_files => true,
        RootSource::Directory { .. } => false,
        RootSource::Host { home: true } => true,
        RootSource::Host { home: false } => current.as_ref().is_some_and(|c| !paths.holds_home(c)),
    };
    let path = if stays { current } else { Some(WorldPath::from(paths.world_home.clone())) };
    Ok(path.map(|path| Workdir { path, required: false }))
}

/// Trees of the kernel's and of the world's own making; the machine's are never brought in.
const PROVIDED: [&str; 3] = ["/dev", "/proc", "/sys"];

/// The grant that keeps the current directory where it is, copy-on-write; none where that would
/// bring back the home directory, or where an option has already said what is there.
pub(super) fn current_directory(
    low: &LowArgs,
    root: &RootSource,
    grants: &[Grant],
    paths: &Paths<'_>,
) -> Option<Grant> {
    let current = paths.current()?;
    let provided = PROVIDED.iter().any(|tree| WorldPath::abs(tree).contains(&current));
    if !matches!(root, RootSource::Host { .. }) || paths.holds_home(&current) || provided {
        return None;
    }
    // A grant above the home directory does not speak about what is in it.
    let emptied = low.home.is_none() && paths.in_home(&current);
    let decided = |g: &Grant| g.dest.contains(&current) && (!emptied || paths.in_home(&g.dest));
    if grants.iter().any(decided) {
        return None;
    }
    Some(Grant {
        what: GrantKind::CopyOnWrite { source: current.text().clone() },
        dest: current,
        origin: Origin::rule("the current directory"),
    })
}
