//! What is open, and known: `docs/security.md` says so. A case that fails here tells that an opening
//! has been closed, and that the text is to be changed.

use std::fs;

use super::Attack;
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: standard_input_is_written_to, hidden_file_is_replaced, hidden_file_comes_later;
    user: shared_file_is_locked, shared_file_is_watched;
}

/// A file that is given as standard input can be opened once more, for writing.
fn standard_input_is_written_to(ctx: &Ctx) -> Outcome {
    let file = ctx.file("outside/f", "as it was")?;
    let body = "
def written():
    with open('/proc/self/fd/0', 'r+b') as file: file.write(b'changed')
attempt('written', written)
";
    let attack = Attack::python(ctx, body)?;
    let given = |how: &str| {
        let words = attack.run("");
        let words = words.shown().split("  [in").next().unwrap_or_default().to_owned();
        let script = how.replace("WORLD", &words);
        ctx.shell(&script).cwd(ctx.path("inside")).go()
    };
    given("WORLD <../outside/f")?.has("through written")?;
    ensure!(fs::read_to_string(&file)?.starts_with("changed"), "the file is as it was");
    // What helps: a pipe.
    ctx.file("outside/f", "as it was")?;
    given("cat ../outside/f | WORLD")?;
    ensure!(fs::read_to_string(&file)? == "as it was", "the file has changed through a pipe");
    Ok(())
}

/// `--hide` of a single file below a live grant covers that file, not its name: another one that is
/// put in its place outside is seen.
fn hidden_file_is_replaced(ctx: &Ctx) -> Outcome {
    let shown = |options: &str| -> Outcome<String> {
        ctx.file("inside/d/secret", "old")?;
        let script = "cat d/secret; echo; read x; cat d/secret; true";
        let run = ctx.world(options, script).cwd(ctx.path("inside"));
        let mut live = run.open_input().start()?;
        live.line()?;
        ctx.file("inside/new", "s3cret")?;
        fs::rename(ctx.path("inside/new"), ctx.path("inside/d/secret"))?;
        live.write("\n")?;
        Ok(live.finish()?.out())
    };
    ensure!(shown("--rw d --hide d/secret")?.contains("s3cret"), "it is hidden");
    // What helps: a layer, or to hide the directory.
    for options in ["--hide d/secret", "--cow d --hide d/secret", "--rw . --hide d"] {
        ensure!(!shown(options)?.contains("s3cret"), "it is shown with `{options}`");
    }
    Ok(())
}

/// What is not there cannot be covered, and a live grant gets nothing that would stay outside: a file
/// that is made outside later is seen.
fn hidden_file_comes_later(ctx: &Ctx) -> Outcome {
    let shown = |options: &str| -> Outcome<String> {
        ctx.dir("inside/d")?;
        let _ = fs::remove_file(ctx.path("inside/d/later"));
        let run = ctx.world(options, "echo; read x; cat d/later; true").cwd(ctx.path("inside"));
        let mut live = run.open_input().start()?;
        live.line()?;
        ctx.file("inside/d/later", "s3cret")?;
        live.write("\n")?;
        Ok(live.finish()?.out())
    };
    ensure!(shown("--rw d --hide d/later")?.contains("s3cret"), "it is hidden");
    for options in ["--hide d/later", "--cow d --hide d/later", "--ro d --hide d/later"] {
        ensure!(!shown(options)?.contains("s3cret"), "it is shown with `{options}`");
    }
    Ok(())
}

/// Who can read a file can lock it (`flock(2)`): programs outside that do the same wait.
fn shared_file_is_locked(ctx: &Ctx) -> Outcome {
    ctx.needs("flock")?;
    let mut live = ctx.world("", "exec 9</etc/passwd; flock 9; echo locked; read x");
    live = live.open_input();
    let mut live = live.start()?;
    ensure!(live.line()? == "locked", "it cannot be locked");
    ctx.shell("flock -n /etc/passwd true").go()?.exits(1)?;
    live.write("\n")?;
    live.finish()?;
    // Where the program has a layer the file is another one.
    ctx.file("inside/f", "")?;
    let run = ctx.world("", "exec 9<f; flock 9; echo locked; read x").cwd(ctx.path("inside"));
    let mut live = run.open_input().start()?;
    live.line()?;
    ctx.shell("flock -n inside/f true").go()?.exits(0)?;
    live.write("\n")?;
    live.finish()?.exits(0)?;
    Ok(())
}

/// Who can read a file can see when others read it (`inotify(7)`).
fn shared_file_is_watched(ctx: &Ctx) -> Outcome {
    let body = "
import select
watch = checked(libc.inotify_init())
checked(libc.inotify_add_watch(watch, sys.argv[1].encode(), 1))
print('ready', flush=True)
sys.stdin.readline()
attempt('noticed', lambda: select.select([watch], [], [], 0.5)[0] != [])
";
    let noticed = |path: &str| -> Outcome<String> {
        let mut live = Attack::python(ctx, body)?.arg(path).run("").open_input().start()?;
        live.line()?;
        ctx.shell(&format!("cat {path} >/dev/null")).cwd(ctx.path("inside")).go()?.exits(0)?;
        live.write("\n")?;
        Ok(live.finish()?.out())
    };
    ensure!(noticed("/etc/passwd")?.contains("through"), "it is not noticed");
    ctx.file("inside/f", "text")?;
    ensure!(noticed("f")?.contains("held"), "it is noticed through a layer");
    Ok(())
}
