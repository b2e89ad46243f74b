//! Mounts, and the directories a process sees from within.

use super::super::builder::Builder;
use super::text;
use crate::action::{Action, Place, Propagation};
use crate::errno::EINVAL;
use crate::program::{Attrs, Op, OpenFor, Slot};
use crate::text::Text;

pub(super) fn action(action: &Action, held: Slot, b: &mut Builder) {
    match action {
        Action::Propagation(to) => {
            b.says("cannot change root filesystem propagation");
            let at = b.str("/");
            b.op(Op::Propagate { at, to: *to });
        }
        Action::MountProc { at, private } => {
            if *private {
                make_private(at, b);
            }
            mount("proc", at, b);
        }
        Action::MountBinfmt { at } => mount("binfmt_misc", at, b),
        Action::RegisterBinfmt { at, line } => register(at, line, b),
        Action::Chroot { to, stay } => chroot(to, *stay, held, b),
        Action::Chdir(place) => chdir(place, held, b),
        _ => {}
    }
}

/// KERNEL: a place where nothing is mounted has no propagation of its own (EINVAL).
fn make_private(at: &Text, b: &mut Builder) {
    b.says(format!("cannot change {at} filesystem propagation"));
    let path = text(at, b);
    let from = b.mark();
    b.op(Op::Propagate { at: path, to: Propagation::Private });
    b.rescue_since(from, &[EINVAL]);
}

fn mount(fstype: &str, at: &Text, b: &mut Builder) {
    b.says(format!("mount {at} failed"));
    let (fstype, at) = (b.str(fstype), text(at, b));
    b.op(Op::Mount { fstype, at, attrs: Attrs::KERNEL });
}

fn register(at: &Text, line: &Text, b: &mut Builder) {
    let directory = super::open(at, OpenFor::Directory, b);
    b.says(format!("cannot open {at}/register"));
    let (into, path) = (b.slot(), b.str("register"));
    b.op(Op::Open { at: directory, path, how: OpenFor::Writing, into });
    b.says(format!("write failed {at}/register"));
    let data = text(line, b);
    b.op(Op::Write { to: into, data });
    b.close(into);
    b.close(directory);
}

fn chroot(to: &Place, stay: bool, held: Slot, b: &mut Builder) {
    let current = stay.then(|| {
        b.says("cannot open current working directory");
        super::open_silently(&Text::from("."), OpenFor::Reading, b)
    });
    match to {
        Place::There(path) => {
            b.says(format!("cannot change root directory to '{path}'"));
            let path = text(path, b);
            b.op(Op::Chroot(path));
        }
        Place::Held(_) | Place::Opened(_) => {
            b.says("change directory by root file descriptor failed");
            b.op(Op::ChdirTo(held));
            b.says("chroot failed");
            let here = b.str(".");
            b.op(Op::Chroot(here));
        }
    }
    if let Some(current) = current {
        go_to(current, b);
    }
}

fn chdir(place: &Place, held: Slot, b: &mut Builder) {
    match place {
        Place::There(path) => {
            b.says(format!("cannot change directory to {path}"));
            let path = text(path, b);
            b.op(Op::Chdir(path));
        }
        Place::Held(_) => go_to(held, b),
        Place::Opened(path) => {
            b.says("cannot open current working directory");
            let opened = super::open_silently(path, OpenFor::Reading, b);
            go_to(opened, b);
        }
    }
}

fn go_to(directory: Slot, b: &mut Builder) {
    b.says("change directory by working directory file descriptor failed");
    b.op(Op::ChdirTo(directory));
    b.close(directory);
}
