//! Unix sockets of the machine: closed unless granted.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::harness::{Ctx, Outcome, cases, ensure, fail};

cases! {
    both: closed_below_current_directory, closed_below_grants, closed_as_a_grant, open_when_granted,
        open_when_granted_below_a_grant, own_ones_work, made_while_it_runs, granted_what_is_none,
        closed_in_mounts_below;
}

/// Who listens, until the value is dropped.
struct Server {
    _listener: UnixListener,
    path: PathBuf,
}

fn server(ctx: &Ctx, name: &str) -> Outcome<Server> {
    use std::os::unix::fs::PermissionsExt;
    let path = ctx.path(name);
    if let Some(parent) = path.parent() {
        ctx.dir(parent)?;
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777))?;
    Ok(Server { _listener: listener, path })
}

/// Connects from inside, and tells whether that is possible.
fn connects(ctx: &Ctx, options: &str, path: &str) -> Outcome<bool> {
    ctx.needs("python3")?;
    let script = format!(
        "import socket\ntry:\n  socket.socket(socket.AF_UNIX).connect('{path}'); print('open')\n\
         except OSError as e: print('closed:', e)"
    );
    let run = ctx.run().args(options.split_whitespace()).args(["--", "python3", "-c", &script]);
    let got = run.go()?;
    got.exits(0)?;
    match got.out().as_str() {
        "open\n" => Ok(true),
        text if text.starts_with("closed") => Ok(false),
        _ => fail(format!("neither open nor closed{got}")),
    }
}

fn closed_below_current_directory(ctx: &Ctx) -> Outcome {
    let one = server(ctx, "s")?;
    let two = server(ctx, "a/b/s")?;
    for server in [&one, &two] {
        let path = server.path.display().to_string();
        for options in ["", "--rw .", "--ro .", "--cow ."] {
            ensure!(!connects(ctx, options, &path)?, "{path} is open with `{options}`");
        }
    }
    ensure!(!connects(ctx, "", "s")?, "it is open by a relative path");
    Ok(())
}

fn closed_below_grants(ctx: &Ctx) -> Outcome {
    let server = server(ctx, "d/deep/s")?;
    let dir = ctx.path("d").display().to_string();
    for options in [
        format!("--ro {dir}:/x"),
        format!("--rw {dir}:/x"),
        format!("--cow {dir}:/x"),
        format!("--ro {dir}/deep:/x/deep"),
    ] {
        ensure!(!connects(ctx, &options, "/x/deep/s")?, "it is open with `{options}`");
    }
    drop(server);
    Ok(())
}

/// `--ro SOCKET` shows it, and that is all: only `--socket` opens it.
fn closed_as_a_grant(ctx: &Ctx) -> Outcome {
    let server = server(ctx, "s")?;
    let path = server.path.display();
    for options in [format!("--ro {path}:/x"), format!("--rw {path}:/x")] {
        let run = ctx.world(&options, "true").go()?;
        if run.status.code() == Some(0) {
            ensure!(!connects(ctx, &options, "/x")?, "it is open with `{options}`");
        } else {
            run.refuses(125, "")?;
        }
    }
    Ok(())
}

fn open_when_granted(ctx: &Ctx) -> Outcome {
    let server = server(ctx, "s")?;
    let path = server.path.display().to_string();
    ensure!(connects(ctx, &format!("--socket {path}"), &path)?, "it is closed");
    ensure!(connects(ctx, "--socket s", "s")?, "it is closed by a relative path");
    Ok(())
}

fn open_when_granted_below_a_grant(ctx: &Ctx) -> Outcome {
    let one = server(ctx, "d/one")?;
    let two = server(ctx, "d/two")?;
    let (one, two) = (one.path.display().to_string(), two.path.display().to_string());
    for grant in ["--ro", "--rw", "--cow"] {
        let options = format!("{grant} {} --socket {one}", ctx.path("d").display());
        ensure!(connects(ctx, &options, &one)?, "the granted one is closed with `{options}`");
        ensure!(!connects(ctx, &options, &two)?, "the other one is open with `{options}`");
    }
    Ok(())
}

fn own_ones_work(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let script = "
import socket
for path in ('own', '/tmp/own', '/run/own'):
    s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen()
    c = socket.socket(socket.AF_UNIX); c.connect(path); print('open', end=' ')
";
    ctx.run().args(["--", "python3", "-c", script]).go()?.exits(0)?.prints("open open open ")?;
    Ok(())
}

/// A socket that appears outside, below a directory whose changes are real, while a world runs.
fn made_while_it_runs(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    ctx.dir("d")?;
    let script = "
import socket, sys
print('ready', flush=True); sys.stdin.readline()
try:
    socket.socket(socket.AF_UNIX).connect('d/late'); print('open')
except OSError as e: print('closed')
";
    // Through a layer. A live bind (`--ro`, `--rw`) shows what is made in it later, sockets too: that is
    // said in docs/security.md, and takes a kernel whose Landlock knows unix paths to close.
    let run = ctx.run().args(["--", "python3", "-c", script]);
    let mut live = run.open_input().start()?;
    live.line()?;
    let server = server(ctx, "d/late")?;
    live.write("\n")?;
    live.finish()?.exits(0)?.prints("ready\nclosed\n")?;
    drop(server);
    Ok(())
}

fn granted_what_is_none(ctx: &Ctx) -> Outcome {
    ctx.file("plain", "")?;
    for path in ["nope", "plain"] {
        let got = ctx.world(&format!("--socket {path}"), "true").go()?;
        got.refuses(125, "cannot ")?.says(&format!("--socket {path}"))?;
    }
    Ok(())
}

fn closed_in_mounts_below(ctx: &Ctx) -> Outcome {
    let sub = ctx.dir("d/sub")?;
    let mounted = ctx.mount(&["-t", "tmpfs", "none"], &sub)?;
    ctx.give(&sub)?;
    let server = server(ctx, "d/sub/s")?;
    let path = server.path.display().to_string();
    let outcome = ["", "--rw d", "--ro d"].iter().try_for_each(|options| {
        match connects(ctx, options, &path)? {
            true => fail(format!("it is open with `{options}`")),
            false => Ok(()),
        }
    });
    drop(server);
    drop(mounted);
    outcome
}
