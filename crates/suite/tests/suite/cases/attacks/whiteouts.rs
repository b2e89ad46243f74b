//! Whiteouts: what says in one layer of an overlay that a name of the layers below is gone. A character device of
//! the numbers 0 and 0 is one, and anybody may make it.

use std::fs;

use super::{Attack, secret};
use crate::cases::root_dir::tree;
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: made_in_a_layer, left_for_the_next_world, in_a_root_directory;
}

/// What makes them. A name that is given away by renaming leaves one where that is asked for.
const MAKE: &str = "
def made(path):
    os.mknod(path, 0o20000, os.makedev(0, 0))
def left(path, away):
    checked(libc.renameat2(-100, path.encode(), -100, away.encode(), 4))
";

/// Without dwell: one in an upper layer takes a file out of the lower one.
fn hides_a_file(ctx: &Ctx) -> Outcome {
    for directory in ["weak/top", "weak/below", "weak/merged"] {
        ctx.dir(directory)?;
    }
    ctx.file("weak/below/f", "below\n")?;
    let script = "cd weak && mknod top/f c 0 0 && \
                  mount -t overlay -o userxattr,lowerdir=top:below none merged && test ! -e merged/f && \
                  test -e below/f && echo hidden";
    let words = ["--user", "--map-root-user", "--mount", "sh", "-c", script];
    ctx.host("unshare").args(words).go()?.exits(0)?.prints("hidden\n")?;
    Ok(())
}

/// Everything in the directory that worlds are given, and beside it: names, kinds, sizes.
fn listing(ctx: &Ctx) -> Outcome<String> {
    let script =
        "find inside outside -printf '%p %y %s %m\\n' | grep -v attack- | sort; cat outside/secret";
    ctx.shell(script).output()
}

/// A world cannot put one into a layer of its own, so nothing of what lies below can be taken away by it.
fn made_in_a_layer(ctx: &Ctx) -> Outcome {
    secret(ctx)?;
    hides_a_file(ctx)?;
    ctx.file("inside/tree/f", "f\n")?;
    let attempts = format!(
        "{MAKE}
attempt('made', lambda: made('tree/new'))
attempt('left', lambda: left('tree/f', 'tree/g'))
"
    );
    let attack = Attack::python(ctx, &attempts)?;
    // Outside anybody can.
    attack.bare()?.succeeds()?;
    fs::remove_file(ctx.path("inside/tree/new"))?;
    fs::remove_file(ctx.path("inside/tree/f"))?;
    ctx.file("inside/tree/f", "f\n")?;
    fs::remove_file(ctx.path("inside/tree/g"))?;
    let before = listing(ctx)?;
    for options in
        ["", "--cow tree", "--cow .", "--root", "--root --cap-add all", "--seccomp none", "--ro ."]
    {
        attack.world(options)?.fails()?;
        ensure!(listing(ctx)? == before, "the machine's files have changed with `{options}`");
    }
    Ok(())
}

/// What may be written to can hold them. In later worlds the names are missing, or are devices; nothing else is,
/// nothing shows that was not there, and covers stay where they are.
fn left_for_the_next_world(ctx: &Ctx) -> Outcome {
    secret(ctx)?;
    hides_a_file(ctx)?;
    ctx.file("inside/tree/kept", "kept\n")?;
    ctx.file("inside/tree/sub/g", "g\n")?;
    ctx.file("inside/tree/hidden/key", "s3cret\n")?;
    let attempts = format!(
        "{MAKE}
import shutil
os.mkdir('tree/deep')
attempt('made', lambda: made('tree/new'))
attempt('below', lambda: made('tree/deep/new'))
shutil.rmtree('tree/sub')
attempt('replaced', lambda: made('tree/sub'))
def hidden():
    shutil.rmtree('tree/hidden')
    made('tree/hidden')
attempt('hidden', hidden)
"
    );
    // By a world that may, as far as it may: what is hidden from it is a mount.
    let attack = Attack::python(ctx, &attempts)?;
    let tried = attack.world("--rw tree --hide tree/hidden")?;
    tried.gets(&["made", "below", "replaced"])?.holds(&["hidden"])?;
    let before = listing(ctx)?;
    ensure!(before.contains("inside/tree/new c 0"), "the attack itself fails: {before}");

    let script = "cat tree/kept; ls tree tree/deep; cat tree/hidden/key tree/sub/g; echo x >tree/new; \
                  mkdir tree/sub && ls tree/sub; rm -r tree/deep; mkdir tree/deep && ls tree/deep; true";
    for options in [
        "--hide tree/hidden",
        "--cow tree --hide tree/hidden",
        "--cow . --hide tree/hidden",
        "--ro tree --hide tree/hidden",
        "--hide tree/hidden --hide tree/new --hide tree/sub",
        "--cow tree --hide tree/hidden --hide tree/sub/g",
        "--hide tree/hidden --root --cap-add all --seccomp none",
        "--hide tree/hidden --tmpfs tree/new",
    ] {
        let got = ctx.world(options, script).cwd(ctx.path("inside")).go()?;
        got.lacks("s3cret")?.lacks("g\n")?;
        if got.status.code() == Some(0) {
            got.has("kept\n")?;
        } else {
            got.refuses(125, "cannot ")?;
        }
        ensure!(listing(ctx)? == before, "the machine's files have changed with `{options}`{got}");
    }
    Ok(())
}

/// A root filesystem directory with whiteouts where dwell puts something.
fn in_a_root_directory(ctx: &Ctx) -> Outcome {
    hides_a_file(ctx)?;
    let root = tree(ctx, &["root/etc", "root/var", "root/usr"])?;
    let from = format!("--from {}", root.display());
    // The world's root is an overlay too.
    let script = "mknod /new c 0 0; mknod /etc/new c 0 0; ls -l / /etc | grep -c ' 0, *0 '; true";
    for options in ["", "--cap-add all --seccomp none"] {
        ctx.world(&format!("{from} {options}"), script).go()?.exits(0)?.prints("0\n")?;
    }
    let sound = "grep -q ' /proc proc ' /proc/self/mounts && test -c /dev/null && echo x >/dev/null && echo ran";
    for name in [
        "proc",
        "dev",
        "sys",
        "tmp",
        "run",
        "root",
        "etc",
        "var/tmp",
        "etc/passwd",
        "etc/hosts",
        "etc/hostname",
        "etc/resolv.conf",
        "dev/null",
    ] {
        let place = root.join(name);
        ctx.shell("mkdir -p \"${0%/*}\" && rmdir \"$0\" 2>/dev/null; mknod \"$0\" c 0 0")
            .arg(&place)
            .go()?
            .exits(0)?;
        let before = listing_of_root(ctx)?;
        for options in ["", "--read-only", "--net host --hostname other", "--writable"] {
            let got = ctx.world(&format!("{from} {options}"), sound).limit(15).go()?;
            if got.status.code() == Some(0) {
                got.prints("ran\n")?;
            } else {
                got.refuses(125, "cannot ")?;
            }
            // Mount points that are missing are made where changes are real.
            let changed = options != "--writable" && listing_of_root(ctx)? != before;
            ensure!(!changed, "{name}: the directory has changed with `{options}`{got}");
        }
        fs::remove_file(&place)?;
    }
    Ok(())
}

fn listing_of_root(ctx: &Ctx) -> Outcome<String> {
    ctx.shell("find root -printf '%p %y %s %m\\n' | sort").output()
}
