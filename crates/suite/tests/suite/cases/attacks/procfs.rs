//! The kernel's own files: switches that run programs on the machine, memory, traces of others.

use std::time::Duration;

use super::Attack;
use crate::harness::{Ctx, Outcome, cases, ensure, fail, patience, skip};

cases! {
    both: core_file_is_left_behind, core_is_read_by_others;
    root: switches_of_the_machine, what_the_kernel_tells, release_agent;
    user: switches_of_a_namespace;
}

/// They are opened for writing, and nothing is written.
const OPEN: &str = "
for path in sys.argv[1:]:
    attempt(path, lambda: os.close(os.open(path, os.O_WRONLY)))
";

/// What makes the kernel run a program, or change at once, when it is written to.
const SWITCHES: [&str; 11] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/poweroff_cmd",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
];

fn switches_of_the_machine(ctx: &Ctx) -> Outcome {
    let mut attack = Attack::python(ctx, OPEN)?;
    for path in SWITCHES.iter().filter(|path| std::path::Path::new(path).exists()) {
        attack = attack.arg(path);
    }
    attack.bare()?.succeeds()?;
    for options in [
        "",
        "--root --cap-add all",
        "--root --cap-add all --seccomp none",
        "--share pid,net,uts,ipc --cap-add all",
        "--from host --cap-add all --as-pid-1",
    ] {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// An ordinary user's root of a world may set what belongs to the world's own namespaces alone.
fn switches_of_a_namespace(ctx: &Ctx) -> Outcome {
    let own = Attack::python(ctx, OPEN)?.arg("/proc/sys/net/ipv4/ip_default_ttl");
    own.started_by(&["unshare", "-U", "-r", "-n"])?.succeeds()?;
    let mut attack = Attack::python(ctx, OPEN)?;
    for path in SWITCHES {
        attack = attack.arg(path);
    }
    for options in ["", "--root --cap-add all", "--root --cap-add all --seccomp none --net host"] {
        attack.world(options)?.fails()?;
    }
    own.world("--net host --root --cap-add all")?.fails()?;
    Ok(())
}

fn what_the_kernel_tells(ctx: &Ctx) -> Outcome {
    let body = "
def some(path):
    with open(path, 'rb', buffering=0) as file: return file.read(1) != b''
for path in sys.argv[1:]: attempt(path, lambda: some(path))
attempt('addresses', lambda: any(int(line[:16], 16) for line in read('/proc/kallsyms').splitlines()[:50]))
";
    let mut attack = Attack::python(ctx, body)?;
    for path in ["/proc/kcore", "/proc/keys", "/dev/mem", "/proc/1/environ"] {
        // What is missing on this machine is no attack on it.
        if std::fs::File::open(path)
            .is_ok_and(|mut f| std::io::Read::read(&mut f, &mut [0]).is_ok_and(|n| n > 0))
        {
            attack = attack.arg(path);
        }
    }
    attack.bare()?.succeeds()?;
    attack.world("")?.fails()?;
    attack.world("--root --cap-add all --seccomp none")?.fails()?;
    Ok(())
}

/// CVE-2022-0492: the agent of a hierarchy of control groups is run by the kernel, as root outside.
fn release_agent(ctx: &Ctx) -> Outcome {
    let body = "
place = sys.argv[1].encode()
def mounted(kind, options):
    checked(libc.mount(b'none', place, kind, 0, options))
    try:
        if kind == b'cgroup': os.close(os.open(place + b'/release_agent', os.O_WRONLY))
        else: os.close(os.open(place + b'/cgroup.procs', os.O_WRONLY))
    finally:
        libc.umount2(place, 2)
def nested(kind, options):
    made = os.fork()
    if made == 0:
        try:
            checked(libc.unshare(0x12020000))
            mounted(kind, options)
        except BaseException: os._exit(1)
        os._exit(0)
    if os.waitpid(made, 0)[1]: raise OSError('refused')
attempt('mount', lambda: mounted(b'cgroup', b'none,name=dwell-suite'))
if len(sys.argv) > 2:
    attempt('nested', lambda: nested(b'cgroup', b'none,name=dwell-suite'))
    attempt('nested-memory', lambda: nested(b'cgroup', b'memory'))
    for top, _, files in os.walk('/sys/fs/cgroup'):
        for name in files:
            if name in ('release_agent', 'notify_on_release', 'cgroup.procs', 'tasks'):
                attempt(top + '/' + name, lambda: os.close(os.open(top + '/' + name, os.O_WRONLY)))
";
    let place = ctx.dir("inside/place")?;
    let attack = Attack::python(ctx, body)?.arg(place.display());
    // A hierarchy of the case's own, gone when it is unmounted.
    let weak = attack.started_by(&["unshare", "--mount", "--propagation", "private"])?;
    if weak.succeeds().is_err() {
        return skip("no hierarchy of control groups can be mounted here");
    }
    let attack = attack.arg("more");
    attack.world("")?.fails()?;
    attack.world("--root --cap-add all")?.fails()?;
    attack.world("--root --cap-add all --seccomp none --memory 100M")?.fails()?;
    Ok(())
}

/// A crash writes the memory into a file: not on the machine.
fn core_file_is_left_behind(ctx: &Ctx) -> Outcome {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if pattern.trim() != "core" {
        return skip("core files do not go into the working directory here");
    }
    let crash = "ulimit -c unlimited; sh -c 'kill -SEGV $$'; ls core* | head -1; exit 0";
    let cores = || -> Outcome<usize> {
        let names = std::fs::read_dir(ctx.path("inside"))?.flatten().map(|e| e.file_name());
        Ok(names.filter(|name| name.as_encoded_bytes().starts_with(b"core")).count())
    };
    let inside = ctx.dir("inside")?;
    ctx.shell(crash).cwd(&inside).go()?.has("core")?;
    ensure!(cores()? == 1, "the attack itself fails");
    let got = ctx.world("", crash).cwd(&inside).go()?;
    ensure!(cores()? == 1, "a core file came out of the world{got}");
    Ok(())
}

/// What a process of the world dumps is its own memory: the caller's variables are not in it.
fn core_is_read_by_others(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let body = "
import resource
def crashed(pid, number):
    os.kill(pid, number)
    until = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < until:
        found = [name for name in os.listdir('.') if name.startswith('core')]
        if any(b'terc3s=NEKOT'[::-1] in open(name, 'rb').read() for name in found): return True
        time.sleep(0.05)
    return False
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
made = os.fork()
if made == 0:
    time.sleep(30)
    os._exit(0)
attempt('child', lambda: crashed(made, 11))
attempt('first', lambda: crashed(os.getppid(), 11))
";
    let time = patience(Duration::from_millis(400));
    let attack = Attack::python(ctx, body)?.arg(time.as_secs_f32().to_string());
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if pattern.trim() != "core" {
        return skip("core files do not go into the working directory here");
    }
    let weak = attack.run("-e TOKEN --ulimit core=unlimited").env("TOKEN", "s3cret").go()?;
    weak.has("through child")?;
    let got = attack.run("--ulimit core=unlimited").env("TOKEN", "s3cret").go()?;
    got.exits(0)?;
    if got.out().contains("through") {
        return fail(format!("a core file holds the caller's variables{got}"));
    }
    Ok(())
}
