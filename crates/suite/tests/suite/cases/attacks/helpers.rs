//! Programs with rights that dwell starts: `newuidmap` and `newgidmap` that take their time, or never end.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::process::{self, wait_for, wait_gone};
use crate::harness::{Ctx, Live, Outcome, Run, cases, ensure, skip};

cases! {
    user: slow, never_ends;
}

/// Where the user's ids begin, and how many there are.
const IDS: &str = "300000:1000";

/// Set-user-ID, as the real one: says its number, waits, and becomes the real one.
const HELPER: &str = r#"
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char path[4096], real[4200];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) return 90;
    path[length] = 0;
    char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    snprintf(real, sizeof real, "PLACE/started-%s", name);
    FILE *mark = fopen(real, "w");
    if (!mark) return 91;
    fprintf(mark, "%d\n", getpid());
    fclose(mark);
    struct timespec wait = { SECONDS, 0 };
    while (nanosleep(&wait, &wait)) {}
    snprintf(real, sizeof real, "PLACE/real-%s", name);
    execv(real, argv);
    return 92;
}
"#;

/// A machine whose helpers wait that long.
struct Slow<'c> {
    ctx: &'c Ctx,
}

impl Slow<'_> {
    fn new(ctx: &Ctx, seconds: u32) -> Outcome<Slow<'_>> {
        ctx.needs_privilege()?;
        for program in ["gcc", "newuidmap", "newgidmap", "setpriv"] {
            ctx.needs(program)?;
        }
        for name in ["/etc/subuid", "/etc/subgid"] {
            if !fs::exists(name)? {
                return skip(format!("there is no {name} to put another over"));
            }
        }
        let place = ctx.path("").display().to_string();
        let place = place.trim_end_matches('/');
        let text = HELPER.replace("PLACE", place).replace("SECONDS", &seconds.to_string());
        ctx.file("helper.c", text)?;
        ctx.file("subids", format!("{}:{IDS}\n", ctx.account.name))?;
        ctx.shell("gcc -O1 -o helper helper.c 2>&1").go()?.exits(0)?;
        let script = format!(
            "cd {place} && chown 0:0 helper && chmod 4755 helper && for f in newuidmap newgidmap; do \
             cp -p \"$(command -v $f)\" real-$f && rm -f started-$f || exit 1; done"
        );
        ctx.as_root(&script)?;
        Ok(Slow { ctx })
    }

    /// A command of the user's there; it is the process that is started.
    fn run(&self, words: &[&str]) -> Run {
        let account = &self.ctx.account;
        let script = format!(
            "for f in newuidmap newgidmap; do mount --bind helper \"$(command -v $f)\" || exit 99; done
             for f in subuid subgid; do mount --bind subids /etc/$f || exit 99; done
             exec setpriv --reuid={} --regid={} --clear-groups \"$@\"",
            account.uid, account.gid
        );
        let run = self.ctx.host("/usr/bin/unshare").args(["--mount", "sh", "-c", &script, "sh"]);
        run.args(words).by_suite().limit(20)
    }

    /// A world with the user's subordinate ids.
    fn world(&self, options: &str, program: &[&str]) -> Run {
        let dwell = self.ctx.dwell.display().to_string();
        let mut words = vec![dwell.as_str(), "run"];
        words.extend(["--map-users", "auto", "--map-groups", "auto", "-r"]);
        words.extend(options.split_whitespace());
        words.push("--");
        words.extend(program);
        self.run(&words)
    }

    /// The number of a helper, when it has been started.
    fn started(&self, name: &str) -> Outcome<u32> {
        let mark = self.ctx.path(format!("started-{name}"));
        wait_for(&format!("{name} started"), Duration::from_secs(10), || {
            fs::read_to_string(&mark).ok()?.trim().parse().ok()
        })
    }
}

/// Whether it has ended; who has not been waited for has.
fn has_ended(pid: u32) -> bool {
    matches!(process::state(pid), None | Some('Z'))
}

/// It is waited for, and the world is what it would be.
fn slow(ctx: &Ctx) -> Outcome {
    let machine = Slow::new(ctx, 1)?;
    let script = "id -u; wc -l </proc/self/uid_map; exit 7";
    let got = machine.world("", &["sh", "-c", script]).go()?;
    got.exits(7)?.has("0\n2\n")?;
    ensure!(got.took >= Duration::from_secs(1), "the helper has not waited{got}");
    // A signal that the program can be given later does not end it.
    let live = machine
        .world("", &["sh", "-c", "trap 'exit 8' USR1; echo ready; while :; do sleep 0.05; done"]);
    let mut live: Live = live.start()?;
    machine.started("newgidmap")?;
    ensure!(live.line()? == "ready", "it is not ready");
    live.signal(Signal::USR1)?;
    live.finish()?.exits(8)?;
    // Who waits for more than there is time for is not started.
    fs::remove_file(ctx.path("started-newuidmap"))?;
    let got = machine.world("--timeout 100ms", &["echo", "ran"]).go()?;
    got.exits(124)?.lacks("ran")?;
    Ok(())
}

/// dwell can be ended meanwhile, and takes everything along that it may end.
fn never_ends(ctx: &Ctx) -> Outcome {
    let machine = Slow::new(ctx, 1000)?;
    let marker = "7654321";
    if ctx.host("unshare").arg("--help").output()?.contains("--map-users") {
        goes_on_without_its_launcher(ctx, &machine, marker)?;
    }
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::KILL] {
        let machine = Slow::new(ctx, 1000)?;
        let live = machine.world("", &["sleep", marker]).start()?;
        let helpers = [machine.started("newuidmap")?, machine.started("newgidmap")?];
        let own = process::descendants(live.pid());
        ensure!(own.len() >= 3, "dwell has not begun: {own:?}");
        live.signal(signal)?;
        let got = live.finish()?;
        if signal == Signal::KILL {
            ensure!(got.status().signal() == Some(9), "it ended otherwise{got}");
            // KERNEL: a set-user-ID program does not hear that its parent is gone.
            for helper in helpers {
                end(ctx, helper)?;
            }
        } else {
            got.exits(128 + signal.as_raw())?.prints("")?;
        }
        ensure!(got.took < Duration::from_secs(10), "it took too long{got}");
        for left in own {
            let gone = || has_ended(left.pid).then_some(());
            wait_for(&format!("{left:?} to end"), Duration::from_secs(5), gone)?;
        }
        wait_gone(marker, Duration::from_secs(3))?;
    }
    let machine = Slow::new(ctx, 1000)?;
    let got = machine.world("--timeout 300ms", &["sleep", marker]).go()?;
    got.exits(124)?.says("the time is up")?;
    ensure!(got.took < Duration::from_secs(4), "it took too long{got}");
    for name in ["newuidmap", "newgidmap"] {
        ensure!(has_ended(machine.started(name)?), "{name} goes on{got}");
    }
    Ok(())
}

/// A launcher that takes no care leaves it behind.
fn goes_on_without_its_launcher(ctx: &Ctx, machine: &Slow<'_>, marker: &str) -> Outcome {
    let weak = machine.run(&["unshare", "--map-users=300000,0,10", "sleep", marker]).start()?;
    let helper = machine.started("newuidmap")?;
    weak.signal(Signal::TERM)?;
    let ended = || has_ended(weak.pid()).then_some(());
    wait_for("unshare to end", Duration::from_secs(5), ended)?;
    ensure!(!has_ended(helper), "the attack itself fails");
    end(ctx, helper)
}

fn end(ctx: &Ctx, pid: u32) -> Outcome {
    ctx.as_root(&format!("kill -KILL {pid}")).map(drop)
}
