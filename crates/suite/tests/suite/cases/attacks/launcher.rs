//! What a box can do to the tool that starts programs in it.

use super::{Attack, Tried, secret};
use crate::harness::{Ctx, Live, Outcome, Run, cases, ensure, skip};

cases! {
    both: binary_is_overwritten, binary_is_copied_where_it_must, joiner_is_read, joiner_is_traced, first_process_is_traced,
        first_process_by_its_directory, library_is_preloaded;
    root: inheritable_capabilities;
}

/// Root of the world, so that what the careless tool starts is in its power.
const ROOT: &str = "--root --cap-add all";

/// A world in which the attack runs, and the process to enter it by.
fn target(attack: &Attack<'_>) -> Outcome<(Live, u32)> {
    let mut live = attack.run(ROOT).open_input().start()?;
    live.line()?;
    let pid = live.program("python3")?;
    Ok((live, pid))
}

/// Tells the attack that nobody enters any more. It may have ended, having got what it wanted.
fn over(live: &mut Live) {
    let _ = live.write("over\n");
}

/// Enters it by a tool that takes no care: the attack shows on it that it works.
fn careless(ctx: &Ctx, tool: &str, pid: u32, words: &[&str]) -> Run {
    let pid = pid.to_string();
    let run = ctx.host(tool).args(["-t", &pid, "-U", "-m", "-p", "--preserve-credentials"]);
    run.arg("--").args(words).cwd(ctx.path("inside"))
}

fn with_care(ctx: &Ctx, pid: u32, words: &[&str]) -> Run {
    ctx.host(&ctx.dwell).args(["enter", &pid.to_string()]).args(words).cwd(ctx.path("inside"))
}

/// A copy of a program, the user's own as one in `~/.local/bin` is.
fn own_copy(ctx: &Ctx, program: &std::path::Path, name: &str) -> Outcome<std::path::PathBuf> {
    let place = ctx.file(name, std::fs::read(program)?)?;
    std::fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(place)
}

/// CVE-2019-5736: a world's program makes whoever enters execute its own binary by way of
/// `/proc/self/exe`, gets hold of it, and writes to it as soon as nobody executes it any more.
fn binary_is_overwritten(ctx: &Ctx) -> Outcome {
    let tool = ctx.needs("nsenter")?;
    let nsenter = own_copy(ctx, &tool, "bin/nsenter")?;
    let dwell = own_copy(ctx, &ctx.dwell, "bin/dwell")?;
    std::os::unix::fs::symlink("/proc/self/exe", ctx.dir("inside")?.join("link"))?;
    let body = "
import select
wanted = sys.argv[1]
print('ready', flush=True)
held, end = None, time.monotonic() + 30
def over():
    return select.select([0], [], [], 0)[0] or time.monotonic() > end
while held is None and not over():
    for pid in os.listdir('/proc'):
        if pid.isdigit() and int(pid) != os.getpid():
            try:
                if os.path.basename(os.readlink('/proc/%s/exe' % pid)) == wanted:
                    held = os.open('/proc/%s/exe' % pid, os.O_RDONLY)
                    break
            except OSError:
                pass
def write():
    while True:
        try:
            file = os.open('/proc/self/fd/%d' % held, os.O_WRONLY)
            break
        except OSError as error:
            if error.errno != 26 or over(): raise
    os.write(file, b'OVERWRITTEN')
attempt('get-hold', lambda: held is not None)
if held is not None: attempt('write', write)
";
    let attack = |name: &str| -> Outcome<Attack<'_>> { Ok(Attack::python(ctx, body)?.arg(name)) };
    let rounds = 40;
    let (mut live, pid) = target(&attack("nsenter")?)?;
    for _ in 0..rounds {
        let tool = nsenter.display().to_string();
        // Whoever has it open for writing keeps it from being executed.
        if careless(ctx, &tool, pid, &["./link", "--help"]).go().is_err() {
            break;
        }
    }
    over(&mut live);
    Tried::read(live.finish()?)?.succeeds()?;
    ensure!(std::fs::read(&nsenter)?.starts_with(b"OVERWRITTEN"), "the binary is as it was");

    let before = std::fs::read(&dwell)?;
    let (mut live, pid) = target(&attack("dwell")?)?;
    for _ in 0..rounds {
        let words = ["enter", &pid.to_string(), "./link", "--help"];
        if ctx.host(&dwell).args(words).cwd(ctx.path("inside")).go().is_err() {
            break;
        }
    }
    over(&mut live);
    live.finish()?.lacks("through write")?;
    // The world's own `dwell` likewise.
    for _ in 0..rounds {
        ctx.host(&dwell)
            .args(["run", "./link", "--help"])
            .cwd(ctx.path("inside"))
            .go()?
            .exits(0)?;
    }
    ensure!(std::fs::read(&dwell)? == before, "the binary has changed");
    Ok(())
}

/// The copy is made by whoever joins, and could write to the file: nobody else pays for it.
fn binary_is_copied_where_it_must(ctx: &Ctx) -> Outcome {
    if !ctx.privileged {
        return skip("what a process executes that is not dumpable is shown to root alone");
    }
    let own = own_copy(ctx, &ctx.dwell, "bin/dwell")?;
    let executed = |live: &Live| -> Outcome<String> {
        live.program("sleep")?;
        let link = std::fs::read_link(format!("/proc/{}/exe", live.pid()))?;
        Ok(link.display().to_string())
    };
    let mut world = ctx.world("", "echo; exec sleep 94").start()?;
    world.line()?;
    let pid = world.program("sleep")?.to_string();
    let [user, net] = ["user", "net"].map(|kind| format!("--join={kind}={pid}"));
    let by_plan = ctx.run().args(["--plan=json", &user, &net, "sleep", "95"]);
    let plan = ctx.file("plan", by_plan.output()?)?.display().to_string();
    for (words, joins) in [
        (["run", "sleep", "95"].as_slice(), false),
        (&["run", "--", "sh", "-c", "sleep 95; exit"], false),
        (&["enter", &pid, "sleep", "95"], true),
        (&["run", &user, &net, "sleep", "95"], true),
        (&["run", "--from-plan", &plan], true),
    ] {
        for binary in [&ctx.dwell, &own] {
            // The suite's copy is the suite's user's.
            let can_write = *binary == own || ctx.is_root();
            let live = ctx.host(binary).args(words).start()?;
            let got = executed(&live)?;
            let want = match joins && can_write {
                true => "/memfd:dwell (deleted)".to_owned(),
                false => binary.display().to_string(),
            };
            ensure!(got == want, "{words:?} executes {got} and not {want}");
        }
    }
    Ok(())
}

/// What loops over all processes until something is seen, or the case says that it is over.
const WATCH: &str = "
import select
print('ready', flush=True)
seen = set()
def others():
    return [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, os.getpid())]
while len(seen) < len(names) and not select.select([0], [], [], 0)[0]:
    for pid in others():
        try:
            look(pid)
        except OSError:
            pass
for name in names: attempt(name, lambda: name in seen)
";

/// CVE-2016-9962: between entering and `execve` the joiner has what it was started with.
fn joiner_is_read(ctx: &Ctx) -> Outcome {
    ctx.needs("nsenter")?;
    let body = format!(
        "
names = 'variables', 'descriptors'
def look(pid):
    if b'TOKEN=s3cret' in read('/proc/%s/environ' % pid): seen.add('variables')
    for fd in os.listdir('/proc/%s/fd' % pid):
        if 'outside/secret' in os.readlink('/proc/%s/fd/%s' % (pid, fd)): seen.add('descriptors')
{WATCH}"
    );
    secret(ctx)?;
    let attack = Attack::python(ctx, &body)?;
    let (live, pid) = target(&attack)?;
    let leave_open = |run: &Run| {
        let words = run.shown().split("  [in").next().unwrap_or_default().to_owned();
        let script = format!("exec 9<../outside/secret; exec {words}");
        ctx.shell(&script).env("TOKEN", "s3cret").cwd(ctx.path("inside")).go()
    };
    for _ in 0..10 {
        leave_open(&careless(ctx, "nsenter", pid, &["sleep", "0.05"]))?;
    }
    Tried::read(live.finish()?)?.succeeds()?;

    let (mut live, pid) = target(&attack)?;
    for _ in 0..25 {
        leave_open(&with_care(ctx, pid, &["sleep", "0.01"]))?.exits(0)?;
    }
    over(&mut live);
    Tried::read(live.finish()?)?.fails()?;
    Ok(())
}

/// The same by ptrace: whoever is traced before `execve` hands over all that it has open.
fn joiner_is_traced(ctx: &Ctx) -> Outcome {
    ctx.needs("nsenter")?;
    let body = format!(
        "
names = 'seized', 'memory'
def look(pid):
    exe = os.path.basename(os.readlink('/proc/%s/exe' % pid))
    if exe not in ('nsenter', 'dwell'): return
    os.close(os.open('/proc/%s/mem' % pid, os.O_RDONLY))
    seen.add('memory')
    checked(libc.ptrace(0x4206, int(pid), 0, 0))
    seen.add('seized')
{WATCH}"
    );
    let attack = Attack::python(ctx, &body)?;
    let (live, pid) = target(&attack)?;
    for _ in 0..30 {
        // Its world may just be ending.
        let _ = careless(ctx, "nsenter", pid, &["nsenter", "sleep", "0.01"]).go();
    }
    Tried::read(live.finish()?)?.succeeds()?;

    let (mut live, pid) = target(&attack)?;
    for _ in 0..30 {
        with_care(ctx, pid, &["sleep", "0.01"]).go()?;
    }
    over(&mut live);
    Tried::read(live.finish()?)?.fails()?;
    Ok(())
}

/// Attempts on the process whose number is given.
const TRACER: &str = "
pid = int(sys.argv[1])
room = ctypes.create_string_buffer(8)
class Part(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
def where():
    for line in read('/proc/%d/maps' % pid).decode().splitlines():
        if ' r' in line: return int(line.split('-')[0], 16)
    return 0x400000
def by_vm():
    near, far = Part(ctypes.addressof(room), 8), Part(where(), 8)
    checked(libc.process_vm_readv(pid, ctypes.byref(near), 1, ctypes.byref(far), 1, 0))
def seize():
    checked(libc.ptrace(0x4206, pid, 0, 0))
attempt('memory', lambda: os.close(os.open('/proc/%d/mem' % pid, os.O_RDWR)))
attempt('process_vm_readv', by_vm)
attempt('environ', lambda: read('/proc/%d/environ' % pid) != b'')
attempt('maps', lambda: read('/proc/%d/maps' % pid))
attempt('descriptors', lambda: [os.readlink('/proc/%d/fd/%s' % (pid, fd)) for fd in os.listdir('/proc/%d/fd' % pid)])
attempt('stack', lambda: read('/proc/%d/syscall' % pid))
attempt('pidfd_getfd', lambda: os.close(call(438, os.pidfd_open(pid), 0, 0)))
attempt('seize', seize)
";

/// Number 1 holds what leads outside: the control socket, and the memory of the host side.
fn first_process_is_traced(ctx: &Ctx) -> Outcome {
    let attack = Attack::python(ctx, TRACER)?.arg(1);
    // An ordinary process 1, in namespaces that util-linux makes.
    let user: &[&str] = if ctx.is_root() { &[] } else { &["-U", "-r"] };
    let script = format!("{}; true", attack.words().join(" "));
    let run =
        ctx.host("unshare").args(user).args(["-p", "-f", "--mount-proc", "sh", "-c", &script]);
    Tried::read(run.env("A", "b").go()?)?.succeeds()?;
    attack.world("")?.fails()?;
    attack.world("--root --cap-add sys_ptrace")?.fails()?;
    attack.world("--root --cap-add sys_ptrace --seccomp none")?.fails()?;
    Ok(())
}

/// Its directory in `/proc` has links to where it is: outside of what the program is shown.
fn first_process_by_its_directory(ctx: &Ctx) -> Outcome {
    let secret = secret(ctx)?.display().to_string();
    let body = "
path = sys.argv[1]
here = os.path.realpath('.')
forms = []
for who in sys.argv[2:]:
    for link in 'root', 'cwd', 'task/%s/root' % who, 'task/%s/cwd' % who:
        up = '/' + '/'.join(['..'] * 12) if link.endswith('cwd') else ''
        for form in '/proc/%s/%s%s%s', '/proc/%s/./%s%s%s', '//proc//%s//%s%s//%s', '/proc/%s/%s/.%s/.%s', '/proc/self/root/proc/%s/%s%s%s':
            forms.append(form % (who, link, up, path))
forms += [form + path for form in ('/proc/self/root', '/proc/thread-self/root', '/proc/self/task/../root', '/proc/self/cwd' + '/..' * 12, '/..' * 12, '/dev/fd/../root', '/proc/self/fd/../root')]
for number, form in enumerate(forms):
    attempt('%d:%s' % (number, form[:40].replace(' ', '_')), lambda: read(form))
";
    let attack = Attack::python(ctx, body)?.arg(secret);
    attack.bare()?.succeeds()?;
    attack.world("--share mount")?.succeeds()?;
    let attack = attack.arg(1).arg("self").arg("thread-self");
    attack.world("")?.fails()?;
    attack.world("--root --cap-add sys_ptrace")?.fails()?;
    Ok(())
}

/// A library that the caller's variables name, or that a box has planted, is run by what enters.
fn library_is_preloaded(ctx: &Ctx) -> Outcome {
    ctx.needs("gcc")?;
    let source = "#include <unistd.h>\n__attribute__((constructor)) static void f(void) \
                  { if (write(1, \"PRELOADED\\n\", 10)) {} }\n";
    ctx.file("inside/evil.c", source)?;
    let inside = ctx.path("inside");
    let made = ctx.shell("gcc -shared -fPIC -o evil.so evil.c").cwd(&inside).go()?;
    made.exits(0)?;
    let library = inside.join("evil.so");
    let true_in = |options: &str| {
        let words = options.split_whitespace();
        ctx.run().args(words).args(["--", "/bin/true"]).env("LD_PRELOAD", &library).cwd(&inside)
    };
    ctx.host("/bin/true").env("LD_PRELOAD", &library).go()?.has("PRELOADED")?;
    true_in("--env-all").go()?.has("PRELOADED")?;
    true_in("").go()?.exits(0)?.lacks("PRELOADED")?;
    // Planted in the environment of the world's program.
    let options = format!("-e LD_PRELOAD={}", library.display());
    let mut live = ctx.world(&options, "echo; exec sleep 94").cwd(&inside).start()?;
    live.line()?;
    let pid = live.program("sleep")?.to_string();
    let enter = |option: &[&str]| {
        let words = ["enter"].iter().chain(option).copied().chain([pid.as_str(), "/bin/true"]);
        ctx.host(&ctx.dwell).args(words).go()
    };
    enter(&["--env-of-target"])?.has("PRELOADED")?;
    enter(&[])?.exits(0)?.lacks("PRELOADED")?;
    Ok(())
}

/// CVE-2022-29162: what is inheritable turns into what is permitted at the next `execve` of a file
/// with capabilities.
fn inheritable_capabilities(ctx: &Ctx) -> Outcome {
    ctx.needs("setpriv")?;
    let inheritable = |words: &str| -> Outcome<String> {
        let script = format!(
            "exec setpriv --inh-caps=+chown,+sys_admin {words} sed -n 's/^CapInh:.//p' /proc/self/status"
        );
        Ok(ctx.shell(&script).output()?.trim().to_owned())
    };
    ensure!(inheritable("")? != "0000000000000000", "the attack itself fails");
    for options in ["", "--cap-add sys_admin", "--unshare none", "--root", "-u 1000"] {
        let got = inheritable(&format!("\"$DWELL\" run {options} --"))?;
        ensure!(got == "0000000000000000", "{got} is inheritable with `{options}`");
    }
    let mut live = ctx.world("", "echo; exec sleep 94").start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    let got = inheritable(&format!("\"$DWELL\" enter {pid}"))?;
    ensure!(got == "0000000000000000", "{got} is inheritable by `dwell enter`");
    Ok(())
}
