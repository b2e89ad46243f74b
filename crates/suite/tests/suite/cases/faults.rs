//! Bad input, and things that go wrong.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::process::{marked, wait_gone};
use crate::harness::{Ctx, Outcome, cases, ensure, older_than, patience, rounds, skip};

cases! {
    both: unknown_options, options_of_other_tools, missing_values, contradictions, bad_kinds,
        short_options, double_dash, repeated_single_options, full_scratch, full_home_and_tmp,
        kill_at_any_moment, kill_at_any_moment_with_grants, sixteen_callers, no_processes_left,
        too_many_files, message_into_closed_pipe, no_tmp, read_only_home, from_plan_of_garbage,
        argument_list_too_long;
    user: no_user_namespaces;
}

fn unknown_options(ctx: &Ctx) -> Outcome {
    for (option, nearest) in [
        ("--tmpsf", "--tmpfs"),
        ("--hostnam", "--hostname"),
        ("--unshar", "--unshare"),
        ("--read-olny", "--read-only"),
        ("--timeuot", "--timeout"),
        ("--keepfd", "--keep-fd"),
    ] {
        let got = ctx.run().args([option, "x", "true"]).go()?;
        got.refuses(125, &format!("there is no option `{option}`"))?;
        got.says(&format!("hint: did you mean `{nearest}`?"))?;
    }
    ctx.run().args(["--xyzzy", "true"]).go()?.refuses(125, "there is no option `--xyzzy`")?;
    ctx.run().args(["-Q", "true"]).go()?.refuses(125, "there is no option `-Q`")?;
    Ok(())
}

fn options_of_other_tools(ctx: &Ctx) -> Outcome {
    for (option, here) in [
        ("--bind", "--rw PATH:DEST"),
        ("--ro-bind", "--ro PATH:DEST"),
        ("--unshare-net", "unshared by default"),
        ("--mount-proc", "its own /proc"),
        ("--volume", "--rw PATH:DEST"),
        ("--new-session", "session of its own"),
    ] {
        let got = ctx.run().args([option, "x", "true"]).go()?;
        got.refuses(125, &format!("there is no option `{option}`"))?.says(here)?;
    }
    Ok(())
}

fn missing_values(ctx: &Ctx) -> Outcome {
    for option in ["--ro", "--hostname", "--unshare", "-e", "-w", "-u", "--timeout", "--from"] {
        let got = ctx.run().arg(option).go()?;
        got.refuses(125, &format!("`{option}` needs a value"))?;
    }
    let got = ctx.run().args(["--read-only=yes", "true"]).go()?;
    got.exits(125)?.says("dwell: ")?.says("--read-only")?;
    Ok(())
}

fn contradictions(ctx: &Ctx) -> Outcome {
    for options in [
        "--net host --unshare net",
        "--net none --share net",
        "-r -u 7",
        "--plan text --explain",
        "--writable --read-only --from /",
        "--home --from /",
    ] {
        let got = ctx.world(options, "echo ran").go()?;
        got.exits(125)?.prints("")?.says("dwell: ")?;
        ensure!(got.err().lines().count() <= 2, "one sentence and a hint were expected{got}");
    }
    let got = ctx.world("--writable", "true").go()?;
    got.refuses(125, "`--writable` needs `--from DIR`")?;
    Ok(())
}

fn bad_kinds(ctx: &Ctx) -> Outcome {
    for option in ["--unshare", "--share"] {
        let got = ctx.world(&format!("{option} foo"), "true").go()?;
        got.refuses(125, &format!("cannot use `{option} foo`: 'foo' is not a namespace"))?;
        for bad in [",", "pid,,net", "pid,", "PID "] {
            let got = ctx.run().args([option, bad, "true"]).go()?;
            if got.status.code() != Some(0) {
                got.refuses(125, "cannot ")?;
            }
        }
    }
    for (option, bad) in [("--net", "bridge"), ("--pty", "maybe"), ("--plan", "xml")] {
        let got = ctx.run().args([option, bad, "true"]).go()?;
        got.refuses(125, &format!("cannot use `{option} {bad}`"))?;
    }
    Ok(())
}

fn short_options(ctx: &Ctx) -> Outcome {
    ctx.run()
        .args(["-re", "A=1", "-w/etc", "sh", "-c", "id -u; echo $A; pwd"])
        .go()?
        .prints("0\n1\n/etc\n")?;
    Ok(())
}

fn double_dash(ctx: &Ctx) -> Outcome {
    ctx.run().args(["--", "echo", "--", "-r"]).go()?.prints("-- -r\n")?;
    ctx.run().args(["echo", "-r", "--", "x"]).go()?.prints("-r -- x\n")?;
    let got = ctx.run().args(["--", "--ro"]).go()?;
    got.refuses(127, "cannot run --ro: ")?;
    Ok(())
}

fn repeated_single_options(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--hostname a --hostname b", "hostname").go()?;
    if got.status.code() != Some(0) {
        got.refuses(125, "")?.says("--hostname")?;
    } else {
        got.prints("b\n")?;
    }
    Ok(())
}

/// The size of the file systems that the machine has, in blocks that are used.
fn used(path: &str) -> Outcome<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok((stat.f_blocks - stat.f_bfree) * stat.f_frsize)
}

fn full_scratch(ctx: &Ctx) -> Outcome {
    if older_than(6, 6) {
        return skip("before Linux 6.6 layers lie on disk, and their size is not limited");
    }
    let before = used("/tmp")?;
    let script = "head -c 100M /dev/zero >a; echo x >b; head -c 100M /dev/zero >/tmp/c; head -c 100M \
                  /dev/zero >/var/tmp/d; ls -l a | wc -l";
    let got = ctx.world("--scratch 1M", script).go()?;
    got.exits(0)?.says("No space left on device")?;
    let after = used("/tmp")?;
    ensure!(after < before + (64 << 20), "the machine's disk holds {} more bytes", after - before);
    Ok(())
}

/// Every place that can be written is inside the limit.
fn full_home_and_tmp(ctx: &Ctx) -> Outcome {
    for place in ["$HOME", "/tmp", "/run", "/dev/shm", "/var/tmp", "."] {
        let script = format!("head -c 20M /dev/zero >{place}/f; stat -c %s {place}/f");
        let got = ctx.world("--scratch 1M", &script).go()?;
        let size: u64 = got.out().trim().parse().unwrap_or_default();
        ensure!(size <= 1 << 20, "{place} took {size} bytes with --scratch 1M{got}");
    }
    Ok(())
}

fn kills(ctx: &Ctx, options: &str, number: u32) -> Outcome {
    let marker = format!("3158{number}.{}{}", std::process::id(), ctx.account.uid);
    let mut state = 12_345u64;
    let longest = u64::try_from(patience(Duration::from_millis(8)).as_micros()).unwrap_or(u64::MAX);
    for _ in 0..rounds(100) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delay = Duration::from_micros((state >> 33) % longest);
        let run = ctx.run().args(options.split_whitespace()).args(["--", "sleep", &marker]);
        let live = run.start()?;
        std::thread::sleep(delay);
        live.signal(Signal::KILL)?;
        let _ = live.finish()?;
        if let Err(crate::harness::Stop::Fail(why)) = wait_gone(&marker, Duration::from_secs(1)) {
            return crate::harness::fail(format!("killed after {delay:?}: {why}"));
        }
    }
    let left = marked(&marker);
    ensure!(left.is_empty(), "still there: {left:?}");
    let own: Vec<_> = std::fs::read_dir(&ctx.scratch)?.flatten().map(|e| e.path()).collect();
    ensure!(own.is_empty(), "files were left: {own:?}");
    Ok(())
}

fn kill_at_any_moment(ctx: &Ctx) -> Outcome {
    kills(ctx, "", 1)?;
    kills(ctx, "--share pid", 2)
}

fn kill_at_any_moment_with_grants(ctx: &Ctx) -> Outcome {
    kills(ctx, "--tmpfs /a/b --ro /etc:/x/y --hide /no/such --rw /tmp:/z --unshare all", 3)
}

/// Many callers at the same time, each of them on its own.
fn sixteen_callers(ctx: &Ctx) -> Outcome {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do (for j in 1 2 3 4 5; do \"$DWELL\" run -- \
                  sh -c 'exit 7'; echo $?; done) & done; wait";
    let got = ctx.shell(script).go()?;
    got.exits(0)?;
    let sevens = got.out().lines().filter(|l| *l == "7").count();
    ensure!(sevens == 80, "{sevens} of 80 ended with 7{got}");
    Ok(())
}

/// A user who may start no more processes is told so.
fn no_processes_left(ctx: &Ctx) -> Outcome {
    if ctx.is_root() {
        return Ok(());
    }
    let got = ctx.host("bash").args(["-c", "ulimit -u 1; exec \"$DWELL\" run -- true"]).go()?;
    got.refuses(125, "cannot ")?.says("Resource temporarily unavailable")?;
    Ok(())
}

fn too_many_files(ctx: &Ctx) -> Outcome {
    for limit in 3..12 {
        let script = format!("ulimit -n {limit}; exec \"$DWELL\" run -- true");
        let got = ctx.host("bash").args(["-c", &script]).go()?;
        if got.status.code() != Some(0) {
            got.refuses(125, "cannot ")?.says("Too many open files")?;
        }
    }
    Ok(())
}

fn message_into_closed_pipe(ctx: &Ctx) -> Outcome {
    let got = ctx.shell("\"$DWELL\" run --ro /nope -- true 2>&-; echo $?").go()?;
    got.prints("125\n")?;
    let got = ctx
        .host("bash")
        .args(["-c", "\"$DWELL\" run --explain -- true 2> >(exec 0<&-; sleep 0.1); echo $?"])
        .go()?;
    got.has("0\n").or_else(|_| got.has("141\n"))?;
    Ok(())
}

fn no_tmp(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--hide /tmp", "ls -A /tmp").cwd("/").go()?;
    got.exits(0)?.prints("")?;
    Ok(())
}

fn read_only_home(ctx: &Ctx) -> Outcome {
    let got = ctx.world("", "echo ok").env("HOME", "/nonexistent").go()?;
    got.exits(0)?.prints("ok\n")?;
    for home in ["", "relative", "/", "/etc", "/usr"] {
        let got = ctx.world("", "echo ok; ls /usr/bin/env").env("HOME", home).go()?;
        if got.status.code() != Some(0) {
            got.exits(125)?.says("dwell: ")?;
        }
    }
    Ok(())
}

fn from_plan_of_garbage(ctx: &Ctx) -> Outcome {
    for text in ["", "{", "[]", "null", "{\"version\":1}", "\u{0}\u{1}"] {
        let got = ctx.run().args(["--from-plan", "-"]).input(text).go()?;
        got.refuses(125, "cannot use the plan")?;
    }
    Ok(())
}

fn argument_list_too_long(ctx: &Ctx) -> Outcome {
    ctx.file("vars", format!("A={}\n", "x".repeat(200_000)))?;
    let got = ctx.world("--env-file vars", "true").go()?;
    got.refuses(126, "cannot run ").or_else(|_| got.refuses(125, "cannot "))?;
    got.says("Argument list too long")?;
    Ok(())
}

/// Where user namespaces are switched off for a caller the reason is named.
fn no_user_namespaces(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    // A user namespace whose limit for further ones is zero.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces; exec \"$DWELL\" run -- true";
    let got = ctx.host("unshare").args(["--user", "--map-root-user", "sh", "-c", script]).go()?;
    if got.err().contains("Permission denied") || got.err().contains("nonexistent") {
        return crate::harness::skip("the limit cannot be set");
    }
    got.refuses(125, "cannot ")?.says("hint: ")?.says("max_user_namespaces")?;
    Ok(())
}
