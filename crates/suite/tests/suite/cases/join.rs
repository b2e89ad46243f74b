//! Namespaces that exist already.

use crate::harness::process::namespace;
use crate::harness::{Ctx, Live, Outcome, cases, ensure};

cases! {
    both: one, several, own_beside_joined, user_alone, contradictions, what_is_not_there;
    root: net_by_path, net_without_user;
}

/// A process behind walls of its own, to be joined.
fn sleeper(ctx: &Ctx, kinds: &str) -> Outcome<(Live, u32)> {
    let mut live = ctx.world(&format!("--unshare {kinds}"), "echo; exec sleep 100").start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    Ok((live, pid))
}

fn joined(ctx: &Ctx, target: u32, options: &str, kinds: &[(&str, &str)]) -> Outcome {
    let script = "echo; read x";
    let mut live = ctx.world(options, script).open_input().start()?;
    live.line()?;
    let program = live.program("sh")?;
    for (kind, name) in kinds {
        let (want, got) = (namespace(target, name), namespace(program, name));
        ensure!(want.is_some() && want == got, "{kind}: {got:?}, that of the process is {want:?}");
    }
    live.write("\n")?;
    live.finish()?.exits(0)?;
    Ok(())
}

fn one(ctx: &Ctx) -> Outcome {
    let (_live, pid) = sleeper(ctx, "user,net,uts")?;
    joined(ctx, pid, &format!("--join user={pid} --join net={pid}"), &[("net", "net")])
}

fn several(ctx: &Ctx) -> Outcome {
    let (_live, pid) = sleeper(ctx, "user,net,uts,ipc,pid,cgroup,mount")?;
    let kinds = [
        ("user", "user"),
        ("net", "net"),
        ("uts", "uts"),
        ("ipc", "ipc"),
        ("pid", "pid"),
        ("cgroup", "cgroup"),
        ("mount", "mnt"),
    ];
    let options: Vec<_> = kinds.iter().map(|(kind, _)| format!("--join {kind}={pid}")).collect();
    joined(ctx, pid, &options.join(" "), &kinds)
}

/// What is not joined is new as ever.
fn own_beside_joined(ctx: &Ctx) -> Outcome {
    let (_live, pid) = sleeper(ctx, "user,net,uts")?;
    let options = format!("--join user={pid} --join uts={pid} --hostname x");
    let got = ctx.world(&options, "true").go()?;
    got.refuses(125, "`--hostname x` needs the uts namespace")?;
    let options = format!("--join user={pid} --join net={pid} --unshare uts,pid,mount");
    let got = ctx.world(&options, "hostname; echo $$").go()?;
    got.prints("dwell\n2\n")?;
    Ok(())
}

fn user_alone(ctx: &Ctx) -> Outcome {
    let (_live, pid) = sleeper(ctx, "user")?;
    joined(ctx, pid, &format!("--unshare none --join user={pid}"), &[("user", "user")])
}

fn net_by_path(ctx: &Ctx) -> Outcome {
    let (_live, pid) = sleeper(ctx, "net")?;
    let place = ctx.file("named", "")?;
    let bound = ctx.mount(&["--bind", &format!("/proc/{pid}/ns/net")], &place)?;
    let outcome = joined(ctx, pid, &format!("--join net={}", place.display()), &[("net", "net")]);
    drop(bound);
    outcome
}

fn net_without_user(ctx: &Ctx) -> Outcome {
    let (_live, pid) = sleeper(ctx, "net,uts")?;
    joined(ctx, pid, &format!("--join net={pid}"), &[("net", "net")])?;
    joined(ctx, pid, &format!("--join uts={pid} --join net={pid}"), &[("uts", "uts")])?;
    joined(ctx, pid, &format!("--unshare none --join net={pid}"), &[("net", "net")])
}

fn contradictions(ctx: &Ctx) -> Outcome {
    for options in [
        "--join net=1 --join net=2",
        "--join net=1 --net none",
        "--join net=1 --unshare net",
        "--join net=1 --share net",
    ] {
        let got = ctx.world(options, "true").go()?;
        got.exits(125)?.says("exclude each other: a program is in one net namespace")?;
    }
    Ok(())
}

fn what_is_not_there(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--join net=4000000", "true").go()?;
    got.exits(125)?.says("dwell: cannot ")?.says("/proc/4000000/ns/net: No such file")?;
    let got = ctx.world("--join net=/nope", "true").go()?;
    got.exits(125)?.says("dwell: cannot ")?.says("/nope: No such file or directory")?;
    // A file that is no namespace, and a namespace of another kind.
    let plain = ctx.file("plain", "")?;
    for wrong in [plain.display().to_string(), "/proc/self/ns/uts".to_owned()] {
        let got = ctx.world(&format!("--join net={wrong}"), "true").go()?;
        got.exits(125)?.says("dwell: cannot ")?;
    }
    for bad in ["net", "net=", "foo=1", "all=1"] {
        let got = ctx.world(&format!("--join {bad}"), "true").go()?;
        got.refuses(125, &format!("cannot use `--join {bad}`"))?;
    }
    Ok(())
}
