//! Attributes and whiteouts that make a directory of somebody else's look like a layer of an overlay.

use super::{Attack, secret};
use crate::cases::root_dir::tree;
use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: lower_tree_is_forged, root_directory_is_forged;
}

/// What an overlay keeps in attributes: where a directory was moved from, that a file has no data of its own, that
/// nothing below shows through. Both families, as far as who prepares the tree may write them.
const FORGE: &str = "
import os, sys
kinds = [b'user.overlay.'] + ([b'trusted.overlay.'] if os.geteuid() == 0 else [])
os.makedirs('tree/moved'); os.makedirs('tree/shown'); os.makedirs('tree/opaque'); os.makedirs('tree/away')
for name in 'data', 'tree/data': open(name, 'w').close()
for name in 'tree/moved/own', 'tree/opaque/own', 'tree/away/own':
    with open(name, 'w') as file: file.write('own')
wanted = 0
for kind in kinds:
    for path, name, value in (
        ('tree/moved', b'redirect', os.fsencode(sys.argv[1])),
        ('tree/shown', b'redirect', b'/inner'),
        ('tree/data', b'metacopy', b''),
        ('tree/data', b'redirect', os.fsencode(sys.argv[1]) + b'/secret'),
        ('tree/opaque', b'opaque', b'y'),
        ('tree/away/own', b'whiteout', b'y'),
        ('tree/away', b'opaque', b'x'),
    ):
        try: os.setxattr(path, kind + name, value); wanted += 1
        except OSError as error: print(kind, name, error, file=sys.stderr)
print(wanted)
";

fn lower_tree_is_forged(ctx: &Ctx) -> Outcome {
    let outside = secret(ctx)?.parent().map(|d| d.display().to_string()).unwrap_or_default();
    let inside = ctx.dir("inside")?;
    let forge = ctx.needs("python3")?;
    let made = ctx.host(forge).args(["-c", FORGE, &outside]).cwd(&inside).output()?;
    if made.trim() == "0" {
        return skip("the file system keeps no attributes");
    }
    let body = "
def secret_in(path):
    return b's3cret' in read(path)
attempt('redirected', lambda: secret_in('tree/moved/secret'))
attempt('listed', lambda: 'secret' in os.listdir('tree/moved'))
attempt('metacopy', lambda: secret_in('tree/data'))
def moved():
    os.rename('tree/moved', 'tree/other')
    return secret_in('tree/other/secret')
attempt('moved', moved)
";
    let attack = Attack::python(ctx, body)?;
    // A layer in which redirection is followed: the attributes are what they claim to be. KERNEL: with a user's
    // attributes it never is.
    if ctx.is_root() {
        ctx.file("outside/inner/secret", "s3cret")?;
        let tree = inside.join("tree").display().to_string();
        let lower = format!("lowerdir={tree}:{outside},redirect_dir=follow");
        let place = ctx.dir("weak")?;
        let _mounted = ctx.mount(&["-t", "overlay", "-o", &lower, "none"], &place)?;
        ensure!(place.join("shown/secret").exists(), "the attack itself fails");
    }
    for options in ["", "--cow tree", "--cow .", "--root", "--root --cap-add all", "--ro ."] {
        attack.world(options)?.fails()?;
    }
    // What is hidden stays so, also below a directory that claims to be opaque.
    let hidden = "cat tree/opaque/own; cat tree/away/own";
    let got = ctx.world("--hide tree/opaque --cow .", hidden).cwd(&inside).go()?;
    got.says("tree/opaque/own: No such file or directory")?;
    Ok(())
}

/// The same in a root filesystem directory, which is a layer itself.
fn root_directory_is_forged(ctx: &Ctx) -> Outcome {
    let outside = secret(ctx)?.parent().map(|d| d.display().to_string()).unwrap_or_default();
    let root = tree(ctx, &["root/etc"])?;
    let forge = ctx.needs("python3")?;
    let made = ctx.host(forge).args(["-c", FORGE, &outside]).cwd(&root).output()?;
    if made.trim() == "0" {
        return skip("the file system keeps no attributes");
    }
    let before = listing(ctx)?;
    let script = "cat /tree/moved/secret /tree/data /data; ls /tree/moved; mv /tree/moved /tree/other; \
                  cat /tree/other/secret; cat /tree/opaque/own; echo over";
    for options in [
        "",
        "--cap-add all --seccomp none",
        "--read-only",
        "--net host --hostname other",
        "--user 7:7",
    ] {
        let got = ctx.world(&format!("--from root {options}"), script).go()?;
        if options.contains("--user") && got.status.code() == Some(125) {
            ensure!(!ctx.is_root(), "root can be anybody{got}");
            continue;
        }
        got.exits(0)?.has("over\n")?.lacks("s3cret")?.lacks("secret\n")?;
        ensure!(listing(ctx)? == before, "the directory has changed with `{options}`{got}");
    }
    // What is hidden stays so, also below a directory that claims to be opaque, and under a name that claims to
    // be gone.
    let options = "--from root --hide /tree/opaque --hide /tree/away/own";
    let got = ctx.world(options, "cat /tree/opaque/own /tree/away/own").go()?;
    got.lacks("own")?;
    Ok(())
}

fn listing(ctx: &Ctx) -> Outcome<String> {
    ctx.shell("find root -printf '%p %y %s %m %T@\\n' | sort").output()
}
