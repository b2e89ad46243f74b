//! Root filesystem directories of others (`--from`): what is no file where dwell looks for one, and what has rights.
//! Links in the places where something is mounted are tried by `images`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::process::Signal;

use crate::cases::root_dir::tree;
use crate::harness::{Ctx, Got, Live, Outcome, cases, ensure, process, skip};

cases! {
    both: pipes_are_opened, files_are_links, program_has_rights;
    root: devices_are_opened;
}

/// A process that waits until somebody opens a FIFO to read from it, and says so.
struct Writer(Live);

impl Writer {
    fn at(ctx: &Ctx, pipe: &Path) -> Outcome<Writer> {
        let script = "echo inner:x:0:0::/inner:/bin/sh >\"$0\"; echo opened";
        let live = ctx.shell(script).arg(pipe).start()?;
        let waits = || (process::state(live.pid()) == Some('S')).then_some(());
        process::wait_for("a writer that waits", std::time::Duration::from_secs(10), waits)?;
        Ok(Writer(live))
    }

    /// Nobody has opened it.
    fn still_waits(mut self, got: &Got) -> Outcome {
        ensure!(self.0.runs()?, "the FIFO was opened{got}");
        self.0.signal(Signal::KILL)?;
        Ok(())
    }
}

/// FIFOs in the places of files that dwell reads or writes, and of the program. Whoever opens one waits, or reads
/// what somebody else writes at that moment.
fn pipes_are_opened(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    let names = [
        "etc/passwd",
        "etc/group",
        "etc/hosts",
        "etc/hostname",
        "etc/resolv.conf",
        "bin/program",
        "dev/null",
        "proc",
        "dev",
        "sys",
        "tmp",
        "run",
        "root",
    ];
    let mut weak = false;
    for name in names {
        let pipe = root.join(name);
        ctx.shell("mkdir -p \"${0%/*}\" && rmdir \"$0\" 2>/dev/null; mkfifo -m 755 \"$0\"")
            .arg(&pipe)
            .go()?
            .exits(0)?;
        if !weak {
            let writer = Writer::at(ctx, &pipe)?;
            ctx.shell("cat \"$0\"").arg(&pipe).go()?.exits(0)?.has("inner")?;
            writer.0.finish()?.prints("opened\n")?;
            ctx.host("timeout").arg("1").arg("cat").arg(&pipe).go()?.exits(124)?;
            weak = true;
        }
        for options in [
            "",
            "--user inner",
            "--user 0:0",
            "--net host --hostname other",
            "--read-only --net host",
            "--writable --net host",
        ] {
            let program = if name == "bin/program" { "/bin/program" } else { "/bin/busybox" };
            let words = ["--", program, "echo", "ran"];
            let run = || {
                let run = ctx.run().args(["--from", "root"]).args(options.split_whitespace());
                run.args(words).limit(15).go()
            };
            for writes in [false, true] {
                let writer = if writes { Some(Writer::at(ctx, &pipe)?) } else { None };
                let got = run()?;
                match got.status.code() {
                    Some(0) => drop(got.prints("ran\n")?),
                    Some(126) if name == "bin/program" => {}
                    _ => drop(got.refuses(125, "cannot ")?),
                }
                if let Some(writer) = writer {
                    writer.still_waits(&got)?;
                }
            }
        }
        fs::remove_file(&pipe)?;
    }
    // Whoever enters looks for the user there too.
    ctx.shell("mkfifo root/etc/passwd").go()?.exits(0)?;
    let mut live = ctx.world("--from root", "echo ready; exec sleep 1000").start()?;
    ensure!(live.line()? == "ready", "it is not ready");
    let pid = live.program("sleep")?.to_string();
    let writer = Writer::at(ctx, &root.join("etc/passwd"))?;
    let words = ["enter", &pid, "/bin/busybox", "echo", "on"];
    let got = ctx.host(&ctx.dwell).args(words).limit(15).go()?;
    got.exits(0)?.prints("on\n")?;
    writer.still_waits(&got)?;
    drop(live);
    // The tools that it stands in for look at a program that cannot be executed as well.
    ctx.shell("mkfifo -m 755 fifo").go()?.exits(0)?;
    for line in ["unshare ./fifo", "unshare -f ./fifo", "nsenter -t $$ -U ./fifo"] {
        let got = ctx.with_applets(line)?.limit(15).go()?;
        let code = got.status.code();
        ensure!([Some(1), Some(126)].contains(&code), "it ended in another way{got}");
    }
    Ok(())
}

/// Links in the place of files, that lead to the machine's.
fn files_are_links(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    let kept = "kept:x:0:0::/kept:/bin/sh\n";
    let file = ctx.file("outside/file", kept)?;
    let outside =
        || ctx.shell("cd outside && find . -printf '%p %y %m %s\\n' | sort; cat file").output();
    let up = format!("../../../../../../../../../..{}", file.display());
    for name in ["passwd", "group", "hosts", "hostname", "resolv.conf"] {
        for target in [file.display().to_string(), up.clone(), "../../outside/file".to_owned()] {
            let link = root.join("etc").join(name);
            symlink(&target, &link)?;
            ctx.shell("cat \"$0\"").arg(&link).go()?.prints(kept)?;
            let before = outside()?;
            let script = format!("cat /etc/{name}; echo x >>/etc/{name}; true");
            for options in [
                "",
                "--net host --hostname other",
                "--read-only --net host",
                "--writable --net host",
            ] {
                let got = ctx.world(&format!("--from root {options}"), &script).go()?;
                got.lacks("kept")?;
                ensure!(outside()? == before, "{name} -> {target}: changed with `{options}`{got}");
            }
            let got = ctx.world("--from root --user kept", "echo ran").go()?;
            got.refuses(125, "cannot use `--user kept`: there is no user 'kept'")?;
            fs::remove_file(&link)?;
        }
    }
    Ok(())
}

/// Nodes of devices, as whoever unpacks an archive as root gets them. Opening some does something: a watchdog
/// restarts the machine.
fn devices_are_opened(ctx: &Ctx) -> Outcome {
    let root = tree(ctx, &["root/etc"])?;
    let zero = root.join("etc/zero");
    ctx.as_root(&format!("mknod -m 666 {} c 1 5", zero.display()))?;
    let strace = ctx.needs("strace")?;
    let read = "head -c 3 /etc/zero | wc -c";
    let words = [root.as_os_str(), "/bin/sh".as_ref(), "-c".as_ref(), read.as_ref()];
    let weak = ctx.host("chroot").args(words).go()?;
    if weak.out().trim() != "3" {
        return skip("nodes of devices are none here");
    }
    for options in ["", "--cap-add all --seccomp none", "--writable --cap-add all", "--user 7:7"] {
        let made = "mknod /made c 1 5; head -c 3 /made | wc -c; rm -f /made";
        let script = format!("{read} 2>/dev/null; {made} 2>/dev/null");
        let got = ctx.world(&format!("--from root {options}"), &script).go()?;
        got.exits(0)?.prints("0\n0\n")?;
    }
    fs::remove_file(&zero)?;
    for name in ["etc/passwd", "etc/group", "etc/hosts", "etc/hostname", "etc/resolv.conf"] {
        let node = root.join(name);
        ctx.as_root(&format!("mknod -m 755 {} c 1 5", node.display()))?;
        for options in ["", "--user inner", "--net host --hostname other", "--writable --net host"]
        {
            let traced = ["-ff", "-y", "-o", "calls/of", "-e", "trace=open,openat,openat2"];
            let run =
                ctx.host(&strace).args(traced).arg(&ctx.dwell).args(["run", "--from", "root"]);
            let run = run.args(options.split_whitespace()).args(["--", "/bin/busybox", "true"]);
            ctx.dir("calls")?;
            let got = run.go()?;
            let opened = opened(ctx, &node)?;
            ensure!(opened.is_empty(), "the device was opened with `{options}`: {opened:?}{got}");
            fs::remove_dir_all(ctx.path("calls"))?;
        }
        fs::remove_file(&node)?;
    }
    Ok(())
}

/// The calls that gave a descriptor of `file`, and not of its place alone.
fn opened(ctx: &Ctx, file: &Path) -> Outcome<Vec<String>> {
    let (mut seen, mut found) = (0, Vec::new());
    let gives = format!("<{}", file.display());
    for calls in fs::read_dir(ctx.path("calls"))? {
        for line in fs::read_to_string(calls?.path())?.lines() {
            let (call, answer) = line.split_once(" = ").unwrap_or((line, ""));
            seen += usize::from(answer.starts_with(char::is_numeric));
            if answer.contains(&gives) && !call.contains("O_PATH") {
                found.push(line.to_owned());
            }
        }
    }
    ensure!(seen > 0, "the calls are not seen");
    Ok(found)
}

/// Set-user-ID files of the directory.
fn program_has_rights(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    ctx.needs("gcc")?;
    let root = tree(ctx, &["root/etc"])?;
    let text = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"%d\\n\", geteuid()); }\n";
    ctx.file("who.c", text)?;
    ctx.shell("gcc -static -o root/bin/who who.c 2>&1").go()?.exits(0)?;
    ctx.as_root(&format!("chown 0:0 {0} && chmod 4755 {0}", root.join("bin/who").display()))?;
    let weak = ctx.host(root.join("bin/who")).by_nobody().go()?;
    if weak.out() != "0\n" {
        return skip("set-user-ID programs do nothing here");
    }
    for options in
        ["--user 7:7", "--user 7:7 --cap-add all --seccomp none", "--user 7:7 --writable"]
    {
        let got = ctx.world(&format!("--from root {options}"), "/bin/who; id -u").go()?;
        if got.status.code() == Some(125) {
            ensure!(!ctx.is_root(), "root can be anybody{got}");
            continue;
        }
        got.exits(0)?.prints("7\n7\n")?;
    }
    // An ordinary user's world: root of it is nobody outside, and the file belongs to nobody in it.
    let got = ctx.world("--from root", "/bin/who; cat /proc/self/uid_map").go()?;
    got.exits(0)?.has("0\n")?;
    if !ctx.is_root() {
        got.has(&format!(" {} ", ctx.account.uid))?;
    }
    Ok(())
}
