//! Taking all there is. What control groups limit is tried by the cases of `limits`.

use super::Attack;
use crate::harness::{Ctx, Outcome, cases, ensure, older_than, skip};

cases! {
    both: files_without_content, writer_is_stalled;
}

/// A tmpfs counts the pages of files; their inodes are memory too.
fn files_without_content(ctx: &Ctx) -> Outcome {
    if older_than(6, 6) {
        return skip("before Linux 6.6 layers lie on disk, and their size is not limited");
    }
    let body = "
place = sys.argv[1]
def files():
    for n in range(40000): os.close(os.open('%s/file-%d' % (place, n), os.O_CREAT | os.O_WRONLY))
def links():
    for n in range(40000): os.symlink('x', '%s/link-%d' % (place, n))
attempt('files', files)
attempt('links', links)
";
    let attack = |place: &str| -> Outcome<Attack<'_>> { Ok(Attack::python(ctx, body)?.arg(place)) };
    attack("/tmp")?.world("")?.succeeds()?;
    for place in ["/tmp", "/dev/shm", "."] {
        attack(place)?.world("--scratch 8M")?.fails()?;
    }
    attack("/t")?.world("--tmpfs /t:8M")?.fails()?;
    Ok(())
}

/// A FIFO, or a terminal that nobody reads, in the place of what dwell opens or writes: it must not
/// wait for a program that the world could keep from coming.
fn writer_is_stalled(ctx: &Ctx) -> Outcome {
    ctx.shell("mkfifo fifo && mkdir d && mkfifo d/fifo").go()?.exits(0)?;
    // Whoever opens it waits.
    let weak = ctx.host("timeout").args(["1", "cat", "fifo"]).go()?;
    weak.exits(124)?;
    for options in [
        "",
        "--ro fifo",
        "--rw fifo",
        "--cow fifo",
        "--hide fifo",
        "--ro d",
        "--rw d",
        "--cow d",
        "--hide d/fifo",
        "--ro fifo:/x",
    ] {
        let got = ctx.world(options, "true").limit(15).go()?;
        ensure!([Some(0), Some(125)].contains(&got.status.code()), "with `{options}`{got}");
    }
    Ok(())
}
