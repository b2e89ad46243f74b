//! What the caller has open, and what others hand in.

use super::{Attack, Tried, secret};
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: left_open, as_working_directory, handed_in_by_a_server;
}

/// Opens what a careless caller may have open, and becomes the program that is named.
const CARELESS: &str = "
import os, socket, sys
def place(fd, at):
    os.dup2(fd, at, inheritable=True)
place(os.open(sys.argv[1], os.O_RDONLY), 109)
place(os.open(sys.argv[1], os.O_PATH), 110)
place(os.open(sys.argv[1] + '/secret', os.O_RDONLY), 111)
memory = os.memfd_create('secret')
os.write(memory, b's3cret')
place(memory, 112)
ends = socket.socketpair()
place(ends[0].fileno(), 113)
place(ends[1].fileno(), 1000)
os.execv(sys.argv[2], sys.argv[2:])
";

fn left_open(ctx: &Ctx) -> Outcome {
    let outside = secret(ctx)?;
    let outside = outside.parent().unwrap_or(&outside).display().to_string();
    let body = "
def below(fd, how):
    if how == 'path': return read('/proc/self/fd/%d/secret' % fd)
    if how == 'thread': return read('/proc/thread-self/fd/%d/secret' % fd)
    if how == 'dev': return read('/dev/fd/%d/secret' % fd)
    if how == 'up': return read('/proc/self/fd/%d/../outside/secret' % fd)
    if how == 'at': return os.close(os.open('secret', os.O_RDONLY, dir_fd=fd))
    if how == 'chdir': os.fchdir(fd); return read('secret')
for fd in 109, 110:
    for how in 'path', 'thread', 'dev', 'up', 'at', 'chdir':
        attempt('%d-%s' % (fd, how), lambda: below(fd, how))
attempt('file', lambda: os.pread(111, 9, 0))
attempt('file-anew', lambda: read('/proc/self/fd/111'))
attempt('memory', lambda: os.pread(112, 9, 0))
attempt('socket', lambda: os.write(113, b'x'))
attempt('any', lambda: [os.fstat(int(fd)) for fd in os.listdir('/proc/self/fd') if int(fd) > 3][0])
";
    let attack = Attack::python(ctx, body)?;
    let careless = ["python3", "-c", CARELESS, &outside];
    let dwell = ctx.dwell.display().to_string();
    let world = |options: &str| {
        let words: Vec<&str> = careless.into_iter().chain([dwell.as_str(), "run"]).collect();
        let words: Vec<&str> = words.into_iter().chain(options.split_whitespace()).collect();
        attack.started_by(&words)
    };
    let kept =
        "--keep-fd 109 --keep-fd 110 --keep-fd 111 --keep-fd 112 --keep-fd 113 --keep-fd 1000";
    world(kept)?.succeeds()?;
    for options in ["", "--as-pid-1", "--share pid", "--pty always", "--seccomp none"] {
        world(options)?.fails()?;
    }
    Ok(())
}

/// A working directory below `/proc/self/fd` is one that the runtime, or its caller, has open.
fn as_working_directory(ctx: &Ctx) -> Outcome {
    secret(ctx)?;
    ctx.dir("inside")?;
    let weak = ctx.shell("exec 9<outside; cd /proc/self/fd/9 && cat secret").go()?;
    weak.exits(0)?.prints("s3cret\n")?;
    let weak =
        "exec 9<outside; cd inside; exec \"$DWELL\" run --keep-fd 9 -w /proc/self/fd/9 cat secret";
    ctx.shell(weak).go()?.exits(0)?.prints("s3cret\n")?;
    for fd in 3..24 {
        for place in [format!("/proc/self/fd/{fd}"), format!("/proc/self/fd/{fd}/../outside")] {
            let script = format!(
                "exec 9<outside; cd inside; exec \"$DWELL\" run -w {place} -- sh -c 'cat secret outside/secret ../outside/secret'"
            );
            let got = ctx.shell(&script).go()?;
            got.lacks("s3cret")?;
            ensure!(got.status.code() != Some(0), "something was read{got}");
        }
    }
    Ok(())
}

/// A process outside that is glad to help passes a directory on over a Unix socket.
fn handed_in_by_a_server(ctx: &Ctx) -> Outcome {
    secret(ctx)?;
    let place = ctx.path("server").display().to_string();
    let server = "
import array, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print('ready', flush=True)
directory = os.open(sys.argv[2], os.O_RDONLY)
while True:
    peer = listener.accept()[0]
    socket.send_fds(peer, [b'x'], [directory])
";
    let words = ["-c", server, &place, &ctx.path("outside").display().to_string()];
    ctx.needs("python3")?;
    let mut live = ctx.host("python3").args(words).start()?;
    live.line()?;
    let body = "
def act():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    directory = socket.recv_fds(peer, 1, 1)[1][0]
    return os.close(os.open('secret', os.O_RDONLY, dir_fd=directory))
attempt('received', act)
";
    let attack = Attack::python(ctx, body)?.arg(&place);
    attack.world(&format!("--socket {place}"))?.succeeds()?;
    attack.world("")?.fails()?;
    // Nor where the socket's directory is granted.
    let below = format!("--rw {}", ctx.scratch.display());
    Tried::read(attack.run(&below).go()?)?.fails()?;
    Ok(())
}
