//! `--from DIR`: a root filesystem of one's own.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: sees_only_it, root_by_default, other_user, untouched, writable, writable_read_only,
        nearly_empty, provided, network_files, dev_and_sys, links_in_it_stay_in_it, granted_into_it,
        passwd_of_its_own, home_of_its_own, environment, not_a_directory, missing_program_inside,
        old_root_is_gone, hostname_file, by_relative_path, host_is_the_default, setuid_inside;
}

/// A tree of busybox: `/bin` and nothing else but what `more` names.
pub(super) fn tree(ctx: &Ctx, more: &[&str]) -> Outcome<PathBuf> {
    let busybox = ctx.needs("busybox")?;
    let is_static = fs::read(&busybox)?.windows(11).all(|w| w != b"/lib64/ld-l");
    if !is_static {
        return crate::harness::skip("busybox is not static");
    }
    for directory in ["root/bin"].iter().chain(more) {
        ctx.dir(directory)?;
    }
    let script = "cp \"$0\" root/bin/busybox && root/bin/busybox --install -s root/bin 2>/dev/null || \
                  for a in sh ls cat id echo mount umount touch test env hostname stat head grep pwd readlink \
                  mkdir rm ping ip ps wc sort find; do ln -sf busybox root/bin/$a; done";
    ctx.shell(script).arg(&busybox).go()?.exits(0)?;
    // `--install -s` links to where busybox was started from.
    let script = "for a in root/bin/*; do [ -L $a ] && ln -sf busybox $a; done; true";
    ctx.shell(script).go()?.exits(0)?;
    Ok(ctx.path("root"))
}

fn sees_only_it(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/srv/data"])?;
    ctx.file(root.join("srv/data/f"), "f\n")?;
    let got = ctx
        .world(&format!("--from {}", root.display()), "ls /; ls /srv/data; ls /bin/busybox; pwd");
    let got = got.go()?;
    got.exits(0)?;
    let out = got.out();
    for line in out.lines().filter(|l| !l.starts_with('/')) {
        let known = ["bin", "dev", "etc", "proc", "root", "run", "srv", "sys", "tmp", "f"];
        ensure!(known.contains(&line), "{line} is not of the directory{got}");
    }
    got.has("/bin/busybox\n")?.lacks("usr\n")?.lacks("home\n")?;
    Ok(())
}

fn root_by_default(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    ctx.world(&format!("--from {}", root.display()), "id -u; id -g; echo $$")
        .go()?
        .exits(0)?
        .prints("0\n0\n2\n")?;
    Ok(())
}

fn other_user(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let got = ctx.world(&format!("--from {} -u 33:33", root.display()), "id -u; id -g").go()?;
    if got.status.code() == Some(0) {
        got.prints("33\n33\n")?;
    } else {
        got.refuses(125, "")?.says("hint: ")?;
        ensure!(!ctx.is_root(), "root can be anybody{got}");
    }
    Ok(())
}

/// Everything below a directory: names, kinds, sizes, times.
fn listing(ctx: &Ctx) -> Outcome<String> {
    ctx.shell("find root -printf '%p %y %s %m %T@ %l\\n' | sort").output()
}

fn untouched(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc", "root/tmp"])?;
    ctx.file(root.join("etc/f"), "old\n")?;
    let before = listing(ctx)?;
    let script = "echo new >/etc/f; cat /etc/f; touch /x /tmp/y /bin/z; mkdir -p /a/b; rm /bin/cat; rm -r /etc; ls /x";
    let got = ctx.world(&format!("--from {}", root.display()), script).go()?;
    got.prints("new\n/x\n")?;
    let after = listing(ctx)?;
    ensure!(before == after, "the directory has changed\n{before}\n{after}");
    Ok(())
}

fn writable(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    let got = ctx
        .world(&format!("--from {} --writable", root.display()), "echo new >/etc/f; mkdir /made")
        .go()?;
    got.exits(0)?;
    ensure!(fs::read_to_string(root.join("etc/f"))? == "new\n", "the change did not come out");
    ensure!(root.join("made").is_dir(), "the change did not come out");
    let owner = ctx.host("stat").args(["-c", "%u", "root/made"]).output()?;
    ensure!(owner.trim() == ctx.account.uid.to_string(), "it belongs to {owner}");
    for stub in ["etc/resolv.conf", "etc/hosts", "etc/hostname"] {
        let left = fs::read(root.join(stub)).unwrap_or_default();
        ensure!(left.is_empty(), "{stub} holds {left:?}");
    }
    Ok(())
}

fn writable_read_only(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let got = ctx.world(&format!("--from {} --read-only", root.display()), "touch /x").go()?;
    got.exits(1)?.says("Read-only file system")?;
    Ok(())
}

/// Nothing is there but the program: no `/proc`, no `/dev`, no `/tmp`.
fn nearly_empty(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    for options in ["", "--read-only", "--writable"] {
        let tmp =
            if options == "--read-only" { "! touch /tmp/x 2>/dev/null" } else { "touch /tmp/x" };
        let script = format!(
            "test -d /proc/self && test -c /dev/null && test -d /tmp && {tmp} && test -d /sys/class && echo ok"
        );
        let got = ctx.world(&format!("--from {} {options}", root.display()), &script).go()?;
        if options == "--writable" && got.status.code() == Some(125) {
            got.refuses(125, "cannot ")?;
            continue;
        }
        got.exits(0)?.prints("ok\n")?;
    }
    let names: Vec<_> = fs::read_dir(&root)?.flatten().map(|e| e.file_name()).collect();
    let left: Vec<_> = names.iter().filter(|n| *n != "bin").collect();
    ensure!(left.is_empty(), "mount points were left behind: {left:?}");
    Ok(())
}

fn provided(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/proc", "root/dev", "root/sys", "root/tmp", "root/etc"])?;
    let script = "cat /proc/1/comm; stat -c %a /tmp; ls /proc | grep -c '^[0-9]'; echo x >/sys/x";
    let got = ctx.world(&format!("--from {}", root.display()), script).go()?;
    got.has("dwell-init\n1777\n")?.says("/sys/x")?;
    Ok(())
}

fn network_files(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    let from = format!("--from {}", root.display());
    let got = ctx.world(&from, "cat /etc/hosts; cat /etc/hostname").go()?;
    got.exits(0)?.has("localhost")?.has("dwell\n")?;
    let outside = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let got = ctx.world(&format!("{from} --net host"), "cat /etc/resolv.conf").go()?;
    got.exits(0)?.prints(&outside)?;
    ensure!(fs::read_dir(root.join("etc"))?.count() == 0, "files were left in the directory");
    // A resolv.conf that is a link to nowhere, as systemd has it.
    std::os::unix::fs::symlink(
        "../run/systemd/resolve/stub-resolv.conf",
        root.join("etc/resolv.conf"),
    )?;
    let got = ctx.world(&format!("{from} --net host"), "cat /etc/resolv.conf").go()?;
    got.exits(0)?.prints(&outside)?;
    Ok(())
}

fn dev_and_sys(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let script = "ls /dev | sort | tr '\\n' ' '; echo x >/dev/null && head -c 1 /dev/zero | wc -c; ls /sys/class/net";
    let got = ctx
        .world(&format!("--from {}", root.display()), &script.replace("| tr '\\n' ' '", ""))
        .go()?;
    got.exits(0)?;
    for name in [
        "null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "mqueue",
        "stdin", "stdout", "stderr", "fd",
    ] {
        ensure!(got.out().lines().any(|l| l == name), "/dev/{name} is missing{got}");
    }
    got.has("1\nlo\n")?;
    Ok(())
}

/// What is provided goes into the directory, whatever links there say.
fn links_in_it_stay_in_it(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let outside = ctx.dir("outside")?;
    for name in ["proc", "dev", "sys", "tmp", "etc", "run"] {
        std::os::unix::fs::symlink(&outside, root.join(name))?;
    }
    let from = format!("--from {}", root.display());
    for options in [&from, &format!("{from} --writable")] {
        let got = ctx.world(options, "echo ran; touch /tmp/x").go()?;
        if got.status.code() == Some(125) {
            got.refuses(125, "cannot ")?;
        }
        let left: Vec<_> = fs::read_dir(&outside)?.flatten().map(|e| e.file_name()).collect();
        ensure!(left.is_empty(), "something was put outside: {left:?}{got}");
    }
    Ok(())
}

fn granted_into_it(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    ctx.file("data/f", "f\n")?;
    let data = ctx.path("data").display().to_string();
    let options =
        format!("--from {} --rw {data}:/data --ro {data}/f:/one/two --tmpfs /t", root.display());
    let got = ctx.world(&options, "cat /data/f /one/two; touch /data/new /t/x").go()?;
    got.exits(0)?.prints("f\nf\n")?;
    ensure!(ctx.path("data/new").exists(), "the change did not come out");
    ensure!(!root.join("data").exists() && !root.join("one").exists(), "mount points were left");
    Ok(())
}

fn passwd_of_its_own(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    ctx.file(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\ninner:x:0:0::/inner:/bin/sh\n")?;
    let from = format!("--from {}", root.display());
    let got = ctx.world(&format!("{from} -u inner"), "echo $HOME $USER").go()?;
    got.exits(0)?.prints("/inner inner\n")?;
    ctx.world(&format!("{from} -u {}", "daemon"), "true")
        .go()?
        .refuses(125, "cannot use `-u daemon`")?;
    Ok(())
}

fn home_of_its_own(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/root"])?;
    let got = ctx.world(&format!("--from {}", root.display()), "echo $HOME; pwd; ls -A ~").go()?;
    got.exits(0)?.has("/root\n")?;
    Ok(())
}

fn environment(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let run = ctx.run().args(["--from", "root", "--", "/bin/env"]).env("SHELL", "/usr/bin/zsh");
    let got = run.env("TOKEN", "x").go()?;
    got.exits(0)?.lacks("TOKEN")?.lacks("zsh")?.has("PATH=")?.has("HOME=/")?;
    drop(root);
    Ok(())
}

fn not_a_directory(ctx: &Ctx) -> Outcome {
    ctx.file("plain", "")?;
    for (path, reason) in [("plain", "Not a directory"), ("nope", "No such file or directory")] {
        let got = ctx.world(&format!("--from {path}"), "true").go()?;
        got.refuses(125, &format!("cannot use `--from {path}`: {reason}"))?;
    }
    Ok(())
}

fn missing_program_inside(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let got = ctx.run().args(["--from", "root", "--", "python3"]).go()?;
    got.refuses(127, "cannot run python3: no such program in the world's PATH")?;
    // A program of the machine's whose loader is not in the tree.
    fs::copy("/bin/true", root.join("bin/dynamic"))?;
    let got = ctx.run().args(["--from", "root", "--", "/bin/dynamic"]).go()?;
    got.refuses(127, "cannot run /bin/dynamic: its ")?.says("is missing in the world")?;
    Ok(())
}

fn old_root_is_gone(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    let script = "grep -c . /proc/self/mountinfo; umount -l / 2>/dev/null; cd /; ls ../../../..; cat /etc/shadow; \
                  grep -v ' / ' /proc/self/mountinfo | grep -c old";
    let got = ctx.world(&format!("--from {} --cap-add all", root.display()), script).go()?;
    got.lacks("usr\n")?.lacks("root:")?;
    Ok(())
}

fn hostname_file(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    let options = format!("--from {} --hostname box", root.display());
    ctx.world(&options, "hostname; cat /etc/hostname; grep -c box /etc/hosts")
        .go()?
        .prints("box\nbox\n1\n")?;
    Ok(())
}

fn by_relative_path(ctx: &Ctx) -> Outcome {
    tree(ctx, &[])?;
    for from in ["root", "./root", "root/", "bin/../root"] {
        ctx.dir("bin")?;
        ctx.run()
            .args(["--from", from, "--", "ls", "/bin/busybox"])
            .go()?
            .prints("/bin/busybox\n")?;
    }
    Ok(())
}

fn host_is_the_default(ctx: &Ctx) -> Outcome {
    ctx.world("--from host", "ls /usr/bin/env").go()?.prints("/usr/bin/env\n")?;
    Ok(())
}

fn setuid_inside(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &[])?;
    ctx.shell("cp root/bin/busybox root/bin/su-id && chmod 4755 root/bin/su-id").go()?.exits(0)?;
    let options = format!("--from {} --cap-drop all", root.display());
    let got = ctx.world(&options, "/bin/su-id id -u; grep NoNewPrivs /proc/self/status").go()?;
    got.has("NoNewPrivs:\t1\n")?;
    Ok(())
}
