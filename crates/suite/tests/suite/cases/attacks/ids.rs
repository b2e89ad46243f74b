//! Ids and groups: numbers that wrap, groups that are dropped, programs that are somebody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Attack, Tried};
use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: numbers_that_wrap;
    user: own_maps, groups_are_dropped, set_user_id;
}

/// CVE-2024-40635 and CVE-2026-30892: a number that is not understood must not become another one.
fn numbers_that_wrap(ctx: &Ctx) -> Outcome {
    let numbers = [
        "2147483648",
        "4294967294",
        "4294967295",
        "4294967296",
        "4294967297",
        "18446744073709551616",
        "-1",
        "-0",
        "+1",
        "1x",
        "0x1",
        "1e0",
        "1:",
        ":1",
        "1:2:3",
        "1:4294967296",
        " 1",
        "1 ",
        "",
        "०",
        "1\n",
        "1,2",
        "1/2",
    ];
    let asked = |user: &str| ctx.run().args(["--user", user, "--", "id", "-u"]).go();
    // The check can tell who the program is.
    asked("0")?.exits(0)?.prints("0\n")?;
    for user in numbers {
        let got = asked(user)?;
        if got.status.code() == Some(0) {
            ensure!(got.out().trim() == user, "`--user {user:?}` is somebody else{got}");
        } else {
            got.exits(125)?.prints("")?;
        }
    }
    for map in ["0:4294967296:1", "0:0:4294967297", "4294967296:0:1", "0:-1:1", "0:0:0"] {
        let got = ctx.run().args(["--map-users", map, "--", "id", "-u"]).go()?;
        got.exits(125)?.prints("")?;
    }
    Ok(())
}

/// A namespace whose maps its program writes itself: no more ids than it has outside.
fn own_maps(ctx: &Ctx) -> Outcome {
    let body = "
uid = int(sys.argv[1])
def mapped(name, text):
    reading, writing = os.pipe()
    made = os.fork()
    if made == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        with open('/proc/self/' + name, 'w') as file: file.write(text)
    finally:
        os.close(writing)
        os.waitpid(made, 0)
def nested(text, groups=False):
    made = os.fork()
    if made == 0:
        try:
            checked(libc.unshare(0x10000000))
            if groups: mapped('setgroups', 'deny')
            mapped('gid_map' if groups else 'uid_map', text)
        except BaseException: os._exit(1)
        os._exit(0)
    if os.waitpid(made, 0)[1]: raise OSError('refused')
attempt('another-user', lambda: nested('0 %d 1' % uid))
attempt('all-users', lambda: nested('0 0 4294967295'))
attempt('another-group', lambda: nested('0 %d 1' % uid, True))
attempt('own-map-again', lambda: mapped('uid_map', '0 %d 1' % uid))
attempt('groups-again', lambda: mapped('setgroups', 'allow'))
attempt('become', lambda: os.setresuid(uid, uid, uid))
";
    let attack = Attack::python(ctx, body)?.arg(65533);
    let own = Attack::python(ctx, body)?.arg(ctx.account.uid).bare()?;
    ensure!(own.through("another-user") && own.through("become"), "the attack itself fails");
    for options in ["", "--root", "--root --cap-add all --seccomp none"] {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// CVE-2014-8989: a file that a group may not read is open to whoever leaves the group.
fn groups_are_dropped(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    ctx.needs("setpriv")?;
    let file = ctx.file("inside/closed-to-the-group", "s3cret")?;
    let body = "
attempt('as-a-member', lambda: read(sys.argv[1])) if len(sys.argv) > 2 else None
def left():
    os.setgroups([])
    return read(sys.argv[1])
attempt('left', left)
";
    let attack = Attack::python(ctx, body)?.arg(file.display());
    let (uid, gid) = (ctx.account.uid, ctx.account.gid);
    let script = format!("chown 0:54321 {0} && chmod 604 {0}", file.display());
    ctx.as_root(&script)?;
    let member = |more: &str, words: &[String]| {
        let options = format!("--reuid {uid} --regid {gid} --groups 54321 {more}");
        let run = ctx.host("setpriv").args(options.split_whitespace()).args(words).by_suite();
        Tried::read(run.cwd(ctx.path("inside")).go()?)
    };
    let with_right = "--inh-caps=+setgid --ambient-caps=+setgid";
    member(with_right, &attack.words())?.succeeds()?;
    for options in ["", "--root", "--root --cap-add all", "--rw .", "--root --rw ."] {
        let words = [ctx.dwell.display().to_string(), "run".to_owned()].into_iter();
        let words = words.chain(options.split_whitespace().map(str::to_owned));
        let words: Vec<String> = words.chain(attack.words()).collect();
        member("", &words)?.fails()?;
    }
    Ok(())
}

/// A set-user-ID program of root's, and what a world may leave behind of that kind.
fn set_user_id(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    let place = ctx.file("inside/who", fs::read(ctx.needs("id")?)?)?;
    ctx.as_root(&format!("chown 0:0 {0} && chmod 4755 {0}", place.display()))?;
    let inside = ctx.path("inside");
    let weak = ctx.host("./who").arg("-u").cwd(&inside).go()?;
    if weak.out() != "0\n" {
        return skip("set-user-ID programs do nothing here");
    }
    let own = format!("{}\n", ctx.account.uid);
    for options in
        ["", "--rw .", "--ro .", "--rw . --seccomp none", "--share mount", "--unshare none"]
    {
        let got =
            ctx.world(options, "./who -u; unshare -Ur ./who -u >/dev/null; true").cwd(&inside);
        got.go()?.prints(&own)?;
    }
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
