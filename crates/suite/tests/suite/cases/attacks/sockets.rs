//! Who listens outside.

use super::Attack;
use crate::harness::{Ctx, Live, Outcome, cases};

cases! {
    both: by_path, abstract_and_loopback, agents_are_asked;
}

/// Listens on a stream and a datagram socket in each directory that is named, in the abstract
/// name space, and on the loopback interface.
const SERVER: &str = "
import os, select, socket, sys
kept = []
def listen(kind, address, family=socket.AF_UNIX):
    one = socket.socket(family, kind)
    one.bind(address)
    if kind == socket.SOCK_STREAM: one.listen()
    if family == socket.AF_UNIX and address[0] != chr(0): os.chmod(address, 0o777)
    kept.append(one)
    return one
for place in sys.argv[2:]:
    listen(socket.SOCK_STREAM, place + '/stream')
    listen(socket.SOCK_DGRAM, place + '/datagrams')
listen(socket.SOCK_STREAM, chr(0) + sys.argv[1])
listen(socket.SOCK_DGRAM, chr(0) + sys.argv[1] + '-datagrams')
ports = [listen(kind, ('127.0.0.1', 0), socket.AF_INET).getsockname()[1] for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
print(*ports, flush=True)
while True:
    ready = select.select(kept + [0], [], [])[0]
    if 0 in ready: break
    for one in ready: one.accept() if one.type == socket.SOCK_STREAM else one.recv(1)
";

fn server(ctx: &Ctx, places: &[String]) -> Outcome<(Live, String)> {
    ctx.needs("python3")?;
    if ctx.privileged {
        // That of the suite's own network namespace.
        ctx.as_root("ip link set lo up")?;
    }
    let name = ctx.scratch.display().to_string().replace('/', "-");
    let run = ctx.host("python3").args(["-c", SERVER, &name]).args(places);
    let mut live = run.open_input().start()?;
    let ports = live.line()?;
    Ok((live, format!("{name} {ports}")))
}

fn by_path(ctx: &Ctx) -> Outcome {
    let places = [ctx.dir("outside")?, ctx.dir("inside/deep/er")?].map(|p| p.display().to_string());
    let (_server, _) = server(ctx, &places)?;
    std::os::unix::fs::symlink("deep/er", ctx.path("inside/link"))?;
    std::os::unix::fs::symlink(ctx.path("outside/stream"), ctx.path("inside/far"))?;
    std::os::unix::fs::symlink(ctx.path("outside"), ctx.path("inside/outside"))?;
    let body = "
def stream(path):
    socket.socket(socket.AF_UNIX).connect(path)
def descriptor(path):
    file = os.open(path, os.O_PATH)
    stream('/proc/self/fd/%d' % file)
def sent(path):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', path)
def message(path):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, path)
def connected(path):
    one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.connect(path)
    one.send(b'x')
for place in sys.argv[1:] + ['deep/er', './deep//er/../er', 'link', 'outside', '/proc/self/cwd/deep/er', '/proc/self/root' + sys.argv[1]]:
    attempt(place + '-stream', lambda: stream(place + '/stream'))
    attempt(place + '-descriptor', lambda: descriptor(place + '/stream'))
    attempt(place + '-sendto', lambda: sent(place + '/datagrams'))
    attempt(place + '-sendmsg', lambda: message(place + '/datagrams'))
    attempt(place + '-connected', lambda: connected(place + '/datagrams'))
attempt('far', lambda: stream('far'))
";
    let mut attack = Attack::python(ctx, body)?;
    for place in &places {
        attack = attack.arg(place);
    }
    attack.bare()?.succeeds()?;
    let outside = places.first().map_or("", |p| p);
    for options in [
        String::new(),
        "--rw .".to_owned(),
        "--ro .".to_owned(),
        format!("--rw {outside} --rw ."),
        format!("--ro {outside} --net host"),
        "--root --cap-add all".to_owned(),
    ] {
        attack.world(&options)?.fails()?;
    }
    Ok(())
}

/// CVE-2020-15257: abstract sockets, and ports, are in the network namespace and nowhere else.
fn abstract_and_loopback(ctx: &Ctx) -> Outcome {
    let (_server, words) = server(ctx, &[])?;
    let body = "
name, stream, datagrams = chr(0) + sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def sent(family, address):
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.connect(address)
    one.send(b'x')
    one.send(b'x')
attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect(name))
attempt('abstract-datagrams', lambda: sent(socket.AF_UNIX, name + '-datagrams'))
attempt('port', lambda: socket.socket().connect(('127.0.0.1', stream)))
attempt('port-mapped', lambda: socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', stream)))
attempt('port-any', lambda: socket.socket().connect(('0.0.0.0', stream)))
attempt('port-datagrams', lambda: (sent(socket.AF_INET, ('127.0.0.1', datagrams)), time.sleep(0.1), sent(socket.AF_INET, ('127.0.0.1', datagrams))))
";
    let mut attack = Attack::python(ctx, body)?;
    for word in words.split(' ') {
        attack = attack.arg(word);
    }
    attack.world("--net host")?.succeeds()?;
    for options in ["", "--root --cap-add all --seccomp none", "--share pid,ipc,uts,cgroup"] {
        attack.world(options)?.fails()?;
    }
    Ok(())
}

/// Agents and buses are found by variables, or lie where everybody knows.
fn agents_are_asked(ctx: &Ctx) -> Outcome {
    let home = ctx.dir("home")?;
    let names =
        ["SSH_AUTH_SOCK", "DOCKER_HOST", "DBUS_SESSION_BUS_ADDRESS", "TMUX", "GPG", "RUNTIME"];
    let mut places = Vec::new();
    for name in names {
        places.push(ctx.dir(format!("home/.{name}"))?.display().to_string());
    }
    let (_server, words) = server(ctx, &places)?;
    let abstract_name = words.split(' ').next().unwrap_or_default();
    let body = "
for number, place in enumerate(sys.argv[1:]):
    attempt('known-%d' % number, lambda: socket.socket(socket.AF_UNIX).connect(place))
for name, cut in ('SSH_AUTH_SOCK', 0), ('DOCKER_HOST', len('unix://')), ('DBUS_SESSION_BUS_ADDRESS', len('unix:path=')):
    attempt(name, lambda: socket.socket(socket.AF_UNIX).connect(os.environ[name][cut:]))
attempt('TMUX', lambda: socket.socket(socket.AF_UNIX).connect(os.environ['TMUX'].split(',')[0]))
attempt('RUNTIME', lambda: socket.socket(socket.AF_UNIX).connect(os.environ['XDG_RUNTIME_DIR'] + '/stream'))
attempt('ABSTRACT', lambda: socket.socket(socket.AF_UNIX).connect(os.environ['DBUS_SYSTEM_BUS_ADDRESS'].replace('unix:abstract=', chr(0))))
";
    let streams: Vec<String> = places.iter().map(|place| format!("{place}/stream")).collect();
    let mut attack = Attack::python(ctx, body)?;
    for stream in &streams {
        attack = attack.arg(stream);
    }
    let with = |run: crate::harness::Run| {
        let of = |n: usize| streams.get(n).map_or("", String::as_str);
        let run = run.env("HOME", &home).env("SSH_AUTH_SOCK", of(0));
        let run = run.env("DOCKER_HOST", format!("unix://{}", of(1)));
        let run = run.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", of(2)));
        let run = run.env("TMUX", format!("{},1,0", of(3)));
        let run = run.env("XDG_RUNTIME_DIR", places.last().map_or("", |p| p));
        let run = run.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:abstract={abstract_name}"));
        super::Tried::read(run.go()?)
    };
    let granted: Vec<String> = streams.iter().map(|s| format!("--socket {s}")).collect();
    let granted = format!("--env-all --net host {}", granted.join(" "));
    with(attack.run(&granted))?.succeeds()?;
    let below = format!("--env-all --ro {}", home.display());
    for options in ["", "--env-all", "--env-all --home", "--root --cap-add all --env-all", &below] {
        with(attack.run(options))?.fails()?;
    }
    Ok(())
}
