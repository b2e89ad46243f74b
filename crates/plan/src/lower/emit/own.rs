//! Directories and files of the world's own, and what stands in the place of hidden ones.

use super::{Emitter, Ground, TmpfsLimits, append};
use crate::lower::view::Fresh;
use crate::path::WorldPath;
use crate::program::{Attrs, Op, Slot};
use crate::text::Text;

impl Emitter<'_> {
    pub(super) fn mkdir(&mut self, at: Slot, path: impl AsRef<[u8]>, mode: u32) {
        if self.made.insert((at, path.as_ref().to_vec())) {
            let path = self.b.str(path);
            self.b.op(Op::Mkdir { at, path, mode });
        }
    }

    /// Makes every missing directory of `rest` below `base`, but not the last component.
    pub(super) fn parents(&mut self, slot: Slot, base: &[u8], rest: &[u8]) {
        let mut path = base.to_vec();
        let mut parts = rest.split(|b| *b == b'/').filter(|p| !p.is_empty()).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                break;
            }
            append(&mut path, part);
            self.mkdir(slot, &path, 0o755);
        }
    }

    /// Where `path` really is, when it lies in a directory of ours.
    pub(super) fn own_location(
        &mut self,
        path: &WorldPath,
        ground: &Ground,
    ) -> Option<(Slot, Vec<u8>)> {
        let Ground::Own { slot, base, .. } = ground else { return None };
        let at = self.ground_path(path);
        let rest = at.remainder(path).unwrap_or_default().to_vec();
        self.parents(*slot, base, &rest);
        let mut location = base.clone();
        append(&mut location, &rest);
        Some((*slot, location))
    }

    /// Makes a mount point.
    pub(super) fn point(&mut self, path: &WorldPath, dir: bool, ground: &Ground) {
        let Some((slot, location)) = self.own_location(path, ground) else { return };
        if dir {
            self.mkdir(slot, location, 0o755);
        } else {
            let path = self.b.str(location);
            self.b.op(Op::CreateFile { at: slot, path, mode: 0o444 });
        }
    }

    pub(super) fn fresh(&mut self, path: &WorldPath, fresh: Fresh, ground: &Ground) {
        if fresh.own_filesystem {
            self.point(path, true, ground);
            self.fresh_filesystem(path, fresh, ground);
            return;
        }
        if let (Some((slot, base)), Ground::Own { mount, at, .. }) =
            (self.own_location(path, ground), ground)
        {
            self.fresh_directory(slot, &base, fresh);
            let own = Ground::Own { slot, base, mount: *mount, at: at.clone() };
            self.grounds.insert(path.clone(), own);
            return;
        }
        let base = format!("d/{}", self.fresh).into_bytes();
        self.fresh += 1;
        self.fresh_directory(self.scratch, &base, fresh);
        let tree = self.b.clone_tree(self.scratch, &Text::from(&base[..]), false);
        if self.cx.read_only() {
            self.b.op(Op::SetAttrs { tree, attrs: Attrs::SAFE_READ_ONLY, recursive: false });
        }
        self.attach_open(tree, path, ground);
        let own = Ground::Own { slot: self.scratch, base, mount: tree, at: path.clone() };
        self.grounds.insert(path.clone(), own);
    }

    pub(super) fn fresh_directory(&mut self, slot: Slot, location: &[u8], fresh: Fresh) {
        self.mkdir(slot, location, fresh.mode);
        if fresh.users_own {
            self.give_to_user(slot, location);
        }
    }

    pub(super) fn give_to_user(&mut self, at: Slot, location: &[u8]) {
        let (uid, gid) = self.cx.ids.owner;
        if self.cx.ids.own_maps.is_none() && (uid, gid) != (0, 0) {
            let path = self.b.str(location);
            self.b.op(Op::Chown { at, path, uid, gid });
        }
    }

    pub(super) fn fresh_filesystem(&mut self, path: &WorldPath, fresh: Fresh, ground: &Ground) {
        let mode = format!("{:04o}", fresh.mode);
        let limits = fresh.size.map(|size| TmpfsLimits::new(size, 1024));
        let mut options = vec![("mode", mode.as_bytes())];
        options.extend(limits.iter().flat_map(TmpfsLimits::options));
        let attrs = Attrs { noexec: self.cx.no_new_code(), ..Attrs::SAFE };
        let tree = self.b.new_filesystem("tmpfs", &options, attrs);
        if fresh.users_own {
            self.give_to_user(tree, b".");
        }
        self.attach_open(tree, path, ground);
        let own = Ground::Own { slot: tree, base: Vec::new(), mount: tree, at: path.clone() };
        self.grounds.insert(path.clone(), own);
    }

    pub(super) fn link(&mut self, path: &WorldPath, target: &Text, ground: &Ground) {
        if let Some((at, location)) = self.own_location(path, ground) {
            let path = self.b.str(location);
            let target = self.b.str(target.as_bytes());
            self.b.op(Op::Symlink { at, path, target });
        }
    }

    pub(super) fn file(&mut self, path: &WorldPath, mode: u32, data: &[u8], ground: &Ground) {
        let data = self.b.str(data);
        if let Some((at, location)) = self.own_location(path, ground) {
            let path = self.b.str(location);
            self.b.op(Op::PutFile { at, path, mode, data });
            return;
        }
        let location = format!("d/{}", self.fresh);
        self.fresh += 1;
        let at = self.scratch;
        let name = self.b.str(&location);
        self.b.op(Op::PutFile { at, path: name, mode, data });
        let tree = self.b.clone_tree(at, &Text::from(location), false);
        self.attach(tree, path, ground);
    }

    pub(super) fn copy(&mut self, path: &WorldPath, source: &Text, ground: &Ground) {
        let from = self.b.str(source.as_bytes());
        if let Some((at, location)) = self.own_location(path, ground) {
            let path = self.b.str(location);
            self.b.op(Op::CopyFile { from, at, path });
            return;
        }
        let location = format!("d/{}", self.fresh);
        self.fresh += 1;
        let at = self.scratch;
        let name = self.b.str(&location);
        self.b.op(Op::CopyFile { from, at, path: name });
        let tree = self.b.clone_tree(at, &Text::from(location), false);
        self.attach(tree, path, ground);
    }

    pub(super) fn hidden(&mut self, path: &WorldPath, dir: bool, ground: &Ground) {
        if let Some((at, location)) = self.own_location(path, ground) {
            let path = self.b.str(location);
            self.b.op(if dir {
                Op::Mkdir { at, path, mode: 0o555 }
            } else {
                Op::CreateFile { at, path, mode: 0 }
            });
            return;
        }
        let nothing = Text::from(self.nothing(dir));
        let tree = self.b.clone_tree(self.scratch, &nothing, false);
        self.b.op(Op::SetAttrs { tree, attrs: Attrs::SAFE_READ_ONLY, recursive: false });
        self.attach(tree, path, ground);
        self.grounds.insert(path.clone(), Ground::Other);
    }

    /// Where in the scratch the empty directory, or the unreadable empty file, is that hides others.
    pub(super) fn nothing(&mut self, dir: bool) -> &'static str {
        let name = if dir { "d/empty" } else { "d/void" };
        if self.made.insert((self.scratch, name.as_bytes().to_vec())) {
            let path = self.b.str(name);
            self.b.op(if dir {
                Op::Mkdir { at: self.scratch, path, mode: 0o555 }
            } else {
                Op::CreateFile { at: self.scratch, path, mode: 0 }
            });
        }
        name
    }

    /// A file that the layer's tree holds is gone from the layer.
    pub(super) fn removed(&mut self, path: &WorldPath, ground: &Ground) {
        if !matches!(ground, Ground::Layer) {
            self.hidden(path, false, ground);
            return;
        }
        let dir = self.find(path.parent().unwrap_or_default().relative());
        let name = self.b.str(path.name());
        self.b.op(Op::Remove { at: dir, path: name });
        self.b.close(dir);
    }
}
