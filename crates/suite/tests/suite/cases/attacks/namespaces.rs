//! Namespaces in namespaces, and the rights that they bring.

use super::{Attack, secret};
use crate::harness::{Ctx, Outcome, cases, skip};

cases! {
    both: covers_are_taken_away, mounts_outside_are_listed, root_directory_is_left, kernel_is_reached;
}

/// Makes a user and a mount namespace in which the program is root.
const NEST: &str = "
def nest():
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(0x10020000))
    for name, text in ('setgroups', 'deny'), ('uid_map', '0 %d 1' % uid), ('gid_map', '0 %d 1' % gid):
        with open('/proc/self/' + name, 'w') as file: file.write(text)
";

/// What hides, and what keeps from writing, are mounts: whoever has power over mounts takes them
/// away, or looks below them.
fn covers_are_taken_away(ctx: &Ctx) -> Outcome {
    ctx.file("inside/d/hidden/secret", "s3cret")?;
    ctx.file("inside/d/fixed/f", "")?;
    ctx.dir("inside/d/place")?;
    let body = format!(
        "{NEST}
if sys.argv[1] == 'nest': nest()
hidden, fixed = b'd/hidden', b'd/fixed'
def cloned(flags):
    tree = call(428, -100, b'd', 1 | flags)
    if flags: call(429, tree, b'', -100, b'd/place', 4)
    return read('/proc/self/fd/%d/hidden/secret' % tree)
def bound():
    checked(libc.mount(b'd', b'd/place', None, 4096, None))
    return read('d/place/hidden/secret')
def write(): open('d/fixed/f', 'w').close()
def cleared():
    call(442, -100, fixed, 0, struct.pack('QQQQ', 0, 1, 0, 0), 32)
    write()
def again():
    checked(libc.mount(None, fixed, None, 32 | 4096, None))
    write()
def unmounted(path, flags, then):
    checked(libc.umount2(path, flags))
    return then()
def moved():
    call(429, -100, hidden, -100, b'd/place', 0)
    return read('d/hidden/secret')
attempt('open_tree', lambda: cloned(0))
attempt('bind', bound)
attempt('mount_setattr', cleared)
attempt('remount', again)
attempt('move_mount', moved)
checked(libc.mount(b'none', hidden, b'tmpfs', 0, None)) if sys.argv[1] == 'stay' else None
attempt('umount', lambda: unmounted(hidden, 0, lambda: read('d/hidden/secret')))
attempt('umount-lazily', lambda: unmounted(fixed, 2, write))
"
    );
    let attack = Attack::python(ctx, &body)?;
    let made = "mount -t tmpfs none d/hidden && mount --bind d/fixed d/fixed && \
                mount -o remount,bind,ro d/fixed && exec \"$@\"";
    let words = ["unshare", "-U", "-r", "-m", "sh", "-c", made, "sh"];
    attack.arg("stay").started_by(&words)?.succeeds()?;
    let attack = Attack::python(ctx, &body)?.arg("nest");
    for options in ["", "--root", "--seccomp none", "--root --seccomp none"] {
        attack.world(&format!("{options} --hide d/hidden --ro d/fixed"))?.fails()?;
    }
    Ok(())
}

/// The newest calls name a mount namespace by its number, and mounts by theirs (Linux 6.10).
fn mounts_outside_are_listed(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let numbers = "
import ctypes, fcntl, os, struct
libc = ctypes.CDLL(None)
space = bytearray(8)
fcntl.ioctl(os.open('/proc/self/ns/mnt', os.O_RDONLY), 0x8008b705, space)
own = (ctypes.c_ulong * 64)()
request = ctypes.create_string_buffer(struct.pack('IIQQQ', 32, 0, 2 ** 64 - 1, 0, 0))
assert libc.syscall(458, request, own, 64, 0) > 0
print(struct.unpack('Q', space)[0], own[0])
";
    let got = ctx.host("python3").args(["-c", numbers]).go()?;
    if got.status().code() != Some(0) {
        return skip("the kernel does not list mounts by the number of a namespace");
    }
    let body = "
space, mount = map(int, sys.argv[1:])
room = ctypes.create_string_buffer(4096)
def request(mount, what):
    return ctypes.create_string_buffer(struct.pack('IIQQQ', 32, 0, mount, what, space))
attempt('listed', lambda: call(458, request(2 ** 64 - 1, 0), room, 64, 0))
attempt('told', lambda: call(457, request(mount, 0x2 | 0x10), room, 4096, 0))
";
    let attack = got.out().split_whitespace().fold(Attack::python(ctx, body)?, Attack::arg);
    attack.bare()?.succeeds()?;
    for options in ["", "--root --cap-add all", "--root --cap-add all --seccomp none"] {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// The old way out of a `chroot(2)`: keep a directory outside of a root directory that is deeper.
fn root_directory_is_left(ctx: &Ctx) -> Outcome {
    let secret = secret(ctx)?;
    let body = "
def out():
    outside = os.open('/', os.O_RDONLY)
    os.chroot('/share' if os.path.isdir('/share') else '/usr')
    os.fchdir(outside)
    for _ in range(30): os.chdir('..')
    os.chroot('.')
    return read(sys.argv[1])
attempt('chroot', out)
";
    let attack = Attack::python(ctx, body)?.arg(secret.display());
    // Its own file is not in the new root directory.
    let text = attack.text()?;
    let words = ["unshare", "-U", "-r", "chroot", "/usr", "/bin/python3", "-c", &text];
    let run = ctx.host("unshare").args(words.iter().skip(1)).arg(&secret);
    super::Tried::read(run.env("PYTHONHOME", "/").go()?)?.succeeds()?;
    for options in ["", "--root", "--root --cap-add sys_chroot --seccomp none", "--as-pid-1 --root"]
    {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// The code of the kernel that is meant for root: user namespaces open it to anybody. The default
/// allows that, in favour of the programs that use them, and `--seccomp strict` does not.
fn kernel_is_reached(ctx: &Ctx) -> Outcome {
    if !cfg!(target_arch = "x86_64") {
        return skip("the numbers are those of x86-64");
    }
    let body = "
def child(made):
    if made == 0: os._exit(0)
    os.waitpid(made, 0)
def forked(act):
    made = os.fork()
    if made == 0:
        try: act()
        except BaseException: os._exit(1)
        os._exit(0)
    if os.waitpid(made, 0)[1]: raise OSError('refused')
user, everything = 0x10000000, 0x1c020000
attempt('unshare', lambda: forked(lambda: call(272, user)))
attempt('unshare-all', lambda: forked(lambda: call(272, everything | 0x60000000 | 0x02000000)))
attempt('clone', lambda: child(call(56, user | 17, 0, 0, 0, 0)))
attempt('clone3', lambda: child(call(435, struct.pack('Q' * 8, user, 0, 0, 0, 17, 0, 0, 0), 64)))
attempt('own-namespace-again', lambda: forked(lambda: (call(272, user | 0x04000000), call(308, os.open('/proc/self/ns/uts', os.O_RDONLY), 0))))
attempt('mount', lambda: forked(lambda: (call(272, user | 0x20000), call(430, b'tmpfs', 0))))
attempt('netfilter', lambda: forked(lambda: (call(272, user | 0x40000000), socket.socket(16, 3, 12))))
attempt('raw-packets', lambda: forked(lambda: (call(272, user | 0x40000000), socket.socket(17, 3, 0))))
";
    let attack = Attack::python(ctx, body)?;
    attack.world("")?.succeeds()?;
    attack.world("--seccomp strict")?.fails()?;
    attack.world("--seccomp strict --root")?.fails()?;
    // Where the world shares the machine's user namespace there is nothing to gain by default.
    if !ctx.is_root() {
        attack.world("--unshare none")?.fails()?;
    }
    Ok(())
}
