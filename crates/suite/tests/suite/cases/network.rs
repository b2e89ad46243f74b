//! The network wall.

use crate::harness::{Ctx, Outcome, cases, ensure};
use std::io::{Read, Write};
use std::net::TcpListener;

cases! {
    both: ports_outside_are_closed, ports_outside_are_open_with_host, loopback_works,
        abstract_sockets, nothing_leaves, low_ports, resolver;
}

/// A listener on the suite's loopback, which is up only where somebody has set it up.
fn listener(ctx: &Ctx) -> Outcome<TcpListener> {
    if ctx.privileged {
        ctx.as_root("ip link set lo up")?;
    }
    Ok(TcpListener::bind("127.0.0.1:0")?)
}

const CONNECT: &str = "exec 3<>/dev/tcp/127.0.0.1/$PORT && head -c 2 <&3";

fn ports_outside_are_closed(ctx: &Ctx) -> Outcome {
    let listener = listener(ctx)?;
    let port = listener.local_addr()?.port().to_string();
    let run = ctx.run().args(["-e", &format!("PORT={port}"), "--", "bash", "-c", CONNECT]);
    let got = run.go()?;
    got.prints("")?.says("Connection refused")?;
    Ok(())
}

fn ports_outside_are_open_with_host(ctx: &Ctx) -> Outcome {
    for options in ["--net host", "--net=host", "--share net"] {
        let listener = listener(ctx)?;
        let port = listener.local_addr()?.port().to_string();
        let answer = std::thread::spawn(move || -> std::io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            stream.write_all(b"hi")?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        });
        let run = ctx.run().args(options.split(' ')).args(["-e", &format!("PORT={port}")]);
        run.args(["--", "bash", "-c", CONNECT]).go()?.exits(0)?.prints("hi")?;
        ensure!(answer.join().is_ok_and(|r| r.is_ok()), "the listener has failed");
    }
    Ok(())
}

fn loopback_works(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let script = "
import socket, threading
for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    server = socket.create_server((host, 0), family=family)
    client = socket.create_connection(server.getsockname()[:2])
    peer, _ = server.accept()
    client.sendall(b'x'); print(peer.recv(1).decode(), end='')
";
    ctx.run().args(["--", "python3", "-c", script]).go()?.exits(0)?.prints("xx")?;
    Ok(())
}

/// Abstract Unix sockets belong to the network namespace.
fn abstract_sockets(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let name = format!("dwell-suite-{}-{}", std::process::id(), ctx.account.uid);
    let listen = format!(
        "import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0{name}'); s.listen(); \
         print('ready', flush=True); s.accept()"
    );
    let mut server = ctx.host("python3").args(["-c", &listen]).start()?;
    server.line()?;
    let connect = format!("import socket; socket.socket(socket.AF_UNIX).connect('\\0{name}')");
    let got = ctx.run().args(["--", "python3", "-c", &connect]).go()?;
    got.exits(1)?.says("ConnectionRefusedError")?;
    ctx.run().args(["--net", "host", "--", "python3", "-c", &connect]).go()?.exits(0)?;
    Ok(())
}

fn nothing_leaves(ctx: &Ctx) -> Outcome {
    let script = "exec 3<>/dev/tcp/192.0.2.1/80";
    let got = ctx.run().args(["--", "bash", "-c", script]).go()?;
    got.exits(1)?.says("Network is unreachable")?;
    Ok(())
}

/// The world's root may listen below 1024 in the world's network.
fn low_ports(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let script = "import socket; socket.create_server(('127.0.0.1', 80)); print('ok')";
    ctx.run().args(["-r", "--", "python3", "-c", script]).go()?.prints("ok\n")?;
    Ok(())
}

/// Names of the machine's own files are found.
fn resolver(ctx: &Ctx) -> Outcome {
    ctx.world("", "getent hosts localhost").go()?.exits(0)?.has("localhost")?;
    let outside = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    ctx.world("--net host", "cat /etc/resolv.conf").go()?.prints(&outside)?;
    Ok(())
}
