//! Each wall alone: what it hides, by its effect.

use crate::harness::process::namespace;
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: pid_numbers, pid_signals, pid_with_mount, pid_without_mount_keeps_proc, mount_inside_only,
        mount_outside_only, mount_alone_can_grant, uts_inside_only, uts_shared, uts_name,
        ipc_message_queue, ipc_shared_memory, ipc_posix_queue, user_ids, user_root, cgroup_root,
        time_boot, time_monotonic, time_negative, time_needs_its_namespace, union_of_lists,
        share_takes_away, share_lists, none_is_none, all_is_all, plain_program_in_no_wall;
    root: hostname_of_machine_stays;
}

fn pid_numbers(ctx: &Ctx) -> Outcome {
    ctx.world(&format!("--unshare {}", ctx.set("pid")), "echo $$ $PPID").go()?.prints("2 1\n")?;
    Ok(())
}

fn pid_signals(ctx: &Ctx) -> Outcome {
    let sleeper = ctx.host("sleep").arg("100").start()?;
    let script = format!("kill -0 {}; echo $?", sleeper.pid());
    let got = ctx.world(&format!("--unshare {}", ctx.set("pid")), &script).go()?;
    got.prints("1\n")?.says("No such process")?;
    let got = ctx.world("--share pid", &script).go()?;
    got.prints("0\n")?;
    Ok(())
}

fn pid_with_mount(ctx: &Ctx) -> Outcome {
    ctx.needs("ps")?;
    let options = format!("--unshare {}", ctx.set("pid,mount"));
    let got = ctx.run().args(options.split(' ')).args(["--", "ps", "-aux"]).go()?;
    got.exits(0)?;
    let lines = got.out().lines().count();
    ensure!(lines == 3, "a head, pid 1 and ps were expected{got}");
    got.has("ps -aux")?;
    Ok(())
}

/// Nothing about files changes without a mount namespace, `/proc` included.
fn pid_without_mount_keeps_proc(ctx: &Ctx) -> Outcome {
    let own = std::process::id();
    let script = format!("test -d /proc/{own} && readlink /proc/{own}/exe >/dev/null; echo $$");
    ctx.world(&format!("--unshare {}", ctx.set("pid")), &script).go()?.exits(0)?.prints("2\n")?;
    Ok(())
}

fn mount_inside_only(ctx: &Ctx) -> Outcome {
    let place = ctx.dir("place")?;
    let count = || std::fs::read_to_string("/proc/self/mountinfo").map(|t| t.lines().count());
    let before = count()?;
    let options = format!("--unshare {} --root --cap-add sys_admin", ctx.set("mount,user"));
    let script = "mount -t tmpfs none place && grep -c /place /proc/self/mountinfo && touch place/x \
                  && echo ready && read x";
    let mut live = ctx.world(&options, script).open_input().start()?;
    let seen = live.line()?;
    ensure!(seen == "1", "the mount was not seen inside: {seen}");
    ensure!(live.line()? == "ready", "no file could be made");
    ensure!(!place.join("x").exists(), "the mount is seen outside");
    ensure!(count()? == before, "the number of mounts outside has changed");
    live.write("\n")?;
    live.finish()?.exits(0)?;
    Ok(())
}

/// A mount that is made outside later does not come in.
fn mount_outside_only(ctx: &Ctx) -> Outcome {
    let place = ctx.dir("place")?;
    let script = "echo ready; read x; ls place; grep -c /place /proc/self/mountinfo";
    let options = format!("--unshare {}", ctx.set("mount"));
    let mut live = ctx.world(&options, script).open_input().start()?;
    live.line()?;
    let mounted = ctx.mount(&["-t", "tmpfs", "none"], &place)?;
    std::fs::write(place.join("secret"), "")?;
    live.write("\n")?;
    live.finish()?.prints("ready\n0\n")?;
    drop(mounted);
    Ok(())
}

fn mount_alone_can_grant(ctx: &Ctx) -> Outcome {
    ctx.file("data/x", "content")?;
    let options = format!("--unshare {} --ro data:/granted", ctx.set("mount"));
    let got = ctx.world(&options, "cat /granted/x; touch /granted/y").go()?;
    got.exits(1)?.prints("content")?.says("Read-only file system")?;
    Ok(())
}

fn uts_inside_only(ctx: &Ctx) -> Outcome {
    let before = ctx.host("hostname").output()?;
    let options = format!("--unshare {} --root --cap-add sys_admin", ctx.set("uts,user"));
    let script = "hostname changed && hostname && echo ready && read x";
    let mut live = ctx.world(&options, script).open_input().start()?;
    ensure!(live.line()? == "changed", "the name was not changed inside");
    live.line()?;
    let now = ctx.host("hostname").output()?;
    ensure!(now == before, "the machine's name is {now} now");
    live.write("\n")?;
    live.finish()?.exits(0)?;
    Ok(())
}

fn uts_shared(ctx: &Ctx) -> Outcome {
    let outside = ctx.host("hostname").output()?;
    ctx.world("--share uts", "hostname").go()?.prints(&outside)?;
    Ok(())
}

fn uts_name(ctx: &Ctx) -> Outcome {
    ctx.world(&format!("--unshare {}", ctx.set("uts")), "hostname").go()?.prints("dwell\n")?;
    let options = format!("--unshare {} --hostname box-7", ctx.set("uts"));
    ctx.world(&options, "hostname").go()?.prints("box-7\n")?;
    let got = ctx.world("--share uts --hostname box", "hostname").go()?;
    got.refuses(125, "`--hostname box` needs the uts namespace")?;
    let long = "x".repeat(65);
    ctx.world(&format!("--hostname {long}"), "true")
        .go()?
        .refuses(125, "cannot use `--hostname")?;
    Ok(())
}

fn hostname_of_machine_stays(ctx: &Ctx) -> Outcome {
    let before = ctx.host("hostname").output()?;
    ctx.world("--hostname other", "hostname").go()?.prints("other\n")?;
    let after = ctx.host("hostname").output()?;
    ensure!(before == after, "the machine's name was {before} and is {after}");
    Ok(())
}

fn ipc_message_queue(ctx: &Ctx) -> Outcome {
    ctx.needs("ipcmk")?;
    let made = ctx.shell("ipcmk -Q | tr -dc 0-9").output()?;
    let list = "ipcs -q | awk '$2 ~ /^[0-9]+$/ {print $2}'";
    let alone = ctx.world(&format!("--unshare {}", ctx.set("ipc")), list).go();
    let shared = ctx.world("--share ipc", list).go();
    ctx.host("ipcrm").args(["-q", &made]).go()?.exits(0)?;
    alone?.prints("")?;
    ensure!(shared?.out().lines().any(|l| l == made), "a shared wall hides queue {made}");
    // And the other way.
    let script = format!("ipcmk -Q >/dev/null; {list}");
    let got = ctx.world(&format!("--unshare {}", ctx.set("ipc")), &script).go()?;
    ensure!(got.out().lines().count() == 1, "one queue was expected inside{got}");
    let owner = &ctx.account.name;
    let outside = ctx.shell(&format!("ipcs -q | grep -w {owner}; true")).output()?;
    ensure!(outside.is_empty(), "the queue is seen outside: {outside}");
    Ok(())
}

fn ipc_shared_memory(ctx: &Ctx) -> Outcome {
    ctx.needs("ipcmk")?;
    let made = ctx.shell("ipcmk -M 4096 | tr -dc 0-9").output()?;
    let got = ctx.world(&format!("--unshare {}", ctx.set("ipc")), "ipcs -m | grep -c 0x").go();
    ctx.host("ipcrm").args(["-m", &made]).go()?.exits(0)?;
    got?.prints("0\n")?;
    Ok(())
}

fn ipc_posix_queue(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let python = |call: &str| {
        format!(
            "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); \
             print('ok' if c.{call} >= 0 else os.strerror(ctypes.get_errno()))"
        )
    };
    let name = format!("/dwell-suite-{}", if ctx.is_root() { "root" } else { "user" });
    let make = python(&format!("mq_open(b'{name}', os.O_CREAT | os.O_RDWR, 0o600, None)"));
    let open = python(&format!("mq_open(b'{name}', os.O_RDWR)"));
    let unlink = python(&format!("mq_unlink(b'{name}')"));
    ctx.host("python3").args(["-c", &make]).go()?.prints("ok\n")?;
    let inside = |options: &str| {
        let options = options.split_whitespace();
        ctx.run().args(options).args(["--", "python3", "-c", &open]).go()
    };
    let (alone, shared) = (inside(&format!("--unshare {}", ctx.set("ipc"))), inside("--share ipc"));
    ctx.host("python3").args(["-c", &unlink]).go()?.prints("ok\n")?;
    alone?.prints("No such file or directory\n")?;
    shared?.prints("ok\n")?;
    // In the default world the queues show in /dev/mqueue.
    ctx.world("", "ls /dev/mqueue; touch /dev/mqueue/q && ls /dev/mqueue").go()?.prints("q\n")?;
    Ok(())
}

fn user_ids(ctx: &Ctx) -> Outcome {
    let id = format!("{}\n{}\n", ctx.account.uid, ctx.account.gid);
    ctx.world("--unshare user", "id -u; id -g").go()?.prints(&id)?;
    // Who is behind the wall has no power over the machine.
    let file = ctx.file("mine", "")?;
    let got = ctx.world("--unshare user --root", "id -u; touch mine; stat -c %u mine").go()?;
    got.prints("0\n0\n")?;
    let owner = ctx.host("stat").args(["-c", "%u"]).arg(&file).output()?;
    ensure!(owner.trim() == ctx.account.uid.to_string(), "the file belongs to {owner} outside");
    Ok(())
}

fn user_root(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--unshare user --root --cap-add all", "hostname x; id -u").go()?;
    got.prints("0\n")?;
    ensure!(!got.err().is_empty(), "the world's root has changed the machine's name{got}");
    Ok(())
}

fn cgroup_root(ctx: &Ctx) -> Outcome {
    let options = format!("--unshare {}", ctx.set("cgroup"));
    let got = ctx.world(&options, "cut -d: -f3 /proc/self/cgroup | sort -u").go()?;
    got.prints("/\n")?;
    let outside = std::fs::read_to_string("/proc/self/cgroup")?;
    ctx.world("--share cgroup", "cat /proc/self/cgroup").go()?.prints(&outside)?;
    Ok(())
}

fn uptime() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    Ok(text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default())
}

fn time_boot(ctx: &Ctx) -> Outcome {
    for options in [
        "--time-offset boot=86400".to_owned(),
        format!("--unshare {} --time-offset boot=86400", ctx.set("time,pid,mount")),
        format!("--unshare {} --time-offset boot=86400", ctx.set("time")),
    ] {
        let outside = uptime()?;
        let got = ctx.world(&options, "cut -d' ' -f1 /proc/uptime").go()?;
        got.exits(0)?;
        let inside: f64 = got.out().trim().parse().unwrap_or_default();
        let ahead = inside - outside;
        ensure!((86400.0..86460.0).contains(&ahead), "{ahead} s ahead with {options}{got}");
    }
    Ok(())
}

fn time_monotonic(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let clock = ["python3", "-c", "import time; print(time.monotonic())"];
    let read = |text: String| -> f64 { text.trim().parse().unwrap_or_default() };
    let outside = read(ctx.host("python3").args(clock.iter().skip(1)).output()?);
    let options = ["--time-offset", "monotonic=1000000", "--"];
    let got = ctx.run().args(options).args(clock).go()?;
    let ahead = read(got.out()) - outside;
    ensure!((1_000_000.0..1_000_060.0).contains(&ahead), "{ahead} s ahead{got}");
    // The other clock stays.
    let before = uptime()?;
    let got = ctx.world("--time-offset monotonic=1000000", "cut -d' ' -f1 /proc/uptime").go()?;
    let inside: f64 = got.out().trim().parse().unwrap_or_default();
    ensure!((before - 1.0..before + 60.0).contains(&inside), "uptime {inside}, outside {before}");
    Ok(())
}

fn time_negative(ctx: &Ctx) -> Outcome {
    let outside = uptime()?;
    let back = (outside / 2.0).floor();
    let got =
        ctx.world(&format!("--time-offset boot=-{back}"), "cut -d' ' -f1 /proc/uptime").go()?;
    let inside: f64 = got.out().trim().parse().unwrap_or_default();
    let behind = outside - inside;
    ensure!((back - 60.0..back + 1.0).contains(&behind), "{behind} s behind, not {back}{got}");
    // A clock below zero is refused.
    let got = ctx.world("--time-offset boot=-999999999", "true").go()?;
    got.exits(125)?.says("dwell: ")?.says("time-offset")?;
    Ok(())
}

fn time_needs_its_namespace(ctx: &Ctx) -> Outcome {
    for options in ["--share time", "--unshare user,pid"] {
        let got = ctx.world(&format!("{options} --time-offset boot=1"), "true").go()?;
        got.refuses(125, "`--time-offset boot=1` needs the time namespace")?;
    }
    for bad in ["boot", "boot=", "boot=x", "real=1", "boot=1=2"] {
        let got = ctx.world(&format!("--time-offset {bad}"), "true").go()?;
        got.refuses(125, &format!("cannot use `--time-offset {bad}`"))?;
    }
    Ok(())
}

/// Which of the kinds are new in a world of these options.
fn new_ones(ctx: &Ctx, options: &str) -> Outcome<String> {
    let kinds = crate::harness::process::KINDS;
    let links: Vec<_> = kinds.iter().map(|(_, name)| format!("/proc/self/ns/{name}")).collect();
    let inside = ctx.world(options, &format!("readlink {}", links.join(" "))).output()?;
    let own = std::process::id();
    let pairs = kinds.iter().zip(inside.lines());
    let new = pairs.filter(|((_, name), link)| namespace(own, name).as_deref() != Some(*link));
    let names: Vec<&str> = new.map(|((kind, _), _)| *kind).collect();
    Ok(names.join(","))
}

fn same_set(ctx: &Ctx, options: &str, want: &str) -> Outcome {
    let got = new_ones(ctx, options)?;
    ensure!(got == want, "`{options}` makes {got} new, not {want}");
    Ok(())
}

fn union_of_lists(ctx: &Ctx) -> Outcome {
    same_set(ctx, "--unshare none --unshare user --unshare pid,uts", "pid,uts,user")?;
    same_set(ctx, "--unshare user,none,ipc", "ipc,user")?;
    same_set(ctx, "--unshare=user --unshare=user", "user")
}

fn share_takes_away(ctx: &Ctx) -> Outcome {
    same_set(ctx, "--share net", "pid,mount,uts,ipc,user,cgroup")?;
    same_set(ctx, "--unshare all --share time --share uts", "pid,mount,net,ipc,user,cgroup")?;
    same_set(ctx, "--net host", "pid,mount,uts,ipc,user,cgroup")
}

fn share_lists(ctx: &Ctx) -> Outcome {
    same_set(ctx, "--share net,uts --share ipc", "pid,mount,user,cgroup")?;
    same_set(ctx, "--share all", "")?;
    same_set(ctx, "--share none", "pid,mount,net,uts,ipc,user,cgroup")
}

fn none_is_none(ctx: &Ctx) -> Outcome {
    same_set(ctx, "--unshare none", "")
}

fn all_is_all(ctx: &Ctx) -> Outcome {
    same_set(ctx, "--unshare all", "pid,mount,net,uts,ipc,user,cgroup,time")?;
    same_set(ctx, "", "pid,mount,net,uts,ipc,user,cgroup")
}

/// Without any wall the program is still run, supervised, and its code given back.
fn plain_program_in_no_wall(ctx: &Ctx) -> Outcome {
    ctx.world("--unshare none", "pwd; exit 9")
        .go()?
        .exits(9)?
        .prints(&format!("{}\n", ctx.scratch.display()))?;
    let got = ctx.run().args(["--unshare", "none", "no-such-program"]).go()?;
    got.refuses(127, "cannot run no-such-program")?;
    Ok(())
}
