//! Control groups that systemd makes: what is left of them, in systemd too.

use std::time::Duration;

use crate::harness::process::{namespace, state, wait_for};
use crate::harness::{Ctx, Outcome, Run, cases, skip};

use super::limits::{groups_of, needs};

cases! {
    both: units_end_with_their_worlds, a_scope_that_nobody_was_in;
}

const MANAGER: [&str; 3] =
    ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];

/// A program that talks to the manager that makes the case's groups.
fn manager(ctx: &Ctx, program: &str) -> Run {
    let which = if ctx.is_root() { "--system" } else { "--user" };
    let place = format!("/run/user/{}", ctx.account.uid);
    ctx.host(program).arg(which).env("XDG_RUNTIME_DIR", place)
}

/// Skips the case where something else makes them.
fn needs_scopes(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 20")?;
    let mut live = ctx.world("--pids 20", "echo up; read x; exit 0").open_input().start()?;
    live.line()?;
    let groups = groups_of(live.pid());
    live.finish()?.exits(0)?;
    if !groups.is_empty()
        && groups.iter().all(|dir| dir.extension().is_some_and(|kind| kind == "scope"))
    {
        return Ok(());
    }
    skip("systemd makes no control groups here")
}

/// KERNEL: that nobody is in a group any more is told with a delay of up to 10 ms, and not at all when the
/// group is removed before: systemd then has the unit for ever.
fn units_end_with_their_worlds(ctx: &Ctx) -> Outcome {
    needs_scopes(ctx)?;
    let mut names = Vec::new();
    for options in ["--pids 20", "--pids 20 --as-pid-1", "--pids 20 --memory 64M --stats"] {
        for _ in 0..10 {
            let live = ctx.world(options, "exit 0").start()?;
            names.push(format!("-{}.scope", live.pid()));
            live.finish()?.exits(0)?;
        }
    }
    wait_for("no unit of a world that has ended", Duration::from_secs(3), || {
        let list = ["list-units", "--all", "--plain", "--no-legend", "dwell-*"];
        let all = manager(ctx, "systemctl").args(list).output().ok()?;
        let known = |unit: &str| names.iter().any(|name| unit.ends_with(name));
        let left = all.lines().filter_map(|line| line.split(' ').next()).filter(|unit| known(unit));
        (left.count() == 0).then_some(())
    })
}

/// What is left where `dwell` and the first process are killed while systemd makes the group for it.
///
/// KERNEL: a process that has ended and is not waited for can be put into a group, but does not count there.
fn a_scope_that_nobody_was_in(ctx: &Ctx) -> Outcome {
    needs_scopes(ctx)?;
    ctx.needs("busctl")?;
    let space = namespace(std::process::id(), "pid").unwrap_or_default();
    let space = space.trim_start_matches("pid:[").trim_end_matches(']');
    for sweep in [["run", "--pids", "20", "true"].as_slice(), &["gc"]] {
        let mut parent = ctx.shell("sleep 0.3 & echo $!; exec sleep 600").start()?;
        let ended: u32 = parent.line()?.trim().parse().unwrap_or_default();
        wait_for("its end", Duration::from_secs(5), || (state(ended) == Some('Z')).then_some(()))?;
        let unit = format!("dwell-{space}-1.0-{ended}.scope");
        let pid = ended.to_string();
        let call = manager(ctx, "busctl").arg("call").args(MANAGER);
        let call = call.args(["StartTransientUnit", "ssa(sv)a(sa(sv))", &unit, "fail"]);
        let call = call.args(["3", "PIDs", "au", "1", &pid, "Delegate", "b", "true"]);
        call.args(["CollectMode", "s", "inactive-or-failed", "0"]).go()?.exits(0)?;
        // Another case's start may have come before us, or systemd has looked whether somebody is in it.
        let _ = wait_for("the scope", Duration::from_secs(1), || groups_of(ended).pop());
        ctx.host(&ctx.dwell).args(sweep).go()?.exits(0)?;
        wait_for("the end of the unit", Duration::from_secs(3), || {
            let show = ["show", "--property=ActiveState", "--value", &unit];
            let state = manager(ctx, "systemctl").args(show).output().ok()?;
            (state.trim() == "inactive" && groups_of(ended).is_empty()).then_some(())
        })?;
        drop(parent);
    }
    Ok(())
}
