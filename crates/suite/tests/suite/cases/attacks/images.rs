//! Root filesystems of others, and directories that change while a world is started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::Attack;
use crate::cases::root_dir::tree;
use crate::harness::{Ctx, Outcome, cases, ensure, is_tried, rounds};

cases! {
    both: mount_points_are_links, kernel_files_are_faked, covers_are_faked, swapped_while_starting,
        working_directory_is_a_link;
}

/// Everything in the directory that links lead to, with its content.
fn outside(ctx: &Ctx) -> Outcome<String> {
    ctx.shell("cd outside && find . | sort && cat file").output()
}

/// CVE-2019-18837, CVE-2026-41579 and others: an image whose directories lead out of it.
fn mount_points_are_links(ctx: &Ctx) -> Outcome {
    ctx.file("outside/file", "kept\n")?;
    let out = ctx.path("outside");
    // Whoever follows the links writes outside.
    ctx.dir("naive")?;
    symlink(&out, ctx.path("naive/dev"))?;
    symlink(out.join("file"), ctx.path("naive/hosts"))?;
    ctx.shell("mkdir naive/dev/pts; echo x >naive/hosts").go()?.exits(0)?;
    ensure!(outside(ctx)?.contains("./pts\n") && outside(ctx)?.contains("x\n"), "the attack fails");
    fs::remove_dir(out.join("pts"))?;
    ctx.file("outside/file", "kept\n")?;

    let before = outside(ctx)?;
    let root = tree(ctx, &["root/etc"])?;
    let directories = ["dev", "proc", "sys", "tmp", "run", "root", "var/tmp", "etc", "dev/pts"];
    let files = ["etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/null", "dev/console", "proc"];
    let places = directories.map(|name| (name, "")).into_iter().chain(files.map(|f| (f, "file")));
    let mut number = 0;
    for (name, target) in places {
        for target in [
            out.join(target),
            Path::new("../../../../../../../..")
                .join(out.join(target).strip_prefix("/").unwrap_or(&out)),
            Path::new("../outside").join(target),
        ] {
            let place = root.join(name);
            if let Some(parent) = place.parent() {
                ctx.dir(parent)?;
            }
            if place.is_dir() {
                fs::remove_dir_all(&place)?;
            } else if place.exists() {
                fs::remove_file(&place)?;
            }
            symlink(&target, &place)?;
            for options in ["", "--writable", "--pty always", "--writable --hostname other"] {
                number += 1;
                if !is_tried(number) {
                    continue;
                }
                let options = format!("--from {} {options}", root.display());
                let script = "echo x >/dev/null; echo x >/etc/hosts; mkdir /dev/made /tmp/made";
                let got = ctx.world(&options, script).go()?;
                ensure!(outside(ctx)? == before, "{name} -> {}: changed{got}", target.display());
            }
            fs::remove_file(&place)?;
        }
    }
    Ok(())
}

/// CVE-2019-16884 and others: what looks like `/proc` and is none turns off what is set by it.
fn kernel_files_are_faked(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    for file in ["proc/self/attr/current", "proc/fake", "sys/fake", "dev/null", "dev/fake"] {
        ctx.file(root.join(file), "F4KE\n")?;
    }
    let script = "cat /proc/fake /sys/fake /dev/null /dev/fake /proc/self/attr/current";
    let words = ["-U", "-r", "chroot", "root", "/bin/sh", "-c", script];
    ctx.host("unshare").args(words).go()?.exits(0)?.prints(&"F4KE\n".repeat(5))?;
    for options in ["", "--writable", "--share pid", "--net host", "--pty always"] {
        let options = format!("--from {} {options}", root.display());
        let got = ctx.world(&options, &format!("{script}; echo x >/dev/null; true")).go()?;
        got.lacks("F4KE")?;
        ensure!([Some(0), Some(125)].contains(&got.status.code()), "it failed in another way{got}");
    }
    let kept = fs::read_to_string(root.join("dev/null"))?;
    ensure!(kept == "F4KE\n", "the image's file was written to: {kept:?}");
    Ok(())
}

/// CVE-2025-31133 and CVE-2025-52565: the image's own `/dev/null` and `/dev/console` as what covers
/// files of the kernel, or is covered by a terminal.
fn covers_are_faked(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/dev", "root/target"])?;
    ctx.file(root.join("target/file"), "attacker\n")?;
    let cover = "mount --bind root/dev/null root/covered && cat root/covered";
    ctx.file(root.join("covered"), "")?;
    for name in ["null", "console", "zero", "tty", "ptmx", "pts", "full", "random"] {
        symlink("/target/file", root.join("dev").join(name))?;
    }
    // Resolved in the image, as the tools that were broken did.
    let words = ["-U", "-r", "-m", "sh", "-c"];
    let naive = cover.replace("root/dev/null", "root$(readlink root/dev/null)");
    ctx.host("unshare").args(words).arg(naive).go()?.prints("attacker\n")?;
    let script = "cat /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /dev/null /dev/console \
                  /sys/firmware/* /proc/acpi/* 2>/dev/null | head -c 100000 | grep -c attacker; \
                  echo x >/dev/null; echo x >/dev/console; cat /target/file";
    for options in ["", "--pty always", "--writable --pty always", "--cap-add all"] {
        let options = format!("--from {} {options}", root.display());
        let got = ctx.world(&options, script).go()?;
        if got.status.code() != Some(125) {
            let out = got.out().replace('\r', "");
            ensure!(out.starts_with("0\n"), "a cover shows the attacker's file{got}");
        }
        let kept = fs::read_to_string(root.join("target/file"))?;
        ensure!(kept == "attacker\n", "the file became {kept:?}{got}");
    }
    Ok(())
}

/// CVE-2021-30465 and CVE-2024-45310: a neighbour exchanges a mount point and a link all the time.
fn swapped_while_starting(ctx: &Ctx) -> Outcome {
    let outside = ctx.dir("outside")?;
    let shared = ctx.dir("inside/shared")?;
    ctx.dir("inside/shared/place")?;
    ctx.file("data/f", "granted\n")?;
    symlink(&outside, shared.join("link"))?;
    let body = "
import select
print('ready', flush=True)
while not select.select([0], [], [], 0)[0]:
    for _ in range(100): checked(libc.renameat2(-100, b'shared/place', -100, b'shared/link', 2))
";
    let swap = || -> Outcome<_> {
        let mut live = Attack::python(ctx, body)?.run("--rw shared").open_input().start()?;
        live.line()?;
        Ok(live)
    };
    let left = || -> Outcome<usize> { Ok(fs::read_dir(&outside)?.count()) };
    let mut live = swap()?;
    let naive = "i=0; while [ $i -lt 5000 ] && [ ! -e \"$0/made\" ]; do \
                 mkdir -p shared/place/made 2>/dev/null; rmdir shared/place/made 2>/dev/null; \
                 mkdir shared/place/made 2>/dev/null; i=$((i+1)); done";
    ctx.shell(naive).arg(&outside).cwd(ctx.path("inside")).go()?.exits(0)?;
    live.write("over\n")?;
    live.finish()?.exits(0)?;
    ensure!(left()? > 0, "the attack itself fails");
    ctx.shell("rm -rf outside/* inside/shared/place/made inside/shared/link/made").go()?;

    let mut live = swap()?;
    let place = shared.join("place").display().to_string();
    let data = ctx.path("data").display().to_string();
    for _ in 0..rounds(12) {
        for options in [
            format!("--rw shared --ro {data}:{place}"),
            format!("--rw shared --ro {data}:{place}/new"),
            format!("--cow shared --ro {data}:{place}/new/er"),
            format!("--rw shared --tmpfs {place}"),
            format!("--rw shared --hide {place}/made"),
            format!("--rw shared -w {place}"),
        ] {
            let script = format!("mkdir {place}/inside-alone; mkdir {place}/new/inside-alone");
            ctx.world(&options, &script).cwd(ctx.path("inside")).go()?;
            ensure!(left()? == 0, "something was made outside with `{options}`");
        }
    }
    live.write("over\n")?;
    live.finish()?.exits(0)?;
    Ok(())
}

/// CVE-2025-9566 and others: the working directory of an image leads out of it, and is made, or its
/// owner changed, where it leads to.
fn working_directory_is_a_link(ctx: &Ctx) -> Outcome {
    ctx.file("outside/file", "kept\n")?;
    let out = ctx.path("outside");
    let root = tree(ctx, &["root/etc"])?;
    symlink(&out, root.join("absolute"))?;
    symlink("../../../../../../../..".to_owned() + &out.display().to_string(), root.join("up"))?;
    symlink(out.join("missing"), root.join("missing"))?;
    ctx.shell("cd root/absolute && cat file && mkdir -p new && rmdir new")
        .go()?
        .prints("kept\n")?;
    let before = outside(ctx)?;
    for place in ["/absolute", "/up", "/missing", "/absolute/new", "/up/new/er", "/../absolute"] {
        for more in ["", "--writable", "--root --cap-add all"] {
            let options = format!("--from {} {more} -w {place}", root.display());
            let got = ctx.world(&options, "cat file; echo x >made; mkdir d").go()?;
            got.refuses(125, "cannot ")?.lacks("kept")?;
            ensure!(outside(ctx)? == before, "{place}: changed with `{options}`{got}");
        }
    }
    Ok(())
}
