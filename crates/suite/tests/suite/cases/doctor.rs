//! `dwell doctor`: on this machine, and in surroundings where something is refused.

use std::path::Path;

use crate::harness::{Ctx, Got, Outcome, Run, cases, ensure, skip};

cases! {
    both: fine_here, evidence_of_everything, recorded_and_judged_again, words, limit_zero,
        limit_of_another_kind, nested_too_deep, seccomp_filter, chroot, masked_proc,
        read_only_settings, nothing_is_left;
    user: hidden_newuidmap, no_new_privs;
}

fn doctor(ctx: &Ctx, options: &str) -> Run {
    ctx.host(&ctx.dwell).arg("doctor").args(options.split_whitespace())
}

/// `sh -c SCRIPT` as root of a new user namespace with mounts of its own.
fn inside(ctx: &Ctx, script: &str) -> Run {
    ctx.host("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
}

/// The lines of a check: its own and those below it.
fn check<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("  {name}  ");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&start));
    let first = lines.next();
    first.into_iter().chain(lines.take_while(|line| line.starts_with("   "))).collect()
}

/// The check `name` has the verdict, and says `text`, with its lines put together.
pub(super) fn tells(got: &Got, name: &str, verdict: &str, text: &str) -> Outcome {
    let out = got.out();
    let lines = check(&out, name);
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let whole = words.join(" ");
    ensure!(whole.starts_with(&format!("{name} {verdict}")), "`{name}` is not {verdict}{got}");
    ensure!(whole.contains(text), "`{name}` does not say `{text}`: {whole}{got}");
    Ok(())
}

fn fine_here(ctx: &Ctx) -> Outcome {
    let got = doctor(ctx, "").go()?;
    got.exits(0)?.silent()?;
    got.has("`dwell run` works here. ")?;
    for name in ["dwell run with its defaults", "user namespace", "net namespace", "bringing up lo"]
    {
        tells(&got, name, "works", "")?;
    }
    let wide = got.out().lines().find(|line| line.chars().count() > 80).map(str::to_owned);
    ensure!(wide.is_none(), "wider than 80 columns: {wide:?}");
    let alone = if ctx.is_root() { "works" } else { "limited" };
    tells(&got, "namespaces without a user one", alone, "")
}

fn evidence_of_everything(ctx: &Ctx) -> Outcome {
    let text = doctor(ctx, "--all").output()?;
    let checks = text.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   ")).count();
    let seen = text.lines().filter(|l| l.starts_with("      seen ")).count();
    ensure!(checks > 70 && checks == seen, "{checks} checks, {seen} of them say what was seen");
    Ok(())
}

fn recorded_and_judged_again(ctx: &Ctx) -> Outcome {
    let first = doctor(ctx, "--save seen.json --all").output()?;
    let again = doctor(ctx, "--observations seen.json --all").output()?;
    ensure!(first == again, "judged differently:\n{first}\n{again}");
    let saved = std::fs::read(ctx.path("seen.json"))?;
    let json = doctor(ctx, "--observations - --json").input(saved).output()?;
    ensure!(json.contains("\"dwell_run_works\": true"), "not said in {json}");
    let recorded = r#"{"version": 1, "acts": {"user": {"refused": {"call": "clone3", "errno": 28}}},
        "files": {"/proc/sys/user/max_user_namespaces": "0"}}"#;
    let got = doctor(ctx, "--observations -").input(recorded).go()?;
    got.exits(1)?;
    tells(&got, "user namespace", "refused", "sysctl user.max_user_namespaces=")
}

fn words(ctx: &Ctx) -> Outcome {
    doctor(ctx, "--help").go()?.exits(0)?.has("Usage: dwell doctor")?.has("--observations FILE")?;
    doctor(ctx, "--xyzzy").go()?.refuses(125, "there is no option `--xyzzy`")?;
    doctor(ctx, "x").go()?.refuses(125, "doctor takes no argument")?;
    doctor(ctx, "--save /no/such").go()?.refuses(125, "cannot write /no/such: No such file")?;
    doctor(ctx, "--observations /no").go()?.refuses(125, "cannot read /no: No such file")?;
    let got = doctor(ctx, "--observations -").input("{").go()?;
    got.refuses(125, "cannot use the observations -: EOF")?;
    Ok(())
}

fn limit_zero(ctx: &Ctx) -> Outcome {
    let script = "echo 0 >/proc/sys/user/max_user_namespaces; \"$DWELL\" doctor; echo $?; exec \
                  \"$DWELL\" run true";
    let got = inside(ctx, script).go()?;
    got.exits(125)?.has("\n1\n")?;
    tells(&got, "user namespace", "refused", "max_user_namespaces is 0")?;
    tells(&got, "mount namespace", "cannot tell", "(needs `user namespace`)")?;
    let line = "the limit of user namespaces is 0: as root: sysctl user.max_user_namespaces=10000";
    got.says(&format!("\nhint: {line}; refused here are the namespaces "))?;
    tells(&got, "user namespace", "refused", &line.replace(": as root", " remedy as root"))
}

fn limit_of_another_kind(ctx: &Ctx) -> Outcome {
    let script = "echo 0 >/proc/sys/user/max_uts_namespaces; exec \"$DWELL\" doctor";
    let got = inside(ctx, script).go()?;
    got.exits(1)?.has("`dwell run` does not work here: see `uts namespace (host name)`")?;
    tells(&got, "uts namespace (host name)", "refused", "sysctl user.max_uts_namespaces=")?;
    tells(&got, "user namespace", "works", "")
}

/// Every level starts the next, and the one that cannot looks for the reason.
fn nested_too_deep(ctx: &Ctx) -> Outcome {
    let script = "unshare --user --map-root-user true 2>&- || { \"$DWELL\" doctor; echo $?; exit; }
                  exec unshare --user --map-root-user sh \"$0\"";
    let path = ctx.file("deeper", script)?;
    let got = ctx.host("sh").arg(path).go()?;
    got.has("\n1\n")?;
    tells(&got, "user namespace", "refused", "nested more than 32 deep")
}

/// A filter such as Docker's: no clone3, no namespaces.
const FILTER: &str = "
import ctypes, os, struct, sys
unshare, clone = {'x86_64': (272, 56)}.get(os.uname().machine, (97, 220))
allow, refuse = 0x7fff0000, 0x00050000
def op(code, jt, jf, k): return struct.pack('HBBI', code, jt, jf, k)
code = [op(0x20, 0, 0, 0), op(0x15, 0, 1, 435), op(0x06, 0, 0, refuse | 38),
        op(0x15, 0, 1, unshare), op(0x06, 0, 0, refuse | 1),
        op(0x15, 0, 3, clone), op(0x20, 0, 0, 16), op(0x45, 0, 1, 0x7e020000),
        op(0x06, 0, 0, refuse | 1), op(0x06, 0, 0, allow)]
code = ctypes.create_string_buffer(b''.join(code))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 10, ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
os.execv(sys.argv[1], sys.argv[1:])
";

fn seccomp_filter(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let filter = ctx.file("filter.py", FILTER)?;
    let filtered = || ctx.host("python3").arg(&filter).arg(&ctx.dwell);
    let got = filtered().arg("doctor").go()?;
    got.exits(1)?;
    tells(&got, "user namespace", "refused", "Seccomp of /proc/self/status is 2")?;
    tells(&got, "user namespace", "refused", "--security-opt seccomp=unconfined")?;
    tells(&got, "clone3(2)", "refused", "ENOSYS")?;
    tells(&got, "no filter on harmless calls", "limited", "unshare: EPERM")?;
    filtered().args(["run", "true"]).go()?.exits(125)?.says("hint: a seccomp filter refuses it")?;
    Ok(())
}

fn chroot(ctx: &Ctx) -> Outcome {
    ctx.dir("new")?;
    let script = "mount --rbind / new && chroot new \"$DWELL\" doctor; echo $?; chroot new \"$DWELL\" run true";
    let got = inside(ctx, script).go()?;
    got.exits(125)?.has("\n1\n")?.says("hint: the root directory was changed by chroot")?;
    tells(&got, "user namespace", "refused", "pivot_root")
}

fn masked_proc(ctx: &Ctx) -> Outcome {
    let script = "mount --bind /dev/null /proc/uptime && \"$DWELL\" doctor; echo $?; exec \"$DWELL\" run true";
    let got = inside(ctx, script).go()?;
    got.exits(125)?.has("\n1\n")?.says("hint: parts of /proc are covered here")?;
    tells(&got, "a new /proc", "refused", "there is a mount on /proc/uptime")?;
    tells(&got, "the machine's /proc", "limited", "unmask=ALL")?;
    tells(&got, "pid namespace", "works", "")
}

fn read_only_settings(ctx: &Ctx) -> Outcome {
    let script = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec \
                  \"$DWELL\" doctor";
    let got = inside(ctx, script).go()?;
    tells(&got, "settings can be changed", "limited", "/proc/sys is mounted read-only")
}

fn hidden_newuidmap(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    let helper = ctx.needs("newuidmap")?;
    let account = &ctx.account;
    let script = format!(
        "mount --bind /dev/null {} && exec setpriv --reuid={} --regid={} --clear-groups \"$DWELL\" doctor",
        helper.display(),
        account.uid,
        account.gid
    );
    let got = ctx.host("unshare").args(["--mount", "sh", "-c", &script]).by_suite().go()?;
    got.exits(0)?;
    tells(&got, "newuidmap, with its rights", "absent", "apt install uidmap")
}

fn no_new_privs(ctx: &Ctx) -> Outcome {
    ctx.needs("newuidmap")?;
    let mine = format!("{}:", ctx.account.name);
    let text = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    if !text.lines().any(|line| line.starts_with(&mine)) {
        return skip("the user has no subordinate ids");
    }
    let got = ctx.host("setpriv").arg("--no-new-privs").arg(&ctx.dwell).arg("doctor").go()?;
    tells(&got, "programs may gain rights", "limited", "NoNewPrivs")?;
    tells(&got, "newuidmap, with its rights", "refused", "NO_NEW_PRIVS is set")
}

/// Neither files nor mounts nor processes.
fn nothing_is_left(ctx: &Ctx) -> Outcome {
    let script = "cat /proc/self/mountinfo >before; for i in 1 2 3; do \"$DWELL\" doctor; done; cat \
                  /proc/self/mountinfo >after; cmp before after && rm before after && ls -A";
    let got = inside(ctx, script).go()?;
    got.exits(0)?;
    let left = std::fs::read_dir(&ctx.scratch)?.count();
    ensure!(left == 0, "files were left{got}");
    ensure!(!Path::new("/tmp/lower").exists(), "a layer was left{got}");
    Ok(())
}
