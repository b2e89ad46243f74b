//! All 256 sets of namespaces: exactly those asked for are new, seen from inside and from outside.

use crate::harness::process::{KINDS, namespace};
use crate::harness::{Ctx, Outcome, Stop, cases, ensure, fail};

cases! {
    both: without_mount, with_mount;
}

fn without_mount(ctx: &Ctx) -> Outcome {
    every_set(ctx, false)
}

fn with_mount(ctx: &Ctx) -> Outcome {
    every_set(ctx, true)
}

/// Half of the sets: those with a mount namespace, or those without.
fn every_set(ctx: &Ctx, mount: bool) -> Outcome {
    let mut failures = Vec::new();
    for bits in 0..256u32 {
        let has = |kind: &str| {
            KINDS.iter().enumerate().any(|(at, (name, _))| *name == kind && bits & (1 << at) != 0)
        };
        if has("mount") != mount {
            continue;
        }
        let set: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).filter(|k| has(k)).collect();
        let list = if set.is_empty() { "none".to_owned() } else { set.join(",") };
        let outcome = if ctx.is_root() || set.is_empty() || has("user") {
            possible(ctx, &list, &set)
        } else {
            impossible(ctx, &list)
        };
        match outcome {
            Err(Stop::Fail(why)) => failures.push(format!("--unshare {list}: {why}")),
            other => other?,
        }
    }
    let Some(first) = failures.first() else { return Ok(()) };
    let which: Vec<_> = failures.iter().filter_map(|f| f.split(": ").next()).collect();
    fail(format!("{} of 128 sets: {}\nthe first: {first}", failures.len(), which.join("; ")))
}

fn possible(ctx: &Ctx, list: &str, set: &[&str]) -> Outcome {
    let links: Vec<_> = KINDS.iter().map(|(_, name)| format!("/proc/self/ns/{name}")).collect();
    let script = format!("readlink {} && read x && exit 7", links.join(" "));
    let mut live = ctx.world(&format!("--unshare {list}"), &script).open_input().start()?;
    let mut inside = Vec::new();
    for _ in KINDS {
        inside.push(live.line()?);
    }
    let program = live.program("sh")?;
    for ((kind, name), inside) in KINDS.iter().zip(inside) {
        let ours = namespace(std::process::id(), name);
        let theirs = namespace(program, name);
        let wanted = set.contains(kind);
        let new = theirs != ours;
        ensure!(theirs.is_some(), "{kind} cannot be seen from outside");
        ensure!(new == wanted, "{kind}: from outside it is {theirs:?}, the machine's is {ours:?}");
        ensure!(Some(&inside) == theirs.as_ref(), "{kind}: inside {inside}, outside {theirs:?}");
    }
    live.write("\n")?;
    live.finish()?.exits(7)?.silent()?;
    Ok(())
}

/// Without a user namespace an ordinary user makes none.
fn impossible(ctx: &Ctx, list: &str) -> Outcome {
    let got = ctx.world(&format!("--unshare {list}"), "echo inside").go()?;
    got.refuses(125, "cannot make a ")?.prints("")?.says("hint: add `user`")?;
    Ok(())
}
