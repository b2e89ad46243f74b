//! `unshare`: what it does, where no older one can be asked.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::process::{state, wait_for};
use crate::harness::{Ctx, Got, Outcome, Stop, cases, ensure, older_than, skip};

cases! {
    both: environment, login_shell, forwarded_signals, ignored_signals, child_dies_too, interpreter,
        interpreter_before_chroot, binfmt_directory, other_maps, keeps_capabilities, as_command,
        explained, from_plan, hints, help, links;
    root: direct_maps, owner, persistent, persistent_mounts, persistent_mounts_of_any_processor,
        persistent_pid, root_has_no_subids;
    user: subordinate_ids, subordinate_ids_alone, whole_map, links_to_anothers_binary;
}

fn environment(ctx: &Ctx) -> Outcome {
    let run = |options: &str, script: &str| {
        let run = ctx.applet("unshare")?.env("A", "1").env("B", "2");
        run.args(options.split(' ')).args(["/bin/sh", "-c", script]).output()
    };
    let names = "env | cut -d= -f1 | grep -v '^\\(PWD\\|_\\|SHLVL\\|OLDPWD\\)$'; true";
    ensure!(run("--clear-env", names)?.is_empty(), "something is left");
    let kept = run("--whitelist-env A,B,NONE", "echo $A$B; env | wc -l")?;
    ensure!(kept.starts_with("12\n"), "{kept}");
    let both = run("--whitelist-env A --whitelist-env B --clear-env", "echo $A$B")?;
    ensure!(both == "12\n", "{both}");
    // Without a PATH the usual places are looked at.
    ctx.applet("unshare")?.args(["--clear-env", "true"]).go()?.exits(0)?;
    Ok(())
}

fn login_shell(ctx: &Ctx) -> Outcome {
    let shell = ctx.file("zsh", "#!/bin/sh\necho $0 $#\n")?;
    ctx.host("chmod").args(["+x"]).arg(&shell).by_suite().go()?.exits(0)?;
    let own = ctx.applet("unshare")?.env("SHELL", "/bin/bash").input("echo $0\n").go()?;
    own.exits(0)?.has("-bash\n")?;
    // An interpreter is given the path of the script, whatever the first argument says.
    let got = ctx.applet("unshare")?.env("SHELL", &shell).go()?;
    got.exits(0)?.prints(&format!("{} 0\n", shell.display()))?;
    Ok(())
}

/// SIGTERM and SIGINT reach the program, and what it answers is the answer.
fn forwarded_signals(ctx: &Ctx) -> Outcome {
    for (signal, name, code) in [(Signal::TERM, "TERM", 3), (Signal::INT, "INT", 4)] {
        let script = format!("trap 'exit {code}' {name}; echo; while :; do sleep 0.05; done");
        let run = ctx.applet("unshare")?.arg("--forward-signals");
        let mut live = run.args(["/bin/sh", "-c", &script]).start()?;
        live.line()?;
        live.signal(signal)?;
        live.finish()?.exits(code)?;
    }
    Ok(())
}

/// Without it they are ignored while the program runs.
fn ignored_signals(ctx: &Ctx) -> Outcome {
    let run = ctx.applet("unshare")?.args(["--fork", "/bin/sh", "-c", "echo; read x; exit 5"]);
    let mut live = run.open_input().start()?;
    live.line()?;
    live.signal(Signal::TERM)?;
    live.signal(Signal::INT)?;
    ensure!(live.runs()?, "it ended");
    live.write("\n")?;
    live.finish()?.exits(5)?;
    Ok(())
}

fn child_dies_too(ctx: &Ctx) -> Outcome {
    for (option, hears) in
        [("--kill-child", ""), ("--kill-child=TERM", "trap 'echo t; exit' TERM; ")]
    {
        let script = format!("{hears}echo $$; while :; do sleep 0.05; done");
        let mut live = ctx.applet("unshare")?.args([option, "/bin/sh", "-c", &script]).start()?;
        let child: u32 = live.line()?.parse().map_err(|_| Stop::Fail("no pid".into()))?;
        live.signal(Signal::KILL)?;
        wait_for("the end of the child", Duration::from_secs(10), || {
            // Nobody may have waited for it.
            let ended = state(child).is_none_or(|state| state == 'Z');
            ended.then_some(())
        })?;
        let got = live.finish()?;
        ensure!(got.out().contains('t') != hears.is_empty(), "another signal{got}");
    }
    Ok(())
}

/// The kernel gives a user namespace a binfmt_misc of its own since Linux 6.7.
fn needs_binfmt(ctx: &Ctx) -> Outcome {
    let got = ctx.applet("unshare")?.args(["-rpf", "--mount-binfmt", "true"]).go()?;
    if got.exits(0).is_err() {
        skip("no binfmt_misc of its own in a user namespace")
    } else {
        Ok(())
    }
}

const LINE: &str = ":dwell-suite:M::dwell-suite::/bin/echo:";

fn interpreter(ctx: &Ctx) -> Outcome {
    needs_binfmt(ctx)?;
    let script = "printf dwell-suite >p; chmod +x p; ./p a";
    let run = ctx.applet("unshare")?.args(["-rpf", "-l", LINE]);
    run.args(["/bin/sh", "-c", script]).go()?.exits(0)?.prints("./p a\n")?;
    let bad = ctx.applet("unshare")?.args(["-rpf", "-l", "nonsense", "true"]).go()?;
    bad.exits(1)?.says("unshare: write failed /proc/sys/fs/binfmt_misc/register: Invalid")?;
    Ok(())
}

fn interpreter_before_chroot(ctx: &Ctx) -> Outcome {
    needs_binfmt(ctx)?;
    let fixed = format!("{LINE}F");
    let run = ctx.applet("unshare")?.args(["-rpf", "-R", "/", "-l", &fixed]);
    let got = run.args(["ls", "/proc/sys/fs/binfmt_misc"]).go()?;
    got.exits(0)?.has("dwell-suite\n")?;
    Ok(())
}

fn binfmt_directory(ctx: &Ctx) -> Outcome {
    needs_binfmt(ctx)?;
    let place = ctx.dir("binfmt")?;
    let option = format!("--mount-binfmt={}", place.display());
    let run = ctx.applet("unshare")?.args(["-r", &option, "ls"]).arg(&place);
    run.go()?.exits(0)?.prints("register\nstatus\n")?;
    Ok(())
}

const UID_MAP: &str = "sed 's/  */ /g; s/^ //' /proc/self/uid_map";
const GID_MAP: &str = "sed 's/  */ /g; s/^ //' /proc/self/gid_map";

fn other_maps(ctx: &Ctx) -> Outcome {
    let uid = ctx.account.uid;
    for (bad, says) in [
        ("--map-users=0:0:0", "unshare: invalid mapping '0:0:0'"),
        ("--map-users=x", "unshare: invalid mapping 'x'"),
        ("--map-groups=1,2", "unshare: invalid mapping '1,2'"),
        ("--owner=1", "unshare: failed to parse owner"),
        ("--owner=a:b", "unshare: failed to parse owner"),
    ] {
        ctx.applet("unshare")?.args([bad, "true"]).go()?.exits(1)?.says(says)?;
    }
    // A single id goes with the blocks.
    if ctx.is_root() {
        let run = ctx.applet("unshare")?.args(["-c", "--map-users=0:100000:5"]);
        let got = run.args(["/bin/sh", "-c", UID_MAP]).go()?;
        got.prints(&format!("{uid} {uid} 1\n1 100000 4\n"))?;
    }
    Ok(())
}

/// Written by root without any helper.
fn direct_maps(ctx: &Ctx) -> Outcome {
    let map = |options: &str, script: &str| {
        let run = ctx.applet("unshare")?.env("PATH", "/nowhere").args(options.split(' '));
        let script = format!("PATH=/usr/bin:/bin; {script}");
        run.args(["/bin/sh", "-c", &script]).output()
    };
    let got = map("--map-users=0:100000:5 --map-users=10:200000:5", UID_MAP)?;
    ensure!(got == "0 100000 5\n10 200000 5\n", "{got}");
    let got = map("--map-groups=7,0,2 --map-users=all", GID_MAP)?;
    ensure!(got == "0 7 2\n", "{got}");
    let all = map("--map-users=all --map-groups=all", "id -u; wc -l </proc/self/uid_map")?;
    ensure!(all == "0\n1\n", "{all}");
    let holed = map("-r --map-users=all", UID_MAP)?;
    ensure!(holed.starts_with("0 0 1\n1 1 "), "{holed}");
    let bad =
        ctx.applet("unshare")?.args(["--map-users=0:0:5", "--map-users=3:9:1", "true"]).go()?;
    bad.exits(1)?.says("unshare: failed to write /proc/")?;
    Ok(())
}

/// Without a line of its own root has none, whoever else has one.
fn root_has_no_subids(ctx: &Ctx) -> Outcome {
    let text = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    if text.lines().any(|l| l.starts_with("root:") || l.starts_with("0:")) {
        return skip("root has subordinate ids here");
    }
    let got = ctx.applet("unshare")?.args(["-r", "--map-auto", "true"]).go()?;
    got.exits(1)?.says("unshare: no line matching user \"root\" in /etc/subuid\n")?;
    Ok(())
}

/// The first line of a file like `/etc/subuid` for the case's user: (first, count).
fn pool(ctx: &Ctx, file: &str) -> Outcome<(u32, u32)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(&format!("{}:", ctx.account.name)));
    let ids = line.and_then(|line| line.split_once(':'));
    match ids.and_then(|(first, count)| Some((first.parse().ok()?, count.parse().ok()?))) {
        Some(ids) => Ok(ids),
        None => {
            let got = ctx.applet("unshare")?.args(["--map-auto", "true"]).go()?;
            got.exits(1)?.says("unshare: no line matching user ")?;
            skip(format!("{} has no subordinate ids", ctx.account.name))
        }
    }
}

fn subordinate_ids(ctx: &Ctx) -> Outcome {
    ctx.needs("newuidmap")?;
    let (first, count) = pool(ctx, "/etc/subuid")?;
    let (first_group, groups) = pool(ctx, "/etc/subgid")?;
    let (uid, gid) = (ctx.account.uid, ctx.account.gid);
    let map = |options: &str, script: &str| {
        let run = ctx.applet("unshare")?.args(options.split(' '));
        run.args(["/bin/sh", "-c", script]).output()
    };
    let got = map("-r --map-auto", &format!("{UID_MAP}; {GID_MAP}; id -u"))?;
    let want = format!("0 {uid} 1\n1 {first} {count}\n0 {gid} 1\n1 {first_group} {groups}\n0\n");
    ensure!(got == want, "{got} is not {want}");
    let got = map("--map-users=auto --map-groups=auto", UID_MAP)?;
    ensure!(got == format!("0 {first} {count}\n"), "{got}");
    let got = map("-c --map-subids", UID_MAP)?;
    ensure!(got == format!("{uid} {uid} 1\n{first} {first} {count}\n"), "{got}");
    // What one asked for explicitly gives up its last id to the single one.
    let got = map(&format!("-r --map-users=0:{first}:100"), UID_MAP)?;
    ensure!(got == format!("0 {uid} 1\n1 {first} 99\n"), "{got}");
    let got =
        map(&format!("-r --map-users={first},5,10 --map-users=20:{}:3", first + 50), UID_MAP)?;
    ensure!(got == format!("0 {uid} 1\n5 {first} 10\n20 {} 3\n", first + 50), "{got}");
    let refused = ctx.applet("unshare")?.args(["--map-users=0:5:1", "true"]).go()?;
    refused.exits(1)?.says("newuidmap: uid range [0-1) -> [5-6) not allowed")?;
    Ok(())
}

/// The helpers are needed, and looked for in `PATH`.
fn subordinate_ids_alone(ctx: &Ctx) -> Outcome {
    let (first, _) = pool(ctx, "/etc/subuid")?;
    let run = ctx.applet("unshare")?.env("PATH", "/nowhere");
    let got = run.arg(format!("--map-users=0:{first}:1")).arg("/bin/true").go()?;
    got.exits(127)?.says("unshare: failed to execute newuidmap: No such file")?;
    Ok(())
}

/// Every id of the machine's is more than a user may map.
fn whole_map(ctx: &Ctx) -> Outcome {
    ctx.needs("newuidmap")?;
    let got = ctx.applet("unshare")?.args(["--map-users=all", "true"]).go()?;
    got.exits(1)?.says("newuidmap: uid range [0-4294967295) -> [0-4294967295) not allowed")?;
    Ok(())
}

fn keeps_capabilities(ctx: &Ctx) -> Outcome {
    let amb = "sed -n 's/^CapAmb:\t//p' /proc/self/status";
    let run = ctx.applet("unshare")?.args(["-c", "--keep-caps", "/bin/sh", "-c", amb]);
    let got = run.output()?;
    ensure!(u64::from_str_radix(got.trim(), 16).is_ok_and(|set| set != 0), "{got}");
    Ok(())
}

/// The user namespace belongs to whom it was made for: they may enter it.
fn owner(ctx: &Ctx) -> Outcome {
    let script = "echo; exec sleep 100";
    let run = ctx.applet("unshare")?.args([
        "--owner=7:8",
        "-r",
        "--map-users=5:7:1",
        "/bin/sh",
        "-c",
        script,
    ]);
    let mut live = run.start()?;
    live.line()?;
    let entered = ctx.applet("nsenter")?.args(["-U", "--preserve-credentials", "-t"]);
    let entered = entered.arg(live.pid().to_string()).args(["id", "-u"]);
    let as_owner = entered.through("setpriv", &["--reuid=7", "--regid=8", "--clear-groups"]);
    ctx.needs("setpriv")?;
    as_owner.go()?.exits(0)?.prints("5\n")?;
    live.signal(Signal::KILL)?;
    live.finish()?;
    Ok(())
}

/// A place with files that namespaces can be bound on, in mounts that nobody else sees.
fn bound(ctx: &Ctx, script: &str) -> Outcome<Got> {
    let run = ctx.with_applets(&in_place_to_bind(ctx, script)?)?;
    run.through("unshare", &["--mount", "--propagation", "private"]).go()
}

fn in_place_to_bind(ctx: &Ctx, script: &str) -> Outcome<String> {
    let place = ctx.dir("bound")?;
    Ok(format!(
        "set -e; cd {0}; mount -t tmpfs -o mode=755 none {0}; mount --make-private {0}; cd {0}; \
         touch mnt uts ipc net pid user cgroup time; {script}",
        place.display()
    ))
}

fn persistent(ctx: &Ctx) -> Outcome {
    let got = bound(
        ctx,
        "unshare --uts=uts --ipc=ipc --net=net --cgroup=cgroup hostname inside
         nsenter --uts=uts hostname
         unshare --user=user -r true
         nsenter --user=user id -u
         unshare --time=time --boottime 1000000000 true
         nsenter --time=time sh -c 'test $(cut -d. -f1 /proc/uptime) -gt 1000000000; echo $?'
         unshare -r --uts=uts true
         grep -c nsfs /proc/self/mounts",
    )?;
    got.exits(0)?.prints("inside\n0\n0\n7\n")?;
    let got = bound(ctx, "unshare --uts=nope true; echo no")?;
    got.exits(1)?.says("unshare: mount /proc/")?.says("/ns/uts on nope failed: No such file")?;
    Ok(())
}

/// In a new mount namespace a process that stays outside binds the files.
fn persistent_mounts(ctx: &Ctx) -> Outcome {
    let got = bound(
        ctx,
        "unshare --mount=mnt --uts=uts sh -c 'mount -t tmpfs none /mnt; touch /mnt/mark'
         nsenter --mount=mnt ls /mnt
         test ! -e /mnt/mark
         unshare -f --mount=mnt sh -c 'exit 6' || echo $?
         unshare --mount=/nope true || echo $?",
    )?;
    got.exits(0)?.prints("mark\n6\n1\n")?.says("unshare: mount /proc/")?;
    Ok(())
}

/// KERNEL: Linux 6.18 binds a mount namespace only in one with a smaller number, and each processor
/// hands out numbers from a supply of its own. From each processor to each: in one of the two directions
/// the first number is too small.
fn persistent_mounts_of_any_processor(ctx: &Ctx) -> Outcome {
    ctx.needs("taskset")?;
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let allowed = allowed.unwrap_or("0").trim();
    let first: String = allowed.chars().take_while(char::is_ascii_digit).collect();
    let last = allowed.rsplit([',', '-']).next().unwrap_or("0");
    let script = format!(
        "for round in 1 2 3 4 5; do for cpu in {first} {last}; do for more in '' --user; do
             taskset -c $cpu unshare $more --mount=mnt true
             umount mnt
         done; done; done; echo bound"
    );
    let script = in_place_to_bind(ctx, &script)?;
    for cpu in [&*first, last] {
        let run = ctx.with_applets(&script)?;
        let unshare = ["-c", cpu, "unshare", "--mount", "--propagation", "private"];
        run.through("taskset", &unshare).go()?.exits(0)?.prints("bound\n")?;
    }
    Ok(())
}

/// A pid namespace without a process cannot be bound, on most kernels.
fn persistent_pid(ctx: &Ctx) -> Outcome {
    let got = bound(
        ctx,
        "mkfifo fifo
         unshare --pid=pid --fork sh -c 'echo >started; read x <fifo' &
         while ! test -s started; do sleep 0.05; done
         nsenter --pid=pid sh -c 'test $$ -lt 10 && echo in'
         echo >fifo; wait
         unshare --pid=pid true || echo $?",
    )?;
    // Linux 7.2 binds it.
    if got.out() == "in\n" && !older_than(6, 19) {
        return got.exits(0)?.silent().map(drop);
    }
    got.exits(0)?.prints("in\n1\n")?.says("/ns/pid_for_children on pid failed: No such file")?;
    Ok(())
}

/// As a command of dwell it does what was meant.
fn as_command(ctx: &Ctx) -> Outcome {
    let dwell = |options: &str, script: &str| {
        let user = if ctx.is_root() { "" } else { "-r " };
        let words = format!("unshare {user}{options}");
        let run = ctx.host(&ctx.dwell).args(words.split(' '));
        run.args(["/bin/sh", "-c", script]).output()
    };
    let processes = "echo $$; ls -d /proc/[0-9]* | wc -l";
    let got = dwell("--pid --mount", processes)?;
    let lines: Vec<&str> = got.lines().collect();
    ensure!(lines.first() == Some(&"1"), "not process 1: {got}");
    ensure!(lines.get(1).is_some_and(|n| n.parse().is_ok_and(|n: u32| n < 6)), "{got}");
    let many = dwell("--pid --mount --no-mount-proc", processes)?;
    ensure!(many.starts_with("1\n"), "{many}");
    let here = dwell("--pid --mount --no-fork", "test $$ -gt 1; echo $?")?;
    ensure!(here == "0\n", "{here}");
    // Under its own name there are no such options.
    let got = ctx.applet("unshare")?.args(["--no-fork", "true"]).go()?;
    got.exits(1)?.says("unrecognized option '--no-fork'\nTry 'unshare --help' for more")?;
    let got = ctx.host(&ctx.dwell).args(["unshare", "nosuch"]).go()?;
    got.exits(127)?.says("dwell unshare: failed to execute nosuch: No such file or directory\n")?;
    Ok(())
}

/// As a command of dwell it tells each action before it does it.
fn explained(ctx: &Ctx) -> Outcome {
    let words = ["unshare", "--explain", "-r", "--pid", "--mount", "sh", "-c", "echo $$; exit 3"];
    let got = ctx.host(&ctx.dwell).args(words).go()?;
    got.exits(3)?.prints("1\n")?;
    let said = got.err();
    let mut rest = said.as_str();
    for part in [
        "In this order:\n",
        "own mount namespace (unshare)\n",
        "own pid namespace (unshare)\n",
        "done by a child (clone3)\n",
        "your user id is 0 inside",
        "a new procfs at /proc (mount)\n",
    ] {
        let at = rest.find(part);
        ensure!(at.is_some(), "not there, or not in order: {part}\n{said}");
        rest = rest.get(at.unwrap_or_default()..).unwrap_or_default();
    }
    let target = ctx.applet("unshare")?.args(["-ru", "sh", "-c", "echo; exec sleep 100"]);
    let mut live = target.start()?;
    live.line()?;
    let pid = live.pid().to_string();
    let words = ["nsenter", "--explain", "-U", "-u", "--preserve-credentials", "-t", &pid, "true"];
    let got = ctx.host(&ctx.dwell).args(words).go()?;
    got.exits(0)?.says(&format!("of process {pid} (setns)\n"))?;
    live.signal(Signal::KILL)?;
    live.finish()?;
    for name in ["unshare", "nsenter"] {
        let got = ctx.applet(name)?.args(["--explain", "true"]).go()?;
        got.exits(1)?.says("unrecognized option '--explain'")?;
        let got = ctx.host(&ctx.dwell).args([name, "--plan=yaml", "true"]).go()?;
        got.exits(1)?.says("unsupported --plan argument 'yaml'")?;
    }
    Ok(())
}

/// Its plan can be kept, and run by `dwell run`.
fn from_plan(ctx: &Ctx) -> Outcome {
    let script = "id -u; hostname inside; hostname; exit 4";
    let words = ["unshare", "--plan", "json", "-ru", "-f", "sh", "-c", script];
    let plan = ctx.host(&ctx.dwell).args(words).output()?;
    ensure!(plan.contains("\"actions\""), "{plan}");
    let run = |options: &[&str], plan: &str| ctx.run().args(options).input(plan).go();
    run(&["--from-plan", "-"], &plan)?.exits(4)?.prints("0\ninside\n")?;
    run(&["--from-plan", "-", "--explain"], &plan)?.exits(4)?.says("In this order:\n")?;
    let again = run(&["--from-plan", "-", "--plan", "json"], &plan)?;
    again.exits(0)?.prints(&plan)?;
    // A failure is dwell's own, in its words.
    let missing = plan.replace("\"sh\"", "\"nosuch\"");
    run(&["--from-plan", "-"], &missing)?.exits(127)?.says("dwell: failed to execute nosuch")?;
    let both = plan.replace("\"read_only\": false", "\"read_only\": true");
    run(&["--from-plan", "-"], &both)?.exits(125)?.says("a plan has either actions or a world")?;
    Ok(())
}

/// Scripts are told what the model tells, and no more; people are told what helps.
fn hints(ctx: &Ctx) -> Outcome {
    ctx.needs("script")?;
    let quiet = ctx.applet("unshare")?.args(["-rp", "true"]).go()?;
    quiet.exits(0)?.silent()?;
    let unshare = ctx.links()?.join("unshare");
    let on_terminal = |before: &str| {
        let command = format!("{before}{} -rp true", unshare.display());
        ctx.host("script").args(["-qec", &command, "/dev/null"]).output()
    };
    let said = on_terminal("")?;
    ensure!(said.contains("hint: ") && said.contains("--fork --mount-proc"), "{said}");
    ensure!(said.matches("hint: ").count() == 1, "{said}");
    let said = on_terminal("env DWELL_NO_HINTS=1 ")?;
    ensure!(!said.contains("hint"), "{said}");
    Ok(())
}

fn help(ctx: &Ctx) -> Outcome {
    for name in ["unshare", "nsenter"] {
        let own = ctx.applet(name)?.arg("--help").output()?;
        ensure!(own.starts_with(&format!("Usage: {name} [OPTIONS]")), "{own}");
        // Whatever stands behind it.
        ctx.applet(name)?.args(["-h", "--typo"]).go()?.exits(0)?.prints(&own)?;
        let version = ctx.applet(name)?.arg("-V").output()?;
        ensure!(version.starts_with(&format!("{name} from dwell ")), "{version}");
        let command = ctx.host(&ctx.dwell).args(["help", name]).output()?;
        ensure!(command.starts_with(&format!("Usage: dwell {name} [OPTIONS]")), "{command}");
    }
    Ok(())
}

fn links(ctx: &Ctx) -> Outcome {
    let links = ctx.links()?;
    let install = |options: &[&str]| {
        let run = ctx.host(&ctx.dwell).arg("install-links").args(options);
        run.arg(&links).by_suite().go()
    };
    install(&[])?.exits(0)?.silent()?;
    let other = links.join("unshare");
    std::fs::remove_file(&other)?;
    std::fs::write(&other, "")?;
    let refused = install(&[])?;
    refused.exits(125)?.says("another file has this name\nhint: `--force` replaces it")?;
    install(&["--force"])?.exits(0)?;
    let mut names: Vec<_> = std::fs::read_dir(&links)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    ensure!(names == ["lsns", "nsenter", "unshare"], "{names:?}");
    let bare = ctx.host(&ctx.dwell).arg("install-links").go()?;
    bare.refuses(125, "install-links takes one directory")?;
    Ok(())
}

fn links_to_anothers_binary(ctx: &Ctx) -> Outcome {
    let protected = std::fs::read_to_string("/proc/sys/fs/protected_hardlinks")?;
    if protected.trim() != "1" || std::fs::metadata(&ctx.dwell)?.uid() == ctx.account.uid {
        return skip("the binary's owner may link it");
    }
    let got = ctx.host(&ctx.dwell).args(["install-links", "."]).go()?;
    got.refuses(125, "cannot make ./unshare: Operation not permitted")?
        .says("linked by root alone: copy the binary there first")?;
    let script = "cp \"$DWELL\" . && ./dwell install-links . && ./unshare -Ur id -u";
    ctx.shell(script).go()?.prints("0\n")?;
    Ok(())
}
