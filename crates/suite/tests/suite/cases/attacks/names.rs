//! Other names of what is hidden, or of what is beside a grant.

use super::{Attack, Tried};
use crate::harness::{Ctx, Outcome, cases};

cases! {
    both: hidden_by_another_name, beside_a_grant, reopened_for_writing;
}

/// What hides lies on a file, and goes where that goes.
fn hidden_by_another_name(ctx: &Ctx) -> Outcome {
    ctx.file("inside/d/deep/secret", "s3cret")?;
    let link = |to: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(to, ctx.path("inside").join(name))
    };
    link("d/deep".as_ref(), "way")?;
    link(&ctx.path("inside/d"), "far")?;
    link("far/deep/secret".as_ref(), "file")?;
    let body = "
import shutil
def told(path): return b's3cret' in read(path)
def with_undone(act, undo, path):
    act()
    try: return told(path)
    finally: undo()
def by_descriptor(flags):
    file = os.open('d/deep', flags)
    return told('/proc/self/fd/%d/secret' % file)
def at():
    return b's3cret' in os.read(os.open('deep/secret', os.O_RDONLY, dir_fd=os.open('d', os.O_RDONLY)), 9)
def removed():
    os.rename('d/deep', 'kept')
    os.mkdir('d/deep')
    try: return told('kept/secret')
    finally: os.rmdir('d/deep'), os.rename('kept', 'd/deep')
def copied():
    try:
        shutil.copytree('d', 'c')
        return told('c/deep/secret')
    finally: shutil.rmtree('c', ignore_errors=True)
attempt('itself', lambda: told('d/deep/secret'))
attempt('other-spellings', lambda: told('./d//deep/../../d/./deep//secret'))
attempt('far-link', lambda: told('far/deep/secret'))
attempt('link-to-it', lambda: told('file'))
attempt('link', lambda: told('way/secret'))
attempt('by-cwd', lambda: told('/proc/self/cwd/d/deep/secret'))
attempt('by-root', lambda: told('/proc/self/root' + os.path.realpath('d/deep/secret')))
attempt('by-descriptor', lambda: by_descriptor(os.O_RDONLY))
attempt('by-path-descriptor', lambda: by_descriptor(os.O_PATH))
attempt('at', at)
attempt('new-link', lambda: with_undone(lambda: os.symlink('d/deep/secret', 'l'), lambda: os.unlink('l'), 'l'))
attempt('hard-link', lambda: with_undone(lambda: os.link('d/deep/secret', 'h'), lambda: os.unlink('h'), 'h'))
attempt('renamed-above', lambda: with_undone(lambda: os.rename('d', 'e'), lambda: os.rename('e', 'd'), 'e/deep/secret'))
attempt('renamed-parent', lambda: with_undone(lambda: os.rename('d/deep', 'e'), lambda: os.rename('e', 'd/deep'), 'e/secret'))
attempt('renamed-itself', lambda: with_undone(lambda: os.rename('d/deep/secret', 's'), lambda: os.rename('s', 'd/deep/secret'), 's'))
attempt('in-the-place', removed)
attempt('copied', copied)
";
    let attack = Attack::python(ctx, body)?;
    attack.bare()?.succeeds()?;
    for (hidden, how) in [
        ("d/deep/secret", ""),
        ("d/deep", ""),
        ("d", ""),
        ("way/secret", ""),
        ("d/deep/secret", "--rw ."),
        ("d/deep", "--rw ."),
        ("d", "--rw ."),
        ("d/deep/secret", "--cow d --root --cap-add dac_override"),
        ("way", "--rw d"),
        ("way", ""),
        ("far", ""),
        ("far/deep/secret", ""),
        ("far/deep", "--rw ."),
        ("file", ""),
        ("file", "--rw ."),
        ("far/deep/secret", "--cow d"),
        ("way/secret", "--rw way"),
        ("far/deep", "--rw far"),
    ] {
        attack.world(&format!("{how} --hide {hidden}"))?.fails()?;
        attack.world(&format!("--hide {hidden} {how}"))?.fails()?;
    }
    let got = attack.run("--hide far/deep --cow way").go()?;
    got.refuses(125, "`--hide far/deep` and `--cow way` contradict each other")?;
    // The same where it is shown at another place.
    let text = attack.text()?;
    let inside = ctx.path("inside").display().to_string();
    let shown = |how: &str, hidden: &str| {
        let options = format!("{how} {inside}:/srv/x -w /srv/x {hidden}");
        let run = ctx.run().args(options.split_whitespace()).args(["--", "python3", "-c", &text]);
        Tried::read(run.cwd("/").go()?)
    };
    shown("--rw", "")?.gets(&["itself", "link", "by-descriptor", "at", "copied"])?;
    for how in ["--rw", "--ro", "--cow"] {
        for hidden in ["d/deep/secret", "d/deep", "way", "way/secret"] {
            shown(how, &format!("--hide /srv/x/{hidden}"))?.holds(&[
                "itself",
                "link",
                "by-descriptor",
                "at",
                "copied",
            ])?;
        }
    }
    Ok(())
}

/// What only looks like the granted path, or begins like it.
fn beside_a_grant(ctx: &Ctx) -> Outcome {
    let names =
        ["ssh", "sshfoo", "ss", "SSH", "ssh.", "ssh ", "ssh\n", "sśh", "ssh\u{301}", "ssh\\"];
    for name in names {
        ctx.file(format!("outside/{name}/f"), "text")?;
    }
    let body = "
top, own = sys.argv[1], sys.argv[2]
for number, name in enumerate(sys.argv[3:]):
    for how, form in enumerate((top + '/', own + '/../', own + '/./../', own + '/')):
        attempt('%d-%d' % (number, how), lambda: read(form + name + '/f'))
";
    let top = ctx.path("outside");
    let mut attack = Attack::python(ctx, body)?.arg(top.display()).arg(top.join("ssh").display());
    for name in names.iter().skip(1) {
        attack = attack.arg(name);
    }
    // By the last form none is there.
    let weak = attack.world(&format!("--ro {}", top.display()))?;
    weak.reaches(3 * (names.len() - 1))?;
    for how in ["--ro", "--rw", "--cow"] {
        attack.world(&format!("{how} {}", top.join("ssh").display()))?.fails()?;
    }
    Ok(())
}

/// What was opened for reading, or not even that, is opened once more by way of `/proc`.
fn reopened_for_writing(ctx: &Ctx) -> Outcome {
    ctx.file("granted/f", "as it was")?;
    let body = "
for flags in os.O_RDONLY, os.O_PATH, os.O_PATH | os.O_NOFOLLOW:
    file = os.open(sys.argv[1], flags)
    for form in '/proc/self/fd/%d', '/dev/fd/%d', '/proc/thread-self/fd/%d', '/proc/self/task/../fd/%d':
        for mode in os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_APPEND, os.O_WRONLY | os.O_TRUNC:
            attempt('%s-%x-%x' % (form[6:14], flags, mode), lambda: os.close(os.open(form % file, mode)))
attempt('mode', lambda: os.chmod('/proc/self/fd/%d' % file, 0o666))
attempt('times', lambda: os.utime('/proc/self/fd/%d' % file))
attempt('truncated', lambda: os.truncate('/proc/self/fd/%d' % file, 0))
";
    let attack = Attack::python(ctx, body)?.arg(ctx.path("granted/f").display());
    attack.world(&format!("--rw {}", ctx.path("granted").display()))?.succeeds()?;
    ctx.file("granted/f", "as it was")?;
    for options in ["", "--root --cap-add dac_override", "--root --seccomp none"] {
        attack.world(&format!("{options} --ro {}", ctx.path("granted").display()))?.fails()?;
        attack.world(&format!("{options} --ro {}", ctx.path("granted/f").display()))?.fails()?;
    }
    Ok(())
}
