//! File systems that never answer: of a FUSE server that is the attacker's.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::Attack;
use crate::harness::{Ctx, Live, Outcome, cases, ensure, process, skip};

cases! {
    both: granted_tree_does_not_answer, server_inside_does_not_answer, entered_directory_does_not_answer;
}

/// Mounts a file system at a place, in a user namespace of its own; its server says that it is there, and nothing more.
const SERVER: &str = "
def mounted(node, place):
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(0x10020000))
    for name, text in ('setgroups', 'deny'), ('uid_map', '%d %d 1' % (uid, uid)), ('gid_map', '%d %d 1' % (gid, gid)):
        with open('/proc/self/' + name, 'w') as file: file.write(text)
    fd = os.open(node, os.O_RDWR)
    how = b'fd=%d,rootmode=40000,user_id=%d,group_id=%d' % (fd, uid, gid)
    checked(libc.mount(b'none', place.encode(), b'fuse', 0, how))
    unique = struct.unpack('IIQQ', os.read(fd, 1 << 17)[:24])[2]
    os.write(fd, struct.pack('IiQ', 80, 0, unique) + struct.pack('IIII', 7, 31, 0, 0) + struct.pack('II', 0, 4096) + bytes(40))
    return fd
";

/// The device, which not every machine leaves open to users.
fn device(ctx: &Ctx) -> Outcome<PathBuf> {
    if !ctx.privileged {
        return match std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            Ok(_) => Ok(PathBuf::from("/dev/fuse")),
            Err(no) => skip(format!("/dev/fuse: {no}")),
        };
    }
    let node = ctx.path("fuse");
    ctx.as_root(&format!("mknod -m 666 {} c 10 229", node.display()))?;
    match std::fs::OpenOptions::new().read(true).write(true).open(&node) {
        Ok(_) => Ok(node),
        Err(no) => skip(format!("the kernel has no FUSE: {no}")),
    }
}

/// dwell looks at what it is to show, and can be ended while it waits.
fn granted_tree_does_not_answer(ctx: &Ctx) -> Outcome {
    let node = device(ctx)?.display().to_string();
    let place = ctx.dir("inside/place")?.display().to_string();
    let body = format!(
        "{SERVER}
import subprocess
fd = mounted(sys.argv[1], sys.argv[2])
made = subprocess.Popen(sys.argv[4:])
def wait(seconds):
    try: return made.wait(seconds) != 0
    except subprocess.TimeoutExpired: return False
attempt('waits', lambda: not wait(1))
made.send_signal(int(sys.argv[3]))
attempt('ended', lambda: wait(10))
made.kill()
"
    );
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let attack = Attack::python(ctx, &body)?;
        let attack = attack.arg(&node).arg(&place).arg(signal.as_raw());
        let dwell = ctx.dwell.display();
        let bare = attack.arg("ls").arg(&place).bare()?;
        bare.gets(&["waits", "ended"])?;
        for option in ["--ro", "--rw", "--cow", "--from"] {
            let attack = Attack::python(ctx, &body)?;
            let attack = attack.arg(&node).arg(&place).arg(signal.as_raw());
            let attack = attack.arg(&dwell).arg("run").arg(option).arg(&place).arg("true");
            attack.bare()?.gets(&["waits", "ended"])?;
        }
    }
    Ok(())
}

/// The server is in the world, which was given the device: nobody outside waits for it.
fn server_inside_does_not_answer(ctx: &Ctx) -> Outcome {
    let node = device(ctx)?.display().to_string();
    let body = format!(
        "{SERVER}
if os.fork(): time.sleep(1000)
place = '/tmp/m'
os.mkdir(place)
fd = mounted(sys.argv[1], place)
if os.fork() == 0:
    os.close(fd)
    os.stat(place + '/x')
os.read(fd, 1 << 17)
attempt('stuck', lambda: None)
time.sleep(1000)
"
    );
    let attack = Attack::python(ctx, &body)?.arg(&node);
    let options = format!("--dev {node}");
    let start = |more: &str| -> Outcome<Live> {
        let mut live = attack.run(&format!("{options} {more}")).limit(20).start()?;
        let line = live.line()?;
        ensure!(line == "through stuck", "the attack itself fails: {line}");
        Ok(live)
    };
    start("--timeout 3")?.finish()?.exits(124)?;
    for signal in [Signal::TERM, Signal::KILL] {
        let live = start("")?;
        // Whoever enters is not kept.
        let pid = live.program("python3")?.to_string();
        let words = ["enter", &pid, "echo", "on"];
        ctx.host(&ctx.dwell).args(words).limit(10).go()?.prints("on\n")?;
        live.signal(signal)?;
        drop(live);
        let marker = attack.words().join(" ");
        process::wait_gone(&marker, Duration::from_secs(10))?;
    }
    // Without the device there is no server.
    attack.run("--timeout 2").go()?.lacks("through stuck")?;
    Ok(())
}

// KERNEL: permission to enter a directory is asked of the server each time, as long as it answers that (FUSE_ACCESS).
/// A process whose working directory is on such a file system, and beside it, outside of its namespaces, a program that
/// has to do with it. A server that has taken a request keeps who waits for it, whatever signal that is sent.
const BESIDE: &str = "
import subprocess
def answers(fd, until):
    while True:
        operation, unique = struct.unpack('IIQQ', os.read(fd, 1 << 17)[:24])[1:3]
        os.write(fd, struct.pack('IiQ', 16, 0, unique))
        if operation == until: return
def beside(node, place):
    ours, theirs = os.pipe()
    server = os.fork()
    if server == 0:
        os.close(ours)
        libc.prctl(1, 9)
        fd = mounted(node, place)
        target = os.fork()
        if target == 0:
            os.close(fd)
            libc.prctl(1, 9)
            os.chdir(place)
            os.write(theirs, b'%d' % os.getpid())
            time.sleep(1000)
        answers(fd, 34)
        if sys.argv[3] == 'takes':
            while True: os.read(fd, 1 << 17)
        time.sleep(1000)
    os.close(theirs)
    return server, int(os.read(ours, 100))
def wait(made, seconds):
    try: return made.wait(seconds)
    except subprocess.TimeoutExpired: return None
def children(of):
    with open('/proc/%d/task/%d/children' % (of, of)) as file: return [int(pid) for pid in file.read().split()]
def gone(pid):
    try: return ') Z' in open('/proc/%d/stat' % pid).read()
    except FileNotFoundError: return True
def all_gone(pids):
    for _ in range(1000):
        if all(gone(pid) for pid in pids): return True
        time.sleep(0.01)
    return False
";

/// `dwell enter` goes to the directory of the process that it enters. It may have to wait there, and can be ended; what
/// nobody can end is left, and goes with the server. To list worlds nobody looks there.
fn entered_directory_does_not_answer(ctx: &Ctx) -> Outcome {
    let node = device(ctx)?.display().to_string();
    let place = ctx.dir("inside/place")?.display().to_string();
    let body = format!(
        "{SERVER}{BESIDE}
server, target = beside(sys.argv[1], sys.argv[2])
number = int(sys.argv[5])
words = [word.replace('TARGET', str(target)) for word in sys.argv[6:]]
if sys.argv[4] == 'lists':
    made = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    attempt('answers', lambda: wait(made, 10) == 0)
else:
    made = subprocess.Popen(words)
    attempt('waits', lambda: wait(made, 0.5) is None)
    own = children(made.pid)
    made.send_signal(number)
    attempt('ended', lambda: wait(made, 25) in (-number, 128 + number))
made.kill()
os.kill(server, 9)
os.waitpid(server, 0)
attempt('gone', lambda: sys.argv[4] == 'lists' or all_gone(own))
"
    );
    let dwell = ctx.dwell.display();
    let attack = |kind: &str, act: &str, signal: Signal| -> Outcome<Attack<'_>> {
        let attack = Attack::python(ctx, &body)?.arg(&node).arg(&place);
        Ok(attack.arg(kind).arg(act).arg(signal.as_raw()))
    };
    let inside = "/proc/TARGET/cwd/.";
    let bare = attack("silent", "enters", Signal::TERM)?.arg("ls").arg(inside).bare()?;
    bare.gets(&["waits", "ended", "gone"])?;
    for kind in ["silent", "takes"] {
        for signal in [Signal::TERM, Signal::KILL] {
            let enter = attack(kind, "enters", signal)?.arg(&dwell).arg("enter").arg("TARGET");
            enter.arg("echo").arg("on").bare()?.gets(&["waits", "ended", "gone"])?;
        }
        for words in [["ls", "--json"], ["ls", "--all"], ["lsns", "--json"]] {
            let mut list = attack(kind, "lists", Signal::TERM)?.arg(&dwell);
            for word in words {
                list = list.arg(word);
            }
            list.bare()?.gets(&["answers"])?;
        }
    }
    Ok(())
}
