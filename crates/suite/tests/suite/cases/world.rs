//! The default world, line by line of what is promised.

use crate::harness::process::namespace;
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: processes, pid_one_tells_nothing, pid_one_has_no_memory, host_name, loopback_alone,
        ipcs_empty, id_is_the_callers, cgroup_root, run_is_empty, dev_is_minimal, dev_works,
        sys_is_read_only, proc_is_own, shell_by_default, thrown_away_line, no_new_privileges,
        session_of_its_own, keyring_of_its_own, kernel_settings, mounts_are_private, help, version;
}

fn processes(ctx: &Ctx) -> Outcome {
    ctx.needs("ps")?;
    let got = ctx.run().args(["ps", "-eo", "pid,args", "--no-headers"]).go()?;
    got.exits(0)?;
    let out = got.out();
    let pids: Vec<_> = out.lines().filter_map(|l| l.split_whitespace().next()).collect();
    ensure!(pids == ["1", "2"], "two processes were expected{got}");
    Ok(())
}

fn pid_one_tells_nothing(ctx: &Ctx) -> Outcome {
    let script = "cat /proc/1/cmdline; cat /proc/1/environ; true";
    let got = ctx.world("--env-all --tmpfs /t", script).env("TOKEN", "s3cret").go()?;
    got.exits(0)?.lacks("--")?.lacks("cat")?.lacks("/t")?.lacks("s3cret")?.lacks("=")?;
    ctx.world("", "readlink /proc/1/exe; readlink /proc/1/cwd").go()?.prints("")?;
    Ok(())
}

fn pid_one_has_no_memory(ctx: &Ctx) -> Outcome {
    let script = "head -c 1 /proc/1/mem; cat /proc/1/maps /proc/1/auxv /proc/1/stack; readlink \
                  /proc/1/fd/* /proc/1/cwd /proc/1/root /proc/1/exe; ls /proc/1/root/; ls \
                  /proc/1/map_files; cat /proc/1/fd/*";
    let got = ctx.world("", script).go()?;
    got.prints("")?;
    // With a debugger's rights in the world neither.
    let got = ctx.world("--root --cap-add sys_ptrace", script).go()?;
    got.prints("")?;
    Ok(())
}

fn host_name(ctx: &Ctx) -> Outcome {
    let script = "hostname; cat /proc/sys/kernel/hostname; uname -n";
    ctx.world("", script).go()?.prints("dwell\ndwell\ndwell\n")?;
    Ok(())
}

fn loopback_alone(ctx: &Ctx) -> Outcome {
    ctx.needs("ip")?;
    let got = ctx.world("", "ip -o link; ip -o addr; ip route").go()?;
    got.exits(0)?;
    let out = got.out();
    ensure!(out.lines().all(|l| l.contains(": lo")), "lo alone was expected{got}");
    got.has("LOOPBACK,UP")?.has("127.0.0.1/8")?;
    Ok(())
}

fn ipcs_empty(ctx: &Ctx) -> Outcome {
    ctx.needs("ipcs")?;
    ctx.world("", "ipcs | grep -c 0x").go()?.prints("0\n")?;
    Ok(())
}

fn id_is_the_callers(ctx: &Ctx) -> Outcome {
    let (name, uid, gid) = (&ctx.account.name, ctx.account.uid, ctx.account.gid);
    let got = ctx.world("", "id -u; id -g; id -un; whoami").go()?;
    got.prints(&format!("{uid}\n{gid}\n{name}\n{name}\n"))?;
    ctx.world("-r", "id -u; id -g; id -un").go()?.prints("0\n0\nroot\n")?;
    ctx.world("--root", "id -u").go()?.prints("0\n")?;
    Ok(())
}

fn cgroup_root(ctx: &Ctx) -> Outcome {
    ctx.world("", "cut -d: -f3 /proc/self/cgroup | sort -u").go()?.prints("/\n")?;
    Ok(())
}

fn run_is_empty(ctx: &Ctx) -> Outcome {
    ctx.world("", "ls -A /run; ls -A /var/run/").go()?.exits(0)?.prints("")?;
    Ok(())
}

fn dev_is_minimal(ctx: &Ctx) -> Outcome {
    let want = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
    ctx.world("", "ls -x -w0 /dev | tr -s ' ' ' '").go()?.prints(&format!("{want}\n"))?;
    Ok(())
}

fn dev_works(ctx: &Ctx) -> Outcome {
    let script = "echo x >/dev/null && head -c 2 /dev/zero | od -An -tx1 && head -c 4 /dev/urandom | \
                  wc -c && ! echo x >/dev/full && echo y >/dev/stdout && touch /dev/shm/a && ls \
                  /dev/shm && echo z | cat /dev/stdin && echo w >/dev/fd/1";
    // The pipe to write to has to be the user's own, not the suite's.
    let got = ctx.shell(&format!("\"$DWELL\" run -- sh -c '{script}' | cat")).go()?;
    got.exits(0)?.prints(" 00 00\n4\ny\na\nz\nw\n")?;
    // Nodes elsewhere do not work.
    if ctx.is_root() {
        let script = "mknod null c 1 3 && echo x >null";
        let got = ctx.world("", script).go()?;
        ensure!(got.status.code() != Some(0), "a device node outside of /dev works{got}");
    }
    Ok(())
}

fn sys_is_read_only(ctx: &Ctx) -> Outcome {
    let got =
        ctx.world("--root --cap-add all", "ls /sys/class/net; echo x >/sys/power/state").go()?;
    got.prints("lo\n")?;
    ensure!(got.status.code() != Some(0), "/sys can be written{got}");
    got.says("Read-only file system")?;
    Ok(())
}

/// Nothing of the machine's `/proc` shows, and its switches are not to be touched.
fn proc_is_own(ctx: &Ctx) -> Outcome {
    let own = std::process::id();
    let got = ctx.world("", &format!("ls -d /proc/{own}; ls -d /proc/[0-9]* | wc -l")).go()?;
    ensure!(got.out().trim().parse().is_ok_and(|n: u32| n < 8), "too many processes{got}");
    // What covers the memory of the kernel is an empty file, which all capabilities can open.
    let script = "echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger; \
                  head -c1 /proc/kcore; echo $?";
    let got = ctx.world("--root --cap-add all", script).go()?;
    got.says("/proc/sys/kernel/sysrq: ")?.says("/proc/sysrq-trigger: ")?;
    ensure!(["0\n", "1\n"].contains(&got.out().as_str()), "nothing can be read{got}");
    Ok(())
}

fn shell_by_default(ctx: &Ctx) -> Outcome {
    let got = ctx.run().input("echo in $0; hostname; exit 4\n").go()?;
    got.exits(4)?.has("in /bin/bash")?.has("dwell\n")?;
    let got = ctx.run().env("SHELL", "/bin/sh").input("echo in $0\n").go()?;
    got.exits(0)?.has("in /bin/sh")?;
    Ok(())
}

/// The line goes to people only: not where standard error is a pipe.
fn thrown_away_line(ctx: &Ctx) -> Outcome {
    ctx.world("", "touch a b; echo c >c").go()?.exits(0)?.silent()?;
    Ok(())
}

fn no_new_privileges(ctx: &Ctx) -> Outcome {
    ctx.world("", "grep NoNewPrivs /proc/self/status").go()?.prints("NoNewPrivs:\t1\n")?;
    if !ctx.is_root() {
        let got = ctx.world("", "grep -h Cap /proc/self/status | tr -d '\\t' | sort -u").go()?;
        got.lacks("Eff:000001ff")?.has("CapEff:0000000000000000")?;
    }
    Ok(())
}

fn session_of_its_own(ctx: &Ctx) -> Outcome {
    let got = ctx.world("", "ps -o sid=,pgid= -p $$ | tr -s ' '").go()?;
    got.exits(0)?;
    ensure!(got.out().split_whitespace().all(|n| n != "0"), "the session is the caller's{got}");
    Ok(())
}

fn keyring_of_its_own(ctx: &Ctx) -> Outcome {
    ctx.needs("keyctl")?;
    // The session's keyring is inherited, and the user's can be linked by its number.
    for keyring in ["@s", "@u"] {
        let script = format!(
            "keyctl session - sh -c 'key=$(keyctl add user dwell-suite secret {keyring}); \
             \"$DWELL\" run -- sh -c \"keyctl show; keyctl print $key; keyctl link $key @s && keyctl print $key\"; \
             keyctl unlink $key {keyring}'"
        );
        let got = ctx.shell(&script).go()?;
        got.lacks("secret")?.lacks("dwell-suite")?;
    }
    Ok(())
}

fn kernel_settings(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--root", "echo 1 >/proc/sys/vm/drop_caches").go()?;
    ensure!(got.status.code() != Some(0), "a setting of the machine was changed{got}");
    Ok(())
}

fn mounts_are_private(ctx: &Ctx) -> Outcome {
    // A line of mountinfo with a peer group has `shared:N`.
    let got =
        ctx.world("", "grep -c shared: /proc/self/mountinfo; ls -d /proc/self/root/.??*").go()?;
    ensure!(got.out().starts_with("0\n"), "a mount passes changes on{got}");
    // The old root is not to be reached.
    got.lacks("/old")?;
    let own = namespace(std::process::id(), "mnt");
    ensure!(own.is_some(), "/proc/self/ns/mnt cannot be read");
    Ok(())
}

fn help(ctx: &Ctx) -> Outcome {
    ctx.host(&ctx.dwell).arg("--help").go()?.exits(0)?.silent()?.has("run")?;
    let short = ctx.run().arg("-h").output()?;
    let got = ctx.run().arg("--help").go()?;
    got.exits(0)?.has("--unshare KIND,...")?.has("--time-offset")?;
    ensure!(got.out().len() > short.len(), "--help is not longer than -h");
    let got = ctx.host(&ctx.dwell).args(["help", "run"]).go()?;
    got.exits(0)?.has("--unshare")?;
    ctx.host(&ctx.dwell).go()?.refuses(125, "a command is missing")?;
    ctx.host(&ctx.dwell).arg("rnu").go()?.refuses(125, "there is no command 'rnu'")?;
    // Nobody may be listening.
    ctx.shell("\"$DWELL\" run --help | head -1 >/dev/null").go()?.silent()?;
    Ok(())
}

fn version(ctx: &Ctx) -> Outcome {
    let got = ctx.host(&ctx.dwell).arg("--version").go()?;
    got.exits(0)?.has("dwell ")?;
    ctx.host(&ctx.dwell).arg("-V").go()?.prints(&got.out())?;
    Ok(())
}
