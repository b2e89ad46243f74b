//! What makes a world harder than its walls: less of `/proc`, proved walls, no core dumps; and settings of
//! its own namespaces.

use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: processes_alone, what_tools_need, everything_but_the_machine, proc_needs_its_walls, walls_are_tried,
        walls_of_every_world, network_settings, settings_of_others, capabilities_of_worlds, no_core_dumps,
        the_core_limit, devices, session_keys;
    root: queue_settings;
}

fn processes_alone(ctx: &Ctx) -> Outcome {
    let script = "ls /proc | grep -vc '^[0-9]*$'; ls -d /proc/self /proc/thread-self /proc/$$ | wc -l; \
                  ls -d /proc/1 2>/dev/null; cat /proc/meminfo /proc/sys/kernel/ostype 2>/dev/null; \
                  cat /proc/self/comm";
    ctx.world("--proc pids", script).go()?.prints("2\n3\ncat\n")?;
    // Nor can the program mount another one.
    ctx.needs("unshare")?;
    let another = "unshare -Urpf --mount-proc cat /proc/loadavg >/dev/null 2>&1; echo $?";
    if !ctx.is_root() {
        ctx.world("", another).go()?.prints("0\n")?;
    }
    for view in ["pids", "tools", "full"] {
        ctx.world(&format!("--proc {view}"), another).go()?.prints("1\n")?;
    }
    Ok(())
}

/// The contents of `/proc` that tell of the machine: of these none can be read.
const BEYOND: &str = "cmdline config.gz kallsyms modules interrupts iomem ioports slabinfo vmallocinfo \
                      zoneinfo buddyinfo softirqs key-users keys kcore crypto misc";

fn what_tools_need(ctx: &Ctx) -> Outcome {
    ctx.needs("free")?;
    let script = format!(
        "for f in {BEYOND}; do cat /proc/$f 2>/dev/null | head -c1 | wc -c; done | sort -u; \
         find /proc/driver /proc/tty /proc/acpi -mindepth 1 2>/dev/null; \
         ps -e | grep -c ps; free >/dev/null && uptime >/dev/null && echo tools; \
         echo x 2>/dev/null >/proc/sys/kernel/domainname || echo read-only"
    );
    let got = ctx.world("--proc tools", &script).go()?;
    got.prints("0\n1\ntools\nread-only\n")?;
    // Without it a user's world shows them.
    let shown =
        ctx.world("", "head -c1 /proc/crypto | wc -c; head -c1 /proc/cmdline | wc -c").go()?;
    ensure!(shown.out().contains('1'), "there is nothing to cover{shown}");
    Ok(())
}

/// What OCI runtimes mask and make read-only, for a user's world too.
fn everything_but_the_machine(ctx: &Ctx) -> Outcome {
    let script = "for d in bus fs irq sys sysrq-trigger; do test -e /proc/$d || continue; \
                  grep -q \" /proc/$d proc ro,\" /proc/self/mounts || echo $d can be written; done; \
                  for f in kcore keys timer_list; do head -c1 /proc/$f 2>/dev/null | wc -c; done | sort -u; \
                  ls -A /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | grep -v ':$' | grep .; head -c3 /proc/meminfo";
    ctx.world("--proc full", script).go()?.prints("0\nMem")?;
    Ok(())
}

fn proc_needs_its_walls(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--proc tools --share mount", "true").go()?;
    got.refuses(125, "`--proc tools` needs a mount namespace")?;
    let got = ctx.world("--proc pids --share pid", "true").go()?;
    got.refuses(125, "`--proc pids` needs a pid namespace")?;
    ctx.world("--proc some", "true").go()?.refuses(125, "cannot use `--proc some`")?;
    Ok(())
}

fn walls_are_tried(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--verify --explain", "echo ran").go()?;
    got.exits(0)?.prints("ran\n")?;
    for wall in ["pid", "mount", "net", "capabilities", "bounding set", "descriptors", "session"] {
        ensure!(got.err().contains(wall), "{wall} is not named{got}");
    }
    Ok(())
}

/// With fewer walls there is less to try, and nothing that is meant to be shared fails.
fn walls_of_every_world(ctx: &Ctx) -> Outcome {
    for options in [
        "--root",
        "--root --cap-add all",
        "--as-pid-1",
        "--net host",
        "--share pid",
        "--share mount",
        "--unshare none",
        "--unshare user,pid,mount",
        "--read-only",
        "--rw /",
        "--time-offset boot=9",
        "--seccomp strict",
        "--seccomp none",
        "--seccomp-log",
        "--no-new-code --proc pids",
        "--proc tools",
        "--keep-fd 0",
        "--pty always",
        "--user 5:6 --map-users 5:0:1",
    ] {
        if options.starts_with("--no-new-code") && crate::harness::older_than(6, 3) {
            continue;
        }
        if options.starts_with("--user") && !ctx.is_root() {
            continue;
        }
        let options = options.replace("5:0:1", "5:0:1 --map-groups 6:0:1");
        let got = ctx.world(&format!("--verify {options}"), "exit 7").go()?;
        ensure!(got.status().code() == Some(7), "`{options}` does not start{got}");
    }
    Ok(())
}

fn network_settings(ctx: &Ctx) -> Outcome {
    let outside = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl");
    let before = outside()?;
    let read = "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv4/conf/lo/forwarding";
    let options = "--sysctl net.ipv4.ip_default_ttl=33 --sysctl net.ipv4.conf.lo.forwarding=1";
    ctx.world(options, read).go()?.prints("33\n1\n")?;
    ensure!(outside()? == before, "the machine's setting is {}", outside()?);
    let got = ctx.world("--sysctl net.ipv4.no_such=1", "true").go()?;
    got.refuses(125, "cannot set net.ipv4.no_such: No such file or directory")?;
    got.says("`--sysctl net.ipv4.no_such=1`")?;
    Ok(())
}

fn settings_of_others(ctx: &Ctx) -> Outcome {
    for key in ["kernel.core_pattern", "vm.swappiness", "net.../kernel.core_pattern", "kernel.semx"]
    {
        let got = ctx.run().args(["--sysctl", &format!("{key}=x"), "true"]).go()?;
        got.refuses(
            125,
            &format!("`--sysctl {key}=x` is refused: {key} is no setting of a namespace"),
        )?;
    }
    let got = ctx.world("--net host --sysctl net.core.somaxconn=9", "true").go()?;
    got.refuses(125, "`--sysctl net.core.somaxconn=9` needs a net namespace of the world's own")?;
    ctx.world("--sysctl kernel.sem", "true")
        .go()?
        .refuses(125, "cannot use `--sysctl kernel.sem`")?;
    Ok(())
}

fn queue_settings(ctx: &Ctx) -> Outcome {
    let before = std::fs::read_to_string("/proc/sys/kernel/msgmax")?;
    let options =
        "--sysctl kernel.msgmax=4321 --sysctl fs.mqueue.msg_max=7 --sysctl kernel.domainname=d";
    let read =
        "cat /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/domainname";
    ctx.world(options, read).go()?.prints("4321\n7\nd\n")?;
    ensure!(std::fs::read_to_string("/proc/sys/kernel/msgmax")? == before, "it is the machine's");
    Ok(())
}

/// Permitted, inheritable, effective, bounding and ambient sets.
const SETS: &str = "sed -n 's/^Cap...:\\t//p' /proc/self/status | tr '\\n' ' '";

/// A user keeps none, a world's root those that container engines give, and what is asked for.
fn capabilities_of_worlds(ctx: &Ctx) -> Outcome {
    const NONE: u64 = 0;
    /// Docker's fourteen.
    const FOURTEEN: u64 = 0xa80425fb;
    let sets = |inheritable, held, bounding, ambient| {
        // In the order of the file.
        let of = |set: u64| format!("{set:016x} ");
        [inheritable, held, held, bounding, ambient].map(of).concat()
    };
    let root = |set| sets(NONE, set, set, NONE);
    let mut rows = vec![
        ("--root", root(FOURTEEN)),
        ("--root --cap-drop all", root(NONE)),
        ("--root --cap-drop all --cap-add kill", root(1 << 5)),
        ("--root --cap-drop kill,CAP_CHOWN", root(FOURTEEN & !(1 << 5) & !1)),
        ("--root --cap-add net_admin", root(FOURTEEN | 1 << 12)),
        ("--root --cap-add net_admin --cap-drop NET_ADMIN", root(FOURTEEN)),
    ];
    if ctx.is_root() {
        rows.push(("", root(FOURTEEN)));
        rows.push(("--user 5:6", sets(NONE, NONE, NONE, NONE)));
    } else {
        rows.push(("", sets(NONE, NONE, NONE, NONE)));
        rows.push(("--cap-add net_raw", sets(1 << 13, 1 << 13, 1 << 13, 1 << 13)));
    }
    for (options, want) in rows {
        let got = ctx.world(options, SETS).go()?;
        ensure!(got.out() == want, "`{options}`: expected {want}{got}");
    }
    Ok(())
}

/// A crash leaves the image of its memory nowhere, whatever the caller's limit.
fn no_core_dumps(ctx: &Ctx) -> Outcome {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if pattern.starts_with(['|', '/', '@']) {
        return skip(format!("core dumps go to {pattern}"));
    }
    let hard = ctx.shell("ulimit -Hc").output()?;
    if hard.trim() == "0" {
        return skip("the hard limit of core dumps is 0");
    }
    ctx.dir("d")?;
    let crash = |options: &str| {
        let script = format!(
            "ulimit -c $(ulimit -Hc); exec \"$DWELL\" run {options} --rw d -w \"$PWD/d\" -- sh -c 'kill -SEGV $$'"
        );
        ctx.shell(&script).go()
    };
    let files = || std::fs::read_dir(ctx.path("d")).map(Iterator::count);
    crash("")?.exits(139)?;
    ensure!(files()? == 0, "there is a core dump");
    crash("--ulimit core=unlimited")?.exits(139)?;
    ensure!(files()? == 1, "there is none where it is asked for");
    Ok(())
}

/// KERNEL: by a limit of 1, and no other, a program that takes core dumps is not started.
fn the_core_limit(ctx: &Ctx) -> Outcome {
    let read = "grep core /proc/self/limits | tr -s ' '";
    let hard = ctx.shell("ulimit -Hc").output()?;
    if hard.trim() != "0" {
        ctx.world("", read).go()?.prints("Max core file size 1 1 bytes \n")?;
        let got = ctx.world("--ulimit core=4096", read).go()?;
        got.prints("Max core file size 4096 4096 bytes \n")?;
    }
    let script = "ulimit -Hc 0; exec \"$DWELL\" run -- sh -c 'ulimit -Hc'";
    let got = ctx.shell(script).go()?;
    got.exits(0)?;
    ensure!(got.out().trim() == "0", "the caller's limit was raised{got}");
    Ok(())
}

fn devices(ctx: &Ctx) -> Outcome {
    let script = "ls /dev | tr '\\n' ' '; \
                  for f in /dev/*; do test -L $f || ! test -b $f -o -c $f || echo $f; done | tr '\\n' ' '";
    let got = ctx.world("", script).go()?;
    got.prints(
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \
         /dev/full /dev/null /dev/random /dev/tty /dev/urandom /dev/zero ",
    )?;
    Ok(())
}

/// Neither listed nor used.
fn session_keys(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let call = "import ctypes; c = ctypes.CDLL(None, use_errno=True); \
                print(c.syscall({}, 0, -3, 0), ctypes.get_errno())";
    let number = if cfg!(target_arch = "x86_64") { "250" } else { "219" };
    let got = ctx.run().args(["--", "python3", "-c", &call.replace("{}", number)]).go()?;
    got.prints("-1 38\n")?;
    Ok(())
}
