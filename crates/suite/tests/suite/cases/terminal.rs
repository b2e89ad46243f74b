//! What a person at a terminal sees.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::Signal;
use rustix::termios::LocalModes;

use crate::harness::process::{descendants, wait_for};
use crate::harness::{Ctx, Outcome, Run, Terminal, cases, ensure};

cases! {
    both: prompt_and_echo, default_shell, control_c, control_backslash, control_d, job_control,
        name_of_terminal, resize, first_size, restored_after_exit, restored_after_term,
        restored_after_failure, restored_after_kill_of_program, suspended_program, suspended_shell,
        pty_never_on_a_terminal, output_to_a_pipe, ready_from_the_start, vim, fast_output, long_paste, thrown_away_line,
        hang_up, world_has_no_other_terminal, cannot_type_outside, raw_bytes, cooked_bytes;
}

/// An interactive shell that reads no start files, with a prompt of its own.
fn shell(ctx: &Ctx, options: &str) -> Outcome<Terminal> {
    let run = ctx.run().args(options.split_whitespace());
    let mut terminal =
        Terminal::start(run.args(["-e", "PS1=in> ", "--", "bash", "--norc", "--noprofile", "-i"]))?;
    terminal.expect("in> ")?;
    Ok(terminal)
}

/// An interactive shell outside.
fn outer(ctx: &Ctx) -> Outcome<Terminal> {
    let run = ctx.host("bash").args(["--norc", "--noprofile", "-i"]).env("PS1", "out> ");
    let mut terminal = Terminal::start(run)?;
    terminal.expect("out> ")?;
    Ok(terminal)
}

fn leave(terminal: &mut Terminal, code: i32) -> Outcome {
    terminal.type_in(&format!("exit {code}\r"))?;
    let status = terminal.finish()?;
    if status.code() == Some(code) {
        return Ok(());
    }
    terminal.bad(&format!("it ended with {status}, not with code {code}"))
}

fn prompt_and_echo(ctx: &Ctx) -> Outcome {
    let mut terminal = shell(ctx, "")?;
    terminal.ask("echo a''b", "echo a''b")?;
    terminal.expect("ab\r\n")?;
    terminal.expect("in> ")?;
    let seen = terminal.seen();
    ensure!(!seen.contains("no job control"), "bash has no job control: {seen}");
    leave(&mut terminal, 5)
}

fn default_shell(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.run())?;
    terminal.ask("echo pid-$$-$(hostname)", "pid-2-dwell\r\n")?;
    leave(&mut terminal, 0)
}

fn control_c(ctx: &Ctx) -> Outcome {
    let mut terminal = shell(ctx, "")?;
    terminal.type_in("sleep 100; echo code-$?\r")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in("\u{3}")?;
    terminal.expect("in> ")?;
    terminal.ask("echo still-$((1+1))", "still-2\r\n")?;
    leave(&mut terminal, 3)?;
    // A plain program ends by it.
    let mut terminal = Terminal::start(ctx.world("", "echo ready; exec sleep 100"))?;
    terminal.expect("ready")?;
    std::thread::sleep(Duration::from_millis(200));
    terminal.type_in("\u{3}")?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(130) || status.signal() == Some(2), "it ended with {status}");
    Ok(())
}

fn control_backslash(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.world("--ulimit core=0", "echo ready; exec sleep 100"))?;
    terminal.expect("ready")?;
    std::thread::sleep(Duration::from_millis(200));
    terminal.type_in("\u{1c}")?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(131) || status.signal() == Some(3), "it ended with {status}");
    Ok(())
}

fn control_d(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.run().args(["--", "cat"]))?;
    terminal.type_in("line\r")?;
    terminal.expect("line\r\nline\r\n")?;
    terminal.type_in("\u{4}")?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(0), "it ended with {status}");
    Ok(())
}

fn job_control(ctx: &Ctx) -> Outcome {
    let mut terminal = shell(ctx, "")?;
    terminal.type_in("sleep 1.5; echo af''ter\r")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in("\u{1a}")?;
    terminal.expect("Stopped")?;
    terminal.expect("in> ")?;
    terminal.ask("jobs", "Stopped")?;
    terminal.expect("in> ")?;
    terminal.ask("fg", "sleep 1.5")?;
    terminal.expect("in> ")?;
    terminal.ask("sleep 77 & jobs", "Running")?;
    terminal.ask("kill %1; wait; echo do''ne", "done")?;
    leave(&mut terminal, 0)
}

fn name_of_terminal(ctx: &Ctx) -> Outcome {
    let mut terminal =
        Terminal::start(ctx.world("", "tty; ls /dev/pts; test -c /dev/tty && echo x >/dev/tty"))?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(0), "it ended with {status}");
    let seen = terminal.seen();
    ensure!(
        seen == "/dev/pts/0\r\n0\r\nptmx\r\nx\r\n" || seen == "/dev/pts/0\r\n0  ptmx\r\nx\r\n",
        "{seen:?}"
    );
    Ok(())
}

fn first_size(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.world("", "stty size"))?;
    terminal.expect("24 80\r\n")?;
    terminal.finish().map(drop)
}

fn resize(ctx: &Ctx) -> Outcome {
    let mut terminal = shell(ctx, "")?;
    terminal.ask("stty size", "24 80\r\n")?;
    terminal.ask("trap 'echo res''ized' WINCH; echo o''k", "ok\r\n")?;
    terminal.resize(132, 50)?;
    std::thread::sleep(Duration::from_millis(200));
    terminal.ask("", "resized\r\n")?;
    terminal.ask("stty size", "50 132\r\n")?;
    leave(&mut terminal, 0)
}

/// Runs on the terminal and compares its settings before and after.
fn restores(ctx: &Ctx, run: &Run, mut act: impl FnMut(&mut Terminal) -> Outcome) -> Outcome {
    let mut terminal = outer(ctx)?;
    terminal.ask("stty -a | sed 's/^/before /'", "before speed")?;
    terminal.expect("out> ")?;
    terminal.ask("stty -a >before; echo o''k", "ok\r\n")?;
    terminal.type_in(&format!(
        "{}; stty -a >after; echo re''turned\r",
        run.shown().split("  [in").next().unwrap_or_default()
    ))?;
    act(&mut terminal)?;
    terminal.expect("returned\r\n")?;
    let read = |name: &str| std::fs::read_to_string(ctx.path(name));
    let (before, after) = (read("before")?, read("after")?);
    ensure!(before == after, "the terminal was\n{before}and is\n{after}");
    terminal.type_in("exit 0\r")?;
    terminal.finish().map(drop)
}

fn restored_after_exit(ctx: &Ctx) -> Outcome {
    restores(ctx, &ctx.world("", "stty raw -echo; exit 3"), |_| Ok(()))
}

fn restored_after_term(ctx: &Ctx) -> Outcome {
    restores(ctx, &ctx.world("", "echo re''ady; sleep 100"), |terminal| {
        terminal.expect("ready")?;
        let dwell = wait_for("dwell", Duration::from_secs(5), || {
            descendants(terminal.pid()).into_iter().find(|p| p.name == "dwell").map(|p| p.pid)
        })?;
        ctx.shell(&format!("kill -TERM {dwell}")).go()?.exits(0)?;
        Ok(())
    })
}

fn restored_after_failure(ctx: &Ctx) -> Outcome {
    restores(ctx, &ctx.run().arg("no-such-program"), |t| t.expect("cannot run no-such-program"))
}

fn restored_after_kill_of_program(ctx: &Ctx) -> Outcome {
    restores(ctx, &ctx.world("", "stty raw; kill -9 $$"), |_| Ok(()))
}

/// While the world has it, the outer terminal is raw: keys go through as they are.
fn raw_bytes(ctx: &Ctx) -> Outcome {
    let script = "stty raw -echo; echo ready; head -c 6 | od -An -tx1; stty sane";
    let mut terminal = Terminal::start(ctx.world("", script))?;
    terminal.expect("ready")?;
    ensure!(
        !terminal.settings()?.local_modes.contains(LocalModes::ICANON),
        "the outer terminal waits for whole lines"
    );
    terminal.type_in("\u{3}\u{1a}\u{1b}\u{4}\r\u{11}")?;
    terminal.expect("03 1a 1b 04 0d 11")?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(0), "it ended with {status}");
    Ok(())
}

/// Line ends are turned once, not twice.
fn cooked_bytes(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.world("", "printf 'a\\nb\\tc\\n'"))?;
    terminal.finish()?;
    let seen = terminal.seen();
    ensure!(seen == "a\r\nb\tc\r\n" || seen == "a\r\nb       c\r\n", "{seen:?}");
    Ok(())
}

/// Ctrl-Z on a plain program: dwell stops as the program does, and `fg` brings both back.
fn suspended_program(ctx: &Ctx) -> Outcome {
    let mut terminal = outer(ctx)?;
    terminal.type_in("\"$DWELL\" run -- sh -c 'echo re\"\"ady; read x; echo got-$x'\r")?;
    terminal.expect("ready\r\n")?;
    std::thread::sleep(Duration::from_millis(200));
    terminal.type_in("\u{1a}")?;
    terminal.expect("Stopped")?;
    terminal.expect("out> ")?;
    let dwell = descendants(terminal.pid()).into_iter().find(|p| p.name == "dwell");
    ensure!(dwell.is_some_and(|p| p.state == 'T'), "dwell itself is not stopped");
    // The shell has its terminal back as it was.
    terminal.ask("echo out''side", "outside\r\n")?;
    terminal.ask("stty -a | grep -o ' icanon'", " icanon")?;
    terminal.expect("out> ")?;
    terminal.ask("fg", "run")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in("yes\r")?;
    terminal.expect("got-yes\r\n")?;
    terminal.expect("out> ")?;
    terminal.ask("echo code-$?", "code-0\r\n")?;
    terminal.type_in("exit 0\r")?;
    terminal.finish().map(drop)
}

/// `suspend` of the shell inside stops the world likewise.
fn suspended_shell(ctx: &Ctx) -> Outcome {
    let mut terminal = outer(ctx)?;
    terminal.type_in("\"$DWELL\" run -e PS1='in> ' -- bash --norc --noprofile -i\r")?;
    terminal.expect("in> ' -- bash --norc")?;
    terminal.expect("in> ")?;
    terminal.type_in("suspend -f\r")?;
    terminal.expect("Stopped")?;
    terminal.expect("out> ")?;
    terminal.ask("fg", "run")?;
    terminal.ask("echo ba''ck-$$", "back-2\r\n")?;
    terminal.type_in("exit 9\r")?;
    terminal.expect("out> ")?;
    terminal.ask("echo code-$?", "code-9\r\n")?;
    terminal.type_in("exit 0\r")?;
    terminal.finish().map(drop)
}

fn pty_never_on_a_terminal(ctx: &Ctx) -> Outcome {
    let mut terminal =
        Terminal::start(ctx.world("--pty never", "test -t 0 && echo is-one; exit 3"))?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(3), "it ended with {status}");
    ensure!(terminal.seen().contains("is-one"), "{:?}", terminal.seen());
    Ok(())
}

/// With standard output in a pipe there is no terminal in between, and bytes are exact.
fn output_to_a_pipe(ctx: &Ctx) -> Outcome {
    let mut terminal = outer(ctx)?;
    terminal.ask("\"$DWELL\" run -- printf 'a\\nb' | od -An -c", "a  \\n   b")?;
    terminal.ask("echo x | \"$DWELL\" run -- sh -c 'cat; test -t 1 && echo t''ty'", "x\r\n")?;
    terminal.type_in("exit 0\r")?;
    terminal.finish().map(drop)
}

/// The program may be there before the host side has heard of its terminal.
fn ready_from_the_start(ctx: &Ctx) -> Outcome {
    ctx.needs("strace")?;
    let late = "strace -qq -o /dev/null -e trace=recvmsg -e inject=recvmsg:delay_enter=300000";
    let script = format!("echo x | {late} \"$DWELL\" run -- sh -c 'cat; stty size <&1'");
    let mut terminal = Terminal::start(ctx.host("bash").args(["-c", &script]))?;
    terminal.expect("x\r\n24 80\r\n")?;
    terminal.finish().map(drop)
}

fn vim(ctx: &Ctx) -> Outcome {
    ctx.needs("vim")?;
    ctx.file("text", "hello\n")?;
    let mut terminal =
        Terminal::start(ctx.run().args(["--rw", "text", "--", "vim", "-u", "NONE", "-n", "text"]))?;
    terminal.expect("hello")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in("Aworld\u{1b}")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in(":w!\r")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in(":q!\r")?;
    let status = terminal.finish()?;
    if status.code() != Some(0) {
        return terminal.bad(&format!("it ended with {status}"));
    }
    let text = std::fs::read_to_string(ctx.path("text"))?;
    ensure!(text == "helloworld\n", "the file holds {text:?}: {:?}", terminal.seen());
    Ok(())
}

fn fast_output(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.world("", "seq 1 30000; echo end"))?;
    terminal.expect("\n30000\r\nend\r\n")?;
    let status = terminal.finish()?;
    ensure!(status.code() == Some(0), "it ended with {status}");
    let lines = terminal.seen().lines().count();
    ensure!(lines == 30001, "{lines} lines came of 30001");
    Ok(())
}

fn long_paste(ctx: &Ctx) -> Outcome {
    let mut terminal = Terminal::start(ctx.world("", "stty -echo; echo ready; wc -l"))?;
    terminal.expect("ready")?;
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..200 {
        terminal.type_in(&format!("{}\r", "x".repeat(100)))?;
    }
    terminal.type_in("\u{4}")?;
    terminal.expect("200\r\n")?;
    terminal.finish().map(drop)
}

fn thrown_away_line(ctx: &Ctx) -> Outcome {
    ctx.file("old", "x")?;
    let mut terminal = Terminal::start(ctx.world("", "echo y >old; touch new1 new2"))?;
    terminal.expect(
        "dwell: changes to 3 files in the working directory were thrown away; --rw . keeps them",
    )?;
    terminal.finish()?;
    let mut terminal = Terminal::start(ctx.world("", "touch one"))?;
    terminal.expect("dwell: changes to 1 file in the working directory were")?;
    terminal.finish()?;
    let mut terminal = Terminal::start(ctx.world("", "rm old"))?;
    terminal.expect("changes to 1 file")?;
    terminal.finish()?;
    for (options, script) in [("", "cat old; ls"), ("--rw .", "touch x"), ("", "touch /tmp/x")] {
        let mut terminal = Terminal::start(ctx.world(options, script))?;
        terminal.finish()?;
        let seen = terminal.seen();
        ensure!(!seen.contains("thrown away"), "`{options}`, {script}: {seen:?}");
    }
    Ok(())
}

/// The window is closed: the world ends.
fn hang_up(ctx: &Ctx) -> Outcome {
    let marker = format!("31570.{}{}", std::process::id(), ctx.account.uid);
    let terminal = Terminal::start(ctx.run().args(["--", "sleep", &marker]))?;
    wait_for("the sleeper", Duration::from_secs(5), || {
        descendants(terminal.pid()).into_iter().find(|p| p.name == "sleep").map(drop)
    })?;
    terminal.signal(Signal::HUP)?;
    crate::harness::process::wait_gone(&marker, Duration::from_secs(2))
}

fn world_has_no_other_terminal(ctx: &Ctx) -> Outcome {
    let script = "ls /dev/pts; for fd in 0 1 2; do readlink /proc/self/fd/$fd; done";
    let mut terminal = Terminal::start(ctx.world("", script))?;
    terminal.finish()?;
    let seen = terminal.seen();
    ensure!(seen.matches("/dev/pts/0").count() == 3, "{seen:?}");
    Ok(())
}

/// TIOCSTI puts bytes into a terminal's input: the caller's must be out of reach.
fn cannot_type_outside(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let push = "import fcntl, termios, os\nfor name in ['/dev/tty', 0, 1, 2]:\n  try:\n    fd = \
                os.open(name, os.O_RDWR) if isinstance(name, str) else name\n    for c in b'echo \
                PWNED\\n': fcntl.ioctl(fd, termios.TIOCSTI, bytes([c]))\n  except OSError as e: pass";
    for options in ["", "--pty never"] {
        ctx.file("push.py", push)?;
        let mut terminal = outer(ctx)?;
        terminal.type_in(&format!("\"$DWELL\" run {options} -- python3 push.py; echo ov''er\r"))?;
        terminal.expect("over\r\n")?;
        terminal.expect("out> ")?;
        terminal.ask("echo ag''ain", "again\r\n")?;
        let seen = terminal.seen();
        ensure!(!seen.contains("\nPWNED"), "with `{options}` it was typed outside: {seen:?}");
        terminal.type_in("exit 0\r")?;
        terminal.finish()?;
    }
    Ok(())
}
