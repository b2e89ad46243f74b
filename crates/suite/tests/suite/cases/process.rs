//! Exit codes, ends, limits.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::process::{marked, wait_gone};
use crate::harness::{Ctx, Outcome, cases, ensure, patience, rounds, skip};

cases! {
    both: exit_codes, killed_by_signals, missing_program, missing_interpreter, missing_loader,
        not_executable, a_directory, wrong_format, script_without_interpreter_line, relative_program,
        program_by_path, as_pid_one, as_pid_one_codes, orphans_are_reaped, ends_with_its_program,
        ends_with_its_program_without_pid_namespace,
        double_fork_daemons_end, timeout, timeout_kills, timeout_not_reached, timeout_stopped,
        ulimits, ulimit_refused, a_thousand_in_a_row, five_hundred_at_once, deep_nesting, umask_and_nice,
        processors,
        many_children, stopped_child_of_world, exec_in_place;
    root: signals_reach_another_user, another_user_dies_with_dwell;
}

fn exit_codes(ctx: &Ctx) -> Outcome {
    for code in [0, 1, 2, 3, 42, 77, 100, 124, 125, 126, 127, 128, 137, 200, 254, 255] {
        ctx.world("", &format!("exit {code}")).go()?.exits(code)?.silent()?;
    }
    for options in ["--unshare none", "--as-pid-1", "--share pid", "--unshare user"] {
        ctx.world(options, "exit 42").go()?.exits(42)?;
    }
    Ok(())
}

fn killed_by_signals(ctx: &Ctx) -> Outcome {
    for signal in [1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 24, 31, 34, 64] {
        let got = ctx.world("--ulimit core=0", &format!("kill -{signal} $$; sleep 5")).go()?;
        got.exits(128 + signal)?;
    }
    ctx.world("--unshare none", "kill -9 $$").go()?.exits(137)?;
    ctx.world("--share pid", "kill -TERM $$").go()?.exits(143)?;
    Ok(())
}

fn missing_program(ctx: &Ctx) -> Outcome {
    let run = |program: &str| ctx.run().arg(program).go();
    run("no-such-program")?
        .refuses(127, "cannot run no-such-program: no such program in the world's PATH")?;
    run("/no/such/program")?
        .refuses(127, "cannot run /no/such/program: there is no such file in the world")?;
    run("./nope")?.refuses(127, "cannot run ./nope: ")?;
    let got = run("")?;
    got.exits(127).or_else(|_| got.exits(125))?.says("dwell: ")?;
    // It is on the machine, and not in the world.
    ctx.file("tool", "#!/bin/sh\n")?;
    fs::set_permissions(ctx.path("tool"), fs::Permissions::from_mode(0o755))?;
    let got = ctx.run().arg(ctx.path("tool")).cwd("/").go()?;
    got.refuses(127, "cannot run ")?.says("there is no such file in the world")?;
    Ok(())
}

fn program(ctx: &Ctx, name: &str, content: &[u8], mode: u32) -> Outcome {
    let path = ctx.file(name, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn missing_interpreter(ctx: &Ctx) -> Outcome {
    program(ctx, "script", b"#!/no/such/shell -x\necho hi\n", 0o755)?;
    let got = ctx.run().arg("./script").go()?;
    got.refuses(127, "cannot run ./script: its ")?
        .says("/no/such/shell")?
        .says("is missing in the world")?;
    program(ctx, "windows", b"#!/bin/sh\r\necho hi\r\n", 0o755)?;
    ctx.run().arg("./windows").go()?.refuses(127, "cannot run ./windows: its ")?;
    Ok(())
}

/// A program of this machine with the path of its ELF loader overwritten.
fn missing_loader(ctx: &Ctx) -> Outcome {
    let mut bytes = fs::read("/bin/true")?;
    let loader = b"/lib64/ld-linux-x86-64.so.2";
    let Some(at) = bytes.windows(loader.len()).position(|w| w == loader) else {
        return skip("/bin/true has no loader known here");
    };
    if let Some(name) = bytes.get_mut(at..at + 8) {
        name.copy_from_slice(b"/nolib64");
    }
    program(ctx, "elf", &bytes, 0o755)?;
    let got = ctx.run().arg("./elf").go()?;
    got.refuses(127, "cannot run ./elf: its ")?.says("/nolib64")?.says("missing in the world")?;
    Ok(())
}

fn not_executable(ctx: &Ctx) -> Outcome {
    program(ctx, "plain", b"text", 0o644)?;
    let got = ctx.run().arg("./plain").go()?;
    got.refuses(126, "cannot run ./plain: Permission denied (execve)")?.says("hint: ")?;
    Ok(())
}

fn a_directory(ctx: &Ctx) -> Outcome {
    ctx.run().arg("/etc").go()?.refuses(126, "cannot run /etc: ")?;
    let got = ctx.run().arg("/etc/passwd/x").go()?;
    got.refuses(126, "cannot run ").or_else(|_| got.refuses(127, "cannot run "))?;
    Ok(())
}

fn wrong_format(ctx: &Ctx) -> Outcome {
    program(ctx, "elf", b"\x7fELF\x02\x01\x01 broken", 0o755)?;
    ctx.run().arg("./elf").go()?.refuses(126, "cannot run ./elf: Exec format error (execve)")?;
    program(ctx, "empty", b"", 0o755)?;
    ctx.run()
        .arg("./empty")
        .go()?
        .refuses(126, "cannot run ./empty: Exec format error (execve)")?;
    Ok(())
}

/// The kernel does not run it, and neither does `env`: a shell's own custom.
fn script_without_interpreter_line(ctx: &Ctx) -> Outcome {
    program(ctx, "script", b"echo hi\n", 0o755)?;
    let got = ctx.run().arg("./script").go()?;
    got.refuses(126, "cannot run ./script: Exec format error (execve)")?;
    Ok(())
}

fn relative_program(ctx: &Ctx) -> Outcome {
    program(ctx, "bin/tool", b"#!/bin/sh\necho $0 $1\n", 0o755)?;
    ctx.run().args(["bin/tool", "x"]).go()?.exits(0)?.prints("bin/tool x\n")?;
    let run = ctx.run().args(["-w", "bin", "./tool", "y"]);
    run.go()?.exits(0)?.prints("./tool y\n")?;
    Ok(())
}

fn program_by_path(ctx: &Ctx) -> Outcome {
    program(ctx, "bin/tool", b"#!/bin/sh\necho first\n", 0o755)?;
    program(ctx, "bin2/tool", b"#!/bin/sh\necho second\n", 0o755)?;
    program(ctx, "bin0/tool", b"no", 0o644)?;
    let path = |list: &[&str]| {
        let dirs: Vec<_> = list.iter().map(|d| ctx.path(d).display().to_string()).collect();
        format!("PATH={}:/usr/bin:/bin", dirs.join(":"))
    };
    // The search goes by the world's PATH, and past what cannot be run.
    for (list, want) in [
        (&["bin", "bin2"][..], "first\n"),
        (&["bin2", "bin"][..], "second\n"),
        (&["bin0", "nope", "bin"][..], "first\n"),
    ] {
        ctx.run().args(["-e", &path(list), "tool"]).go()?.exits(0)?.prints(want)?;
    }
    ctx.run().args(["-e", &path(&["bin0"]), "tool"]).go()?.refuses(126, "cannot run tool: ")?;
    Ok(())
}

fn as_pid_one(ctx: &Ctx) -> Outcome {
    ctx.world("--as-pid-1", "echo $$; ls -d /proc/[0-9]* | head -1")
        .go()?
        .prints("1\n/proc/1\n")?;
    ctx.world(&format!("--unshare {} --as-pid-1", ctx.set("pid")), "echo $$")
        .go()?
        .prints("1\n")?;
    let got = ctx.world("--share pid --as-pid-1", "true").go()?;
    got.exits(125)?.says("dwell: ")?.says("--as-pid-1")?;
    Ok(())
}

fn as_pid_one_codes(ctx: &Ctx) -> Outcome {
    ctx.world("--as-pid-1", "exit 9").go()?.exits(9)?;
    ctx.run().args(["--as-pid-1", "no-such-program"]).go()?.refuses(127, "cannot run no-such")?;
    // Daemons go with it.
    let marker = marker(ctx, 1);
    ctx.world("--as-pid-1", &format!("setsid sleep {marker} & exit 3")).go()?.exits(3)?;
    wait_gone(&marker, Duration::from_secs(1))
}

/// Words for `sleep` that no other process has among its arguments.
fn marker(ctx: &Ctx, number: u32) -> String {
    format!("3155{number}.{}{}", std::process::id(), ctx.account.uid)
}

fn orphans_are_reaped(ctx: &Ctx) -> Outcome {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do (sh -c 'sleep 0.01 &' &); done; sleep 0.5; \
                  grep -l '^State:.Z' /proc/[0-9]*/status | wc -l; ls -d /proc/[0-9]* | wc -l";
    let got = ctx.world("", script).go()?;
    got.exits(0)?;
    let mut lines =
        got.out().lines().filter_map(|l| l.parse::<u32>().ok()).collect::<Vec<_>>().into_iter();
    ensure!(lines.next() == Some(0), "zombies are left{got}");
    ensure!(lines.next().is_some_and(|n| n <= 4), "orphans are left{got}");
    Ok(())
}

fn ends_with_its_program(ctx: &Ctx) -> Outcome {
    for (number, script) in [
        "sleep MARK & exit 5",
        "(trap '' TERM INT HUP; exec setsid sleep MARK) & exit 5",
        "setsid sh -c 'trap \"\" TERM; sleep MARK; sleep MARK' & exit 5",
        "(exec sleep MARK >/dev/null 2>&1) & sh -c 'kill -STOP $!' & exit 5",
    ]
    .iter()
    .enumerate()
    {
        for (more, options) in
            ["", "--share mount", "--unshare user,pid", "--as-pid-1"].iter().enumerate()
        {
            let marker = marker(ctx, 10 + u32::try_from(10 * number + more).unwrap_or_default());
            let began = Instant::now();
            ctx.world(options, &script.replace("MARK", &marker)).go()?.exits(5)?;
            let took = began.elapsed();
            ensure!(took < patience(Duration::from_secs(4)), "it took {took:?} to end: {script}");
            wait_gone(&marker, Duration::from_secs(1))?;
        }
    }
    Ok(())
}

/// There is no wall that holds the processes together, and still none stays.
fn ends_with_its_program_without_pid_namespace(ctx: &Ctx) -> Outcome {
    for (number, options) in [(5, "--share pid"), (6, "--unshare none")] {
        let marker = marker(ctx, number);
        let script = format!("sleep {marker} & setsid sleep {marker} & sleep 0.1; exit 5");
        let redirected = format!("({script}) >/dev/null 2>&1");
        ctx.world(options, &redirected).go()?.exits(5)?;
        wait_gone(&marker, Duration::from_secs(1))?;
    }
    Ok(())
}

fn double_fork_daemons_end(ctx: &Ctx) -> Outcome {
    let marker = marker(ctx, 2);
    let script = format!("(setsid sh -c 'sleep {marker} & sleep {marker} &' &); sleep 0.2; exit 0");
    let got = ctx.world("", &script).go()?;
    got.exits(0)?;
    wait_gone(&marker, Duration::from_secs(1))
}

fn timeout(ctx: &Ctx) -> Outcome {
    for text in ["0.3", "300ms", "0.3s"] {
        let got = ctx.world(&format!("--timeout {text}"), "sleep 20").go()?;
        got.exits(124)?.says("dwell: the time is up")?;
        ensure!(got.took < patience(Duration::from_secs(4)), "too late{got}");
        ensure!(got.took >= Duration::from_millis(290), "too early{got}");
    }
    // The program's own answer to SIGTERM runs, once it is set.
    let time = format!("--timeout {}ms", patience(Duration::from_millis(300)).as_millis());
    let got = ctx.world(&time, "trap 'echo bye; exit 3' TERM; sleep 20 & wait").go()?;
    got.exits(124)?.prints("bye\n")?;
    for bad in ["", "0x", "-1", "1y", "ms"] {
        let got = ctx.run().arg(format!("--timeout={bad}")).arg("true").go()?;
        got.refuses(125, "cannot use `--timeout")?;
    }
    Ok(())
}

/// KERNEL: it takes a capability to signal the processes of another user.
fn signals_reach_another_user(ctx: &Ctx) -> Outcome {
    let time = format!("--timeout {}ms", patience(Duration::from_millis(800)).as_millis());
    let answers = "trap 'echo bye; exit 3' TERM; sleep 20 & wait";
    let becomes = format!("exec setpriv --reuid 1 --clear-groups sh -c \"{answers}\"");
    let options = [
        "",
        "--share user",
        "--unshare pid,mount",
        "--unshare mount",
        "--share pid",
        "--as-pid-1",
        "--as-pid-1 --share user",
    ];
    for (number, more) in options.iter().enumerate() {
        for (options, script) in [("--user 1:1", answers), ("", becomes.as_str())] {
            let got = ctx.world(&format!("{options} {more} {time}"), script).go()?;
            got.exits(124)?.prints("bye\n")?;
        }
        let marker = marker(ctx, 40 + u32::try_from(number).unwrap_or_default());
        let script =
            format!("(sleep {marker} & setsid sleep {marker} & sleep 0.1) >/dev/null 2>&1");
        ctx.world(&format!("--user 1:1 {more}"), &script).go()?.exits(0)?;
        wait_gone(&marker, Duration::from_secs(1))?;
    }
    Ok(())
}

/// KERNEL: the signal of the parent's death is forgotten when ids change, and refused where the parent could not
/// send it.
fn another_user_dies_with_dwell(ctx: &Ctx) -> Outcome {
    let worlds = ["", "--share pid", "--share user,pid", "--as-pid-1", "--as-pid-1 --share user"];
    for (number, options) in worlds.iter().enumerate() {
        let marker = marker(ctx, 60 + u32::try_from(number).unwrap_or_default());
        let run = ctx.run().args(["--user", "1:1"]).args(options.split_whitespace());
        let live = run.args(["--", "sleep", &marker]).start()?;
        live.program("sleep")?;
        // By then the host side has put up its own walls.
        std::thread::sleep(Duration::from_millis(200));
        live.signal(Signal::KILL)?;
        let _ = live.finish()?;
        wait_gone(&marker, Duration::from_secs(1))?;
    }
    Ok(())
}

fn timeout_kills(ctx: &Ctx) -> Outcome {
    let marker = marker(ctx, 3);
    let script = format!("trap '' TERM; sleep {marker} & wait; sleep {marker}");
    let got = ctx.world("--timeout 0.2", &script).go()?;
    got.exits(124).or_else(|_| got.exits(137))?;
    ensure!(got.took < patience(Duration::from_secs(9)), "the grace is five seconds{got}");
    wait_gone(&marker, Duration::from_secs(1))
}

fn timeout_not_reached(ctx: &Ctx) -> Outcome {
    ctx.world("--timeout 1h", "exit 6").go()?.exits(6)?.silent()?;
    Ok(())
}

fn timeout_stopped(ctx: &Ctx) -> Outcome {
    for options in ["", "--pty never", "--as-pid-1", "--share pid"] {
        let script = "(kill -STOP $PPID) & kill -STOP $$; echo woken";
        let got = ctx.world(&format!("--timeout 0.3 {options}"), script).limit(20).go()?;
        got.exits(124).or_else(|_| got.exits(0))?;
        ensure!(
            got.took < patience(Duration::from_secs(4)),
            "a stopped program is woken to end{got}"
        );
    }
    Ok(())
}

fn ulimits(ctx: &Ctx) -> Outcome {
    let got = ctx
        .world("--ulimit nofile=100 --ulimit core=0", "ulimit -n; ulimit -Hn; ulimit -c")
        .go()?;
    got.exits(0)?.prints("100\n100\n0\n")?;
    let got = ctx.world("--ulimit nofile=50:200", "ulimit -Sn; ulimit -Hn").go()?;
    got.exits(0)?.prints("50\n200\n")?;
    let got = ctx.world("--ulimit fsize=1024", "head -c 5000 /dev/zero >f").go()?;
    ensure!(got.status.code() != Some(0), "more than the limit was written{got}");
    let got = ctx.world("--ulimit cpu=1", "while :; do :; done").go()?;
    got.exits(128 + 24).or_else(|_| got.exits(137))?;
    Ok(())
}

fn ulimit_refused(ctx: &Ctx) -> Outcome {
    for bad in ["nofile", "nofile=", "nofile=x", "nope=1", "nofile=5:4", "nofile=1:2:3"] {
        let got = ctx.world(&format!("--ulimit {bad}"), "true").go()?;
        got.refuses(125, &format!("cannot use `--ulimit {bad}`"))?;
    }
    if !ctx.is_root() {
        let script = "ulimit -n 100; \"$DWELL\" run --ulimit nofile=200 -- true";
        let run = ctx.host("bash").args(["-c", script]);
        run.go()?.refuses(125, "cannot ")?.says("hint: ")?;
    }
    Ok(())
}

fn a_thousand_in_a_row(ctx: &Ctx) -> Outcome {
    for n in 0..rounds(1000) {
        let got = ctx.run().arg("true").limit(15).go()?;
        got.exits(0).or_else(|_| got.bad(format_args!("run {n}")))?;
    }
    Ok(())
}

fn five_hundred_at_once(ctx: &Ctx) -> Outcome {
    // All of them live before the first one ends.
    let script = "for i in $(seq $N); do \"$DWELL\" run -- sh -c 'sleep 4; exit 7' & done
        bad=0; for job in $(jobs -p); do wait $job; [ $? = 7 ] || bad=$((bad+1)); done; echo $bad";
    let many = rounds(500).to_string();
    ctx.host("bash")
        .args(["-c", script])
        .env("N", &many)
        .limit(120)
        .go()?
        .exits(0)?
        .prints("0\n")?;
    Ok(())
}

/// A world in a world, as far as it goes.
fn deep_nesting(ctx: &Ctx) -> Outcome {
    let dwell = ctx.dwell.display();
    let options = format!("--ro {dwell}:/dwell");
    let inner = "/dwell run -- sh -c 'echo $$; hostname'";
    let got = ctx.world(&options, inner).go()?;
    if got.status.code() != Some(0) {
        got.refuses(125, "cannot ")?;
        return skip(format!(
            "the kernel refuses: {}",
            got.err().lines().next().unwrap_or_default()
        ));
    }
    got.prints("2\ndwell\n")?;
    Ok(())
}

fn umask_and_nice(ctx: &Ctx) -> Outcome {
    // The suite itself may have been started with a nice value.
    let nice = ctx.shell("nice -n 5 nice").output()?;
    let got = ctx.shell("umask 027; nice -n 5 \"$DWELL\" run -- sh -c 'umask; nice'").go()?;
    got.exits(0)?.prints(&format!("0027\n{nice}"))?;
    Ok(())
}

/// The program and process 1 may run where the caller may, whether that is everywhere or not.
fn processors(ctx: &Ctx) -> Outcome {
    ctx.needs("taskset")?;
    let allowed = "grep -h Cpus_allowed_list: /proc/self/status";
    let everywhere = ctx.shell(allowed).output()?;
    let first = everywhere.split_whitespace().last().unwrap_or_default();
    let first = first.split([',', '-']).next().unwrap_or_default();
    let one = format!("Cpus_allowed_list:\t{first}\n");
    for options in ["", "--as-pid-1", "--unshare none", "--time-offset boot=5", "--seccomp none"] {
        let twice = format!("{allowed} /proc/1/status");
        let of_all = ctx.world(options, &twice).go()?;
        of_all.exits(0)?;
        let confined = ctx.world(options, allowed).through("taskset", &["-c", first]).go()?;
        confined.exits(0)?.prints(&one)?;
        if options != "--unshare none" {
            of_all.prints(&everywhere.repeat(2))?;
        }
    }
    Ok(())
}

fn many_children(ctx: &Ctx) -> Outcome {
    let script = "i=0; while [ $i -lt 300 ]; do sleep 0.3 & i=$((i+1)); done; wait; echo $i";
    ctx.world("", script).go()?.exits(0)?.prints("300\n")?;
    Ok(())
}

/// A child that is stopped is the program's affair.
fn stopped_child_of_world(ctx: &Ctx) -> Outcome {
    let script = "sleep 30 & kill -STOP $!; sleep 0.2; kill -CONT $!; kill $!; wait $!; echo $?";
    ctx.world("", script).go()?.exits(0)?.prints("143\n")?;
    Ok(())
}

fn exec_in_place(ctx: &Ctx) -> Outcome {
    let marker = marker(ctx, 4);
    let live = ctx.world("", &format!("exec sleep {marker}")).start()?;
    let pid = live.program("sleep")?;
    ensure!(marked(&marker).iter().any(|p| p.pid == pid), "the program shows other arguments");
    drop(live);
    wait_gone(&marker, Duration::from_secs(1))
}
