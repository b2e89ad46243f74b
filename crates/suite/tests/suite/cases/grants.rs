//! What options show, hide and let change.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: read_only, read_only_from_who_may_mount, read_write, copy_on_write, destination, relative_and_home, files,
        hide_directory, hide_file, hide_missing, hidden_stays_hidden, hidden_from_who_may_mount, hide_leaves_no_stub, tmpfs,
        tmpfs_size, device, device_that_is_none, specific_wins, nested, same_place_twice,
        missing_source, missing_source_of_each, missing_mount_point, mount_point_below_read_only,
        read_write_leaves_no_stub, through_links, link_to_outside, file_onto_directory,
        current_directory_granted, home_granted, whole_root, without_mount_namespace,
        device_nodes_do_not_work, five_hundred, two_thousand, replaced_file, unreachable_source;
}

fn elsewhere(ctx: &Ctx, options: &str, script: &str) -> Outcome<crate::harness::Got> {
    ctx.world(options, script).cwd("/").go()
}

fn at(ctx: &Ctx, name: &str) -> String {
    ctx.path(name).display().to_string()
}

fn read_only(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "old\n")?;
    let dir = at(ctx, "d");
    let script =
        format!("cat {dir}/f; echo new >{dir}/f; touch {dir}/g; mkdir {dir}/h; rm {dir}/f");
    let got = elsewhere(ctx, &format!("--ro {dir}"), &script)?;
    got.prints("old\n")?.says("Read-only file system")?;
    ensure!(fs::read_dir(&dir)?.count() == 1, "the directory has changed");
    Ok(())
}

/// Who may mount in the world still takes nothing away of what protects.
fn read_only_from_who_may_mount(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "old\n")?;
    let dir = at(ctx, "d");
    for act in [
        format!("mount -o remount,rw,bind {dir}"),
        format!("mount -o remount,rw {dir}"),
        format!("umount {dir}"),
        format!("mkdir /m; mount --bind {dir} /m; mount -o remount,rw,bind /m; echo new >/m/f"),
    ] {
        let script = format!("{act}; echo new >{dir}/f");
        let got = elsewhere(ctx, &format!("--ro {dir} --root --cap-add all"), &script)?;
        let now = fs::read_to_string(ctx.path("d/f"))?;
        ensure!(now == "old\n", "the machine's file has changed{got}");
    }
    Ok(())
}

fn read_write(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "old\n")?;
    let dir = at(ctx, "d");
    let script = format!("cat {dir}/f; echo new >{dir}/f; touch {dir}/g");
    elsewhere(ctx, &format!("--rw {dir}"), &script)?.exits(0)?.prints("old\n")?;
    ensure!(fs::read_to_string(ctx.path("d/f"))? == "new\n", "the change did not come out");
    let owner = ctx.host("stat").args(["-c", "%u", "d/g"]).output()?;
    ensure!(owner.trim() == ctx.account.uid.to_string(), "the new file belongs to {owner}");
    Ok(())
}

fn copy_on_write(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "old\n")?;
    let dir = at(ctx, "d");
    let script = format!("cat {dir}/f; echo new >{dir}/f; cat {dir}/f; rm -r {dir}/f; ls {dir}");
    elsewhere(ctx, &format!("--cow {dir}"), &script)?.exits(0)?.prints("old\nnew\n")?;
    ensure!(fs::read_to_string(ctx.path("d/f"))? == "old\n", "the machine's file has changed");
    Ok(())
}

fn destination(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "f\n")?;
    let dir = at(ctx, "d");
    elsewhere(ctx, &format!("--ro {dir}:/a/b/c"), "cat /a/b/c/f; ls /a")?.prints("f\nb\n")?;
    elsewhere(ctx, &format!("--rw {dir}:/srv"), "cat /srv/f; touch /srv/g")?.prints("f\n")?;
    ensure!(ctx.path("d/g").exists(), "the change did not come out");
    elsewhere(ctx, &format!("--cow {dir}:/usr/share/doc"), "ls /usr/share/doc")?
        .prints("f\ng\n")?;
    elsewhere(ctx, &format!("--ro {dir}:/etc/../x/./y//"), "cat /x/y/f")?.prints("f\n")?;
    Ok(())
}

fn relative_and_home(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "f\n")?;
    ctx.world("--ro d:/x", "cat /x/f").go()?.prints("f\n")?;
    ctx.world("--ro ./d/../d/:/x", "cat /x/f").go()?.prints("f\n")?;
    ctx.world("--ro d:~/x", "cat ~/x/f; ls -A ~").go()?.prints("f\nx\n")?;
    ctx.world("--rw . ", "touch came-out").go()?.exits(0)?;
    ensure!(ctx.path("came-out").exists(), "the change did not come out");
    Ok(())
}

fn files(ctx: &Ctx) -> Outcome {
    let (one, two, three) = (ctx.file("1", "1\n")?, ctx.file("2", "2\n")?, ctx.file("3", "3\n")?);
    let (one, two, three) = (one.display(), two.display(), three.display());
    let script = format!("cat {one} {two}; echo a >{one}; echo b >{two}");
    let got = elsewhere(ctx, &format!("--ro {one} --rw {two}"), &script)?;
    got.prints("1\n2\n")?.says("Read-only file system")?;
    // A layer on a file alone cannot be had from the kernel: it is refused, or made otherwise.
    let script = "cat /x/three; echo c >/x/three; cat /x/three";
    let got = elsewhere(ctx, &format!("--cow {three}:/x/three"), script)?;
    if got.status.code() == Some(125) {
        got.refuses(125, &format!("`--cow {three}:/x/three` names a file"))?.says("hint: ")?;
    } else {
        got.exits(0)?.prints("3\nc\n")?;
    }
    let now: Vec<_> = ["1", "2", "3"].iter().map(|n| fs::read_to_string(ctx.path(n))).collect();
    let now: Vec<_> = now.into_iter().flatten().collect();
    ensure!(now == ["1\n", "b\n", "3\n"], "the machine's files hold {now:?}");
    // Onto a file that is there already.
    elsewhere(ctx, &format!("--ro {one}:/etc/hostname"), "cat /etc/hostname")?.prints("1\n")?;
    Ok(())
}

fn hide_directory(ctx: &Ctx) -> Outcome {
    ctx.file("d/secret", "")?;
    let got = ctx.world("--hide d", "ls -A d; cat d/secret; touch d/x").go()?;
    got.lacks("secret")?;
    let got = ctx.world("--hide /usr/share", "ls -A /usr/share").go()?;
    got.exits(0)?.prints("")?;
    Ok(())
}

fn hide_file(ctx: &Ctx) -> Outcome {
    ctx.file("f", "secret")?;
    let got = ctx.world("--hide f", "cat f; ls").go()?;
    got.lacks("secret")?;
    let got = ctx.world("--hide /etc/passwd --root", "cat /etc/passwd; wc -c </etc/passwd").go()?;
    got.lacks("root:")?;
    Ok(())
}

fn hide_missing(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--hide /no/such/thing --hide nope --hide /etc/nope/x", "echo ok").go()?;
    got.exits(0)?.prints("ok\n")?.silent()?;
    Ok(())
}

fn hide_leaves_no_stub(ctx: &Ctx) -> Outcome {
    ctx.dir("d")?;
    let dir = at(ctx, "d");
    for options in [
        format!("--rw {dir} --hide {dir}/x"),
        format!("--rw {dir} --hide {dir}/x/y/z"),
        format!("--ro {dir} --hide {dir}/x"),
    ] {
        let got = elsewhere(ctx, &options, "true")?;
        got.exits(0)?.silent()?;
        ensure!(fs::read_dir(&dir)?.count() == 0, "`{options}` has left something behind{got}");
    }
    Ok(())
}

fn hidden_stays_hidden(ctx: &Ctx) -> Outcome {
    ctx.file("top/d/secret", "s3cret")?;
    for (options, script) in [
        ("--hide top/d", "mv top other; cat other/d/secret"),
        ("--hide top/d", "rm -rf top; cat top/d/secret"),
        ("--hide top/d", "unshare -Urm sh -c 'umount top/d; cat top/d/secret'"),
        ("--hide top/d", "cat /proc/self/root$PWD/top/d/secret /proc/1/root$PWD/top/d/secret"),
        (
            "--hide top/d/secret",
            "mv top/d/secret top/x; cat top/x top/d/secret; ln top/d/secret l; cat l",
        ),
        ("--rw top --hide top/d", "mv top/d top/e; cat top/e/secret; cat top/d/secret"),
        ("--ro top --hide top/d", "cat top/d/../d/secret"),
        ("--hide top", "cat top/d/secret"),
    ] {
        let got = ctx.world(options, script).go()?;
        got.lacks("s3cret")?;
        let still = fs::read_to_string(ctx.path("top/d/secret"))?;
        ensure!(still == "s3cret", "the machine's file has changed{got}");
    }
    Ok(())
}

/// Who may mount in the world still takes nothing away of what hides.
fn hidden_from_who_may_mount(ctx: &Ctx) -> Outcome {
    ctx.file("top/d/secret", "s3cret")?;
    for (options, script) in [
        ("--hide top/d", "umount top/d; umount -l top/d; cat top/d/secret"),
        ("--hide top/d", "unshare -m sh -c 'umount -l top/d; cat top/d/secret'"),
        ("--hide top/d/secret", "umount -l top/d/secret; cat top/d/secret"),
        ("--hide top/d", "umount -l top; cat top/d/secret"),
        ("--hide top/d", "mkdir m; mount --bind top m; cat m/d/secret"),
        ("--hide top", "umount -l top; cat top/d/secret"),
    ] {
        let got = ctx.world(&format!("{options} --root --cap-add all"), script).go()?;
        got.lacks("s3cret")?;
    }
    Ok(())
}

fn tmpfs(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--tmpfs /a/b", "echo x >/a/b/f && cat /a/b/f; stat -f -c %T /a/b").go()?;
    got.exits(0)?.prints("x\ntmpfs\n")?;
    ctx.file("d/f", "")?;
    ctx.world("--tmpfs d", "ls d; touch d/g").go()?.exits(0)?.prints("")?;
    ensure!(!ctx.path("d/g").exists(), "a file came out of the world");
    Ok(())
}

fn tmpfs_size(ctx: &Ctx) -> Outcome {
    let script =
        "head -c 2000000 /dev/zero >/t/f; rm /t/f; head -c 900000 /dev/zero >/t/f; wc -c </t/f";
    let got = ctx.world("--tmpfs /t:1M", script).go()?;
    got.says("No space left on device")?.prints("900000\n")?;
    for bad in ["/t:x", "/t:0", "/t:-1"] {
        let got = ctx.world(&format!("--tmpfs {bad}"), "true").go()?;
        got.refuses(125, &format!("cannot use `--tmpfs {bad}`"))?;
    }
    Ok(())
}

fn device(ctx: &Ctx) -> Outcome {
    let Some(device) = ["/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/ptmx", "/dev/kmsg"]
        .into_iter()
        .find(|d| *d != "/dev/ptmx" && fs::OpenOptions::new().write(true).open(d).is_ok())
    else {
        return skip("no device to grant");
    };
    ctx.world("", &format!("test -e {device}")).go()?.exits(1)?;
    let open = format!("test -c {device} && echo there && exec 3<>{device} && echo open");
    let got = ctx.world(&format!("--dev {device}"), &open).go()?;
    got.has("there\n")?;
    let outside = ctx.shell(&open).go()?;
    ensure!(outside.out == got.out, "it can be opened outside or inside alone{got}{outside}");
    Ok(())
}

fn device_that_is_none(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--dev /dev/nope", "true").go()?;
    got.refuses(125, "cannot ")?.says("/dev/nope: No such file or directory")?;
    Ok(())
}

fn specific_wins(ctx: &Ctx) -> Outcome {
    ctx.file("p/f", "")?;
    ctx.file("p/c/f", "")?;
    let (parent, child) = (at(ctx, "p"), at(ctx, "p/c"));
    for options in [format!("--ro {parent} --rw {child}"), format!("--rw {child} --ro {parent}")] {
        let script = format!("touch {child}/new; touch {parent}/new; rm {child}/new");
        let got = elsewhere(ctx, &options, &script)?;
        got.exits(0)?.says("Read-only file system")?;
        ensure!(got.err().lines().count() == 1, "one refusal was expected{got}");
    }
    for options in [format!("--rw {parent} --ro {child}"), format!("--ro {child} --rw {parent}")] {
        let script = format!("touch {parent}/new && rm {parent}/new && touch {child}/new");
        elsewhere(ctx, &options, &script)?.exits(1)?.says("Read-only file system")?;
    }
    for options in
        [format!("--rw {parent} --hide {child}"), format!("--hide {child} --rw {parent}")]
    {
        elsewhere(ctx, &options, &format!("ls {child}"))?.lacks("f\n")?;
    }
    for options in
        [format!("--hide {parent} --ro {child}"), format!("--ro {child} --hide {parent}")]
    {
        elsewhere(ctx, &options, &format!("ls {parent} {child}"))?
            .prints(&format!("{parent}:\nc\n\n{child}:\nf\n"))?;
    }
    Ok(())
}

fn nested(ctx: &Ctx) -> Outcome {
    ctx.file("a/b/c/d/e/f", "f\n")?;
    let a = at(ctx, "a");
    let options = format!(
        "--ro {a} --cow {a}/b --ro {a}/b/c --rw {a}/b/c/d --hide {a}/b/c/d/e --tmpfs {a}/t"
    );
    fs::create_dir(ctx.path("a/t"))?;
    let script = format!(
        "touch {a}/1; touch {a}/b/2 && touch {a}/b/c/3; touch {a}/b/c/d/4 && ls {a}/b/c/d/e; touch {a}/t/5"
    );
    let got = elsewhere(ctx, &options, &script)?;
    got.exits(0)?.lacks("f\n")?;
    ensure!(got.err().lines().count() == 2, "two refusals were expected{got}");
    ensure!(ctx.path("a/b/c/d/4").exists(), "the change did not come out");
    for inner in ["a/1", "a/b/2", "a/b/c/3", "a/t/5"] {
        ensure!(!ctx.path(inner).exists(), "{inner} came out of the world");
    }
    Ok(())
}

fn same_place_twice(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "")?;
    let dir = at(ctx, "d");
    for options in [format!("--ro {dir} --rw {dir}"), format!("--ro {dir}:/x --tmpfs /x")] {
        let got = elsewhere(ctx, &options, "true")?;
        got.exits(125)?.says("dwell: ")?;
    }
    Ok(())
}

fn missing_source(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--ro /nope", "true").go()?;
    got.refuses(125, "cannot bind /nope: No such file or directory (open_tree(")?;
    got.says("\nhint: `--ro /nope` names a path that does not exist on this machine\n")?;
    Ok(())
}

fn missing_source_of_each(ctx: &Ctx) -> Outcome {
    for option in ["--ro", "--rw", "--cow", "--dev", "--socket"] {
        for path in ["/nope", "/etc/nope/x", "nope", "/etc/passwd/x", "/nope:/dest"] {
            if path.contains(':') && matches!(option, "--dev" | "--socket") {
                continue;
            }
            let got = ctx.world(&format!("{option} {path}"), "echo ran").go()?;
            got.refuses(125, "cannot ")?.prints("")?.says(&format!("{option} {path}"))?;
        }
    }
    Ok(())
}

/// Places that do not exist on the machine are made in the world alone.
fn missing_mount_point(ctx: &Ctx) -> Outcome {
    ctx.file("d/f", "f\n")?;
    let dir = at(ctx, "d");
    for place in ["/new", "/new/a/b", "/usr/new/a", "/var/new", "/etc/new", "/home/x/y", "/run/x"] {
        let got = elsewhere(ctx, &format!("--ro {dir}:{place}"), &format!("cat {place}/f"))?;
        got.exits(0)?.prints("f\n")?.silent()?;
        ensure!(!Path::new(place).exists(), "{place} came out of the world");
    }
    Ok(())
}

fn mount_point_below_read_only(ctx: &Ctx) -> Outcome {
    ctx.dir("p")?;
    ctx.file("d/f", "f\n")?;
    ctx.file("p/other", "o\n")?;
    let (p, d) = (at(ctx, "p"), at(ctx, "d"));
    let script = format!("cat {p}/x/y/f {p}/other; touch {p}/z");
    let got = elsewhere(ctx, &format!("--ro {p} --ro {d}:{p}/x/y"), &script)?;
    got.prints("f\no\n")?.says("Read-only file system")?;
    ensure!(!ctx.path("p/x").exists(), "a mount point was left behind");
    let file = format!("--ro {p} --ro {d}/f:{p}/new-file");
    elsewhere(ctx, &file, &format!("cat {p}/new-file"))?.prints("f\n")?;
    ensure!(!ctx.path("p/new-file").exists(), "a mount point was left behind");
    Ok(())
}

/// A missing mount point in a directory whose changes are real: nothing is made there unasked.
fn read_write_leaves_no_stub(ctx: &Ctx) -> Outcome {
    ctx.dir("p")?;
    ctx.file("d/f", "f\n")?;
    let (p, d) = (at(ctx, "p"), at(ctx, "d"));
    for options in [
        format!("--rw {p} --ro {d}:{p}/x"),
        format!("--rw {p} --ro {d}/f:{p}/y"),
        format!("--rw {p} --tmpfs {p}/t"),
        format!("--rw {p} --cow {d}:{p}/a/b"),
    ] {
        let got = elsewhere(ctx, &options, "true")?;
        let left = fs::read_dir(&p)?.count();
        ensure!(left == 0, "`{options}` has left {left} files behind{got}");
        if got.status.code() != Some(0) {
            got.refuses(125, "cannot place ")?.says("does not exist")?.says("hint: ")?;
        }
    }
    Ok(())
}

fn through_links(ctx: &Ctx) -> Outcome {
    ctx.file("real/f", "f\n")?;
    symlink("real", ctx.path("link"))?;
    let link = at(ctx, "link");
    elsewhere(ctx, &format!("--ro {link}"), &format!("cat {link}/f"))?.exits(0)?.prints("f\n")?;
    elsewhere(ctx, &format!("--rw {link}/f"), &format!("echo g >{link}/f"))?.exits(0)?;
    ensure!(fs::read_to_string(ctx.path("real/f"))? == "g\n", "the change did not come out");
    // The place itself is a link of the machine's.
    let real = at(ctx, "real");
    elsewhere(ctx, &format!("--ro {real}:/bin/x"), "cat /bin/x/f /usr/bin/x/f")?
        .prints("g\ng\n")?;
    Ok(())
}

/// A link inside of what is shown does not lead to what is not.
fn link_to_outside(ctx: &Ctx) -> Outcome {
    ctx.file("secret", "s3cret")?;
    ctx.dir("d")?;
    symlink(ctx.path("secret"), ctx.path("d/link"))?;
    let got =
        elsewhere(ctx, &format!("--ro {}", at(ctx, "d")), &format!("cat {}/link", at(ctx, "d")))?;
    got.exits(1)?.prints("")?;
    Ok(())
}

fn file_onto_directory(ctx: &Ctx) -> Outcome {
    ctx.file("f", "")?;
    ctx.dir("d")?;
    for (options, script) in
        [("--ro f:/srv", "test -f /srv"), ("--ro d:/etc/passwd", "test -d /etc/passwd")]
    {
        let got = ctx.world(options, script).go()?;
        if got.status.code() != Some(0) {
            got.refuses(125, "")?.says(options)?;
        }
    }
    Ok(())
}

fn current_directory_granted(ctx: &Ctx) -> Outcome {
    ctx.file("f", "old")?;
    ctx.world("--ro .", "touch x").go()?.exits(1)?.says("Read-only file system")?;
    ctx.world("--hide .", "ls").go()?.prints("")?;
    ctx.world("--tmpfs .", "ls; touch x").go()?.exits(0)?.prints("")?;
    ctx.world("--rw .", "rm f").go()?.exits(0)?;
    ensure!(!ctx.path("f").exists() && !ctx.path("x").exists(), "--rw was not real");
    Ok(())
}

fn home_granted(ctx: &Ctx) -> Outcome {
    let outside = ctx.shell("ls -A ~").output()?;
    ctx.world("--ro ~", "ls -A ~").go()?.exits(0)?.prints(&outside)?;
    ctx.world("--ro ~", "touch ~/x").go()?.exits(1)?.says("Read-only file system")?;
    ctx.dir("src")?;
    let src = at(ctx, "src");
    let got = elsewhere(ctx, &format!("--ro ~ --rw {src}:~/src"), "touch ~/src/x; ls ~/src")?;
    got.exits(0)?.prints("x\n")?;
    ensure!(ctx.path("src/x").exists(), "the change did not come out");
    let stub = ctx.account.home.join("src");
    ensure!(!stub.exists(), "{} was left behind", stub.display());
    Ok(())
}

fn whole_root(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--ro /", "ls /usr >/dev/null && touch /x").go()?;
    got.exits(1)?.says("Read-only file system")?;
    ctx.world("--ro / --rw .", "touch x").go()?.exits(0)?;
    ensure!(ctx.path("x").exists(), "the change did not come out");
    let got =
        ctx.world("--ro / --tmpfs /tmp", "touch /tmp/x && hostname && ls /proc/1/comm").go()?;
    got.exits(0)?.prints("dwell\n/proc/1/comm\n")?;
    Ok(())
}

fn without_mount_namespace(ctx: &Ctx) -> Outcome {
    for option in
        ["--ro /etc", "--rw .", "--hide /x", "--tmpfs /x", "--home", "--read-only", "--scratch 1M"]
    {
        let got = ctx.world(&format!("--share mount {option}"), "true").go()?;
        got.refuses(125, &format!("`{option}` needs the mount namespace"))?.says("hint: ")?;
    }
    Ok(())
}

fn device_nodes_do_not_work(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    let node = ctx.path("null");
    let outcome = (|| {
        ctx.as_root(&format!("mknod -m 666 {0} c 1 3 && echo x >{0}", node.display()))?;
        for options in ["--rw .", "--ro .", "--cow .", ""] {
            let got = ctx.world(options, "echo x >null").go()?;
            ensure!(got.status.code() != Some(0), "the device works with `{options}`{got}");
        }
        Ok(())
    })();
    let _ = fs::remove_file(&node);
    outcome
}

fn options(ctx: &Ctx, count: usize) -> Outcome<(String, String)> {
    let (mut options, mut script) = (String::new(), String::from("set -e\n"));
    for n in 0..count {
        ctx.file(format!("src/{n}/f"), format!("{n}\n"))?;
        // Writing to a String cannot fail.
        let _ = write!(options, "--ro {0}/src/{n}:/g/{1}/{n} ", ctx.scratch.display(), n % 7);
        if n % 50 == 0 {
            let _ = writeln!(script, "cat /g/{}/{n}/f", n % 7);
        }
    }
    Ok((options, script))
}

fn five_hundred(ctx: &Ctx) -> Outcome {
    let (options, script) = options(ctx, 500)?;
    let want: String = (0..500).step_by(50).map(|n| format!("{n}\n")).collect();
    elsewhere(ctx, &options, &script)?.exits(0)?.prints(&want)?;
    Ok(())
}

/// Linear: four times as many take about four times as long.
fn two_thousand(ctx: &Ctx) -> Outcome {
    let (many, _) = options(ctx, 2000)?;
    let few: String = many.split_inclusive(' ').take(2 * 500).collect();
    let time = |options: &str| -> Outcome<f64> {
        let mut best = f64::MAX;
        for _ in 0..3 {
            let got = elsewhere(ctx, options, "true")?;
            got.exits(0)?;
            best = best.min(got.took.as_secs_f64());
        }
        Ok(best)
    };
    let (few, many) = (time(&few)?, time(&many)?);
    ensure!(many < few * 10.0, "500 grants take {few:.3} s, 2000 take {many:.3} s");
    Ok(())
}

/// A file that another program replaces outside stays what it was inside.
fn replaced_file(ctx: &Ctx) -> Outcome {
    ctx.file("f", "one\n")?;
    let script = "cat /g; read x; cat /g";
    let mut live = ctx.world("--ro f:/g", script).open_input().start()?;
    ensure!(live.line()? == "one", "another content");
    ctx.file("new", "two\n")?;
    fs::rename(ctx.path("new"), ctx.path("f"))?;
    live.write("\n")?;
    live.finish()?.exits(0)?.prints("one\none\n")?;
    Ok(())
}

fn unreachable_source(ctx: &Ctx) -> Outcome {
    if ctx.is_root() {
        return Ok(());
    }
    ctx.needs_privilege()?;
    let closed = ctx.path("closed");
    ctx.as_root(&format!("mkdir -m 700 {0} && touch {0}/f", closed.display()))?;
    let got = ctx.world("--ro closed/f", "true").go();
    ctx.as_root(&format!("rm -r {}", closed.display()))?;
    got?.refuses(125, "cannot bind ")?.says("Permission denied")?.says("hint: ")?;
    Ok(())
}
