//! What a world's program leaves behind, for somebody outside to run later.

use std::os::unix::fs::MetadataExt;

use super::Attack;
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: hooks_are_planted, startup_files_are_planted, work_goes_on;
    user: rights_are_planted;
}

/// Git runs what lies in a repository.
fn hooks_are_planted(ctx: &Ctx) -> Outcome {
    ctx.needs("git")?;
    let git = "git -c user.name=n -c user.email=e@x.invalid";
    let made = ctx.dir("inside").map(|d| ctx.shell("git init -q . && echo text >file").cwd(d))?;
    made.go()?.exits(0)?;
    let body = "
planted = '#!/bin/sh\\necho PLANTED >&2\\n'
def program(path):
    with open(path, 'w') as file: file.write(planted)
    os.chmod(path, 0o755)
def setting(text):
    with open('.git/config', 'a') as file: file.write(text)
attempt('hook', lambda: program('.git/hooks/pre-commit'))
attempt('elsewhere', lambda: (os.mkdir('.git/own'), program('.git/own/post-commit'), program('.git/watch'), program('.git/filter')))
attempt('monitor', lambda: setting('[core]\\nfsmonitor = .git/watch\\n'))
attempt('filter', lambda: setting('[filter \"x\"]\\nclean = .git/filter; cat\\n'))
attempt('attributes', lambda: open('.git/info/attributes', 'w').write('* filter=x\\n'))
";
    let attack = Attack::python(ctx, body)?;
    let used = || {
        let script =
            format!("({git} status && {git} add file && {git} commit --allow-empty -qm x) 2>&1");
        ctx.shell(&script).cwd(ctx.path("inside")).go()
    };
    for options in ["", "--cow .", "--root", "--home"] {
        // In the world all of it can be done: the work goes on there.
        attack.world(options)?.succeeds()?;
        used()?.exits(0)?.lacks("PLANTED")?;
    }
    attack.world("--rw .")?.succeeds()?;
    used()?.has("PLANTED")?;
    Ok(())
}

/// Shells, editors and sessions run what lies in the home directory.
fn startup_files_are_planted(ctx: &Ctx) -> Outcome {
    ctx.needs("bash")?;
    let home = ctx.dir("home")?.display().to_string();
    let body = "
for name in '.bashrc', '.profile', '.bash_logout', '.config/autostart/x.desktop', '.ssh/rc', '.local/bin/ls':
    path = os.path.expanduser('~/' + name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file: file.write('echo PLANTED\\n')
    attempt(name, lambda: os.chmod(path, 0o755))
";
    let attack = Attack::python(ctx, body)?;
    let world = |options: &str| {
        attack.run(options).env("HOME", &home).go()?.has("through .bashrc").map(|_| ())
    };
    let shell = || {
        let run = ctx.host("bash").args(["-i", "-c", "true"]).env("HOME", &home);
        run.cwd(&home).go()
    };
    let is_empty = || -> Outcome<bool> { Ok(std::fs::read_dir(&home)?.next().is_none()) };
    for options in ["", "--home", "--root", &format!("--cow {home}")] {
        world(options)?;
        ensure!(is_empty()?, "something came into the home directory with `{options}`");
        shell()?.lacks("PLANTED")?;
    }
    world(&format!("--rw {home}"))?;
    shell()?.has("PLANTED")?;
    Ok(())
}

/// A process that leaves its session and its parents, and ignores what would end it.
fn work_goes_on(ctx: &Ctx) -> Outcome {
    let place = ctx.dir("granted")?.display().to_string();
    let body = "
for number in range(1, 32):
    if number not in (9, 17, 19): signal.signal(number, signal.SIG_IGN)
for _ in range(2):
    if os.fork(): os._exit(0)
    os.setsid()
for fd in range(3): os.close(fd)
path = sys.argv[1] + '/beats'
for _ in range(100):
    with open(path, 'a') as file: file.write('x')
    time.sleep(0.02)
";
    let attack = Attack::python(ctx, body)?.arg(&place);
    let beats = || std::fs::read(ctx.path("granted/beats")).map_or(0, |text| text.len());
    let goes_on = |run: crate::harness::Run| -> Outcome<bool> {
        run.go()?.exits(0)?;
        let before = beats();
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok(beats() > before)
    };
    let words = attack.words();
    let weak = ctx.host("python3").args(words.iter().skip(1)).cwd(ctx.path("inside"));
    ensure!(goes_on(weak)?, "the attack itself fails");
    // What was started outside ends by itself.
    crate::harness::process::wait_for("its end", std::time::Duration::from_secs(20), || {
        (beats() >= 100).then_some(())
    })?;
    for options in ["", "--as-pid-1", "--share pid", "--pty always", "--root --cap-add all"] {
        let run = attack.run(&format!("{options} --rw {place}"));
        ensure!(!goes_on(run)?, "it goes on after a world with `{options}`");
    }
    Ok(())
}

/// A set-user-ID program, or one with capabilities, that root of a world has made: the rights are
/// those of the user who started it, and of a user namespace that is gone.
fn rights_are_planted(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    let id = ctx.needs("id")?;
    let inside = ctx.dir("inside")?;
    let who = |name: &str| {
        ctx.host("setpriv")
            .args(["--reuid", "65534", "--clear-groups"])
            .arg(inside.join(name))
            .arg("-u")
            .by_suite()
            .output()
    };
    ctx.needs("setpriv")?;
    let script = format!(
        "cp {0} inside/weak && chown 0:0 inside/weak && chmod 4755 inside/weak",
        id.display()
    );
    ctx.as_root(&script)?;
    if who("weak")? != "0\n" {
        return crate::harness::skip("set-user-ID programs do nothing here");
    }
    let script = format!(
        "cp {} strong && chmod 4755 strong; setcap cap_setuid+ep strong; id -u",
        id.display()
    );
    let got = ctx.world("--root --cap-add all --seccomp none --rw .", &script).cwd(&inside).go()?;
    got.prints("0\n")?;
    let left = std::fs::metadata(inside.join("strong"))?;
    ensure!(left.uid() == ctx.account.uid, "it belongs to {}", left.uid());
    ensure!(who("strong")? == format!("{}\n", ctx.account.uid), "it gives more than the user has");
    Ok(())
}
