//! Which system calls a program can make.

use std::collections::BTreeMap;
use std::fmt::Write;

use dwell_bpf::seccomp::{Call, Machine};

use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: families_of_calls, nothing_is_refused_without, one_filter, log_instead, sockets_of_packets,
        namespaces_inside, a_profile_of_ones_own, profile_that_silences,
        profiles_of_others, profiles_that_cannot_be_used,
        explained;
}

/// A call, and the error it ends with under `default` and under `strict`.
struct Row {
    name: &'static str,
    args: &'static [u64],
    default: &'static str,
    strict: &'static str,
}

const fn row(
    name: &'static str,
    args: &'static [u64],
    default: &'static str,
    strict: &'static str,
) -> Row {
    Row { name, args, default, strict }
}

const MINUS_ONE: u64 = u64::MAX;
/// A bit that the kernel does not look at where an argument is an `int`.
const HIGH: u64 = 1 << 32;

/// Without a filter each of them ends otherwise than under `strict`.
const TELLING: &[Row] = &[
    row("add_key", &[], "ENOSYS", "ENOSYS"),
    row("request_key", &[], "ENOSYS", "ENOSYS"),
    row("keyctl", &[9999], "ENOSYS", "ENOSYS"),
    row("userfaultfd", &[0xffff], "ENOSYS", "ENOSYS"),
    row("pidfd_getfd", &[MINUS_ONE, 0, 0], "EPERM", "EPERM"),
    row("get_mempolicy", &[0, 0, 0, 0, 0], "EPERM", "EPERM"),
    row("quotactl_fd", &[MINUS_ONE, 0, 0, 0], "EPERM", "EPERM"),
    row("perf_event_open", &[0, 0, 0, 0, 0], "EPERM", "EPERM"),
    row("clock_settime", &[99, 0], "EPERM", "EPERM"),
    row("socket", &[38, 5, 0], "EPERM", "EPERM"),
    row("socket", &[40, 1, 0], "EPERM", "EPERM"),
    row("socket", &[40 | HIGH, 1, 0], "EPERM", "EPERM"),
    row("socket", &[255, 1, 0], "EPERM", "EPERM"),
    row("socket", &[29, 1, 0], "other", "EPERM"),
    row("socketpair", &[29, 1, 0, 0], "other", "EPERM"),
    row("personality", &[0x0004_0000], "EPERM", "EPERM"),
    row("personality", &[0x0004_0000 | HIGH], "EPERM", "EPERM"),
    row("ioctl", &[MINUS_ONE, 0x5412, 0], "EBADF", "ENOTTY"),
    row("ioctl", &[MINUS_ONE, 0x5412 | HIGH, 0], "EBADF", "ENOTTY"),
    row("ioctl", &[MINUS_ONE, 0x541c, 0], "EBADF", "ENOTTY"),
    row("ioctl", &[MINUS_ONE, 0x8901, 0], "EBADF", "ENOTTY"),
    row("ioctl", &[MINUS_ONE, 0x8902, 0], "EBADF", "ENOTTY"),
    row("fcntl", &[MINUS_ONE, 15, 0], "EBADF", "EINVAL"),
    row("fcntl", &[MINUS_ONE, 8, 0], "EBADF", "EINVAL"),
    row("fcntl", &[MINUS_ONE, 8 | HIGH, 0], "EBADF", "EINVAL"),
    row("vmsplice", &[MINUS_ONE, 0, 0, 0], "EBADF", "EPERM"),
    row("name_to_handle_at", &[MINUS_ONE, 0, 0, 0, 0], "other", "EPERM"),
    row("unshare", &[0], "OK", "EPERM"),
    row("unshare", &[1 << 62], "EINVAL", "EPERM"),
    // A new user namespace that shares its directories is refused by the kernel, too, later.
    row("clone", &[0x1000_0200, 0, 0, 0, 0], "EINVAL", "EPERM"),
    row("clone", &[0x1000_0200 | HIGH, 0, 0, 0, 0], "EINVAL", "EPERM"),
    row("clone3", &[0, 0], "EINVAL", "ENOSYS"),
    row("mount", &[0, 0, 0, 0, 0], "other", "EPERM"),
    row("setns", &[MINUS_ONE, 0], "EBADF", "EPERM"),
    row("listns", &[0, 0, 0, 0], "ENOSYS", "ENOSYS"),
];

/// What the kernel itself may refuse, so that nothing is told by it without a filter.
const REFUSED_ANYWAY: &[Row] = &[
    row("io_uring_setup", &[0, 0], "ENOSYS", "ENOSYS"),
    row("fsopen", &[0, 0], "EPERM", "EPERM"),
    row("bpf", &[0, 0, 0], "EPERM", "EPERM"),
    row("init_module", &[0, 0, 0], "EPERM", "EPERM"),
    row("kexec_load", &[0, 0, 0, 0], "EPERM", "EPERM"),
    row("reboot", &[0, 0, 0, 0], "EPERM", "EPERM"),
    row("swapon", &[0, 0], "EPERM", "EPERM"),
    row("acct", &[0], "EPERM", "EPERM"),
    row("syslog", &[10, 0, 0], "EPERM", "EPERM"),
    row("vhangup", &[], "EPERM", "EPERM"),
    row("open_by_handle_at", &[0, 0, 0], "EPERM", "EPERM"),
];

/// What everything needs.
const ALLOWED: &[Row] = &[
    row("getpid", &[], "OK", "OK"),
    row("socket", &[1, 1, 0], "OK", "OK"),
    row("socket", &[1 | HIGH, 1, 0], "OK", "OK"),
    row("socket", &[2, 1, 0], "OK", "OK"),
    row("socket", &[10, 2, 0], "other", "other"),
    row("personality", &[0xffff_ffff], "OK", "OK"),
    row("ioctl", &[MINUS_ONE, 0x5413, 0], "EBADF", "EBADF"),
    row("fcntl", &[MINUS_ONE, 3, 0], "EBADF", "EBADF"),
    row("ptrace", &[9999, 0, 0, 0], "other", "other"),
    // Newer than any profile.
    row("1000", &[], "ENOSYS", "ENOSYS"),
    // By way of x32: getpid.
    row("1073741863", &[], "ENOSYS", "ENOSYS"),
];

fn number(name: &str) -> Option<u32> {
    let own = Machine::OWN.abis().first()?;
    name.parse().ok().or_else(|| Call::named(name)?.number(*own))
}

/// A program for Python that makes the calls and prints how each ends.
fn script(rows: &[&Row]) -> String {
    let mut text = String::from(
        "import ctypes, errno\nc = ctypes.CDLL(None, use_errno=True)\n\
         def call(n, *args):\n \
         got = c.syscall(ctypes.c_long(n), *[ctypes.c_long(a) for a in args])\n \
         print('OK' if got >= 0 else errno.errorcode.get(ctypes.get_errno(), '?'))\n",
    );
    for row in rows {
        let args: Vec<String> = row.args.iter().map(|arg| arg.cast_signed().to_string()).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "call({}{}{})",
            number(row.name).unwrap_or(1000),
            if args.is_empty() { "" } else { ", " },
            args.join(", ")
        );
    }
    text
}

/// How the calls end in a world of these options.
fn endings(ctx: &Ctx, options: &[&str], rows: &[&Row]) -> Outcome<Vec<String>> {
    ctx.needs("python3")?;
    let got = ctx.run().args(options).args(["--", "python3", "-c", &script(rows)]).go()?;
    got.exits(0)?;
    let lines: Vec<String> = got.out().lines().map(str::to_owned).collect();
    ensure!(lines.len() == rows.len(), "{} answers to {} calls{got}", lines.len(), rows.len());
    Ok(lines)
}

fn rows() -> Vec<&'static Row> {
    let all = TELLING.iter().chain(REFUSED_ANYWAY).chain(ALLOWED);
    // Not every machine has every call.
    all.filter(|row| number(row.name).is_some()).collect()
}

fn families_of_calls(ctx: &Ctx) -> Outcome {
    let rows = rows();
    for (profile, want) in
        [("default", (|row| row.default) as fn(&Row) -> &'static str), ("strict", |row| row.strict)]
    {
        let endings = endings(ctx, &["--seccomp", profile], &rows)?;
        for (row, got) in rows.iter().zip(endings) {
            let (want, name, args) = (want(row), row.name, row.args);
            // The kernel answers for itself: whatever it says, it is not what a filter would.
            let other = want == "other" && got != "EPERM" && got != "ENOSYS";
            ensure!(
                got == want || other,
                "{profile}: {name} {args:x?} ends with {got}, not {want}"
            );
        }
    }
    Ok(())
}

fn nothing_is_refused_without(ctx: &Ctx) -> Outcome {
    let rows: Vec<&Row> = rows().into_iter().filter(|row| row.name != "listns").collect();
    let telling = rows.iter().take_while(|row| row.name != "io_uring_setup").count();
    let endings = endings(ctx, &["--seccomp", "none"], &rows)?;
    let mut same = BTreeMap::new();
    for (row, got) in rows.iter().zip(&endings).take(telling) {
        if got == row.strict {
            same.insert(row.name, got);
        }
    }
    // A kernel may be built without one or the other.
    same.retain(|_, ending| *ending != "ENOSYS");
    // What users may watch and map is a setting of the machine.
    for by_setting in ["perf_event_open", "userfaultfd"] {
        same.remove(by_setting);
    }
    ensure!(same.is_empty(), "without a filter these end as under strict: {same:?}");
    Ok(())
}

fn one_filter(ctx: &Ctx) -> Outcome {
    let own = std::fs::read_to_string("/proc/self/status")?;
    let filters = |text: &str| -> Vec<u32> {
        let lines = text.lines().filter_map(|l| l.strip_prefix("Seccomp_filters:"));
        lines.filter_map(|number| number.trim().parse().ok()).collect()
    };
    let [outside] = *filters(&own) else { return skip("no Seccomp_filters before Linux 5.9") };
    // The program, and process 1 of the world.
    for (options, more) in [
        ("", [1, 1]),
        ("--seccomp strict", [1, 0]),
        ("--as-pid-1", [1, 1]),
        ("--seccomp none", [0, 0]),
    ] {
        let got = ctx.world(options, "cat /proc/self/status /proc/1/status").go()?;
        ensure!(filters(&got.out()) == more.map(|more| outside + more), "with `{options}`{got}");
    }
    Ok(())
}

fn log_instead(ctx: &Ctx) -> Outcome {
    let rows: Vec<&Row> = TELLING.iter().filter(|row| row.name == "unshare").collect();
    let endings = endings(ctx, &["--seccomp", "strict", "--seccomp-log"], &rows)?;
    ensure!(endings == ["OK", "EINVAL"], "a call was refused: {endings:?}");
    let got = ctx.world("--seccomp none --seccomp-log", "true").go()?;
    got.refuses(125, "cannot use `--seccomp-log`")?;
    Ok(())
}

/// A world's root has the capability for them, and needs the family too.
fn sockets_of_packets(ctx: &Ctx) -> Outcome {
    let rows =
        [&row("socket", &[17, 3, 0], "OK", "EPERM"), &row("socket", &[16, 3, 0], "OK", "OK")];
    for (profile, want) in [("default", ["OK", "OK"]), ("strict", ["EPERM", "OK"])] {
        let got = endings(ctx, &["--root", "--seccomp", profile], &rows)?;
        ensure!(got == want, "{profile}: {got:?}");
    }
    Ok(())
}

fn namespaces_inside(ctx: &Ctx) -> Outcome {
    ctx.needs("unshare")?;
    let script = "unshare -Urm sh -c 'mount -t tmpfs x /mnt && id -u'";
    ctx.world("", script).go()?.prints("0\n")?;
    let got = ctx.world("--seccomp strict", script).go()?;
    got.prints("")?.says("Operation not permitted")?;
    // Without a user namespace of its own a world is treated as the engines treat a container.
    let got = ctx.world("--unshare none", "unshare -U true; echo $?").go()?;
    got.prints("1\n")?.says("Operation not permitted")?;
    Ok(())
}

fn a_profile_of_ones_own(ctx: &Ctx) -> Outcome {
    let text = r#"{
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 11,
             "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]},
            {"names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS"}
        ]
    }"#;
    let file = ctx.file("profile.json", text)?.display().to_string();
    let options = format!("--seccomp {file}");
    let got = ctx.world(&options, "mkdir d; kill -0 $$ && echo kills").go()?;
    got.prints("kills\n")?.says("No space left on device")?;
    let got = ctx.world(&options, "kill -10 $$; echo $?").go()?;
    got.prints("1\n")?;
    // SIGSYS.
    ctx.world(&options, "exec sync").go()?.exits(159)?;
    // The plan carries it.
    let plan = ctx.run().args(["--seccomp", &file, "--plan", "json", "mkdir", "d"]).output()?;
    let plan = ctx.file("plan.json", &plan)?.display().to_string();
    let got = ctx.run().args(["--from-plan", &plan]).go()?;
    got.exits(1)?.says("No space left on device")?;
    Ok(())
}

/// A filter that refuses what it takes to tell that a program could not be started.
fn profile_that_silences(ctx: &Ctx) -> Outcome {
    for action in ["\"SCMP_ACT_ERRNO\"", "\"SCMP_ACT_KILL_PROCESS\""] {
        let text = format!(
            "{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{{\"names\": [\"sendto\", \
             \"sendmsg\", \"write\", \"open\", \"openat\"], \"action\": {action}}}]}}"
        );
        let file = ctx.file("profile.json", text)?.display().to_string();
        let got = ctx.run().args(["--seccomp", &file, "/no/such/program"]).go()?;
        got.refuses(127, "cannot run /no/such/program: there is no such file in the world")?;
        let got = ctx.run().args(["--seccomp", &file, "/etc/passwd"]).go()?;
        got.refuses(126, "cannot run /etc/passwd: Permission denied (execve)")?;
    }
    // Nobody shares memory with the program's process.
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["sendto"], "action": "SCMP_ACT_ERRNO"}]}"#;
    let file = ctx.file("profile.json", text)?.display().to_string();
    for options in ["--as-pid-1", "--unshare all"] {
        let world = format!("{options} --seccomp {file}");
        let run = ctx.run().args(world.split(' ')).arg("/no/such/program");
        run.go()?.refuses(125, "cannot tell whether the program was started: ")?;
        ctx.world(&world, "exit 7").go()?.exits(7)?;
    }
    Ok(())
}

/// What engines write into theirs: conditions, maps of architectures, errors by name, nulls.
fn profiles_of_others(ctx: &Ctx) -> Outcome {
    let text = r#"{
        "defaultAction": "SCMP_ACT_ALLOW", "defaultErrno": "", "listenerPath": null,
        "archMap": [{"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]},
                    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": null}],
        "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSPC", "args": null,
             "comment": "x", "includes": {"minKernel": "4.8"}, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"name": "rmdir", "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["s390x"]}, "args": []}
        ]
    }"#;
    let file = ctx.file("profile.json", text)?.display().to_string();
    let got = ctx.world(&format!("--seccomp {file}"), "mkdir d; rmdir e").go()?;
    got.says("No space left on device")?.says("No such file or directory")?;
    Ok(())
}

fn profiles_that_cannot_be_used(ctx: &Ctx) -> Outcome {
    let rule = |rule: &str| {
        format!(
            "{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{{\"names\": [\"read\"], {rule}}}]}}"
        )
    };
    let args = |arg: &str| {
        rule(&format!(
            "\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{{{arg}, \"op\": \"SCMP_CMP_EQ\"}}]"
        ))
    };
    for (text, want) in [
        ("{".to_owned(), "EOF while parsing"),
        ("{}".to_owned(), "missing field `defaultAction`"),
        (
            rule("\"action\": \"SCMP_ACT_OOPS\""),
            "/syscalls/0/action: unknown variant `SCMP_ACT_OOPS`",
        ),
        (
            args("\"index\": 6, \"value\": 1"),
            "/syscalls/0/args/0/index: a call has the arguments 0 to 5",
        ),
        (args("\"index\": 1, \"value\": -1"), "/syscalls/0/args/0/value: invalid value"),
        (rule("\"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": 1"), "/syscalls/0/errnoRet: only"),
        (
            rule("\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 5000"),
            "/syscalls/0/errnoRet: 5000 is more",
        ),
        (rule("\"action\": \"SCMP_ACT_NOTIFY\""), "/listenerPath: it is missing"),
        ("{\"defaultAction\": \"SCMP_ACT_ERRNO\"}".to_owned(), "it refuses execve"),
        (
            "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\", \"syscalls\": \
             [{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}"
                .to_owned(),
            "nobody is there to answer for SCMP_ACT_NOTIFY",
        ),
        (
            rule("\"action\": \"SCMP_ACT_LOG\"").replacen(
                '{',
                "{\"architectures\": [\"SCMP_ARCH_Z80\"], ",
                1,
            ),
            "/architectures/0: unknown variant",
        ),
        (
            rule("\"action\": \"SCMP_ACT_LOG\"").replacen('{', "{\"flags\": [\"SOME\"], ", 1),
            "/flags/0: unknown variant",
        ),
    ] {
        let file = ctx.file("bad.json", &text)?.display().to_string();
        let got = ctx.world(&format!("--seccomp {file}"), "echo ran").go()?;
        got.exits(125)?.prints("")?.says(want)?.says("dwell: cannot ")?;
    }
    let got = ctx.world("--seccomp /no/such/file", "true").go()?;
    got.refuses(125, "cannot read the seccomp profile /no/such/file: No such file or directory")?;
    Ok(())
}

fn explained(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--explain", "true").go()?;
    got.says("the profile default (seccomp) refuses: the key store; io_uring")?;
    got.lacks("refuses: namespaces")?;
    let got = ctx.world("--explain --seccomp strict", "true").go()?;
    got.says("the profile strict (seccomp) refuses: namespaces and mounts")?;
    let got = ctx.world("--explain --seccomp none", "true").go()?;
    got.says("every system call can be made")?;
    let got = ctx.run().args(["--seccomp", "strict", "--plan", "text", "true"]).go()?;
    got.has("system calls the profile strict\n")?;
    Ok(())
}
