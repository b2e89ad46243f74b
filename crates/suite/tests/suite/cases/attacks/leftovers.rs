//! What the clean-up removes. Layers on disk (before Linux 6.6) lie in directories that anybody may write to, and
//! those of worlds that were killed are known by their names: so others can give such names.

use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: something_else_is_called_so;
}

/// The user's part, in a `/var/tmp` that is the case's own. `$1` is the user's number, `$2` the directory outside.
const PLANT: &str = "
set -e
layer=/var/tmp/dwell-layer-$1
# What a world has left: with links, and directories that are closed, in it.
mkdir -m 700 $layer-1-1; mkdir -p $layer-1-1/l/u/0/d $layer-1-1/l/w/0/work
ln -s $2 $layer-1-1/l/u/0/link; ln -s $2 $layer-1-1/l/w/0/work/link
mknod $layer-1-1/l/u/0/gone c 0 0
chmod 0 $layer-1-1/l/w/0/work $layer-1-1/l/u/0/d
# Others that are called so.
ln -s $2 $layer-2-1; ln -s $layer-1-1 $layer-2-2
mkfifo $layer-3-1; echo file >$layer-3-2
# One that others may write to, with something in it that they may not.
mkdir -m 777 /var/tmp/share /var/tmp/share/project
mkdir -m 700 /var/tmp/share/project/own; echo kept >/var/tmp/share/project/own/file
";

/// Another user's: gives the directory that they may write to such a name, and has some of their own.
const MOVE: &str = "
set -e
layer=/var/tmp/dwell-layer-$1
! rm -r /var/tmp/share/project/own 2>/dev/null
mv /var/tmp/share/project $layer-4-1
mkdir -m 700 $layer-5-1; echo kept >$layer-5-1/file
";

/// Each part as its user, with mounts of root's between them.
const ALL: &str = "
mount -t tmpfs -o mode=1777 none /var/tmp || exit 99
$OWN sh -c \"$PLANT\" - $UID_OF $OUTSIDE || exit 98
$OTHER sh -c \"$MOVE\" - $UID_OF || exit 97
mkdir /var/tmp/dwell-layer-$UID_OF-6-1
mount -t tmpfs -o mode=700,uid=$UID_OF none /var/tmp/dwell-layer-$UID_OF-6-1 || exit 96
echo kept >/var/tmp/dwell-layer-$UID_OF-6-1/file
$OWN sh -c \"$SWEEP\" 2>&1
echo exit $?
cd /var/tmp && find . | sort && cat dwell-layer-$UID_OF-*/file dwell-layer-$UID_OF-4-1/own/file; cat $OUTSIDE/file
";

fn something_else_is_called_so(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    ctx.needs("setpriv")?;
    ctx.file("outside/file", "outside\n")?;
    let uid = ctx.account.uid;
    let as_user = |uid: u32, gid: u32| {
        if uid == 0 {
            "env".to_owned()
        } else {
            format!("setpriv --reuid={uid} --regid={gid} --clear-groups")
        }
    };
    let sweep = |with: &str| {
        let run = ctx.host("unshare").args(["--mount", "sh", "-c", ALL]).by_suite();
        let run = run.env("OWN", as_user(uid, ctx.account.gid)).env("OTHER", as_user(65534, 65534));
        let run = run.env("PLANT", PLANT).env("MOVE", MOVE).env("SWEEP", with);
        let run = run.env("UID_OF", uid.to_string()).env("OUTSIDE", ctx.path("outside"));
        run.limit(20).go()
    };
    // By name and owner alone.
    let naive = "find /var/tmp -maxdepth 1 -type d -name \"dwell-layer-$UID_OF-*\" -user $UID_OF \
                 -exec chmod -R u+rwx {} + -exec rm -rf {} + 2>/dev/null";
    let weak = sweep(naive)?;
    weak.exits(0)?.lacks("own/file")?.lacks("-6-1/file")?;
    let got = sweep("\"$DWELL\" gc")?;
    got.exits(0)?.has("exit 0\n")?.has("outside\n")?;
    let removed: Vec<String> =
        got.out().lines().filter(|l| l.contains("layer-")).map(str::to_owned).collect();
    let told = format!("removed /var/tmp/dwell-layer-{uid}-1-1");
    ensure!(removed.contains(&told), "what was left behind is not removed{got}");
    ensure!(!got.out().contains(&format!("./dwell-layer-{uid}-1-1")), "it is still there{got}");
    let others =
        removed.iter().filter(|line| line.starts_with("removed /var/tmp") && **line != told);
    ensure!(others.count() == 0, "something else was removed{got}");
    for name in ["2-1", "2-2", "3-1", "3-2", "4-1/own/file", "5-1/file", "6-1/file"] {
        got.has(&format!("./dwell-layer-{uid}-{name}\n"))?;
    }
    ensure!(got.out().matches("kept\n").count() == 3, "a file is not as it was{got}");
    Ok(())
}
