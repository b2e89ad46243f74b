//! Signals to processes outside.

use std::time::Duration;

use super::Attack;
use crate::harness::{Ctx, Live, Outcome, cases, ensure, process};

cases! {
    both: own_group, group_by_number, by_number, everybody, by_owner_of_a_descriptor, first_process;
}

/// Whoever is in the caller's process group: a shell that goes on, or does not.
fn group_survives(ctx: &Ctx, command: &str) -> Outcome<bool> {
    let script = format!("{command}; echo survived");
    // `setsid` forks when it leads a group, and waits outside of the new one.
    let got = ctx.host("setsid").args(["--wait", "sh", "-c", &script]).go()?;
    Ok(got.out().contains("survived"))
}

fn own_group(ctx: &Ctx) -> Outcome {
    let weak = group_survives(ctx, "sh -c 'kill -9 0'")?;
    ensure!(!weak, "the attack itself fails");
    for options in ["", "--unshare none", "--pty never", "--as-pid-1"] {
        let command = format!("\"$DWELL\" run {options} -- sh -c 'kill -9 0'");
        ensure!(group_survives(ctx, &command)?, "the group is killed with `{options}`");
    }
    Ok(())
}

fn group_by_number(ctx: &Ctx) -> Outcome {
    // In a shared pid namespace the program may: it is the same user.
    for weak in ["sh -c 'kill -9 -'$$", "\"$DWELL\" run --share pid -- sh -c 'kill -9 -'$$"] {
        ensure!(!group_survives(ctx, weak)?, "the attack itself fails: {weak}");
    }
    let command = "\"$DWELL\" run -- sh -c 'kill -9 -'$$";
    ensure!(group_survives(ctx, command)?, "the group is killed");
    Ok(())
}

fn bystander(ctx: &Ctx) -> Outcome<Live> {
    ctx.host("sleep").arg("100").start()
}

fn by_number(ctx: &Ctx) -> Outcome {
    let sleeper = bystander(ctx)?;
    let body = "
pid = int(sys.argv[1])
attempt('kill', lambda: os.kill(pid, 0))
attempt('killpg', lambda: os.killpg(pid, 0))
attempt('tgkill', lambda: checked(libc.tgkill(pid, pid, 0)))
attempt('sigqueue', lambda: checked(libc.sigqueue(pid, 0, ctypes.c_void_p(0))))
attempt('pidfd', lambda: call(424, os.pidfd_open(pid), 0, 0, 0))
attempt('by-its-directory', lambda: call(424, os.open('/proc/%d' % pid, os.O_RDONLY), 0, 0, 0))
";
    let attack = Attack::python(ctx, body)?.arg(sleeper.pid());
    attack.bare()?.succeeds()?;
    attack.world("--share pid")?.succeeds()?;
    attack.world("")?.fails()?;
    Ok(())
}

fn everybody(ctx: &Ctx) -> Outcome {
    // Where it hits, it hits no more than a pid namespace of the case's own.
    let inner = "sleep 100 & sh -c 'kill -9 -1'; wait $!; echo ended-$?";
    let options: &[&str] = if ctx.is_root() { &[] } else { &["--user", "--map-root-user"] };
    let words = ["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", inner];
    ctx.host("unshare").args(options).args(words).go()?.prints("ended-137\n")?;
    let mut sleeper = bystander(ctx)?;
    let got = ctx.world("", "sh -c 'kill -9 -1'; echo on").go()?;
    got.exits(0).or_else(|_| got.exits(137))?;
    ensure!(sleeper.runs()?, "a process outside was killed");
    Ok(())
}

/// `SIGIO`, and whatever signal is chosen for it, go to whom a descriptor is said to belong to.
fn by_owner_of_a_descriptor(ctx: &Ctx) -> Outcome {
    let body = "
pid, how = int(sys.argv[1]), sys.argv[2]
def act():
    one, other = socket.socketpair()
    if how == 'setown': fcntl.fcntl(one, 8, pid)
    if how == 'setown-group': fcntl.fcntl(one, 8, -pid)
    if how == 'setown-ex': fcntl.fcntl(one, 15, struct.pack('ii', 1, pid))
    if how == 'fiosetown': fcntl.ioctl(one, 0x8901, struct.pack('i', pid))
    if how == 'siocspgrp': fcntl.ioctl(one, 0x8902, struct.pack('i', pid))
    fcntl.fcntl(one, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    other.send(b'x')
attempt(how, act)
";
    for how in ["setown", "setown-group", "setown-ex", "fiosetown", "siocspgrp"] {
        let attack = |sleeper: &Live| -> Outcome<Attack<'_>> {
            Ok(Attack::python(ctx, body)?.arg(sleeper.pid()).arg(how))
        };
        let mut hit = bystander(ctx)?;
        attack(&hit)?.world("--share pid")?.succeeds()?;
        process::wait_for("the end by SIGIO", Duration::from_secs(5), || {
            hit.runs().is_ok_and(|runs| !runs).then_some(())
        })?;
        let mut sleeper = bystander(ctx)?;
        attack(&sleeper)?.world("")?.fails()?;
        ensure!(sleeper.runs()?, "a process outside was ended by {how}");
    }
    Ok(())
}

/// The world's own process 1 is the kernel's to protect.
fn first_process(ctx: &Ctx) -> Outcome {
    let script = "for n in KILL STOP TERM HUP; do kill -$n $PPID; done; sleep 0.1; echo on";
    let weak = ctx.world("--share pid", script).go()?;
    weak.lacks("on")?;
    let script = format!("echo $PPID; {script}");
    ctx.world("", &script).go()?.has("1\n")?;
    let script = "for n in KILL STOP; do kill -$n 1; done; sleep 0.1; echo on";
    ctx.world("", script).go()?.exits(0)?.prints("on\n")?;
    Ok(())
}
