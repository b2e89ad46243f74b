//! Landlock as a second wall, as the only one, and around dwell itself.

use std::os::unix::net::UnixListener;

use crate::harness::{Ctx, Outcome, cases, ensure, older_than, process, skip};

cases! {
    both: files_outside_are_closed, grants_are_kept, what_cannot_be_kept_is_refused,
        tcp_is_refused_unless_the_network_is_granted, other_sockets_cannot_be_made,
        signals_and_abstract_sockets_outside_are_refused, others_cannot_be_looked_into,
        as_a_second_wall, without_namespaces_is_without, absence_is_an_error_and_accepted_by_name,
        words_that_are_not_understood, where_namespaces_are_refused, the_terminal_is_its_own,
        dwell_jails_itself, the_jail_leaves_what_is_left_to_do, explained;
    root: secrets_stay_closed;
}

/// Skips a case where the kernel's Landlock is older.
fn needs(version: i32) -> Outcome {
    match dwell_sys::raw::landlock_abi() {
        Ok(abi) if abi >= version => Ok(()),
        Ok(abi) => skip(format!("Landlock has version {abi}, {version} is needed")),
        Err(no) => skip(format!("there is no Landlock: {no}")),
    }
}

const BARE: &str = "--walls landlock";

fn files_outside_are_closed(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let secret = ctx.file("secret", "s3cret")?;
    let inside = ctx.dir("inside")?;
    let script = format!(
        "cat {0}; cat </etc/passwd >/dev/null && echo system; ls {1}; echo x >{0}; \
         rm {0}; mkdir {1}/new; mv {0} {1}/moved; echo >/dev/null && echo null",
        secret.display(),
        ctx.scratch.display()
    );
    let got = ctx.world(BARE, &script).cwd(&inside).go()?;
    got.prints("system\nnull\n")?.says("Permission denied")?;
    ensure!(std::fs::read(&secret)? == b"s3cret", "it was changed{got}");
    ensure!(!ctx.path("new").exists() && !ctx.path("moved").exists(), "something was made{got}");
    Ok(())
}

fn grants_are_kept(ctx: &Ctx) -> Outcome {
    needs(6)?;
    ctx.file("ro/x", "read")?;
    ctx.file("rw/x", "old")?;
    ctx.file("cwd/here", "here")?;
    let script = "cat ../ro/x here; echo n >../ro/x; true >../ro/x; echo n >here; \
                  echo new >../rw/x && mkdir ../rw/d && mv ../rw/x ../rw/d/ && cat ../rw/d/x; \
                  mknod ../rw/device c 1 3; mknod ../rw/fifo p && echo fifo";
    let options = format!("{BARE} --ro ../ro --rw ../rw");
    let got = ctx.world(&options, script).cwd(ctx.path("cwd")).go()?;
    got.prints("readherenew\nfifo\n")?;
    let kept = |name: &str| std::fs::read_to_string(ctx.path(name)).unwrap_or_default();
    ensure!(kept("ro/x") == "read" && kept("cwd/here") == "here", "a file was changed{got}");
    ensure!(kept("rw/d/x") == "new\n", "changes below --rw are not real{got}");
    ensure!(!ctx.path("rw/device").exists(), "a device was made{got}");
    Ok(())
}

fn what_cannot_be_kept_is_refused(ctx: &Ctx) -> Outcome {
    needs(6)?;
    ctx.file("d/x", "")?;
    let why = "needs the mount namespace: without it";
    for (options, sentence) in [
        ("--cow d", format!("`--cow d` {why} no change can be thrown away")),
        ("--tmpfs /t", format!("`--tmpfs /t` {why} nothing can be put in a place")),
        ("--ro d:/there", format!("`--ro d:/there` {why} a path can be shown in no other place")),
        ("--ro d --hide d/x", "`--hide d/x` cannot hide what lies below".to_owned()),
        ("--hide /etc/passwd", "`--hide /etc/passwd` cannot hide what lies below /etc".to_owned()),
        ("--home", format!("`--home` {why} files are the machine's")),
        ("--from /", format!("`--from /` {why} files are the machine's")),
        ("--hostname x", "`--hostname x` needs the uts namespace".to_owned()),
        ("--unshare pid", "`--unshare pid` and `--walls landlock` exclude each other".to_owned()),
        ("--join net=1", "`--join net=1` and `--walls landlock` exclude each other".to_owned()),
        ("--as-pid-1", "`--as-pid-1` needs the pid namespace".to_owned()),
        ("--seccomp none", "cannot put up the wall sockets: ".to_owned()),
        ("--ro ./nothing", "cannot allow ".to_owned()),
    ] {
        ctx.world(&format!("{BARE} {options}"), "echo ran").go()?.refuses(125, &sentence)?;
    }
    // What nobody could see is hidden already.
    ctx.world(&format!("{BARE} --hide /root/x"), "echo ran").go()?.prints("ran\n")?;
    Ok(())
}

/// How attempts end, each a line of Python that may raise.
fn attempts(ctx: &Ctx, options: &str, lines: &[(&str, String)]) -> Outcome<String> {
    ctx.needs("python3")?;
    let mut script = String::from(
        "import errno, os, signal, socket\n\
         def attempt(name, act):\n \
         try: act(); print(name, 'OK')\n \
         except OSError as e: print(name, errno.errorcode[e.errno])\n",
    );
    for (name, line) in lines {
        script.push_str(&format!("attempt('{name}', lambda: {line})\n"));
    }
    let options = options.split_whitespace();
    ctx.run().args(options).args(["--", "python3", "-c", &script]).output()
}

fn tcp_is_refused_unless_the_network_is_granted(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let lines = [
        ("connect", format!("socket.create_connection(('127.0.0.1', {port}))")),
        ("bind", "socket.socket().bind(('127.0.0.1', 0))".to_owned()),
    ];
    let refused = "connect EACCES\nbind EACCES\n";
    for (options, want) in [
        (BARE, true),
        ("--walls landlock --net host", false),
        ("--walls all", true),
        ("--walls all --net host", false),
        ("--walls namespaces,landlock-tcp", true),
    ] {
        let got = attempts(ctx, options, &lines)?;
        // The suite's own network namespace may have no address to connect to.
        let ends = if want { got == refused } else { got.ends_with("bind OK\n") };
        ensure!(ends && got.contains("EACCES") == want, "with `{options}`: {got}");
    }
    let left_out = "--walls namespaces,landlock-files,landlock-signals,landlock-abstract";
    let got = attempts(ctx, left_out, &lines)?;
    ensure!(got == "connect ECONNREFUSED\nbind OK\n", "with `{left_out}`: {got}");
    Ok(())
}

fn other_sockets_cannot_be_made(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let socket = |what: &str| format!("socket.socket({what})");
    let lines = [
        ("udp", socket("socket.AF_INET, socket.SOCK_DGRAM")),
        ("mptcp", socket("socket.AF_INET, socket.SOCK_STREAM, 262")),
        ("netlink", socket("socket.AF_NETLINK, socket.SOCK_RAW, 0")),
        ("packet", socket("socket.AF_PACKET, socket.SOCK_RAW, 0")),
        ("datagrams", "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)".to_owned()),
        ("pair", "socket.socketpair()".to_owned()),
        ("listen", "socket.socket().listen()".to_owned()),
        ("fastopen", "socket.socket().sendto(b'x', 0x20000000, ('127.0.0.1', 1))".to_owned()),
    ];
    let got = attempts(ctx, BARE, &lines)?;
    // Where Landlock tells Unix sockets apart by their paths it does so for datagrams too.
    let open: &[&str] = if needs(9).is_ok() { &["pair OK", "datagrams OK"] } else { &["pair OK"] };
    for line in got.lines() {
        let want = open.contains(&line) || line.ends_with(" EPERM");
        ensure!(want, "{line}, in\n{got}");
    }
    ensure!(got.contains(open[0]), "{got}");
    // A socket that has a path, in a directory that may even be written.
    let bound = UnixListener::bind(ctx.path("socket"))?;
    ctx.give(&ctx.path("socket"))?;
    let connect = [("unix", "socket.socket(socket.AF_UNIX).connect('socket')".to_owned())];
    let got = attempts(ctx, "--walls landlock --net host --rw .", &connect)?;
    ensure!(["unix EPERM\n", "unix EACCES\n"].contains(&got.as_str()), "{got}");
    let degraded = "--walls landlock --seccomp none --allow-degraded sockets";
    let got = attempts(ctx, degraded, &connect)?;
    ensure!(needs(9).is_ok() || got == "unix OK\n", "{got}");
    drop(bound);
    Ok(())
}

fn signals_and_abstract_sockets_outside_are_refused(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let sleeper = ctx.host("sleep").arg("100").start()?;
    let name = format!("dwell-suite-{}-{}", std::process::id(), ctx.account.uid);
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(
            &name,
        )?;
    let bound = UnixListener::bind_addr(&address)?;
    let lines = [
        ("signal", format!("os.kill({}, 0)", sleeper.pid())),
        ("own", "os.kill(os.getpid(), 0)".to_owned()),
        ("abstract", format!("socket.socket(socket.AF_UNIX).connect('\\0{name}')")),
    ];
    let shared = "--share pid,net";
    let got = attempts(ctx, shared, &lines)?;
    ensure!(got == "signal OK\nown OK\nabstract OK\n", "without Landlock: {got}");
    let got = attempts(ctx, &format!("{shared} --walls all"), &lines)?;
    ensure!(got == "signal EPERM\nown OK\nabstract EPERM\n", "with it: {got}");
    let unfiltered = "--walls landlock --seccomp none --allow-degraded sockets";
    let got = attempts(ctx, unfiltered, &lines)?;
    ensure!(got == "signal EPERM\nown OK\nabstract EPERM\n", "alone: {got}");
    drop(bound);
    Ok(())
}

fn others_cannot_be_looked_into(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let sleeper = ctx.host("sleep").arg("100").env("SECRET", "x").start()?;
    let pid = sleeper.pid();
    let script = format!(
        "tr '\\0' ' ' </proc/{pid}/environ; readlink /proc/{pid}/fd/0; ls /proc/{pid}/root/; \
         tr '\\0' ' ' </proc/{pid}/cmdline; cat /proc/self/environ >/dev/null && echo own"
    );
    ctx.world(BARE, &script).go()?.prints("sleep 100 own\n")?;
    Ok(())
}

fn as_a_second_wall(ctx: &Ctx) -> Outcome {
    needs(6)?;
    ctx.file("ro/x", "read")?;
    ctx.dir("rw")?;
    let script = "cat ro/x; echo n >ro/x; echo new >rw/x && echo t >/tmp/x && echo h >~/x && cat rw/x; \
                  ls /dev/pts >/dev/null && echo x >/dev/null && echo devices; \
                  unshare -Urm true; mount -t tmpfs none /mnt; sh -c 'kill $$'; echo $?";
    let got = ctx.world("--walls all --ro ro --rw rw", script).go()?;
    got.prints("readnew\ndevices\n143\n")?;
    ensure!(std::fs::read(ctx.path("rw/x"))? == b"new\n", "what was granted is not real{got}");
    // A directory that is handed in as a descriptor opens nothing that was not granted.
    ctx.file("held/x", "held")?;
    let held = ctx.path("held");
    let shell = |walls: &str| {
        let world = format!(
            "exec 7<{}; exec $DWELL run --keep-fd 7 {walls} -w / -- sh -c 'cat /proc/self/fd/7/x'",
            held.display()
        );
        ctx.shell(&world).go()
    };
    shell("")?.prints("held")?;
    shell("--walls all")?.exits(1)?.prints("")?;
    // A file that was handed in can be opened once more, as it was opened.
    for walls in ["landlock", "all"] {
        let script = "echo a; echo b >>/dev/stdout; cat /dev/stdin; echo c >>/dev/stdin";
        let world = format!("$DWELL run --walls {walls} -- sh -c '{script}' <held/x >>out");
        ctx.shell(&world).go()?.says("Permission denied")?;
    }
    let out = std::fs::read_to_string(ctx.path("out"))?;
    ensure!(out == "a\nb\nhelda\nb\nheld", "{out:?}");
    Ok(())
}

fn without_namespaces_is_without(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let own = std::process::id();
    let script = "for n in user mnt pid net uts ipc cgroup; do readlink /proc/self/ns/$n; done; \
                  grep -E '^(NoNewPrivs|Seccomp|CapEff):' /proc/self/status | tr -d '\\t'";
    let got = ctx.world(BARE, script).output()?;
    let outside: Vec<String> = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"]
        .iter()
        .filter_map(|kind| process::namespace(own, kind))
        .collect();
    let want =
        format!("{}\nCapEff:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n", outside.join("\n"));
    ensure!(got == want, "{got}instead of\n{want}");
    // Its end, its session and its environment are as in every world.
    ctx.world(BARE, "exit 7").env("SECRET", "x").go()?.exits(7)?;
    ctx.world(BARE, "kill -9 $$").go()?.exits(137)?;
    ctx.world(BARE, "echo ${SECRET-none}").env("SECRET", "x").go()?.prints("none\n")?;
    let script = "cut -d' ' -f6 /proc/self/stat; cut -d' ' -f6 /proc/$PPID/stat";
    let got = ctx.world(BARE, script).output()?;
    let sessions: Vec<&str> = got.lines().collect();
    let caller = process::all().into_iter().find(|p| p.pid == own).map(|p| p.pid);
    ensure!(sessions.len() == 2 && sessions[0] == sessions[1], "{got}");
    ensure!(caller.map(|pid| pid.to_string()).as_deref() != sessions.first().copied(), "{got}");
    let marker = format!("86{}", std::process::id());
    ctx.world(BARE, &format!("sleep {marker} & exit 3")).go()?.exits(3)?;
    process::wait_gone(&format!("sleep {marker}"), std::time::Duration::from_secs(10))?;
    Ok(())
}

fn absence_is_an_error_and_accepted_by_name(ctx: &Ctx) -> Outcome {
    // The kernel is made to look like one without Landlock.
    let filter = "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": \
                  [\"landlock_create_ruleset\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38}]}";
    let profile = ctx.file("profile.json", filter)?;
    let dwell = ctx.dwell.display().to_string();
    let run = |options: &str| {
        let outer = format!("--share all --seccomp {}", profile.display());
        ctx.world(&outer, &format!("exec {dwell} run {options} -- sh -c 'echo ran'")).go()
    };
    for walls in ["landlock", "all"] {
        let got = run(&format!("--walls {walls}"))?;
        got.refuses(125, "cannot put up the wall landlock-files: this kernel does not answer")?;
        got.says("--allow-degraded landlock-files goes on without it; `dwell doctor` tells why")?;
        let got = run(&format!("--walls {walls} --allow-degraded landlock-files"))?;
        got.refuses(125, "cannot put up the wall landlock-tcp")?;
        let got = run(&format!("--walls {walls} --allow-degraded landlock"))?;
        got.exits(0)?.prints("ran\n")?;
        for wall in ["files", "tcp", "signals", "abstract"] {
            got.says(&format!("dwell: the wall landlock-{wall} is not there: "))?;
        }
    }
    // Where nobody asks for it nothing is said.
    run("--share all")?.prints("ran\n")?.silent()?;
    Ok(())
}

fn words_that_are_not_understood(ctx: &Ctx) -> Outcome {
    for (options, sentence) in [
        ("--walls sesame", "cannot use `--walls sesame`: 'sesame' is not namespaces, landlock"),
        ("--walls seccomp", "cannot use `--walls seccomp`: the filter of system calls"),
        ("--walls sockets", "cannot use `--walls sockets`: `sockets` comes by itself"),
        ("--walls all --allow-degraded x", "cannot use `--allow-degraded x`: 'x' is not landlock"),
        ("--allow-degraded landlock", "cannot use `--allow-degraded landlock`: no wall of"),
    ] {
        ctx.world(options, "true").go()?.refuses(125, sentence)?;
    }
    Ok(())
}

/// A container that lets nobody make namespaces.
fn where_namespaces_are_refused(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let dwell = ctx.dwell.display();
    let refused = |inner: &str| {
        let options = "--share all --seccomp strict --cap-drop all";
        ctx.world(options, &format!("exec {dwell} run {inner} -- sh -c 'echo ran'")).go()
    };
    let got = refused("")?;
    got.exits(125)?.prints("")?.says("--walls landlock")?.says("namespaces")?;
    refused(BARE)?.exits(0)?.prints("ran\n")?;
    refused("--walls all")?.exits(125)?.prints("")?;
    // A limit of none, in a user namespace of its own.
    if ctx.is_root() {
        return Ok(());
    }
    ctx.needs("unshare")?;
    let script = format!(
        "echo 0 >/proc/sys/user/max_user_namespaces || exit 77; {dwell} run true; \
         echo $?; {dwell} run {BARE} -- sh -c 'echo ran; cat {0}/secret'",
        ctx.scratch.display()
    );
    ctx.file("secret", "s3cret")?;
    let place = ctx.dir("place")?;
    let got = ctx.host("unshare").args(["-Ur", "sh", "-c", &script]).cwd(place).go()?;
    if got.status().code() == Some(77) {
        return skip("the limit cannot be written");
    }
    got.prints("125\nran\n")?.says("--walls landlock")?;
    Ok(())
}

fn the_terminal_is_its_own(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let script = "test -t 0 && echo terminal; echo x >/dev/tty; stty -a >/dev/null && echo stty";
    for walls in ["landlock", "all"] {
        let got = ctx.world(&format!("--walls {walls} --pty always"), script).output()?;
        ensure!(got.replace('\r', "") == "terminal\nx\nstty\n", "with {walls}: {got:?}");
    }
    Ok(())
}

/// What `/proc/PID/status` says under these names.
fn status(pid: u32, names: &[&str]) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = |name: &&str| {
        let found = text.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(":\t"));
        found.unwrap_or("?").to_owned()
    };
    names.iter().map(line).collect::<Vec<_>>().join(" ")
}

const NONE: &str = "0000000000000000";
/// `CAP_DAC_OVERRIDE`.
const CLOSED_GROUP: &str = "0000000000000002";
/// With `CAP_FOWNER`: a layer on disk, which may hold files of other users' (before Linux 6.6).
const FOREIGN_FILES: &str = "000000000000000a";

fn dwell_jails_itself(ctx: &Ctx) -> Outcome {
    for options in
        ["", "--pty always", "--as-pid-1", "--share pid", "--walls landlock", "--net host"]
    {
        if options.contains("landlock") {
            needs(6)?;
        }
        let live = ctx.world(options, "echo ready; read x; echo $x").open_input();
        let mut live = live.start()?;
        ensure!(live.line()?.trim_end() == "ready", "with `{options}` it is not ready");
        let pid = live.pid();
        let walled = || {
            let seen = status(pid, &["CapPrm", "CapEff", "NoNewPrivs", "Seccomp"]);
            let kept = if ctx.is_root() && older_than(6, 6) { FOREIGN_FILES } else { NONE };
            // Without mounts there is no layer on disk either.
            let wanted = [kept, NONE].map(|caps| format!("{caps} {caps} 1 2"));
            wanted.contains(&seen).then_some(())
        };
        let limit = std::time::Duration::from_secs(10);
        process::wait_for(&format!("a jail with `{options}`"), limit, walled)?;
        live.write("on\n")?;
        let got = live.finish()?;
        got.exits(0)?.has("on")?;
    }
    Ok(())
}

fn the_jail_leaves_what_is_left_to_do(ctx: &Ctx) -> Outcome {
    let jailed = |live: &crate::harness::Live| {
        let pid = live.pid();
        process::wait_for("a jail", std::time::Duration::from_secs(10), || {
            (status(pid, &["Seccomp"]) == "2").then_some(())
        })
    };
    // Statistics are told and written; the group goes, with what still runs in it.
    let mut options = "--stats --stats-file used.json".to_owned();
    let probe = ctx.world("--memory 64M", "true").go()?;
    let limited = probe.status().code() == Some(0);
    if limited {
        options.push_str(" --memory 64M --pids 20");
    }
    let script = "echo ready; read x; sleep 1000 & exit 5";
    let mut live = ctx.world(&options, script).open_input().start()?;
    live.line()?;
    jailed(&live)?;
    let own = std::fs::read_to_string(format!("/proc/{}/status", live.pid()))?;
    let kept = own.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap_or("?");
    // At the top of a hierarchy only who passes over permissions removes a group.
    ensure!([NONE, CLOSED_GROUP, FOREIGN_FILES].contains(&kept), "it keeps {kept}");
    live.write("\n")?;
    let got = live.finish()?;
    got.exits(5)?.says("dwell: processor")?;
    ensure!(!got.err().contains("cannot"), "something was not done{got}");
    let json = std::fs::read_to_string(ctx.path("used.json"))?;
    ensure!(json.contains("\"exit_code\": 5"), "{json}");

    // Changes are counted, the time runs out, signals are passed on, directories that were added go.
    let mut live = ctx.world("", "echo ready; sleep 1000").start()?;
    live.line()?;
    jailed(&live)?;
    live.signal(rustix::process::Signal::TERM)?;
    live.finish()?.exits(143)?;
    let got = ctx.world("--timeout 0.3", "echo ready; sleep 1000").go()?;
    got.exits(124)?.says("dwell: the time is up")?;
    Ok(())
}

/// What root could read and the program has no business with.
fn secrets_stay_closed(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let script = "cat /etc/passwd >/dev/null && echo passwd; cat /etc/shadow; ls /root; \
                  cat /etc/ssl/certs/* >/dev/null 2>&1; echo x >/etc/passwd; echo x >/proc/sys/kernel/domainname";
    ctx.world(BARE, script).go()?.prints("passwd\n")?.says("/etc/shadow: Permission denied")?;
    ctx.world(&format!("{BARE} --ro /etc"), script).go()?.prints("passwd\n")?;
    let got = ctx.world(&format!("{BARE} --ro /etc/shadow"), "cat /etc/shadow").go()?;
    got.exits(0)?.has("root:")?;
    Ok(())
}

fn explained(ctx: &Ctx) -> Outcome {
    needs(6)?;
    let got = ctx.world(&format!("{BARE} --explain"), "echo ran").go()?;
    got.prints("ran\n")?;
    for part in [
        "landlock-files: files in ",
        "landlock-tcp: no TCP socket",
        "landlock-signals: ",
        "landlock-abstract: ",
        "sockets: ",
        "the machine's processes and their arguments show in /proc",
        "changes are real",
    ] {
        got.says(part)?;
    }
    let got = ctx.world("--walls all --plan text", "true").output()?;
    let line = "walls        landlock-files, landlock-tcp, landlock-signals, landlock-abstract";
    ensure!(got.contains(line), "{got}");
    Ok(())
}
