//! Two worlds beside each other: of one user, of a user and root, of two users; each both ways.

use super::{Attack, Tried};
use crate::harness::{Ctx, Outcome, Run, cases};

cases! {
    both: of_one_user;
    user: root_beside_a_user, user_beside_root, of_two_users;
}

/// Has everything that a neighbour may reach for, and tells its port.
const VICTIM: &str = "
os.umask(0)
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
attempt('descriptor', lambda: os.close(call(438, os.pidfd_open(pid), 0, 0)))
attempt('seize', lambda: checked(libc.ptrace(0x4206, pid, 0, 0)))
";

/// Whose a world is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    /// The user who tries the case.
    User,
    Root,
    /// A second user.
    Other,
}

impl Owner {
    fn of(self, run: Run) -> Run {
        match self {
            Owner::User => run,
            Owner::Root => run.by_suite(),
            Owner::Other => run.by_nobody(),
        }
    }
}

/// Which attempts succeed where there is no wall: between users the kernel keeps some apart.
#[derive(Clone, Copy, Debug)]
enum Weak {
    All,
    These(&'static [&'static str]),
}

/// What everybody may do where nothing is in between, and files and sockets are open to all.
const OF_STRANGERS: Weak = Weak::These(&[
    "seen",
    "pidfd",
    "tmp",
    "shm",
    "directory",
    "socket",
    "abstract",
    "port",
    "shared-memory",
    "queue",
]);

/// A key for shared memory that cases beside this one do not use.
fn key_of(name: &str) -> u32 {
    name.bytes().fold(7_u32, |key, byte| key.wrapping_mul(31).wrapping_add(byte.into())) >> 1
}

/// A world with the victim, and what a world beside it gets of it.
fn beside(ctx: &Ctx, worlds: [(Owner, &str); 2]) -> Outcome<Tried> {
    let [(victims, its_options), (whose, own_options)] = worlds;
    let name = format!("dwell-suite-victim-{}-{}", std::process::id(), ctx.scratch.display());
    let name = name.replace('/', "-");
    let key = key_of(&name);
    let attack = Attack::python(ctx, VICTIM)?.arg(&name).arg(key);
    let mut live = victims.of(attack.run(its_options)).open_input().start()?;
    let port = live.line()?;
    let pid = live.program("python3")?;
    let attack = Attack::python(ctx, NEIGHBOUR)?.arg(&name).arg(key).arg(pid).arg(port);
    let tried = Tried::read(whose.of(attack.run(own_options)).go()?);
    // What it has made outside goes away with it.
    live.finish()?.exits(0)?;
    tried
}

fn matrix(ctx: &Ctx, victims: Owner, whose: Owner, expected: Weak) -> Outcome {
    if ctx.privileged {
        ctx.as_root("ip link set lo up")?;
        // Both make a file there.
        ctx.dir("inside")?;
        ctx.as_root("chmod 777 inside")?;
    }
    let tried = |its: &str, own: &str| beside(ctx, [(victims, its), (whose, own)]);
    let strongest = match whose {
        Owner::Root => "--unshare none --seccomp none --cap-add all",
        Owner::User | Owner::Other => "--unshare none --seccomp none",
    };
    let weak = tried("--unshare none", strongest)?;
    match expected {
        Weak::All => weak.succeeds().map(drop)?,
        Weak::These(names) => weak.gets(names).map(drop)?,
    }
    for options in ["", "--root", "--root --cap-add all --seccomp none"] {
        tried(options, options)?.fails()?;
        tried("", options)?.fails()?;
    }
    // Each wall alone keeps its part.
    tried("--share pid", "--share pid")?.holds(&[
        "root",
        "cwd",
        "memory",
        "descriptor",
        "seize",
        "port",
        "shm",
    ])?;
    tried("--net host", "--net host")?
        .holds(&["seen", "signal", "tmp", "shm", "socket", "queue"])?;
    Ok(())
}

fn of_one_user(ctx: &Ctx) -> Outcome {
    matrix(ctx, Owner::User, Owner::User, Weak::All)
}

/// The neighbour is the one with all rights.
fn root_beside_a_user(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    matrix(ctx, Owner::User, Owner::Root, Weak::All)
}

fn user_beside_root(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    matrix(ctx, Owner::Root, Owner::User, OF_STRANGERS)
}

fn of_two_users(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    matrix(ctx, Owner::User, Owner::Other, OF_STRANGERS)?;
    matrix(ctx, Owner::Other, Owner::User, OF_STRANGERS)
}
