//! Ways around Landlock's wall of TCP ports. Without it a socket is bound and connected freely, and with it but
//! without the part of the filter that closes what Landlock does not look at, by other ways.

use super::{Attack, Tried};
use crate::harness::{Ctx, Outcome, cases, ensure, fail, skip};

cases! {
    both: bound_and_connected, listening_without_a_port, granted_socket_goes_elsewhere;
}

fn needs_ports() -> Outcome {
    match dwell_sys::raw::landlock_abi() {
        Ok(abi) if abi >= 6 => Ok(()),
        Ok(abi) => skip(format!("Landlock has version {abi}, 6 is needed")),
        Err(no) => skip(format!("there is no Landlock: {no}")),
    }
}

const SOCKETS: &str = "
INET, STREAM, MPTCP, FASTOPEN = 2, 1, 262, 0x20000000
def of(protocol=0, family=INET):
    return socket.socket(family, STREAM, protocol)
def address(family, port):
    return struct.pack('=H', family) + struct.pack('!H4s8x', port, bytes((127, 0, 0, 1)))
class Part(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
class Message(ctypes.Structure):
    _fields_ = [('name', ctypes.c_void_p), ('size', ctypes.c_uint), ('parts', ctypes.c_void_p), ('many', ctypes.c_size_t),
        ('control', ctypes.c_void_p), ('length', ctypes.c_size_t), ('flags', ctypes.c_int), ('sent', ctypes.c_uint)]
def many(family, port):
    one, to, text = of(), ctypes.create_string_buffer(address(family, port)), ctypes.create_string_buffer(b'x')
    part = Part(ctypes.addressof(text), 1)
    message = Message(ctypes.addressof(to), 16, ctypes.addressof(part), 1, None, 0, 0, 0)
    checked(libc.sendmmsg(one.fileno(), ctypes.byref(message), 1, FASTOPEN))
    one.getpeername()
def sent(send):
    one = of()
    send(one)
    one.getpeername()
def unspecific():
    one, to = of(), struct.pack('=H', 0) + struct.pack('!H4s8x', 0, bytes(4))
    checked(libc.bind(one.fileno(), to, 16))
    one.listen()
def late(port):
    one = of()
    one.setsockopt(6, 30, 1)
    one.connect(('127.0.0.1', port))
    one.send(b'x')
    one.getpeername()
";

/// Every way to bind and to connect: addresses of no family, other protocols that become TCP, connections made
/// by sending.
fn bound_and_connected(ctx: &Ctx) -> Outcome {
    needs_ports()?;
    let body = format!(
        "{SOCKETS}
listener = of()
listener.listen()
port = listener.getsockname()[1]
here = '127.0.0.1', port
attempt('bind', lambda: of().bind(('127.0.0.1', 0)))
attempt('bind-unspec', unspecific)
attempt('bind-mptcp', lambda: of(MPTCP).bind(('127.0.0.1', 0)))
attempt('connect', lambda: of().connect(here))
attempt('connect-mapped', lambda: of(0, 10).connect(('::ffff:127.0.0.1', port)))
attempt('connect-mptcp', lambda: of(MPTCP).connect(here))
attempt('connect-by-sendto', lambda: sent(lambda one: one.sendto(b'x', FASTOPEN, here)))
attempt('connect-by-sendmsg', lambda: sent(lambda one: one.sendmsg([b'x'], [], FASTOPEN, here)))
attempt('connect-by-sendmmsg', lambda: many(INET, port))
attempt('connect-late', lambda: late(port))
"
    );
    let attack = Attack::python(ctx, &body)?;
    let all = "--walls namespaces,landlock-files,landlock-signals,landlock-abstract";
    let weak = attack.world(all)?;
    let mptcp = std::fs::read("/proc/sys/net/mptcp/enabled").is_ok_and(|on| on.starts_with(b"1"));
    match mptcp {
        true => weak.succeeds()?,
        false => weak.gets(&["bind", "bind-unspec", "connect", "connect-by-sendmmsg"])?,
    };
    // Landlock by itself: what the filter refuses is only logged.
    let weak = attack.world("--walls namespaces,landlock-tcp --seccomp-log")?;
    weak.holds(&["bind", "bind-unspec", "connect", "connect-mapped", "connect-late"])?;
    if mptcp {
        weak.gets(&["bind-mptcp", "connect-mptcp"])?;
    }
    for options in [
        "--walls all",
        "--walls namespaces,landlock-tcp",
        "--walls all --root --cap-add all",
        "--walls all --seccomp strict",
        "--walls all --seccomp none",
        "--walls all --no-new-code",
    ] {
        attack.world(options)?.fails()?;
    }
    // A profile of somebody else's, which says nothing of it.
    let profile = ctx.file("profile.json", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}")?;
    let options = format!("--walls all --seccomp {}", profile.display());
    attack.world(&options)?.fails()?;
    Ok(())
}

/// On the machine's network `listen(2)` would open a port that the kernel chooses.
fn listening_without_a_port(ctx: &Ctx) -> Outcome {
    needs_ports()?;
    let body = format!(
        "{SOCKETS}
kept = []
def listening(one):
    one.listen()
    kept.append(one)
attempt('listen', lambda: listening(of()))
attempt('listen-6', lambda: listening(of(0, 10)))
"
    );
    let attack = Attack::python(ctx, &body)?;
    attack.world("--walls landlock-files")?.succeeds()?;
    // Nobody but the world itself can connect to what is on its own network.
    attack.world("--walls all")?.succeeds()?;
    for options in [
        "--walls landlock",
        "--walls landlock-tcp",
        "--walls landlock-files,landlock-tcp --seccomp none",
        "--walls landlock --seccomp none --allow-degraded sockets",
    ] {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// A socket that was connected outside and is granted: an address of no family parts it from its peer, and it could
/// be connected to another.
fn granted_socket_goes_elsewhere(ctx: &Ctx) -> Outcome {
    needs_ports()?;
    if ctx.privileged {
        // That of the suite's own network namespace.
        ctx.as_root("ip link set lo up")?;
    }
    let body = format!(
        "{SOCKETS}
one, other = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
one.send(b'x')
def parted():
    checked(libc.connect(one.fileno(), struct.pack('=H14x', 0), 16))
def elsewhere():
    one.connect(('127.0.0.1', other))
    one.getpeername()
attempt('parted', parted)
attempt('connected', elsewhere)
attempt('parted-again', parted)
attempt('sent', lambda: (one.sendto(b'x', FASTOPEN, ('127.0.0.1', other)), one.getpeername()))
attempt('bound', lambda: (parted(), one.bind(('127.0.0.1', 0))))
"
    );
    let attack = Attack::python(ctx, &body)?;
    let launch = "
import os, socket, subprocess, sys
first, second = socket.socket(), socket.socket()
for one in first, second:
    one.bind(('127.0.0.1', 0))
    one.listen()
given = socket.create_connection(first.getsockname())
words = [word.replace('FD', str(given.fileno())) for word in sys.argv[1:]]
words += [str(given.fileno()), str(second.getsockname()[1])]
sys.exit(subprocess.call(words, pass_fds=[given.fileno()]))
";
    let dwell = ctx.dwell.display().to_string();
    let world = |walls: &str| -> Outcome<Tried> {
        let mut words = vec!["python3", "-c", launch, &dwell, "run", "--keep-fd", "FD"];
        words.extend(walls.split_whitespace());
        words.push("--");
        attack.started_by(&words)
    };
    world("--walls landlock-files")?.succeeds()?;
    for walls in ["--walls landlock", "--walls all", "--walls landlock-tcp", "--walls all --root"] {
        let got = world(walls)?;
        ensure!(got.through("parted"), "the granted socket cannot be used with `{walls}`");
        for way in ["connected", "sent", "bound"] {
            if got.through(way) {
                return fail(format!("with `{walls}` it is {way} elsewhere"));
            }
        }
    }
    Ok(())
}
