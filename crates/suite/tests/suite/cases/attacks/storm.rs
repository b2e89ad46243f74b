//! Signals at whoever starts the program: many of them, all kinds, from outside and from inside.

use rustix::process::Signal;

use super::Attack;
use crate::harness::{Ctx, Got, Outcome, cases, ensure, rounds};

cases! {
    both: from_outside, from_inside, children_are_ignored, tools_hear_of_ignored_children;
}

/// Sends each signal of a list as often as is wanted, real-time ones until the queue is full.
const SENDER: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None)
pid, times = int(sys.argv[1]), int(sys.argv[2])
for _ in range(times):
    for number in (1, 2, 10, 12, 14, 15, 17, 18, 21, 22, 23, 28, 34, 40, 64):
        for _ in range(20): libc.sigqueue(pid, number, ctypes.c_void_p(7))
";

/// A process of the same user sends thousands, and the program is told which came: it keeps its exit code.
fn from_outside(ctx: &Ctx) -> Outcome {
    let python = ctx.needs("python3")?;
    let storm = |pid: u32| {
        let words = ["-c", SENDER, &pid.to_string(), &rounds(100).to_string()];
        ctx.host(&python).args(words).go()?.exits(0).map(|_| ())
    };
    // Whoever takes no care ends at the first one.
    let weak = ctx.host("sleep").arg("100").start()?;
    storm(weak.pid())?;
    ensure!(weak.finish()?.status().code().is_none(), "the attack itself fails");
    let body = "
seen = set()
def note(number, frame): seen.add(number)
for number in range(1, 65):
    if number not in (9, 19, 32, 33): signal.signal(number, note)
print('ready', flush=True)
sys.stdin.read()
# Each is passed on when its turn comes.
for _ in range(1000):
    if {1, 2, 15, 34, 64} <= seen: break
    time.sleep(0.01)
print(sorted(seen - {1, 2, 10, 12, 14, 15, 17, 18, 21, 22, 23, 28, 34, 40, 64}), {1, 2, 15, 34, 64} <= seen, flush=True)
# Signals are still under way, and the interpreter takes its handlers away before it ends.
os._exit(7)
";
    for options in ["", "--as-pid-1", "--share pid", "--root"] {
        let attack = Attack::python(ctx, body)?;
        let mut live = attack.run(options).open_input().start()?;
        ensure!(live.line()? == "ready", "it is not ready with `{options}`");
        storm(live.pid())?;
        live.finish()?.exits(7)?.has("[] True")?;
    }
    Ok(())
}

/// `kill(0)` and `kill(-1)` of the world reach the world, whose end is told as it was.
fn from_inside(ctx: &Ctx) -> Outcome {
    let script = "trap '' TERM HUP USR1 ALRM; for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
                  kill -TERM 0; kill -HUP -1; kill -USR1 0; kill -ALRM -1; done; exit 9";
    for options in ["", "--as-pid-1", "--root"] {
        ctx.world(options, script).go()?.exits(9)?;
    }
    // Not ignored, the first of them ends the program: as without a world.
    let weak = ctx.host("setsid").args(["--wait", "sh", "-c", "kill -TERM 0; exit 9"]).go()?;
    ensure!(weak.status().code() != Some(9), "the attack itself fails");
    ctx.world("", "kill -TERM 0; exit 9").go()?.exits(143)?;
    Ok(())
}

/// A caller that ignores `SIGCHLD` hands that on: children then vanish as they end, with their exit codes, and who
/// waits for the signal waits for ever.
fn children_are_ignored(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let launch = "
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if sys.argv[1] == 'bare':
    made = os.posix_spawn('/bin/false', ['false'], {})
    try: os.waitpid(made, 0)
    except ChildProcessError: sys.exit(3)
else: os.execv(sys.argv[1], sys.argv[1:])
";
    ctx.host("python3").args(["-c", launch, "bare"]).go()?.exits(3)?;
    let dwell = ctx.dwell.display().to_string();
    for options in ["", "--as-pid-1", "--share pid", "--root"] {
        let words = ["-c", launch, &dwell, "run"].into_iter().chain(options.split_whitespace());
        let run = ctx.host("python3").args(words).args(["--", "sh", "-c", "true | cat; exit 7"]);
        run.limit(15).go()?.exits(7)?;
        // Signals go on reaching it.
        let words = ["-c", launch, &dwell, "run"].into_iter().chain(options.split_whitespace());
        let script = "trap 'exit 8' TERM; echo ready; while :; do sleep 0.05; done";
        let run = ctx.host("python3").args(words).args(["--", "sh", "-c", script]);
        let mut live = run.limit(15).start()?;
        live.line()?;
        live.signal(Signal::TERM)?;
        live.finish()?.exits(8)?;
    }
    Ok(())
}

/// The tools that it stands in for wait for a child as well.
fn tools_hear_of_ignored_children(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let launch = "
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
";
    // What is ignored stays so when a program is executed.
    let ignored = ["-c", launch, "grep", "SigIgn:.*[13579bdf]....$", "/proc/self/status"];
    ctx.host("python3").args(ignored).go()?.exits(0)?;
    let dwell = ctx.dwell.display().to_string();
    let user = if ctx.is_root() { "" } else { "--user --map-root-user " };
    let mut lines = vec![
        format!("unshare --fork {user}sh -c 'true | cat; exit 7'"),
        format!("unshare --fork {user}--pid --kill-child sh -c 'true | cat; exit 7'"),
        format!("unshare --fork {user}--pid --mount --mount-proc sh -c 'exit 7'"),
        format!("unshare {user}--fork sh -c 'kill -TERM $$'"),
        format!("{dwell} enter TARGET sh -c 'true | cat; exit 7'"),
    ];
    // A user may enter what the user namespace owns.
    let ways = if ctx.is_root() {
        ["--all", "--pid"]
    } else {
        ["--user --pid --mount --preserve-credentials", "--user --pid --preserve-credentials"]
    };
    for how in ways {
        lines.push(format!("nsenter --target TARGET {how} sh -c 'true | cat; exit 7'"));
        lines.push(format!("nsenter --target TARGET {how} sh -c 'kill -TERM $$'"));
    }
    let outer =
        format!("exec unshare --fork {user}--pid --mount --mount-proc --kill-child sleep 1000");
    let inner = ctx.with_applets(&outer)?.start()?;
    let target = inner.program("sleep")?.to_string();
    let installed = super::super::oracle::installed(ctx).is_ok();
    for line in lines {
        let line = line.replace("TARGET", &target);
        let expected = if line.contains("kill -TERM") { 143 } else { 7 };
        let start = format!("exec python3 -c \"$0\" {line}");
        let ours = ctx.with_applets(&start)?.arg(launch).limit(15).go()?;
        ensure!(code(&ours) == expected, "{line}: {expected} was expected{ours}");
        if installed && !line.starts_with(&dwell) {
            let theirs = ctx.shell(&start).arg(launch).limit(15).go()?;
            ensure!(
                code(&theirs) == expected,
                "{line}: {expected} was expected of the installed one{theirs}"
            );
        }
    }
    Ok(())
}

/// As a shell tells it.
fn code(got: &Got) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let status = got.status();
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
