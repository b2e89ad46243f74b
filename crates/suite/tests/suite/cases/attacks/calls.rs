//! System calls by other ways than a filter may expect, and what would take the filter away.

use super::Attack;
use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: calls_of_another_kind, filter_is_outdone, keys_are_read;
    root: files_by_handle;
}

fn needs_x86(_: &Ctx) -> Outcome {
    if cfg!(target_arch = "x86_64") { Ok(()) } else { skip("the numbers are those of x86-64") }
}

/// A call by `int 0x80` from a 64-bit program.
const INT80: &str = "
import mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('5389f889f389d131d2cd8048985bc3'))
enter = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
def int80(number, first, second=0):
    got = enter(number, first, second)
    if got < 0: raise OSError(-got, os.strerror(-got))
    return got
";

/// A filter looks at the number for the one ABI, or at the lower half of an argument, and the call
/// comes by the other.
fn calls_of_another_kind(ctx: &Ctx) -> Outcome {
    needs_x86(ctx)?;
    let body = format!(
        "{INT80}
high = 1 << 32
def reached(act):
    # What the filter answers: not permitted, or no such call. What the kernel says of these
    # arguments is something else.
    try:
        return act()
    except OSError as error:
        if error.errno in (1, 38): raise
calls = ('personality', 135, 136, 0x40000), ('keyctl', 250, 288, 9999), ('userfaultfd', 323, 374, 0xffff)
for name, long, short, argument in calls:
    attempt(name, lambda: reached(lambda: call(long, argument)))
    attempt(name + '-upper-half', lambda: reached(lambda: call(long, argument | high)))
    attempt(name + '-int80', lambda: reached(lambda: int80(short, argument)))
    attempt(name + '-int80-upper-half', lambda: reached(lambda: int80(short | high, argument | high)))
    if len(sys.argv) > 1:
        attempt(name + '-x32', lambda: reached(lambda: call(long | 1 << 30, argument)))
        attempt(name + '-number-above', lambda: reached(lambda: call(long | 1 << 29, argument)))
"
    );
    let probe = Attack::python(ctx, &format!("{INT80}\nattempt('getpid', lambda: int80(20, 0))"))?;
    if probe.bare().is_err() {
        return skip("this kernel has no 32-bit calls");
    }
    let attack = Attack::python(ctx, &body)?;
    attack.world("--seccomp none")?.succeeds()?;
    let attack = attack.arg("more");
    attack.world("")?.fails()?;
    attack.world("--root --cap-add all")?.fails()?;
    // Under `strict` the first of them is the last.
    probe.run("--seccomp strict").go()?.exits(128 + 31)?;
    Ok(())
}

/// A program may have filters of its own, and tracers. The strictest answer holds, and a call that
/// a tracer has made another one of is looked at again.
fn filter_is_outdone(ctx: &Ctx) -> Outcome {
    needs_x86(ctx)?;
    let body = "
import select
getppid, personality, argument = 110, 135, 0x40000
class Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
def program(answer):
    lines = (0x20, 0, 0, 0), (0x15, 0, 1, personality), (6, 0, 0, answer), (6, 0, 0, 0x7fff0000)
    text = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *line) for line in lines))
    return text, Program(len(lines), ctypes.addressof(text))
def install(answer, flags=0):
    text, own = program(answer)
    checked(libc.prctl(38, 1, 0, 0, 0))
    return call(317, 1, flags, ctypes.byref(own))
def forked(act):
    made = os.fork()
    if made == 0:
        try: os._exit(0 if act() == 0 else 1)
        except BaseException: os._exit(1)
    return made
def ended(made):
    status = os.waitpid(made, 0)[1]
    if status: raise OSError(status, 'refused')
def under(answer, flags=0):
    def act():
        install(answer, flags)
        return call(personality, argument)
    ended(forked(act))
def notified():
    def act():
        listener = install(0x7fc00000, 8)
        made = forked(lambda: call(personality, argument))
        watch = select.poll()
        watch.register(listener, select.POLLIN)
        while not os.waitid(os.P_PID, made, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if watch.poll(50):
                asked = bytearray(80)
                fcntl.ioctl(listener, 0xc0502100, asked)
                fcntl.ioctl(listener, 0xc0182101, asked[:8] + struct.pack('qiI', 0, 0, 1))
        ended(made)
        return 0
    ended(forked(act))
def rewritten():
    def act():
        call(101, 0, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        return call(getppid)
    made, room = forked(act), (ctypes.c_ulong * 27)()
    while True:
        status = os.waitpid(made, 0)[1]
        if os.WIFEXITED(status) or os.WIFSIGNALED(status): break
        checked(libc.ptrace(12, made, 0, ctypes.byref(room)))
        if room[15] == getppid:
            room[15], room[14] = personality, argument
            checked(libc.ptrace(13, made, 0, ctypes.byref(room)))
        checked(libc.ptrace(24, made, 0, 0))
    if status: raise OSError(status, 'refused')
attempt('allow', lambda: under(0x7fff0000))
attempt('log', lambda: under(0x7ffc0000))
attempt('all-threads', lambda: under(0x7fff0000, 1))
attempt('notify', notified)
attempt('rewritten-by-a-tracer', rewritten)
";
    let attack = Attack::python(ctx, body)?;
    attack.world("--seccomp none")?.succeeds()?;
    for options in ["", "--root --cap-add all", "--seccomp strict"] {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// Keys are found by their number or their name, through whatever namespace.
fn keys_are_read(ctx: &Ctx) -> Outcome {
    needs_x86(ctx)?;
    ctx.needs("python3")?;
    let keeper = "
import ctypes, os, sys
libc = ctypes.CDLL(None)
assert libc.syscall(250, 1, None) > 0
keys = [libc.syscall(248, b'user', b'dwell-suite-key', b's3cret', 6, keyring) for keyring in (-3, -4)]
if os.fork():
    os.wait()
    libc.syscall(250, 9, keys[1], -4)
    sys.exit(0 if min(keys) > 0 else 9)
os.execvp(sys.argv[1], sys.argv[1:] + [str(key) for key in keys])
";
    let body = "
room = ctypes.create_string_buffer(64)
# What is in a keyring of one's own can be read.
attempt('possessed', lambda: call(250, 8, -4, -3))
for keyring, key in zip((-3, -4), map(int, sys.argv[1:])):
    attempt('read%d' % keyring, lambda: call(250, 11, key, room, 64))
    attempt('linked%d' % keyring, lambda: call(250, 8, key, -2))
    attempt('searched%d' % keyring, lambda: call(250, 10, keyring, b'user', b'dwell-suite-key', 0))
attempt('requested', lambda: call(249, b'user', b'dwell-suite-key', 0, 0))
";
    let attack = Attack::python(ctx, body)?;
    let dwell = ctx.dwell.display().to_string();
    let world = |options: &[&str]| {
        let words = ["python3", "-c", keeper, dwell.as_str(), "run"];
        attack.started_by(&[&words[..], options, &["--"]].concat())
    };
    attack.started_by(&["python3", "-c", keeper])?.succeeds()?;
    world(&["--seccomp", "none", "--unshare", "none"])?.succeeds()?;
    world(&[])?.fails()?;
    world(&["--root", "--cap-add", "all"])?.fails()?;
    world(&["--unshare", "none"])?.fails()?;
    Ok(())
}

/// The way out of the first Docker (`shocker.c`): a file is opened by its number in the file
/// system, past what the mounts show.
fn files_by_handle(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let place = ctx.dir("fs")?;
    let _mounted = ctx.mount(&["-t", "tmpfs", "none"], &place)?;
    ctx.file("fs/shown/f", "")?;
    let secret = ctx.file("fs/closed/secret", "s3cret")?;
    let handle = "
import ctypes, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
room, mount = ctypes.create_string_buffer(struct.pack('Ii', 120, 0), 128), ctypes.c_int()
assert libc.name_to_handle_at(-100, sys.argv[1].encode(), room, ctypes.byref(mount), 0) == 0
print(room.raw.hex())
";
    let handle = ctx.host("python3").args(["-c", handle]).arg(&secret).output()?.trim().to_owned();
    let body = "
room = ctypes.create_string_buffer(bytes.fromhex(sys.argv[1]))
def opened():
    mount = os.open(sys.argv[2], os.O_RDONLY)
    file = checked(libc.open_by_handle_at(mount, room, os.O_RDONLY))
    return b's3cret' in os.read(file, 9)
attempt('opened', opened)
";
    let shown = ctx.path("fs/shown");
    let attack = Attack::python(ctx, body)?.arg(handle).arg(shown.display());
    attack.bare()?.succeeds()?;
    let able = "--cap-add dac_read_search --seccomp none";
    for options in ["", able, &format!("--root {able}")] {
        for how in ["--rw", "--ro", "--cow"] {
            attack.world(&format!("{options} {how} {}", shown.display()))?.fails()?;
        }
    }
    ensure!(secret.exists(), "the secret is gone");
    Ok(())
}
