//! Device nodes, and terminals.

use super::Attack;
use crate::harness::{Ctx, Outcome, Run, Terminal, cases, ensure, skip};

cases! {
    both: terminal_is_typed_into;
    root: nodes_are_made, terminal_of_another;
}

fn nodes_are_made(ctx: &Ctx) -> Outcome {
    let body = "
import stat
for place in sys.argv[1:]:
    node = place + '/node'
    def act():
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        try:
            return os.close(os.open(node, os.O_RDWR))
        finally:
            os.unlink(node)
    attempt(place, act)
";
    ctx.dir("granted")?;
    let attack = Attack::python(ctx, body)?.arg(".").arg(ctx.path("granted").display());
    attack.bare()?.succeeds()?;
    let attack =
        attack.arg("/tmp").arg("/dev").arg("/dev/shm").arg("/run").arg("/var/tmp").arg("/etc");
    let granted = format!("--rw {}", ctx.path("granted").display());
    attack.world(&granted)?.fails()?;
    attack.world(&format!("{granted} --rw . --seccomp none --root"))?.fails()?;
    attack.world("--cap-add all --seccomp none")?.fails()?;
    Ok(())
}

/// An interactive shell outside, on a terminal of its own.
fn shell(ctx: &Ctx) -> Outcome<Terminal> {
    let run = ctx.host("bash").args(["--norc", "--noprofile", "-i"]).env("PS1", "out> ");
    let mut terminal = Terminal::start(run.cwd(ctx.path("inside")))?;
    terminal.expect("out> ")?;
    Ok(terminal)
}

fn words(run: &Run) -> String {
    run.shown().split("  [in").next().unwrap_or_default().to_owned()
}

/// CVE-2017-5226 and CVE-2019-10063: `TIOCSTI`, also with bits set that the kernel does not look at.
fn terminal_is_typed_into(ctx: &Ctx) -> Outcome {
    let setting = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").unwrap_or_default();
    if setting.trim() == "0" {
        return skip("the kernel refuses TIOCSTI to everybody here");
    }
    let body = "
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p]
def typed(fd, request):
    for byte in b\"echo TY''PED\\n\": checked(libc.ioctl(fd, request, bytes([byte])))
opened = []
for path in '/dev/tty', '/proc/self/fd/0', '/proc/self/fd/1', '/dev/pts/0', '/dev/console':
    for mode in os.O_RDONLY, os.O_RDWR:
        try: opened.append(os.open(path, mode | os.O_NOCTTY | os.O_NONBLOCK))
        except OSError: pass
for fd in [0, 1, 2] + opened:
    for request in 0x5412, 0x5412 | 1 << 32:
        try: typed(fd, request)
        except OSError: pass
# From a session without a terminal, and from one that asks for it.
made = os.fork()
if made == 0:
    os.setsid()
    for fd in [0, 1, 2] + opened:
        for act in (lambda: typed(fd, 0x5412)), (lambda: (fcntl.ioctl(fd, 0x540e, 0), typed(fd, 0x5412))), (lambda: fcntl.ioctl(fd, 0x541c, b'\\x03')):
            try: act()
            except OSError: pass
    os._exit(0)
os.waitpid(made, 0)
";
    let attack = Attack::python(ctx, body)?;
    let pushed = |command: &str| -> Outcome<bool> {
        let mut terminal = shell(ctx)?;
        terminal.ask(&format!("{command}; echo ov''er"), "over\r\n")?;
        terminal.expect("out> ")?;
        terminal.ask("echo ag''ain", "again\r\n")?;
        let seen = terminal.seen();
        terminal.type_in("exit 0\r")?;
        terminal.finish()?;
        Ok(seen.contains("TYPED"))
    };
    let command = attack.words().join(" ");
    ensure!(pushed(&command)?, "the attack itself fails");
    for options in ["", "--pty never", "--seccomp none", "--pty never --seccomp none", "--root"] {
        let command = words(&attack.run(options));
        for command in
            [command.clone(), format!("{command} 2>/dev/null"), format!("{command} | cat")]
        {
            ensure!(!pushed(&command)?, "it was typed outside by {command}");
        }
    }
    Ok(())
}

/// The terminals of others are devices of an instance of devpts that is not the world's.
fn terminal_of_another(ctx: &Ctx) -> Outcome {
    let body = "
def written():
    with open(sys.argv[1], 'w') as file: file.write('MARK' + 'ED')
attempt('written', written)
attempt('listed', lambda: os.listdir('/dev/pts') not in (['ptmx'], []))
";
    let attack = Attack::python(ctx, body)?;
    let mut victim = shell(ctx)?;
    victim.type_in("tty >where; echo do''ne\r")?;
    victim.expect("done\r\n")?;
    let name = std::fs::read_to_string(ctx.path("inside/where"))?;
    let attack = attack.arg(name.trim());
    for options in ["", "--root --cap-add all"] {
        attack.world(options)?.fails()?;
    }
    victim.ask("echo un''touched", "untouched\r\n")?;
    ensure!(!victim.seen().contains("MARKED"), "it was written to: {}", victim.seen());
    attack.bare()?.succeeds()?;
    victim.expect("MARKED")
}
