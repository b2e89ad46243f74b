//! `nsenter`: what it does, where no older one can be asked.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::harness::process::{namespace, state, wait_for};
use crate::harness::{Ctx, Live, Outcome, cases, ensure, fail, older_than, skip};

cases! {
    both: everything, by_files, user_first_or_last, credentials, follow, keeps_capabilities,
        user_parent, environment, inode, stops_and_goes_on, ends_as_the_child, working_directories,
        socket, by_number, no_target, login_shell;
    root: entered_by_number, root_directory, cgroup_v1, cgroup_v2, pid_without_fork;
}

/// A process in namespaces of its own, and its number outside.
fn target(ctx: &Ctx, options: &str) -> Outcome<(Live, u32)> {
    let run = ctx.applet("unshare")?.env("MARK", "target").args(options.split(' '));
    let run = run.args(["--", "/bin/sh", "-c", "echo; exec sleep 100"]);
    let mut live = run.start()?;
    live.line()?;
    // Without a fork it has taken the place of unshare itself.
    let forks =
        options.split(' ').any(|o| o == "--fork" || (!o.starts_with("--") && o.contains('f')));
    let pid = if forks { live.program("sleep")? } else { live.pid() };
    Ok((live, pid))
}

fn end(live: Live) -> Outcome {
    live.signal(Signal::KILL)?;
    live.finish()?;
    Ok(())
}

/// Whoever has no rights over one of them can enter none.
const ALL: &str = "-rmuinpCT --fork --kill-child --mount-proc";

/// In a user namespace in which groups cannot be set for good.
const KEEP: &str = "--preserve-credentials";

fn everything(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, ALL)?;
    let run = ctx.applet("nsenter")?.args(["-a", KEEP]).args(["-t", &pid.to_string()]);
    let mut inside =
        run.args(["/bin/sh", "-c", "echo $(id -u) $(ls -d /proc/[0-9]* | wc -l); read x"]);
    inside = inside.open_input();
    let mut inside = inside.start()?;
    let line = inside.line()?;
    let counted = line.strip_prefix("0 ").and_then(|n| n.parse::<u32>().ok());
    ensure!(counted.is_some_and(|n| n < 9), "{line}");
    let program = inside.program("sh")?;
    for name in ["user", "mnt", "uts", "ipc", "net", "pid", "cgroup"] {
        let (want, got) = (namespace(pid, name), namespace(program, name));
        ensure!(want.is_some() && want == got, "{name}: {got:?}, the target is in {want:?}");
    }
    inside.write("\n")?;
    inside.finish()?.exits(0)?;
    end(live)
}

/// Files in the place of the target's, with `-a` and without a target.
fn by_files(ctx: &Ctx) -> Outcome {
    let (one, first) = target(ctx, "-rui")?;
    let (other, second) = target(ctx, "-ru")?;
    let user = format!("--user=/proc/{first}/ns/user");
    let uts = format!("-u=/proc/{first}/ns/uts");
    let script = "readlink /proc/self/ns/user /proc/self/ns/uts /proc/self/ns/ipc";
    let link = |pid, name: &str| namespace(pid, name).unwrap_or_default();
    let run = ctx.applet("nsenter")?.args([&user, &uts, KEEP]).args(["/bin/sh", "-c", script]);
    let ipc = link(std::process::id(), "ipc");
    run.go()?.exits(0)?.prints(&format!(
        "{}\n{}\n{ipc}\n",
        link(first, "user"),
        link(first, "uts")
    ))?;
    // The user namespace of a file has no rights over the other one's names.
    let run = ctx.applet("nsenter")?.args(["-u", "-t", &second.to_string(), &user, KEEP, "true"]);
    if !ctx.is_root() {
        run.go()?.exits(1)?.says("nsenter: reassociate to namespaces failed: Operation not")?;
    }
    end(one)?;
    end(other)
}

/// To lose rights the user namespace is entered last, to get some first.
fn user_first_or_last(ctx: &Ctx) -> Outcome {
    // Net belongs to the user namespace: only who is in it may enter.
    let (live, pid) = target(ctx, "-rn")?;
    let run = ctx.applet("nsenter")?.args(["-U", KEEP, "-n", "-t", &pid.to_string(), "id", "-u"]);
    run.go()?.exits(0)?.prints("0\n")?;
    end(live)?;
    if ctx.is_root() {
        // Net belongs to the machine: once in the user namespace there would be no right to it.
        let script = format!("echo; exec unshare -r {} -c 'echo; exec sleep 100'", "/bin/sh");
        let run = ctx.applet("unshare")?.args(["-n", "/bin/sh", "-c", &script]);
        let mut live = run.start()?;
        live.line()?;
        live.line()?;
        let pid = live.pid();
        let run = ctx.applet("nsenter")?.args(["-U", KEEP, "-n", "-t", &pid.to_string()]);
        let got = run.args(["readlink", "/proc/self/ns/net"]).go()?;
        got.exits(0)?.prints(&format!("{}\n", namespace(pid, "net").unwrap_or_default()))?;
        end(live)?;
    }
    Ok(())
}

fn credentials(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-c")?;
    let own = (ctx.account.uid, ctx.account.gid);
    let enter = |options: &str, program: &[&str]| {
        let run = ctx.applet("nsenter")?.args(["-U", "-t", &pid.to_string()]);
        run.args(options.split_whitespace()).args(program).go()
    };
    enter("--preserve-credentials", &["id", "-u"])?.exits(0)?.prints(&format!("{}\n", own.0))?;
    if own.0 != 0 {
        // There is no 0 in it, and groups cannot be dropped.
        enter("", &["true"])?.exits(1)?.says("nsenter: set")?;
        let ids = format!("--preserve-credentials -S {}", own.0);
        enter(&ids, &["id", "-g"])?.exits(0)?.prints(&format!("{}\n", own.1))?;
    }
    enter("-S x", &["true"])?.exits(1)?.says("nsenter: failed to parse uid: 'x'")?;
    end(live)
}

/// Ids of the target as they are seen inside.
fn follow(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-r")?;
    let options = ["-U", "-S", "follow", "--preserve-credentials", "-t"];
    let run = ctx.applet("nsenter")?.args(options).arg(pid.to_string()).args(["id", "-u"]);
    run.go()?.exits(0)?.prints("0\n")?;
    let none = ctx.applet("nsenter")?.arg(format!("-n/proc/{pid}/ns/net"));
    let got = none.args(["-G", "follow", "true"]).go()?;
    got.exits(1)?.says("nsenter: neither filename nor target pid supplied for ")?;
    end(live)
}

fn keeps_capabilities(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-c")?;
    let amb = "sed -n 's/^CapAmb:\t//p' /proc/self/status";
    let run = ctx.applet("nsenter")?.args(["-U", "--preserve-credentials", "--keep-caps", "-t"]);
    let got = run.arg(pid.to_string()).args(["/bin/sh", "-c", amb]).output()?;
    ensure!(u64::from_str_radix(got.trim(), 16).is_ok_and(|set| set != 0), "{got}");
    end(live)
}

/// The user namespace above: here the one between.
fn user_parent(ctx: &Ctx) -> Outcome {
    let unshare = ctx.links()?.join("unshare");
    let run = ctx.applet("unshare")?.args(["-r".as_ref(), unshare.as_os_str()]);
    let mut live = run.args(["-r", "/bin/sh", "-c", "echo; exec sleep 100"]).start()?;
    live.line()?;
    let pid = live.pid().to_string();
    let script = "cat /proc/self/uid_map | tr -s ' '";
    for options in [
        vec!["--user-parent".to_owned(), "-t".to_owned(), pid.clone()],
        vec![
            format!("-U/proc/{pid}/ns/user"),
            "--user-parent".to_owned(),
            "-t".to_owned(),
            pid.clone(),
        ],
    ] {
        let run = ctx.applet("nsenter")?.arg(KEEP).args(options).args(["/bin/sh", "-c", script]);
        run.go()?.exits(0)?.prints(&format!(" 0 {} 1\n", ctx.account.uid))?;
    }
    let inner = namespace(live.pid(), "user");
    let run = ctx.applet("nsenter")?.args(["--user-parent", KEEP, "-t", &pid]);
    let entered = run.args(["readlink", "/proc/self/ns/user"]).output()?;
    ensure!(Some(entered.trim()) != inner.as_deref(), "that is the target's own");
    ctx.applet("nsenter")?.args(["--user-parent", "true"]).go()?.exits(1)?.says("no target PID")?;
    end(live)
}

fn environment(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-r")?;
    let run =
        ctx.applet("nsenter")?.env("MARK", "own").args(["-e", "-U", KEEP, "-t", &pid.to_string()]);
    run.args(["/bin/sh", "-c", "echo $MARK"]).go()?.exits(0)?.prints("target\n")?;
    let got = ctx.applet("nsenter")?.args(["-e", "-t", "4000000", "-u", "true"]).go()?;
    got.exits(1)?.says("nsenter: cannot open /proc/4000000/environ: No such file")?;
    end(live)
}

/// The process is meant, and no other that gets its number.
fn inode(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-r")?;
    let handle =
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(|p| pidfd_open(p, PidfdFlags::empty()));
    let Some(Ok(handle)) = handle else { return fail("no pidfd of the target") };
    let inode = rustix::fs::fstat(handle.as_fd())?.st_ino;
    let own = pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
    if rustix::fs::fstat(own.as_fd())?.st_ino == inode {
        return skip("pidfds have no inodes of their own before Linux 6.9");
    }
    let enter = |inode: u64| {
        let target = format!("{pid}:{inode}");
        ctx.applet("nsenter")?.args(["-U", KEEP, "-t", &target, "id", "-u"]).go()
    };
    enter(inode)?.exits(0)?.prints("0\n")?;
    enter(inode + 1)?.exits(1)?.says(&format!("{pid}:{}: No such process", inode + 1))?;
    end(live)
}

/// The one that waits stops with its child, and wakes it.
fn stops_and_goes_on(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-rpf --kill-child")?;
    let run = ctx.applet("nsenter")?.args(["-U", KEEP, "-p", "-t", &pid.to_string()]);
    let inside = run.args(["/bin/sh", "-c", "kill -STOP $$; exit 3"]).start()?;
    let parent = inside.pid();
    wait_for("a stop", Duration::from_secs(10), || (state(parent) == Some('T')).then_some(()))?;
    inside.signal(Signal::CONT)?;
    inside.finish()?.exits(3)?;
    end(live)
}

fn ends_as_the_child(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-rpf --kill-child")?;
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139), ("PIPE", 141)] {
        let script = format!("nsenter -U {KEEP} -p -t {pid} sh -c 'kill -{signal} $$'; echo $?");
        ctx.with_applets(&script)?.go()?.prints(&format!("{code}\n"))?;
    }
    end(live)
}

/// `-w` is a way out, `-W` is a place inside.
fn working_directories(ctx: &Ctx) -> Outcome {
    let outside = ctx.file("outside/mark", "outside")?;
    let place = ctx.dir("outside")?;
    let (live, pid) = target(ctx, "-rm")?;
    let enter = |options: &[String], script: &str| {
        let run = ctx.applet("nsenter")?.args(["-U", KEEP, "-m", "-t", &pid.to_string()]);
        run.args(options).args(["/bin/sh", "-c", script]).go()
    };
    let cover = format!("mount -t tmpfs none {0} && echo inside >{0}/mark", place.display());
    enter(&[], &cover)?.exits(0)?;
    enter(&[format!("-w{}", place.display())], "cat mark")?.exits(0)?.prints("outside")?;
    enter(&[format!("-W{}", place.display())], "cat mark")?.exits(0)?.prints("inside\n")?;
    enter(&["-W/nope".to_owned()], "true")?
        .exits(1)?
        .says("cannot open current working directory")?;
    enter(&["-w".to_owned()], "pwd")?.exits(0)?.prints(&format!("{}\n", ctx.scratch.display()))?;
    ensure!(outside.exists(), "the file outside is gone");
    end(live)
}

/// The network of a socket, whichever the process is in by now.
fn socket(ctx: &Ctx) -> Outcome {
    ctx.needs("bash")?;
    let unshare = ctx.links()?.join("unshare");
    let script = format!(
        "readlink /proc/self/ns/net; exec 5<>/dev/udp/127.0.0.1/9 || exit 9; \
         exec {} -n /bin/sh -c 'echo; exec sleep 100'",
        unshare.display()
    );
    // UDP takes no more than a route to its peer.
    let up = "ip link set lo up; exec bash -c \"$0\"";
    let run = ctx.applet("unshare")?.args(["-rn", "/bin/sh", "-c", up, &script]);
    let mut live = run.start()?;
    let network = live.line()?;
    live.line()?;
    let pid = live.pid().to_string();
    ensure!(namespace(live.pid(), "net").as_deref() != Some(&network), "it is still there");
    let run = ctx.applet("nsenter")?.args(["-U", KEEP, "-N", "5", "-t", &pid]);
    let got = run.args(["readlink", "/proc/self/ns/net"]).go()?;
    if got.err().contains("SIOCGSKNS") || got.err().contains("Operation not permitted") {
        return end(live)
            .and_then(|()| skip("the socket's network cannot be asked for from outside"));
    }
    got.exits(0)?.prints(&format!("{network}\n"))?;
    let run = ctx.applet("nsenter")?.args(["-N", "77", "-t", &pid, "true"]);
    run.go()?.exits(1)?.says(&format!("nsenter: pidfd_getfd({pid}, 77): Bad file descriptor"))?;
    ctx.applet("nsenter")?
        .args(["-N", "x", "true"])
        .go()?
        .exits(1)?
        .says("failed to parse file")?;
    end(live)
}

/// The kernel finds namespaces by a number alone since 6.19.
fn by_number(ctx: &Ctx) -> Outcome {
    let got = ctx.applet("nsenter")?.args(["--uts=:x", "true"]).go()?;
    got.exits(1)?.says("nsenter: failed to parse nsid: x\n")?;
    let none = u64::MAX.to_string();
    let got = ctx.applet("nsenter")?.args([&format!("--uts=:{none}"), "true"]).go()?;
    got.exits(1)?.says(&format!("nsenter: cannot open namespace of id {none}: "))?;
    // A file of such a name is one all the same.
    let got = ctx.applet("nsenter")?.args(["--uts=./:1", "true"]).go()?;
    got.exits(1)?.says("nsenter: cannot open ./:1: No such file or directory")?;
    Ok(())
}

/// Since Linux 6.19 a number alone leads to its namespace.
fn entered_by_number(ctx: &Ctx) -> Outcome {
    if older_than(6, 19) {
        return skip("a namespace is found by its number alone since Linux 6.19");
    }
    let (live, pid) = target(ctx, "-u")?;
    let file = std::fs::File::open(format!("/proc/{pid}/ns/uts"))?;
    let id = dwell_sys::nsfs::unique_id(&file)?;
    let words = [&format!("--uts=:{id}"), "readlink", "/proc/self/ns/uts"];
    let text = ctx.applet("nsenter")?.args(words).output()?;
    ensure!(Some(text.trim_end()) == namespace(pid, "uts").as_deref(), "{text}");
    let got = ctx.applet("nsenter")?.args([&format!("--ipc=:{id}"), "true"]).go()?;
    got.exits(1)?.says("nsenter: ")?;
    end(live)
}

fn no_target(ctx: &Ctx) -> Outcome {
    for (line, says) in [
        ("true", "nsenter: no namespace specified"),
        ("-a true", "nsenter: no target PID specified for --all"),
        ("-n true", "nsenter: no target PID specified"),
        ("-N 3 true", "nsenter: no target PID specified"),
        (
            "-n/proc/self/ns/net -r true",
            "nsenter: neither filename nor target pid supplied for root",
        ),
        (
            "-n/proc/self/ns/net -w true",
            "nsenter: neither filename nor target pid supplied for cwd",
        ),
        (
            "-n/proc/self/ns/net -e true",
            "nsenter: neither filename nor target pid supplied for environ",
        ),
        (
            "-n/proc/self/ns/net -c true",
            "nsenter: neither filename nor target pid supplied for cgroup",
        ),
    ] {
        let got = ctx.applet("nsenter")?.args(line.split(' ')).go()?;
        got.exits(1)?.says(says)?;
    }
    Ok(())
}

fn login_shell(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-r")?;
    let run =
        ctx.applet("nsenter")?.env("SHELL", "/bin/sh").args(["-U", KEEP, "-t", &pid.to_string()]);
    run.input("echo $0\n").go()?.exits(0)?.prints("-sh\n")?;
    end(live)
}

fn root_directory(ctx: &Ctx) -> Outcome {
    let root = ctx.dir("root")?;
    ctx.file("root/mark", "")?;
    let shell = ctx.needs("busybox")?;
    ctx.dir("root/bin")?;
    std::fs::copy(shell, root.join("bin/busybox"))?;
    let enter = |options: &[String]| {
        let pid = std::process::id().to_string();
        let run = ctx.applet("nsenter")?.args(["-u", "-t", &pid]).args(options);
        run.args(["/bin/busybox", "ls"]).go()
    };
    let named = format!("-r{}", root.display());
    // Where the caller was, though that lies outside.
    enter(std::slice::from_ref(&named))?.exits(0)?.has("links\n")?;
    enter(&[named.clone(), "-W/".to_owned()])?.exits(0)?.prints("bin\nmark\n")?;
    enter(&[named, format!("-w{}", root.join("bin").display())])?.prints("busybox\n")?;
    Ok(())
}

fn is_v2() -> Outcome<bool> {
    let found = rustix::fs::statfs("/sys/fs/cgroup")?;
    Ok(found.f_type == 0x6367_7270)
}

fn cgroup_v1(ctx: &Ctx) -> Outcome {
    if is_v2()? {
        return skip("the control groups are of version 2");
    }
    let pid = std::process::id().to_string();
    let got = ctx.applet("nsenter")?.args(["-c", "-u", "-t", &pid, "true"]).go()?;
    got.exits(1)?.says("nsenter: --join-cgroup is only supported in cgroup v2\n")?;
    Ok(())
}

/// With a version 2 of its own, in a mount namespace of its own.
fn cgroup_v2(ctx: &Ctx) -> Outcome {
    let group = format!("dwell-suite-{}", std::process::id());
    let script = format!(
        "[ \"$(stat -fc %T /sys/fs/cgroup)\" = cgroup2fs ] || mount -t cgroup2 none /sys/fs/cgroup || exit 99
         old=$(sed -n 's/^0:://p' /proc/self/cgroup)
         mkdir /sys/fs/cgroup/{group} || exit 99
         sleep 100 & pid=$!
         echo $pid >/sys/fs/cgroup/{group}/cgroup.procs
         nsenter -u -c -t $pid sed -n 's/^0:://p' /proc/self/cgroup
         kill $pid; wait $pid
         rmdir /sys/fs/cgroup/{group}"
    );
    let run = ctx.with_applets(&script)?;
    let got = run.through("unshare", &["--mount", "--propagation", "private"]).go()?;
    if got.exits(99).is_ok() {
        return skip("no cgroup2 can be mounted, or no group be made");
    }
    got.exits(0)?.prints(&format!("/{group}\n"))?;
    Ok(())
}

/// The program itself stays where it is, its children do not.
fn pid_without_fork(ctx: &Ctx) -> Outcome {
    let (live, pid) = target(ctx, "-pf --kill-child")?;
    let run = ctx.applet("nsenter")?.args(["-F", "-p", "-t", &pid.to_string()]);
    let got = run.args(["/bin/sh", "-c", "echo $$; sh -c 'echo $$'"]).go()?;
    let numbers: Vec<u32> = got.exits(0)?.out().lines().filter_map(|l| l.parse().ok()).collect();
    ensure!(numbers.first() > numbers.get(1) && numbers.get(1) < Some(&100), "{numbers:?}");
    end(live)
}
