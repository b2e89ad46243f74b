//! Descriptors and standard streams.

use std::time::Duration;

use crate::harness::{Ctx, Outcome, cases, ensure, patience};

cases! {
    both: others_are_closed, kept, kept_directory, not_open, bytes_are_exact, large_through_file,
        closed_reader, closed_input, closed_streams, streams_are_handed_on, standard_error_apart,
        append_mode, seek_position, pty_never, pty_always_without_terminal;
}

fn others_are_closed(ctx: &Ctx) -> Outcome {
    let list = "ls /proc/self/fd | tr '\\n' ' '";
    // The last one is of `ls` itself.
    for options in ["", "--share pid", "--unshare none", "--as-pid-1", "--share mount"] {
        let script = format!(
            "exec 9</etc 7</etc/passwd 200</dev/null; exec \"$DWELL\" run {options} -- sh -c \"$0\""
        );
        let got = ctx.host("bash").args(["-c", &script, list]).go()?;
        got.exits(0)?.prints("0 1 2 3 ")?;
    }
    Ok(())
}

fn kept(ctx: &Ctx) -> Outcome {
    ctx.file("f", "through nine\n")?;
    let script = "exec 9<f 8</etc; exec \"$DWELL\" run --keep-fd 9 -- sh -c 'cat <&9; ls /proc/self/fd | tr \"\\n\" \" \"'";
    ctx.shell(script).go()?.exits(0)?.prints("through nine\n0 1 2 3 9 ")?;
    let script =
        "exec 3<f 4<f; exec \"$DWELL\" run --keep-fd 3 --keep-fd 4 -- sh -c 'cat <&3; cat <&4'";
    ctx.shell(script).go()?.exits(0)?.prints("through nine\nthrough nine\n")?;
    let script = "exec 5>out; exec \"$DWELL\" run --keep-fd 5 -- sh -c 'echo written >&5'";
    ctx.shell(script).go()?.exits(0)?;
    ensure!(std::fs::read_to_string(ctx.path("out"))? == "written\n", "it was not written to");
    Ok(())
}

fn kept_directory(ctx: &Ctx) -> Outcome {
    let script = "exec 9</etc; exec \"$DWELL\" run --keep-fd 9 -- ls /proc/self/fd/9/passwd";
    ctx.shell(script).go()?.exits(0)?.prints("/proc/self/fd/9/passwd\n")?;
    Ok(())
}

fn not_open(ctx: &Ctx) -> Outcome {
    ctx.world("--keep-fd 77", "true").go()?.refuses(125, "cannot ")?.says("77")?;
    for bad in ["", "x", "-1", "1.5"] {
        let got = ctx.run().arg(format!("--keep-fd={bad}")).arg("true").go()?;
        got.refuses(125, "cannot use `--keep-fd")?;
    }
    Ok(())
}

/// Fifty megabytes of every byte, in and out, and at the speed of a pipe.
fn bytes_are_exact(ctx: &Ctx) -> Outcome {
    let mut state = 1u32;
    let bytes: Vec<u8> = (0..50 << 20)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let got = ctx.run().args(["--", "cat"]).input(bytes.clone()).go()?;
    got.exits(0)?;
    ensure!(got.out == bytes, "{} bytes in, {} out, or others", bytes.len(), got.out.len());
    ensure!(got.took < patience(Duration::from_secs(20)), "it took {:?}", got.took);
    Ok(())
}

fn large_through_file(ctx: &Ctx) -> Outcome {
    let script = "head -c 100000000 /dev/zero | \"$DWELL\" run -- cat | wc -c";
    ctx.shell(script).go()?.exits(0)?.prints("100000000\n")?;
    Ok(())
}

fn closed_reader(ctx: &Ctx) -> Outcome {
    let got =
        ctx.host("bash").args(["-c", "\"$DWELL\" run -- yes | head -1; echo ${PIPESTATUS[0]}"]);
    got.go()?.prints("y\n141\n")?.silent()?;
    Ok(())
}

fn closed_input(ctx: &Ctx) -> Outcome {
    ctx.world("", "cat; echo end").go()?.exits(0)?.prints("end\n")?;
    let got = ctx.shell("exec \"$DWELL\" run -- sh -c 'cat; echo end' <&-").go()?;
    got.exits(0)?.has("end\n")?;
    Ok(())
}

/// Whatever is closed outside, no descriptor of dwell's own takes its place.
fn closed_streams(ctx: &Ctx) -> Outcome {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let script = format!(
            "exec 9>list; \"$DWELL\" run --keep-fd 9 -- sh -c 'ls -l /proc/self/fd >&9; exit 6' {closed}; echo $? >code"
        );
        ctx.shell(&script).go()?.exits(0)?;
        let code = std::fs::read_to_string(ctx.path("code"))?;
        let list = std::fs::read_to_string(ctx.path("list"))?;
        ensure!(code == "6\n", "with {closed}: code {code}{list}");
        for foreign in ["socket:", "signalfd", "timerfd", "pidfd"] {
            ensure!(!list.contains(foreign), "with {closed}: {list}");
        }
    }
    Ok(())
}

/// The descriptors themselves are handed on: the same files, not copies of what goes through.
fn streams_are_handed_on(ctx: &Ctx) -> Outcome {
    ctx.file("in", "")?;
    let script = "stat -Lc %i in - <in; \"$DWELL\" run --share pid -- stat -Lc %i - <in; \
                  readlink /proc/self/fd/2 2>&1 >/dev/null | cat; \"$DWELL\" run -- sh -c 'stat -Lc %i /dev/stdin' <in";
    let got = ctx.shell(script).go()?;
    got.exits(0)?;
    let out = got.out();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.dedup();
    ensure!(lines.len() == 1, "one inode was expected{got}");
    Ok(())
}

fn standard_error_apart(ctx: &Ctx) -> Outcome {
    let got = ctx.world("", "echo out; echo err >&2").go()?;
    got.exits(0)?.prints("out\n")?;
    ensure!(got.err() == "err\n", "another standard error{got}");
    Ok(())
}

fn append_mode(ctx: &Ctx) -> Outcome {
    ctx.file("log", "first\n")?;
    let script = "\"$DWELL\" run -- sh -c 'echo second; echo third >&2' >>log 2>>log; cat log";
    ctx.shell(script).go()?.prints("first\nsecond\nthird\n")?;
    Ok(())
}

fn seek_position(ctx: &Ctx) -> Outcome {
    ctx.file("f", "one\ntwo\nthree\n")?;
    let script = "exec <f; read x; \"$DWELL\" run -- sh -c 'read x; echo $x'; read x; echo $x";
    ctx.shell(script).go()?.exits(0)?.prints("two\nthree\n")?;
    Ok(())
}

fn pty_never(ctx: &Ctx) -> Outcome {
    ctx.world("--pty never", "test -t 0 || test -t 1 || echo none; tty")
        .go()?
        .has("none\nnot a tty")?;
    Ok(())
}

fn pty_always_without_terminal(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--pty always", "test -t 0 && test -t 1 && tty; exit 4").input("").go()?;
    got.exits(4)?.has("/dev/pts/0")?;
    Ok(())
}
