//! Two worlds beside each other: of one user, and of a user and root.

use super::{Attack, Tried};
use crate::harness::{Ctx, Live, Outcome, Run, cases};

cases! {
    both: of_one_user;
    user: of_a_user_and_root;
}

/// Has everything that a neighbour may reach for, and tells its port.
const VICTIM: &str = "
name = sys.argv[1]
files = ['/tmp/' + name, '/dev/shm/' + name, 'made-' + name]
for path in files:
    with open(path, 'w') as file: file.write('s3cret')
    os.chmod(path, 0o666)
pathname = '/tmp/' + name + '.socket'
def listening(family, address):
    one = socket.socket(family)
    one.bind(address)
    one.listen()
    return one
kept = [listening(socket.AF_UNIX, pathname), listening(socket.AF_UNIX, chr(0) + name), listening(socket.AF_INET, ('127.0.0.1', 0))]
os.chmod(pathname, 0o777)
key = int(sys.argv[2])
memory = checked(libc.shmget(key, 4096, 0o1666))
queue = checked(libc.mq_open(b'/' + name.encode(), os.O_CREAT | os.O_RDWR, 0o666, None))
print(kept[2].getsockname()[1], flush=True)
sys.stdin.read()
libc.shmctl(memory, 0, None)
libc.mq_unlink(b'/' + name.encode())
for path in files + [pathname]: os.unlink(path)
";

const NEIGHBOUR: &str = "
name, key, pid, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
attempt('seen', lambda: os.stat('/proc/%d' % pid))
attempt('signal', lambda: os.kill(pid, 0))
attempt('pidfd', lambda: os.close(os.pidfd_open(pid)))
attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
attempt('processors', lambda: os.sched_setaffinity(pid, {0}))
attempt('environment', lambda: read('/proc/%d/environ' % pid))
attempt('memory', lambda: os.close(os.open('/proc/%d/mem' % pid, os.O_RDWR)))
attempt('root', lambda: read('/proc/%d/root/tmp/%s' % (pid, name)))
attempt('cwd', lambda: read('/proc/%d/cwd/made-%s' % (pid, name)))
attempt('namespace', lambda: os.close(os.open('/proc/%d/ns/user' % pid, os.O_RDONLY)))
attempt('tmp', lambda: read('/tmp/' + name))
attempt('shm', lambda: read('/dev/shm/' + name))
attempt('directory', lambda: read('made-' + name))
attempt('socket', lambda: socket.socket(socket.AF_UNIX).connect('/tmp/' + name + '.socket'))
attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + name))
attempt('port', lambda: socket.socket().connect(('127.0.0.1', port)))
attempt('shared-memory', lambda: checked(libc.shmget(key, 0, 0)))
attempt('queue', lambda: checked(libc.mq_open(b'/' + name.encode(), os.O_RDWR)))
attempt('seize', lambda: checked(libc.ptrace(0x4206, pid, 0, 0)))
";

/// Starts the victim; its number outside, and its port.
fn victim(ctx: &Ctx, name: &str, options: &str) -> Outcome<(Live, u32, String)> {
    let attack = Attack::python(ctx, VICTIM)?.arg(name).arg(KEY + ctx.account.uid);
    let mut live = attack.run(options).open_input().start()?;
    let port = live.line()?;
    let pid = live.program("python3")?;
    Ok((live, pid, port))
}

const KEY: u32 = 0x5157_0000;

fn matrix(ctx: &Ctx, weak: &str, whose: impl Fn(Run) -> Run) -> Outcome {
    if ctx.privileged {
        ctx.as_root("ip link set lo up")?;
    }
    let name = format!("dwell-suite-victim-{}-{}", std::process::id(), ctx.scratch.display());
    let name = name.replace('/', "-");
    let tried = |victims: &str, own: &str| -> Outcome<Tried> {
        let (live, pid, port) = victim(ctx, &name, victims)?;
        let attack = Attack::python(ctx, NEIGHBOUR)?.arg(&name).arg(KEY + ctx.account.uid);
        let tried = Tried::read(whose(attack.arg(pid).arg(port).run(own)).go()?);
        // What it has made outside goes away with it.
        live.finish()?.exits(0)?;
        tried
    };
    tried("--unshare none", weak)?.succeeds()?;
    for options in ["", "--root", "--root --cap-add all --seccomp none"] {
        tried(options, options)?.fails()?;
        tried("", options)?.fails()?;
    }
    // Each wall alone keeps its part.
    tried("--share pid", "--share pid")?
        .holds(&["root", "cwd", "memory", "seize", "port", "shm"])?;
    tried("--net host", "--net host")?
        .holds(&["seen", "signal", "tmp", "shm", "socket", "queue"])?;
    Ok(())
}

fn of_one_user(ctx: &Ctx) -> Outcome {
    matrix(ctx, "--unshare none", |run| run)
}

/// The neighbour is the one with all rights.
fn of_a_user_and_root(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    matrix(ctx, "--unshare none --cap-add all", Run::by_suite)
}
