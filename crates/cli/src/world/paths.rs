//! From paths as typed to absolute ones.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dwell_plan::{Text, WorldPath};

use crate::invocation::Invocation;
use crate::message::Failure;

/// What relative paths and `~` stand for.
pub(super) struct Paths<'a> {
    /// The current directory.
    pub(super) cwd: Option<&'a Path>,
    /// The caller's home directory on the machine.
    pub(super) home: Text,
    /// The same as a place: as it is written, and as the kernel names it. The current directory
    /// is known by the latter.
    homes: [WorldPath; 2],
    /// The home directory of the world's user.
    pub(super) world_home: Text,
}

impl<'a> Paths<'a> {
    pub(super) fn new(invocation: &'a Invocation<'_>, home: Text) -> Self {
        let written = WorldPath::from(home.clone());
        let real = invocation.machine.canonical(home.as_path());
        let real =
            real.map_or_else(|| written.clone(), |p| WorldPath::from(Text::from(p.as_os_str())));
        let homes = [written, real];
        Paths { cwd: invocation.cwd.as_deref(), world_home: home.clone(), homes, home }
    }

    fn cwd(&self, words: &str) -> Result<&[u8], Failure> {
        let cwd = self.cwd.map(|cwd| cwd.as_os_str().as_bytes());
        cwd.ok_or_else(|| {
            Failure::cannot_use(words, "the current directory cannot be found (getcwd)")
                .hint("give an absolute path")
        })
    }

    /// A path of the machine, absolute. The kernel resolves `..` behind symbolic links, so a path
    /// is only made shorter where that cannot change what it names.
    pub(super) fn source(&self, path: &[u8], words: &str) -> Result<Text, Failure> {
        let path = tilde(path, || self.home.clone());
        let path = path.as_bytes();
        let base = if path.starts_with(b"/") { &[][..] } else { self.cwd(words)? };
        let parts = path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".");
        // The current directory's own name, as the kernel tells it, has no links in it.
        if parts.skip_while(|p| *p == b"..").all(|p| p != b"..") {
            return Ok(WorldPath::new(path, base).text().clone());
        }
        let mut whole = base.to_vec();
        if !base.is_empty() {
            whole.push(b'/');
        }
        whole.extend_from_slice(path);
        Ok(Text::from(whole))
    }

    /// The place in the world that has the same name as `path` on the machine.
    pub(super) fn same_place(&self, path: &[u8], words: &str) -> Result<WorldPath, Failure> {
        let path = tilde(path, || self.home.clone());
        let relative = !path.as_bytes().starts_with(b"/");
        let base = if relative { self.cwd(words)? } else { b"/" };
        Ok(WorldPath::new(path.as_bytes(), base))
    }

    /// A place in the world, `~` being the home directory there.
    pub(super) fn place(&self, path: &[u8], words: &str) -> Result<WorldPath, Failure> {
        let path = tilde(path, || self.world_home.clone());
        let relative = !path.as_bytes().starts_with(b"/");
        let base = if relative { self.cwd(words)? } else { b"/" };
        Ok(WorldPath::new(path.as_bytes(), base))
    }

    /// The current directory as a place in the world.
    pub(super) fn current(&self) -> Option<WorldPath> {
        self.cwd.map(|cwd| WorldPath::new(cwd.as_os_str().as_bytes(), b"/"))
    }

    /// Whether `place` is the caller's home directory or above it, by either of its names.
    pub(super) fn holds_home(&self, place: &WorldPath) -> bool {
        self.homes.iter().any(|home| place.contains(home))
    }

    /// Whether `place` is in the caller's home directory.
    pub(super) fn in_home(&self, place: &WorldPath) -> bool {
        self.homes.iter().any(|home| home.contains(place))
    }
}

/// `path` with a leading `~` or `~/` replaced.
pub(crate) fn tilde(path: &[u8], home: impl FnOnce() -> Text) -> Text {
    match path.strip_prefix(b"~") {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => {
            let mut out = home().as_bytes().to_vec();
            out.extend_from_slice(rest);
            Text::from(out)
        }
        _ => Text::from(path),
    }
}
