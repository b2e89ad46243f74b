//! Signals, from outside and from inside.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::process::{descendants, marked, wait_for, wait_gone};
use crate::harness::{Ctx, Live, Outcome, cases, ensure, patience};

cases! {
    both: term_reaches_the_program, each_is_forwarded, default_action_ends_it, as_pid_one,
        kill_own_group, kill_everything_inside, dwell_killed, dwell_killed_without_pid_namespace,
        dwell_killed_with_own_signals_ignored, init_killed, parent_gone, stop_and_continue,
        ignored_ones_stay_ignored, blocked_ones_do_not_stay_blocked, group_of_the_caller,
        no_signal_to_the_outside, quick_term;
}

/// Starts a script that has said `ready`.
fn ready(ctx: &Ctx, options: &str, script: &str) -> Outcome<Live> {
    let mut live = ctx.world(options, script).start()?;
    ensure!(live.line()? == "ready", "another line");
    Ok(live)
}

fn marker(ctx: &Ctx, number: u32) -> String {
    format!("3156{number}.{}{}", std::process::id(), ctx.account.uid)
}

fn term_reaches_the_program(ctx: &Ctx) -> Outcome {
    let script = "trap 'echo got TERM; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    for options in ["", "--share pid", "--unshare none"] {
        let live = ready(ctx, options, script)?;
        live.signal(Signal::TERM)?;
        live.finish()?.exits(3)?.prints("ready\ngot TERM\n")?;
    }
    Ok(())
}

fn each_is_forwarded(ctx: &Ctx) -> Outcome {
    for (name, signal) in [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("ALRM", Signal::ALARM),
        ("WINCH", Signal::WINCH),
        ("PWR", Signal::POWER),
    ] {
        let script =
            format!("trap 'echo {name}; exit 0' {name}; echo ready; while :; do sleep 0.05; done");
        let live = ready(ctx, "", &script)?;
        live.signal(signal)?;
        live.finish()?.exits(0)?.prints(&format!("ready\n{name}\n"))?;
    }
    Ok(())
}

fn default_action_ends_it(ctx: &Ctx) -> Outcome {
    for (signal, code) in
        [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::USR1, 138)]
    {
        let live = ready(ctx, "", "echo ready; exec sleep 100")?;
        live.program("sleep")?;
        live.signal(signal)?;
        live.finish()?.exits(code)?;
    }
    Ok(())
}

fn as_pid_one(ctx: &Ctx) -> Outcome {
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let live = ready(ctx, "--as-pid-1", script)?;
    live.signal(Signal::TERM)?;
    live.finish()?.exits(3)?;
    Ok(())
}

/// With other tools this takes the caller's whole job along.
fn kill_own_group(ctx: &Ctx) -> Outcome {
    for options in ["", "--share pid", "--unshare none", "--as-pid-1", "--pty never"] {
        let script =
            format!("\"$DWELL\" run {options} -- bash -c 'kill -9 0; exit 5'; echo alive $?");
        let got = ctx.shell(&script).go()?;
        got.exits(0)?.has("alive ")?;
        if options.is_empty() {
            got.prints("alive 137\n")?;
        }
    }
    Ok(())
}

fn kill_everything_inside(ctx: &Ctx) -> Outcome {
    let got =
        ctx.shell("\"$DWELL\" run -- bash -c 'kill -9 -1; kill -9 1; echo here; exit 5'; echo $?");
    got.go()?.prints("here\n5\n")?;
    Ok(())
}

fn killed(ctx: &Ctx, number: u32, options: &str, script: &str) -> Outcome {
    let marker = marker(ctx, number);
    let live = ready(ctx, options, &script.replace("MARK", &marker))?;
    wait_for("the sleepers", Duration::from_secs(5), || {
        (marked(&marker).iter().filter(|p| p.name == "sleep").count() >= 2).then_some(())
    })?;
    live.signal(Signal::KILL)?;
    wait_gone(&marker, Duration::from_secs(1))?;
    drop(live);
    Ok(())
}

const SLEEPERS: &str =
    "sleep MARK & setsid sleep MARK & echo ready; trap '' TERM HUP INT; wait; wait";

fn dwell_killed(ctx: &Ctx) -> Outcome {
    killed(ctx, 1, "", SLEEPERS)?;
    killed(ctx, 2, "--as-pid-1", SLEEPERS)?;
    killed(ctx, 3, &format!("--unshare {}", ctx.set("pid")), SLEEPERS)
}

/// There is no wall that holds the processes together, and still none stays.
fn dwell_killed_without_pid_namespace(ctx: &Ctx) -> Outcome {
    killed(ctx, 4, "--share pid", SLEEPERS)?;
    killed(ctx, 5, "--unshare none", SLEEPERS)
}

fn dwell_killed_with_own_signals_ignored(ctx: &Ctx) -> Outcome {
    killed(ctx, 6, "", &format!("trap '' TERM HUP INT QUIT PIPE; {SLEEPERS}"))
}

fn init_killed(ctx: &Ctx) -> Outcome {
    let marker = marker(ctx, 7);
    let live = ready(ctx, "", &SLEEPERS.replace("MARK", &marker))?;
    let init = descendants(live.pid()).into_iter().find(|p| p.name.starts_with("dwell"));
    let Some(init) = init else { return crate::harness::fail("there is no first process") };
    let kill = format!("kill -9 {}", init.pid);
    ctx.shell(&kill).go()?.exits(0)?;
    live.finish()?.refuses(125, "the world was ended from outside by signal 9")?;
    wait_gone(&marker, Duration::from_secs(1))
}

/// Who started dwell is gone: dwell goes on as any program does, and ends as one.
fn parent_gone(ctx: &Ctx) -> Outcome {
    let marker = marker(ctx, 8);
    let script = format!("\"$DWELL\" run -- sleep {marker} >/dev/null 2>&1 & echo $!");
    let out = ctx.shell(&script).output()?;
    let pid: u32 = out.trim().parse().unwrap_or_default();
    wait_for("the sleeper", Duration::from_secs(5), || {
        marked(&marker).iter().find(|p| p.name == "sleep").map(drop)
    })?;
    ctx.shell(&format!("kill -TERM {pid}")).go()?.exits(0)?;
    wait_gone(&marker, Duration::from_secs(2))
}

fn stop_and_continue(ctx: &Ctx) -> Outcome {
    let live = ready(ctx, "", "trap 'echo woken' CONT; echo ready; read x; sleep 0.3; echo end")?;
    live.signal(Signal::STOP)?;
    std::thread::sleep(Duration::from_millis(100));
    live.signal(Signal::CONT)?;
    live.finish()?.exits(0)?.has("end\n")?;
    Ok(())
}

fn ignored_ones_stay_ignored(ctx: &Ctx) -> Outcome {
    // As nohup does.
    let got = ctx.shell("trap '' HUP; \"$DWELL\" run -- sh -c 'kill -HUP $$; echo lives'").go()?;
    got.exits(0)?.prints("lives\n")?;
    let got = ctx.shell("\"$DWELL\" run -- grep SigIgn /proc/self/status").go()?;
    let outside = ctx.shell("grep SigIgn /proc/self/status").go()?;
    ensure!(got.out == outside.out, "other signals are ignored than outside{got}{outside}");
    Ok(())
}

fn blocked_ones_do_not_stay_blocked(ctx: &Ctx) -> Outcome {
    let got = ctx.world("", "grep SigBlk /proc/self/status").go()?;
    got.prints("SigBlk:\t0000000000000000\n")?;
    let got = ctx.world("--as-pid-1", "grep SigBlk /proc/self/status").go()?;
    got.prints("SigBlk:\t0000000000000000\n")?;
    Ok(())
}

fn group_of_the_caller(ctx: &Ctx) -> Outcome {
    for options in ["", "--share pid", "--unshare none"] {
        let script = format!(
            "ps -o pgid=,sid= -p $$; \"$DWELL\" run {options} --net host -- sh -c 'cut -d\" \" -f5,6 /proc/self/stat'"
        );
        if options.is_empty() {
            continue;
        }
        let got = ctx.shell(&script.replace(" --net host", "")).go()?;
        let numbers: Vec<String> = got.out().split_whitespace().map(str::to_owned).collect();
        ensure!(numbers.len() == 4, "four numbers were expected{got}");
        let (outer, inner) = numbers.split_at(2);
        ensure!(outer.first() != inner.first(), "the process group is the caller's{got}");
        ensure!(outer.last() != inner.last(), "the session is the caller's{got}");
    }
    Ok(())
}

fn no_signal_to_the_outside(ctx: &Ctx) -> Outcome {
    let sleeper = ctx.host("sleep").arg("100").start()?;
    let got =
        ctx.world("", &format!("kill -9 {0} -{0}; pkill -9 sleep; true", sleeper.pid())).go()?;
    got.exits(0)?;
    let mut sleeper = sleeper;
    ensure!(sleeper.runs()?, "a process outside was killed");
    Ok(())
}

/// At whatever moment of the start the signal comes, dwell ends, and nothing is left.
fn quick_term(ctx: &Ctx) -> Outcome {
    let marker = marker(ctx, 9);
    for step in 0..40u64 {
        let live = ctx.run().args(["sleep", &marker]).limit(10).start()?;
        std::thread::sleep(Duration::from_micros(step * 250));
        let began = Instant::now();
        live.signal(Signal::TERM)?;
        let got = live.finish()?;
        let ended = got.status.code().is_some_and(|c| c == 143)
            || std::os::unix::process::ExitStatusExt::signal(&got.status) == Some(15);
        ensure!(ended, "after {} µs it did not end by SIGTERM{got}", step * 250);
        ensure!(began.elapsed() < patience(Duration::from_secs(3)), "it took too long{got}");
    }
    wait_gone(&marker, Duration::from_secs(1))
}
