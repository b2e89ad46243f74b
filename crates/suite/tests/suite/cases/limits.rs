//! Limits by control groups: with programs that want more than they get.
//!
//! The cases do not ask which layout the machine has. Where a group cannot be had they are skipped with
//! dwell's own sentence.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::process::{marked, wait_for, wait_gone};
use crate::harness::{Ctx, Outcome, Run, cases, ensure, fail, skip};

cases! {
    both: memory_hog_dies_and_its_neighbour_lives, killed_part_of_a_world, memory_in_files_counts,
        busy_loop_gets_its_quota, fork_bomb_stops, as_few_as_one_process, a_program_that_is_process_1,
        processors_are_chosen,
        told_beforehand, plan_keeps_limits, statistics, statistics_file, every_kind_of_world,
        too_little_to_start, killed_dwell_leaves_no_group, forty_at_once, own_group_alone_is_seen,
        groups_within, limits_within_a_world, limits_cannot_be_lifted_from_inside, arguments_stay_hidden, nice_and_oom_score,
        bad_limits;
    root: block_device, garbage_is_collected, a_shared_pid_namespace_is_cleared;
    user: refused_without_a_group, fallback_to_rlimits, statistics_without_a_group;
}

/// Takes memory until somebody stops it.
const HOG: &str = "exec tail /dev/zero";

/// Skips the case where these limits cannot be had.
pub(super) fn needs(ctx: &Ctx, options: &str) -> Outcome {
    let got = ctx.world(options, "exit 0").go()?;
    match got.status.code() {
        Some(0) => Ok(()),
        Some(125) => {
            let sentence = got.err().lines().next().unwrap_or_default().to_owned();
            skip(sentence.trim_start_matches("dwell: ").to_owned())
        }
        _ => got.bad("a limited world was expected to start, or to be refused"),
    }
}

fn memory_hog_dies_and_its_neighbour_lives(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M --swap 0")?;
    let mut neighbour =
        ctx.world("--memory 64M --swap 0", "echo up; read x; echo $x").open_input().start()?;
    neighbour.line()?;
    let got = ctx.world("--memory 48M --swap 0", HOG).go()?;
    got.exits(137)?.says("dwell: killed: memory limit 48 MiB reached, peak 4")?;
    ensure!(neighbour.runs()?, "the neighbour has ended");
    neighbour.write("still here\n")?;
    let got = neighbour.finish()?;
    got.exits(0)?.silent()?;
    Ok(())
}

fn killed_part_of_a_world(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 48M --swap 0")?;
    let got = ctx.world("--memory 48M --swap 0", "tail /dev/zero; echo then $?").go()?;
    got.exits(0)?.prints("then 137\n")?;
    got.says("one process was killed: memory limit 48 MiB reached")?;
    Ok(())
}

/// The throw-away layer, `/tmp` and `/dev/shm` are memory of the world's.
fn memory_in_files_counts(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 48M --swap 0")?;
    for place in ["/tmp/x", "/dev/shm/x"] {
        let script = format!("head -c 200M /dev/zero >{place}");
        let got = ctx.world("--memory 48M --swap 0", &script).go()?;
        ensure!(got.status.code() != Some(0), "200 MiB were kept in 48 MiB{got}");
        got.says("memory limit 48 MiB reached")?;
    }
    Ok(())
}

/// Load on the machine makes the loop get less, never more.
fn busy_loop_gets_its_quota(ctx: &Ctx) -> Outcome {
    needs(ctx, "--cpus 0.2")?;
    let file = ctx.path("used.json");
    let run = ctx.run().args(["--cpus", "0.2", "--stats-file"]).arg(&file);
    let got = run.args(["--timeout", "2", "sh", "-c", "while :; do :; done"]).go()?;
    got.exits(124)?;
    let text = fs::read_to_string(file)?;
    let (used, held) = (number(&text, "total_us")?, number(&text, "throttled_us")?);
    let most = got.took.as_micros() / 5 + 150_000;
    ensure!(u128::from(used) <= most, "{used} us were used, {most} us allowed{got}");
    ensure!(used > 20_000 && held > 0, "it was not held back: used {used}, held back {held}{got}");
    Ok(())
}

/// The number behind a key of a JSON text.
fn number(json: &str, key: &str) -> Outcome<u64> {
    let rest = json.split_once(&format!("\"{key}\": ")).map(|(_, rest)| rest);
    let digits = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    match rest.and_then(digits) {
        Some(n) => Ok(n),
        None => fail(format!("no number called {key} in {json}")),
    }
}

fn fork_bomb_stops(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 20")?;
    let file = ctx.path("used.json");
    let bomb = "b() { b | b & }; b; sleep 1; exit 0";
    let run = ctx.run().args(["--pids", "20", "--timeout", "20", "--stats-file"]).arg(&file);
    let got = run.args(["bash", "-c", bomb]).go()?;
    got.says("limit of 20 processes reached")?;
    let text = fs::read_to_string(file)?;
    ensure!(number(&text, "pids_limit")? > 0, "{text}");
    if text.contains("\"processes_peak\": null") {
        return Ok(());
    }
    ensure!(number(&text, "processes_peak")? <= 20, "{text}");
    Ok(())
}

fn as_few_as_one_process(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 1")?;
    let got = ctx.world("--pids 1", "echo $(echo sub)").go()?;
    ensure!(!got.out().contains("sub"), "a second process was made{got}");
    got.says("limit of 1 processes reached")?;
    ctx.world("--pids 2", "echo $(echo sub)").go()?.exits(0)?.prints("sub\n")?;
    Ok(())
}

/// Nobody of the world is left when it has ended; what its group has counted is told all the same.
fn a_program_that_is_process_1(ctx: &Ctx) -> Outcome {
    needs(ctx, "--as-pid-1 --memory 48M --swap 0 --pids 2")?;
    let hog = "--as-pid-1 --memory 48M --swap 0 --stats";
    let got = ctx.world(hog, "trap '' TERM; x=x; while :; do x=$x$x; done").go()?;
    got.exits(137)?.says("dwell: killed: memory limit 48 MiB reached, peak 4")?;
    got.says("dwell: memory     4")?;
    let got = ctx.world("--as-pid-1 --pids 1", "echo $(echo sub)").go()?;
    ensure!(!got.out().contains("sub"), "a second process was made{got}");
    got.says("limit of 1 processes reached")?;
    ctx.world("--as-pid-1 --pids 2", "echo $(echo sub)").go()?.exits(0)?.prints("sub\n")?;
    Ok(())
}

fn processors_are_chosen(ctx: &Ctx) -> Outcome {
    needs(ctx, "--cpuset 0")?;
    let got = ctx.world("--cpuset 0", "grep Cpus_allowed_list /proc/self/status").go()?;
    got.exits(0)?.prints("Cpus_allowed_list:\t0\n")?;
    let got = ctx.world("--cpuset 4000", "true").go()?;
    got.refuses(125, "cannot set the processors: ")?;
    Ok(())
}

fn told_beforehand(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M --pids 9")?;
    let got = ctx.world("--memory 64M --pids 9 --explain", "true").go()?;
    got.exits(0)?.says("Limits:")?.says("67108864")?.says("pids.max is 10")?;
    Ok(())
}

fn plan_keeps_limits(ctx: &Ctx) -> Outcome {
    let plan = ctx.run().args(["--memory", "48M", "--swap", "0", "--plan", "json", "--"]);
    let plan = plan.args(["tail", "/dev/zero"]).output()?;
    let file = ctx.file("plan.json", plan)?;
    needs(ctx, "--memory 48M --swap 0")?;
    let got = ctx.run().arg("--from-plan").arg(file).go()?;
    got.exits(137)?.says("killed: memory limit 48 MiB reached")?;
    Ok(())
}

fn statistics(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M")?;
    let got = ctx.world("--memory 64M --stats", "head -c 20M /dev/zero >/tmp/x").go()?;
    got.exits(0)?.says("dwell: memory     2")?.says("dwell: processor  ")?;
    Ok(())
}

fn statistics_file(ctx: &Ctx) -> Outcome {
    let file = ctx.path("used.json");
    let got = ctx.run().arg("--stats-file").arg(&file).args(["sh", "-c", "exit 7"]).go()?;
    got.exits(7)?.silent()?;
    let text = fs::read_to_string(&file)?;
    ensure!(number(&text, "exit_code")? == 7 && number(&text, "total_us")? > 0, "{text}");
    let got = ctx.run().args(["--stats-file", "/no/such/place", "echo", "ran"]).go()?;
    got.refuses(125, "cannot write the statistics to /no/such/place: ")?;
    Ok(())
}

fn every_kind_of_world(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M --pids 20")?;
    for options in [
        "--as-pid-1",
        "--share pid",
        "--share cgroup",
        "--share cgroup,net",
        "--net host",
        "--time-offset boot=100",
        "--as-pid-1 --time-offset boot=100",
        "--unshare user",
        "--unshare user,cgroup",
        "--root",
        "--read-only",
        "--pty always",
    ] {
        let options = format!("--memory 64M --pids 20 {options}");
        let got = ctx.world(&options, "exit 42").go()?;
        got.exits(42)?;
    }
    Ok(())
}

fn too_little_to_start(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M --swap 0")?;
    for size in ["4K", "64K", "300K"] {
        let options = format!("--memory {size} --swap 0");
        let got = ctx.world(&options, "exit 0").go()?;
        // In so little a shell may start or not; what does not start is explained.
        if got.status.code() != Some(0) {
            got.says("dwell: ")?;
        }
    }
    Ok(())
}

/// Directories of groups that were made by the process `pid`.
pub(super) fn groups_of(pid: u32) -> Vec<PathBuf> {
    groups(|maker| maker == pid.to_string())
}

/// Directories of groups whose maker is gone.
pub(super) fn abandoned_groups() -> Vec<PathBuf> {
    let gone = |maker: &str| !std::path::Path::new("/proc").join(maker).exists();
    groups(|maker| maker.parse::<u32>().is_ok() && gone(maker))
}

/// Directories of groups by the number of the process that made them.
fn groups(made_by: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = name.trim_end_matches(".scope");
            let maker = stem.rsplit_once('-').map(|(_, maker)| maker);
            if stem.starts_with("dwell-") && maker.is_some_and(&made_by) {
                found.push(entry.path());
            }
            open.push(entry.path());
        }
    }
    found
}

fn killed_dwell_leaves_no_group(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M --pids 20")?;
    for delay in [0, 1, 2, 3, 5, 8, 12, 20, 40] {
        let marker = format!("97{}.{delay}", std::process::id());
        let run = ctx.world("--memory 64M --pids 20", &format!("sleep {marker}"));
        let live = run.start()?;
        let pid = live.pid();
        std::thread::sleep(Duration::from_millis(delay));
        live.signal(Signal::KILL)?;
        drop(live);
        wait_gone(&marker, Duration::from_secs(10))?;
        // Another process may have taken the number: then there is nothing to be seen either way.
        ctx.world("--memory 64M --pids 20", "true").go()?.exits(0)?;
        // systemd removes the scope when it comes to it.
        let what = format!("no group, after {delay} ms and another start");
        let none = || groups_of(pid).is_empty().then_some(());
        wait_for(&what, Duration::from_secs(3), none)?;
    }
    Ok(())
}

fn garbage_is_collected(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 20")?;
    let marker = format!("98{}.5", std::process::id());
    let live = ctx.world("--pids 20", &format!("sleep {marker}")).start()?;
    let pid = live.pid();
    wait_for("its group", Duration::from_secs(20), || groups_of(pid).pop())?;
    let mut other = ctx.world("--pids 20", "echo up; read x; exit 0").open_input().start()?;
    other.line()?;
    live.signal(Signal::KILL)?;
    drop(live);
    wait_gone(&marker, Duration::from_secs(10))?;
    let got = ctx.host(&ctx.dwell).arg("gc").go()?;
    got.exits(0)?;
    let left = groups_of(pid);
    ensure!(left.is_empty(), "left: {left:?}{got}");
    ensure!(!groups_of(other.pid()).is_empty(), "a living world has lost its group{got}");
    other.finish()?.exits(0)?;
    ctx.host(&ctx.dwell).args(["gc", "x"]).go()?.refuses(125, "`dwell gc` takes no 'x'")?;
    Ok(())
}

fn forty_at_once(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 20")?;
    let worlds = (0..40).map(|_| ctx.world("--pids 20", "exit 3").start());
    let worlds = worlds.collect::<Outcome<Vec<_>>>()?;
    let pids: Vec<u32> = worlds.iter().map(|live| live.pid()).collect();
    for live in worlds {
        live.finish()?.exits(3)?;
    }
    let left: Vec<_> = pids.into_iter().flat_map(groups_of).collect();
    ensure!(left.is_empty(), "left: {left:?}");
    Ok(())
}

fn own_group_alone_is_seen(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 64M --pids 20")?;
    let script = "cut -d: -f3 /proc/self/cgroup | sort -u
        find /sys/fs/cgroup -mindepth 2 -type d | grep -v '^/sys/fs/cgroup/[^/]*$'
        find /sys/fs/cgroup -name cgroup.procs -exec cat {} + | sort -un | wc -l
        d=$(find /sys/fs/cgroup -name cgroup.procs | head -n 1); d=${d%/*}
        mkdir $d/x 2>/dev/null && echo made";
    let got = ctx.world("--memory 64M --pids 20", script).go()?;
    let out = got.out();
    let lines: Vec<&str> = out.lines().collect();
    ensure!(lines.first() == Some(&"/") && lines.len() == 2, "not the own group alone{got}");
    let seen: u32 = lines.get(1).and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    ensure!((2..=8).contains(&seen), "{seen} processes in it{got}");
    // Without limits, and with the machine's /sys, there is nothing.
    for options in ["", "--net host"] {
        let got = ctx.world(options, "ls -A /sys/fs/cgroup").go()?;
        got.exits(0)?.prints("")?;
    }
    Ok(())
}

fn groups_within(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 20 --cgroup-writable")?;
    let script = "d=$(find /sys/fs/cgroup -name cgroup.procs | head -n 1); d=${d%/*}
        mkdir $d/inner && echo $$ >$d/inner/cgroup.procs && grep -c inner /proc/self/cgroup";
    let got = ctx.world("--pids 20 --cgroup-writable", script).go()?;
    got.exits(0)?.prints("1\n")?;
    let got = ctx.world("--share cgroup --cgroup-writable", "true").go()?;
    got.refuses(125, "`--cgroup-writable` needs the cgroup namespace")?;
    Ok(())
}

/// A world is a container to the dwell in it: with control groups that it cannot write, with its own, with none.
fn limits_within_a_world(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 50 --cgroup-writable")?;
    let dwell = ctx.dwell.display();
    let inner = |outer: &str, options: &str, script: &str| {
        // In version 2 a group that gives controllers has no processes of its own.
        let command = format!(
            "cd /sys/fs/cgroup; if mkdir all 2>/dev/null && [ -e all/cgroup.type ]; then
                 for p in $(cat cgroup.procs); do echo $p >all/cgroup.procs; done 2>/dev/null
             fi; cd /
             exec /dwell run --share pid --net host {options} -- sh -c '{script}'"
        );
        ctx.world(&format!("--ro {dwell}:/dwell {outer}"), &command).go()
    };
    let free = inner("", "", "echo ran")?;
    if free.status.code() == Some(125) {
        return skip(format!("no world in a world here: {}", free.err().trim_end()));
    }
    free.exits(0)?.prints("ran\n")?;
    let got = inner("", "--pids 9", "echo ran")?;
    got.exits(125)?.says("no control groups are mounted here")?;
    let got = inner("--pids 50", "--pids 9", "echo ran")?;
    got.exits(125)?.says("read-only, as in a container")?;
    let own = "--pids 50 --cgroup-writable";
    inner(own, "--pids 9", "echo $(echo sub)")?.exits(0)?.prints("sub\n")?;
    let got = inner(own, "--pids 1", "echo $(echo sub)")?;
    ensure!(!got.out().contains("sub"), "a second process was made{got}");
    got.says("limit of 1 processes reached")?;
    Ok(())
}

/// Whoever has all rights in a user namespace of their own can mount control groups: what shows is the
/// inner group, and its limits are not those that hold.
fn limits_cannot_be_lifted_from_inside(ctx: &Ctx) -> Outcome {
    needs(ctx, "--memory 48M --swap 0")?;
    ctx.needs("unshare")?;
    let script = "unshare --user --map-root-user --mount --cgroup sh -c '
        mkdir /tmp/c
        mount -t cgroup -o memory none /tmp/c 2>/dev/null || mount -t cgroup2 none /tmp/c 2>/dev/null
        for f in memory.memsw.limit_in_bytes memory.limit_in_bytes; do
            echo -1 >/tmp/c/$f; done 2>/dev/null
        for f in memory.max memory.swap.max; do echo max >/tmp/c/$f; done 2>/dev/null
        for f in /tmp/c/*/cgroup.procs /tmp/c/../cgroup.procs; do echo $$ >$f; done 2>/dev/null
        exec tail /dev/zero'";
    let got = ctx.world("--memory 48M --swap 0", script).go()?;
    ensure!(got.status.code() != Some(0), "it lives{got}");
    got.says("memory limit 48 MiB reached")?;
    Ok(())
}

/// With a group the first process does not share dwell's memory, and both are hidden all the same.
fn arguments_stay_hidden(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 20")?;
    let who = if ctx.is_root() { "root" } else { "user" };
    let secret = format!("s3cret-{who}-{}", std::process::id());
    let run = ctx.run().args(["-e", &format!("TOKEN={secret}"), "--pids", "20"]);
    let mut live =
        run.args(["sh", "-c", "unset TOKEN; echo up; read x; exit 0"]).open_input().start()?;
    live.line()?;
    let seen = marked(&secret);
    ensure!(seen.is_empty(), "arguments can be read outside: {seen:?}");
    live.finish()?.exits(0)?;
    Ok(())
}

fn nice_and_oom_score(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--nice 7 --oom-score 300", "nice; cat /proc/self/oom_score_adj").go()?;
    got.exits(0)?.prints("7\n300\n")?;
    if !ctx.is_root() {
        let got = ctx.world("--nice -5", "true").go()?;
        got.refuses(125, "cannot set the nice value: ")?.says("`--nice -5`")?;
        let got = ctx.world("--oom-score -999", "true").go()?;
        got.refuses(125, "cannot set the OOM score: ")?.says("`--oom-score -999`")?;
    }
    Ok(())
}

fn bad_limits(ctx: &Ctx) -> Outcome {
    for (option, value) in [
        ("--memory", "lots"),
        ("--memory", "0"),
        ("--swap", "-1"),
        ("--cpus", "0"),
        ("--cpus", "1e3"),
        ("--cpu-weight", "10001"),
        ("--cpuset", "a"),
        ("--pids", "0"),
        ("--io", "/dev/null:rbps=1"),
        ("--io", "/dev/null"),
        ("--cgroup-manager", "runc"),
        ("--nice", "99"),
        ("--oom-score", "1001"),
    ] {
        let got = ctx.run().args([option, value, "echo", "ran"]).go()?;
        got.exits(125)?.prints("")?.says(&format!("cannot use `{option} {value}`: "))?;
    }
    Ok(())
}

/// A whole disk, only read from.
fn disk() -> Option<String> {
    let entries = fs::read_dir("/sys/block").ok()?.flatten();
    let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    let real = |name: &String| ["vd", "sd", "nvme"].iter().any(|kind| name.starts_with(kind));
    let large = |name: &String| {
        let size = fs::read_to_string(format!("/sys/block/{name}/size")).ok();
        size.and_then(|s| s.trim().parse::<u64>().ok()).is_some_and(|sectors| sectors > 65536)
    };
    // A path of a multipath disk has a directory there, and no device.
    let there = |name: &String| PathBuf::from(format!("/dev/{name}")).exists();
    names.into_iter().find(|n| real(n) && large(n) && there(n)).map(|name| format!("/dev/{name}"))
}

/// Throttled reading takes longer than the limit allows it to be; load makes it longer still.
fn block_device(ctx: &Ctx) -> Outcome {
    let Some(disk) = disk() else {
        return skip("there is no disk to read from");
    };
    let options = format!("--io {disk}:rbps=4M --dev {disk}");
    needs(ctx, &options)?;
    let read = format!("dd if={disk} of=/dev/null bs=1M count=12 iflag=direct 2>&1");
    let free = ctx.world(&format!("--dev {disk}"), &read).go()?;
    if free.status.code() != Some(0) {
        return skip(format!("{disk} cannot be read: {}", free.out()));
    }
    let got = ctx.world(&options, &read).go()?;
    got.exits(0)?;
    ensure!(got.took >= Duration::from_millis(2000), "12 MiB at 4 MiB/s took {:?}{got}", got.took);
    Ok(())
}

/// Without a pid namespace the kernel ends nobody: the group does.
fn a_shared_pid_namespace_is_cleared(ctx: &Ctx) -> Outcome {
    needs(ctx, "--pids 50")?;
    let marker = format!("99{}.5", std::process::id());
    let script = format!("for i in 1 2 3 4 5; do setsid setsid sleep {marker} & done; sleep 0.2");
    ctx.world("--share pid --pids 50", &script).go()?.exits(0)?;
    let left = marked(&marker);
    ensure!(left.is_empty(), "still there: {left:?}");
    Ok(())
}

/// A world of a user who has no manager of systemd's, whatever this one has.
fn unmanaged(ctx: &Ctx, options: &str, script: &str) -> Run {
    ctx.world(options, script).env("XDG_RUNTIME_DIR", "/no/such/directory")
}

fn is_refused(ctx: &Ctx) -> Outcome {
    let got = unmanaged(ctx, "--memory 64M", "true").go()?;
    if got.status.code() == Some(0) {
        return skip("this user can have a control group");
    }
    Ok(())
}

/// Never quietly unlimited.
fn refused_without_a_group(ctx: &Ctx) -> Outcome {
    is_refused(ctx)?;
    for options in ["--memory 64M", "--pids 9", "--cpus 1", "--cpuset 0"] {
        let got = unmanaged(ctx, options, "echo ran").go()?;
        got.exits(125)?.prints("")?.says("dwell: cannot ")?.says("hint: ")?;
    }
    unmanaged(ctx, "--memory 64M", "true").go()?.refuses(125, "cannot limit memory")?;
    Ok(())
}

fn fallback_to_rlimits(ctx: &Ctx) -> Outcome {
    is_refused(ctx)?;
    let got = unmanaged(ctx, "--memory 64M --pids 9 --rlimit-fallback", "ulimit -v; ulimit -p");
    let got = got.go()?;
    got.exits(0)?.prints("65536\n10\n").or_else(|_| got.prints("65536\n"))?;
    got.says("dwell: memory is limited for each process alone (RLIMIT_AS")?;
    got.says("dwell: processes are limited by their user id (RLIMIT_NPROC)")?;
    let hog = unmanaged(ctx, "--memory 64M --rlimit-fallback", HOG).go()?;
    ensure!(hog.status.code() != Some(0), "{hog}");
    let got = unmanaged(ctx, "--cpus 1 --rlimit-fallback", "echo ran").go()?;
    got.exits(125)?.prints("")?.says("no limit of single processes does it")?;
    let got = unmanaged(ctx, "--memory 64M --rlimit-fallback --explain", "true").go()?;
    let causes = ["is not yours to divide", "read-only", "its bus is not there for this user"];
    let names_it = |cause: &&str| got.says(cause).is_ok();
    ensure!(causes.iter().any(names_it), "no cause is named{got}");
    got.says("Limits:")?;
    Ok(())
}

fn statistics_without_a_group(ctx: &Ctx) -> Outcome {
    is_refused(ctx)?;
    let got = unmanaged(ctx, "--stats", "head -c 20M /dev/zero | tail -c 20M >/dev/null").go()?;
    got.exits(0)?.says("at most in one process")?.says("dwell: processor  ")?;
    Ok(())
}
