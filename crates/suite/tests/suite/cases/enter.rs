//! `dwell enter`.

use crate::harness::process::{KINDS, namespace};
use crate::harness::{Ctx, Live, Outcome, Run, cases, ensure};

cases! {
    both: all_of_it, by_name, ids, environment, directories, descriptors, exit_codes, plans, refusals,
        what_the_world_sees, control_groups, resource_limits;
    root: closed_control_groups, somebody_elses, groups_are_left, bound_file, other_root, capabilities, clocks;
    user: closed_to_others;
}

fn world(ctx: &Ctx, options: &str) -> Outcome<(Live, u32)> {
    let mut live = ctx.world(options, "echo; exec sleep 94").start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    Ok((live, pid))
}

fn enter(ctx: &Ctx, target: impl std::fmt::Display, script: &str) -> Run {
    ctx.host(&ctx.dwell).args(["enter", &format!("{target}"), "sh", "-c", script])
}

fn all_of_it(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "--time-offset monotonic=5 --hostname inner")?;
    let script = "for kind in pid mnt net uts ipc user cgroup time; do readlink /proc/self/ns/$kind; done; \
                  hostname; readlink /proc/1/root >/dev/null; echo $?";
    let text = enter(ctx, pid, script).output()?;
    let mut lines = text.lines();
    for (kind, name) in KINDS {
        let (want, got) = (namespace(pid, name), lines.next());
        ensure!(want.as_deref() == got, "{kind}: {got:?}, that of the world is {want:?}");
    }
    ensure!(lines.next() == Some("inner"), "{text}");
    // The world's process 1 is as closed as to the world's own programs.
    ensure!(lines.next() == Some("1"), "{text}");
    Ok(())
}

fn by_name(ctx: &Ctx) -> Outcome {
    let name = format!("named{}", ctx.account.uid);
    let (_live, _) = world(ctx, &format!("--hostname {name}"))?;
    enter(ctx, &name, "hostname").go()?.prints(&format!("{name}\n"))?;
    let (_second, _) = world(ctx, &format!("--hostname {name}"))?;
    let got = enter(ctx, &name, "true").go()?;
    got.refuses(125, &format!("more than one world is called '{name}': processes "))?;
    let got = enter(ctx, "no-such-world", "true").go()?;
    got.refuses(125, "there is no world called 'no-such-world'")?;
    Ok(())
}

/// The process's own ids, or those that were asked for where they exist.
fn ids(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "")?;
    let own = format!("{} {}\n", ctx.account.uid, ctx.account.gid);
    enter(ctx, pid, "echo $(id -u) $(id -g)").go()?.prints(&own)?;
    let (_root, as_root) = world(ctx, "--root")?;
    enter(ctx, as_root, "echo $(id -u) $(id -g)").go()?.prints("0 0\n")?;
    let words = |user: &str| {
        let words = ["enter", "--user", user, &pid.to_string(), "id", "-u"];
        ctx.host(&ctx.dwell).args(words).go()
    };
    words(&ctx.account.name)?.prints(&format!("{}\n", ctx.account.uid))?;
    words("nobody-of-this-name")?
        .refuses(125, "there is no user 'nobody-of-this-name' in that world")?;
    if !ctx.is_root() {
        words("54321")?.refuses(125, "cannot set the program's ids and capabilities: ")?;
    }
    Ok(())
}

fn environment(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "-e MARK=there")?;
    let text = enter(ctx, pid, "env").env("SECRET", "x").output()?;
    let home = format!("HOME={}\n", ctx.account.home.display());
    ensure!(text.contains(&home) && text.contains("TERM=xterm\n"), "{text}");
    ensure!(!text.contains("SECRET") && !text.contains("MARK"), "{text}");
    let words = ["enter", "--env-of-target", "-e", "A=1", "-e", "SECRET", &pid.to_string(), "env"];
    let text = ctx.host(&ctx.dwell).args(words).env("SECRET", "x").output()?;
    for line in ["MARK=there\n", "A=1\n", "SECRET=x\n"] {
        ensure!(text.contains(line), "{line}{text}");
    }
    Ok(())
}

/// The working directory is the process's, or the one that was asked for.
fn directories(ctx: &Ctx) -> Outcome {
    let mut live = ctx.world("", "mkdir /tmp/here; cd /tmp/here; echo; exec sleep 94").start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    enter(ctx, pid, "pwd; ls -d /tmp/here").go()?.prints("/tmp/here\n/tmp/here\n")?;
    let pid = pid.to_string();
    let words = |dir| ctx.host(&ctx.dwell).args(["enter", "-w", dir, &pid, "pwd"]).go();
    words("/etc")?.prints("/etc\n")?;
    words("/nope")?.refuses(125, "cannot change to the working directory /nope: No such file")?;
    Ok(())
}

/// Nothing that is open outside goes in.
fn descriptors(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "")?;
    let script = format!("exec 7</etc/passwd; exec \"$DWELL\" enter {pid} sh -c 'ls /proc/$$/fd'");
    let text = ctx.shell(&script).output()?;
    ensure!(text.lines().all(|fd| ["0", "1", "2", "10"].contains(&fd)), "{text}");
    Ok(())
}

fn exit_codes(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "")?;
    enter(ctx, pid, "exit 7").go()?.exits(7)?;
    enter(ctx, pid, "kill -9 $$").go()?.exits(137)?;
    let words = ["enter", &pid.to_string(), "no-such-program"];
    ctx.host(&ctx.dwell).args(words).go()?.exits(127)?;
    Ok(())
}

/// What is printed can be run as a plan.
fn plans(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "--hostname planned")?;
    let words = ["enter", "--plan", &pid.to_string(), "hostname"];
    let plan = ctx.host(&ctx.dwell).args(words).output()?;
    let got = ctx.run().args(["--from-plan", "-"]).input(plan).go()?;
    got.exits(0)?.prints("planned\n")?;
    let words = ["enter", "--explain", &pid.to_string(), "true"];
    ctx.host(&ctx.dwell).args(words).go()?.exits(0)?.says("pid namespace joined (setns)")?;
    Ok(())
}

fn refusals(ctx: &Ctx) -> Outcome {
    let ask = |words: &[&str]| ctx.host(&ctx.dwell).arg("enter").args(words).go();
    ask(&[])?.refuses(125, "`enter` needs a world: a process, a name, or a path")?;
    ask(&["4000000"])?.refuses(125, "there is no process 4000000")?;
    ask(&["/proc/4000000"])?.refuses(125, "there is no process 4000000")?;
    ask(&["/etc/passwd"])?.refuses(125, "cannot enter /etc/passwd: no namespace is bound on it")?;
    ask(&["/nope"])?.refuses(125, "cannot open /nope: No such file or directory (open)")?;
    ask(&["--frob"])?.refuses(125, "there is no option `--frob`")?;
    let got = ctx.shell("exec \"$DWELL\" enter $$ true").go()?;
    got.exits(125)?.says(" has the same namespaces as you")?;
    Ok(())
}

/// Between setns and execve the entering process can neither be traced nor read.
fn what_the_world_sees(ctx: &Ctx) -> Outcome {
    let script = "(while [ ! -e /tmp/stop ]; do for p in /proc/[0-9]*/exe; do readlink $p; done; done \
                  >/tmp/out 2>/dev/null) & echo; read x; touch /tmp/stop; wait; grep dwell /tmp/out; echo done";
    let mut live = ctx.world("--root", script).open_input().start()?;
    live.line()?;
    let pid = live.program("sh")?;
    for _ in 0..20 {
        enter(ctx, pid, ":").go()?.exits(0)?;
    }
    live.write("\n")?;
    live.finish()?.prints("\ndone\n")?;
    Ok(())
}

/// A limit of the world's holds for who enters it, unless that was not wanted.
fn control_groups(ctx: &Ctx) -> Outcome {
    super::limits::needs(ctx, "--pids 12")?;
    let (live, pid) = world(ctx, "--pids 12")?;
    let theirs = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let bomb = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 >/dev/null 2>&1 & done; echo all";
    let words = |which: &str, script: &str| {
        let words = ["enter", "--cgroup", which, &pid.to_string(), "sh", "-c", script];
        ctx.host(&ctx.dwell).args(words).go()
    };
    if words("auto", "true")?.err().contains("closed to you") {
        // The manager of the machine has put the world where its user may not move anything.
        words("join", "true")?.refuses(125, "cannot join the control group ")?;
    } else {
        let mut entered = enter(ctx, pid, "echo; exec sleep 93").start()?;
        entered.line()?;
        let ours = std::fs::read_to_string(format!("/proc/{}/cgroup", entered.program("sleep")?))?;
        ensure!(ours == theirs, "{ours}{theirs}");
        entered.signal(rustix::process::Signal::TERM)?;
        entered.finish()?.exits(143)?;
        words("auto", bomb)?.lacks("all")?.says("fork")?;
    }
    words("own", bomb)?.exits(0)?.prints("all\n")?;
    live.signal(rustix::process::Signal::TERM)?;
    live.finish()?.exits(143)?;
    words("their", bomb)?
        .refuses(125, "cannot use `--cgroup their`: it is `auto`, `join` or `own`")?;
    Ok(())
}

/// What the caller may not join is named, and refused where it was asked for.
fn closed_control_groups(ctx: &Ctx) -> Outcome {
    ctx.needs("setpriv")?;
    super::limits::needs(ctx, "--pids 12")?;
    let to_user = "setpriv --reuid=12345 --regid=12345 --clear-groups";
    let script = format!("exec {to_user} unshare --user --map-root-user sh -c 'echo; read x'");
    let words = ["--unshare", "none", "--seccomp", "none", "--pids", "12", "sh", "-c", &script];
    let mut live = ctx.run().args(words).open_input().start()?;
    live.line()?;
    let pid = live.program("sh")?;
    let ask = |which: &str| {
        let words = format!("exec {to_user} \"$DWELL\" enter --cgroup {which} {pid} id -u");
        ctx.shell(&words).go()
    };
    let got = ask("auto")?;
    got.exits(0)?.prints("0\n")?.says("dwell: the program is not in the control group /")?;
    got.says(", whose limits do not hold for it: ")?.says(" is closed to you")?;
    ask("join")?.refuses(125, "cannot join the control group /")?;
    let got = ask("own")?;
    got.exits(0)?.prints("0\n")?.silent()?;
    live.write("\n")?;
    live.finish()?.exits(0)?;
    Ok(())
}

/// The lower ones of the caller's and the process's.
fn resource_limits(ctx: &Ctx) -> Outcome {
    let mut live = ctx
        .world("--oom-score 77", "ulimit -n 200; ulimit -S -s 4000; echo; exec sleep 94")
        .start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    let script = "ulimit -H -n; ulimit -S -s; cat /proc/self/oom_score_adj";
    enter(ctx, pid, script).go()?.prints("200\n4000\n77\n")?;
    let words = format!("ulimit -n 100; exec \"$DWELL\" enter {pid} sh -c 'ulimit -H -n'");
    ctx.shell(&words).go()?.prints("100\n")?;
    Ok(())
}

/// Root enters a user's world as that user, and leaves no group of its own in it.
fn somebody_elses(ctx: &Ctx) -> Outcome {
    let script = "chown 1:1 /proc/self 2>/dev/null; id -u; grep Groups /proc/self/status; grep CapEff /proc/self/status";
    let as_user = "exec setpriv --reuid=12345 --regid=12345 --clear-groups unshare --user --map-root-user --pid --fork --kill-child --mount-proc sh -c 'echo; exec sleep 94'";
    ctx.needs("setpriv")?;
    let mut live = ctx.shell(as_user).start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    let text = enter(ctx, pid, script).output()?;
    let mut lines = text.lines();
    ensure!(lines.next() == Some("0"), "{text}");
    ensure!(lines.next().is_some_and(|l| l.trim_end() == "Groups:"), "{text}");
    Ok(())
}

fn groups_are_left(ctx: &Ctx) -> Outcome {
    ctx.needs("setpriv")?;
    let (_live, pid) = world(ctx, "")?;
    let script =
        format!("setpriv --groups 4,27 \"$DWELL\" enter {pid} grep Groups /proc/self/status");
    let text = ctx.shell(&script).output()?;
    ensure!(!text.contains("27"), "{text}");
    Ok(())
}

fn bound_file(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "--unshare net")?;
    let place = ctx.file("bound", "")?;
    let place = place.display();
    let script = format!(
        "mount --bind /proc/{pid}/ns/net {place}; exec \"$DWELL\" enter {place} readlink /proc/self/ns/net"
    );
    let text = ctx.host("unshare").args(["--mount", "sh", "-c", &script]).output()?;
    ensure!(Some(text.trim_end()) == namespace(pid, "net").as_deref(), "{text}");
    Ok(())
}

/// A process that has changed its root is followed there.
fn other_root(ctx: &Ctx) -> Outcome {
    let script = "mount -t tmpfs t mnt; mkdir mnt/bin mnt/lib mnt/lib64 mnt/usr; mount --bind /usr mnt/usr; \
                  mount --bind /bin mnt/bin; mount --bind /lib mnt/lib; mount --bind /lib64 mnt/lib64; \
                  touch mnt/inside; exec chroot mnt sh -c 'echo; exec sleep 94'";
    ctx.dir("mnt")?;
    let mut live = ctx.host("unshare").args(["--mount", "sh", "-c", script]).start()?;
    live.line()?;
    let pid = live.pid();
    enter(ctx, pid, "ls -d /inside; ls /etc/passwd 2>/dev/null; pwd")
        .go()?
        .prints("/inside\n/\n")?;
    Ok(())
}

/// No more than the process has.
fn capabilities(ctx: &Ctx) -> Outcome {
    let (_live, pid) = world(ctx, "--cap-drop net_raw,mknod")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |text: &str, name: &str| {
        text.lines().find(|l| l.starts_with(name)).map(str::to_owned).unwrap_or_default()
    };
    let got = enter(ctx, pid, "cat /proc/self/status").output()?;
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        ensure!(of(&text, set) == of(&got, set), "{} became {}", of(&text, set), of(&got, set));
    }
    ensure!(of(&got, "NoNewPrivs").ends_with('1'), "{got}");
    Ok(())
}

fn clocks(ctx: &Ctx) -> Outcome {
    let script = "echo; exec sleep 94";
    let words = ["--time", "--boottime", "9000000", "--fork", "--kill-child", "sh", "-c", script];
    let mut live = ctx.host("unshare").args(words).start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    let text = enter(ctx, pid, "cut -d. -f1 /proc/uptime").output()?;
    ensure!(text.trim().parse::<u64>().is_ok_and(|n| n > 9_000_000), "{text}");
    Ok(())
}

fn closed_to_others(ctx: &Ctx) -> Outcome {
    enter(ctx, 1, "true").go()?.exits(125)?.says("closed to you")?;
    Ok(())
}
