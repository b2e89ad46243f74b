//! Namespaces and mounts without end: they take memory of the kernel's, and the number of those that a user may
//! have is shared by all of the user's programs.

use std::time::{Duration, Instant};

use super::{Attack, Tried};
use crate::harness::{Ctx, Outcome, cases, ensure, patience, skip};

cases! {
    both: namespaces_without_end, neighbour_gets_none, mounts_without_end;
}

/// Makes up to `wanted` namespaces and keeps them, each by a process that waits.
const KEEPER: &str = "
USER, MOUNT, NET = 0x10000000, 0x20000, 0x40000000
kept = []
def made(flags):
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        os.write(told, b'y' if libc.unshare(flags) == 0 else b'n')
        while True: signal.pause()
    kept.append(child)
    os.close(told)
    answer = os.read(ready, 1)
    os.close(ready)
    return answer == b'y'
def many(flags, wanted):
    for _ in range(wanted):
        if not made(flags): return False
def over():
    while kept:
        os.kill(kept[-1], 9)
        os.waitpid(kept.pop(), 0)
";

fn namespaces_without_end(ctx: &Ctx) -> Outcome {
    let body = format!(
        "{KEEPER}
def raised(place):
    with open('/proc/sys/user/' + place, 'w') as file: file.write('100000')
def inside():
    child = os.fork()
    if child == 0:
        uid, gid = os.getuid(), os.getgid()
        libc.unshare(USER)
        for place, text in ('/proc/self/setgroups', 'deny'), ('/proc/self/uid_map', '0 %d 1' % uid), ('/proc/self/gid_map', '0 %d 1' % gid), ('/proc/sys/user/max_user_namespaces', '100000'):
            try:
                with open(place, 'w') as file: file.write(text)
            except OSError: pass
        got = many(USER, 30) is None
        over()
        os._exit(0 if got else 1)
    if os.waitpid(child, 0)[1]: return False
for name, flags in ('user', USER), ('mount', USER | MOUNT), ('net', USER | NET):
    attempt(name, lambda: many(flags, 30))
    over()
attempt('inside', inside)
try: raised('max_user_namespaces')
except OSError: pass
attempt('raised', lambda: many(USER, 30))
over()
"
    );
    let attack = Attack::python(ctx, &body)?;
    // Without options nothing is limited.
    attack.world("")?.succeeds()?;
    let limits = "--sysctl user.max_user_namespaces=20";
    for options in ["", "--root", "--share mount,pid", "--seccomp none"] {
        attack.world(&format!("{limits} {options}"))?.fails()?;
    }
    attack.world("--seccomp strict")?.fails()?;
    // One kind alone.
    let alone = attack.world("--sysctl user.max_net_namespaces=20")?;
    alone.holds(&["net"])?.gets(&["user", "mount"])?;
    Ok(())
}

/// What a user has left is made small by a user namespace around all of it; then one world takes it, and the next
/// one cannot be started.
fn neighbour_gets_none(ctx: &Ctx) -> Outcome {
    ctx.needs("unshare")?;
    let body = format!("{KEEPER}many(USER, 60)\nprint('done', flush=True)\nsys.stdin.read()\n");
    let greedy = Attack::python(ctx, &body)?;
    let around = "
import subprocess, sys
dwell, options, words = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
with open('/proc/sys/user/max_user_namespaces', 'w') as file: file.write('40')
pipe = subprocess.PIPE
greedy = subprocess.Popen([dwell, 'run', *options, '--', *words], stdin=pipe, stdout=pipe)
assert greedy.stdout.readline() == b'done\\n'
got = subprocess.run([dwell, 'run', '--', 'true'], stderr=pipe)
print('held' if got.returncode == 0 else 'through', 'starved', got.stderr)
greedy.stdin.close()
sys.exit(greedy.wait())
";
    let dwell = ctx.dwell.display().to_string();
    let with = |options: &str| -> Outcome<Tried> {
        let words = ["unshare", "-U", "-r", "python3", "-c", around, &dwell, options];
        greedy.started_by(&words)
    };
    with("")?.succeeds()?;
    with("--sysctl user.max_user_namespaces=20")?.fails()?;
    with("--seccomp strict")?.fails()?;
    Ok(())
}

/// A tree that is bound into itself doubles each time, up to `fs.mount-max` in each mount namespace.
fn mounts_without_end(ctx: &Ctx) -> Outcome {
    let limit = std::fs::read_to_string("/proc/sys/fs/mount-max").unwrap_or_default();
    if !limit.trim().parse().is_ok_and(|limit: u32| limit <= 200_000) {
        return skip(format!("fs.mount-max is {limit:?}: that many mounts are none to try"));
    }
    let body = "
def full():
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(0x10020000))
    for name, text in ('setgroups', 'deny'), ('uid_map', '0 %d 1' % uid), ('gid_map', '0 %d 1' % gid):
        with open('/proc/self/' + name, 'w') as file: file.write(text)
    checked(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))
    os.mkdir('/tmp/a')
    for n in range(20):
        place = b'/tmp/a/%d' % n
        os.mkdir(place)
        if libc.mount(b'/tmp', place, None, 4096 | 16384, None) < 0:
            if ctypes.get_errno() != 28: checked(-1)
            break
    return len(read_all('/proc/self/mountinfo').splitlines()) > 30000
def read_all(path):
    with open(path, 'rb') as file: return file.read()
attempt('full', full)
if len(sys.argv) > 1: sys.stdin.read()
";
    let attack = Attack::python(ctx, body)?;
    let mounts =
        || std::fs::read("/proc/self/mountinfo").map(|text| text.split(|b| *b == b'\n').count());
    let before = mounts()?;
    // A neighbour and the machine go on meanwhile, and nothing keeps the world from being ended.
    let mut live = Attack::python(ctx, body)?.arg("stay").run("").open_input().start()?;
    let line = live.line()?;
    ensure!(line.starts_with("through full"), "the attack itself fails: {line}");
    ensure!(mounts()? <= before, "mounts have come to the machine");
    ctx.world("", "echo on").go()?.prints("on\n")?;
    let began = Instant::now();
    live.signal(rustix::process::Signal::TERM)?;
    live.finish()?;
    ensure!(began.elapsed() < patience(Duration::from_secs(20)), "{:?}", began.elapsed());
    for options in
        ["--sysctl user.max_mnt_namespaces=0", "--seccomp strict", "--root --seccomp strict"]
    {
        attack.world(options)?.fails()?;
    }
    // The kernel counts them as memory of the world's.
    let memory = "--memory 32M --swap 0";
    if ctx.world(memory, "true").go()?.status().code() == Some(0) {
        let got = attack.run(memory).go()?;
        ensure!(!got.out().contains("through"), "mounts are no memory{got}");
    }
    Ok(())
}
