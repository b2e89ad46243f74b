//! Machines whose directories are mounts of their own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Ctx, Mounted, Outcome, cases, ensure, skip};

cases! {
    both: file_system_elsewhere, nested, bound_file, read_only_mount, below_current_directory,
        home_of_its_own, tmp_of_its_own, many, stacked, bind_of_a_part, mount_on_link,
        granted_with_mounts_below, noexec_stays, later_mount_stays_out, var_lib_of_its_own,
        below_the_operating_system;
}

/// A directory of everybody's below `/mnt`, outside of what a world treats in a special way.
struct Place(PathBuf);

impl Place {
    fn make(ctx: &Ctx) -> Outcome<Place> {
        ctx.needs_privilege()?;
        let name = ctx.scratch.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = PathBuf::from(format!("/mnt/{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Place(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Only when what was mounted there is not any more.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An empty file system of the user's: a layer holds nothing of owners that it does not know.
fn tmpfs(ctx: &Ctx, place: &Path) -> Outcome<Mounted> {
    let missing: Vec<&Path> = place.ancestors().take_while(|p| !p.exists()).collect();
    for directory in missing.into_iter().rev() {
        fs::create_dir(directory)?;
        ctx.give(directory)?;
    }
    let mounted = ctx.mount(&["-t", "tmpfs", "none"], place)?;
    ctx.give(place)?;
    Ok(mounted)
}

/// As seen from inside: the file is there, can be changed, and outside it does not change.
fn is_cow(ctx: &Ctx, file: &Path) -> Outcome {
    let script = format!("cat {0} && echo new >{0} && cat {0} && touch {0}.more", file.display());
    let got = ctx.world("", &script).go()?;
    got.exits(0)?.prints("old\nnew\n")?;
    ensure!(fs::read_to_string(file)? == "old\n", "{} has changed outside", file.display());
    let more = PathBuf::from(format!("{}.more", file.display()));
    ensure!(!more.exists(), "{} came out of the world", more.display());
    Ok(())
}

fn old_file(ctx: &Ctx, path: &Path) -> Outcome<PathBuf> {
    fs::write(path, "old\n")?;
    ctx.give(path)?;
    Ok(path.to_owned())
}

fn file_system_elsewhere(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let _mounted = tmpfs(ctx, &place.0)?;
    is_cow(ctx, &old_file(ctx, &place.0.join("f"))?)
}

fn nested(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let _one = tmpfs(ctx, &place.0)?;
    let top = old_file(ctx, &place.0.join("f"))?;
    let _two = tmpfs(ctx, &place.0.join("a/b"))?;
    let middle = old_file(ctx, &place.0.join("a/b/f"))?;
    let _three = tmpfs(ctx, &place.0.join("a/b/c"))?;
    let bottom = old_file(ctx, &place.0.join("a/b/c/f"))?;
    for file in [top, middle, bottom] {
        is_cow(ctx, &file)?;
    }
    let got = ctx.world("", &format!("find {} -name f | wc -l", place.0.display())).go()?;
    got.prints("3\n")?;
    Ok(())
}

fn bound_file(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let _mounted = tmpfs(ctx, &place.0)?;
    let source = old_file(ctx, &ctx.file("source", "")?)?;
    let file = old_file(ctx, &place.0.join("f"))?;
    fs::write(&file, "below")?;
    let _bound = ctx.mount(&["--bind", &source.display().to_string()], &file)?;
    is_cow(ctx, &file)?;
    ensure!(fs::read_to_string(&source)? == "old\n", "the file's other name has changed");
    Ok(())
}

fn read_only_mount(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let mounted = tmpfs(ctx, &place.0)?;
    let file = old_file(ctx, &place.0.join("f"))?;
    ctx.as_root(&format!("mount -o remount,ro {}", place.0.display()))?;
    let got = ctx.world("", &format!("cat {0}", file.display())).go()?;
    got.exits(0)?.prints("old\n")?;
    let got =
        ctx.world(&format!("--rw {}", place.0.display()), &format!("echo x >{}", file.display()));
    got.go()?.says("Read-only file system")?;
    drop(mounted);
    Ok(())
}

fn below_current_directory(ctx: &Ctx) -> Outcome {
    let sub = ctx.dir("sub")?;
    let _mounted = tmpfs(ctx, &sub)?;
    is_cow(ctx, &old_file(ctx, &sub.join("f"))?)?;
    let outside = old_file(ctx, &ctx.file("g", "")?)?;
    is_cow(ctx, &outside)?;
    // The current directory is on the mount itself.
    let got = ctx.world("", "cat f; rm f; ls").cwd(&sub).go()?;
    got.exits(0)?.prints("old\n")?;
    ensure!(sub.join("f").exists(), "the machine's file is gone");
    Ok(())
}

fn home_of_its_own(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    let home = ctx.account.home.clone();
    let source = ctx.dir("home")?;
    let file = ctx.file("home/f", "old\n")?;
    let _bound = ctx.mount(&["--bind", &source.display().to_string()], &home)?;
    let script = "cd && ls -A && touch x && ls -A";
    ctx.world("", script).go()?.exits(0)?.prints("x\n")?;
    let got = ctx.world("--home", "cd && cat f && echo new >f && cat f").go()?;
    got.exits(0)?.prints("old\nnew\n")?;
    ensure!(fs::read_to_string(&file)? == "old\n", "the machine's file has changed");
    Ok(())
}

fn tmp_of_its_own(ctx: &Ctx) -> Outcome {
    let sub = Place::make(ctx)?;
    let _mounted = tmpfs(ctx, &sub.0)?;
    let file = old_file(ctx, &sub.0.join("f"))?;
    let _bound = ctx.mount(&["--bind", &sub.0.display().to_string()], Path::new("/var/tmp"))?;
    let got = ctx.world("", "touch /var/tmp/x && ls /var/tmp | grep -c x").go()?;
    got.exits(0)?.prints("1\n")?;
    ensure!(!sub.0.join("x").exists() && file.exists(), "a file came out of the world");
    Ok(())
}

fn many(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let _one = tmpfs(ctx, &place.0)?;
    let mut mounted = Vec::new();
    for n in 0..30 {
        let directory = place.0.join(format!("d{n}"));
        mounted.push(tmpfs(ctx, &directory)?);
        old_file(ctx, &directory.join("f"))?;
    }
    let script = format!(
        "cd {} && for d in d*; do echo new >$d/f; done && cat d*/f | sort -u",
        place.0.display()
    );
    ctx.world("", &script).go()?.exits(0)?.prints("new\n")?;
    for n in 0..30 {
        let file = place.0.join(format!("d{n}/f"));
        ensure!(fs::read_to_string(&file)? == "old\n", "{} has changed", file.display());
    }
    while mounted.pop().is_some() {}
    Ok(())
}

/// Two mounts on the same place: the upper one is what is seen.
fn stacked(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let lower = tmpfs(ctx, &place.0)?;
    fs::write(place.0.join("below"), "")?;
    let upper = tmpfs(ctx, &place.0)?;
    let outcome = old_file(ctx, &place.0.join("f")).and_then(|file| {
        is_cow(ctx, &file)?;
        let got = ctx.world("", &format!("ls {}", place.0.display())).go()?;
        got.prints("f\n")?;
        Ok(())
    });
    drop(upper);
    drop(lower);
    outcome
}

fn bind_of_a_part(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let one = tmpfs(ctx, &place.0)?;
    for directory in ["real", "real/deep", "view"] {
        ctx.dir(place.0.join(directory))?;
    }
    old_file(ctx, &place.0.join("real/deep/f"))?;
    let real = place.0.join("real/deep").display().to_string();
    let two = ctx.mount(&["--bind", &real], &place.0.join("view"))?;
    let outcome = is_cow(ctx, &place.0.join("view/f"));
    drop(two);
    drop(one);
    outcome
}

fn mount_on_link(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    fs::create_dir(place.0.join("real"))?;
    std::os::unix::fs::symlink("real", place.0.join("link"))?;
    let _mounted = tmpfs(ctx, &place.0.join("link"))?;
    old_file(ctx, &place.0.join("real/f"))?;
    is_cow(ctx, &place.0.join("link/f"))
}

fn granted_with_mounts_below(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let _one = tmpfs(ctx, &place.0)?;
    let _two = tmpfs(ctx, &place.0.join("sub"))?;
    let file = old_file(ctx, &place.0.join("sub/f"))?;
    let script = format!("cat {0}; echo new >{0}", file.display());
    let got = ctx.world(&format!("--ro {}", place.0.display()), &script).go()?;
    got.prints("old\n")?.says("Read-only file system")?;
    ctx.world(&format!("--rw {}", place.0.display()), &script).go()?.exits(0)?.prints("old\n")?;
    ensure!(fs::read_to_string(&file)? == "new\n", "--rw was not real below");
    let got = ctx.world(
        &format!("--cow {}:/mnt/other", place.0.display()),
        "cat /mnt/other/sub/f; echo x >/mnt/other/sub/f",
    );
    got.go()?.exits(0)?.prints("new\n")?;
    ensure!(fs::read_to_string(&file)? == "new\n", "--cow was real below");
    Ok(())
}

/// What a mount forbids stays forbidden.
fn noexec_stays(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let _mounted = ctx.mount(&["-t", "tmpfs", "-o", "noexec,mode=777", "none"], &place.0)?;
    ctx.as_root(&format!("cp /bin/true {}/t", place.0.display()))?;
    let script = format!("{}/t", place.0.display());
    ctx.world("", &script).go()?.exits(126)?;
    ctx.world(&format!("--rw {}", place.0.display()), &script).go()?.exits(126)?;
    Ok(())
}

/// A mount that is made outside while a world runs is not seen inside.
fn later_mount_stays_out(ctx: &Ctx) -> Outcome {
    let place = Place::make(ctx)?;
    let script = format!("echo; read x; ls {}", place.0.display());
    let mut live = ctx.world("", &script).open_input().start()?;
    live.line()?;
    let mounted = tmpfs(ctx, &place.0)?;
    fs::write(place.0.join("secret"), "")?;
    live.write("\n")?;
    live.finish()?.exits(0)?.prints("\n")?;
    drop(mounted);
    // Nor does the world keep a mount of the machine's busy, or come back after it is gone.
    Ok(())
}

fn var_lib_of_its_own(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    let path =
        PathBuf::from(format!("/var/lib/dwell-suite-{}-{}", std::process::id(), ctx.account.uid));
    fs::create_dir(&path)?;
    let outcome = tmpfs(ctx, &path).and_then(|mounted| {
        let outcome = old_file(ctx, &path.join("f")).and_then(|file| is_cow(ctx, &file));
        drop(mounted);
        outcome
    });
    fs::remove_dir(&path)?;
    outcome
}

/// Drivers that a virtual machine's host provides, or a container's engine, often lie below `/usr`.
fn below_the_operating_system(ctx: &Ctx) -> Outcome {
    let place = Path::new("/usr/src");
    if !place.is_dir() {
        return skip("there is no /usr/src");
    }
    let _mounted = tmpfs(ctx, place)?;
    old_file(ctx, &place.join("f"))?;
    ctx.file("d/g", "granted\n")?;
    let files = "/usr/dwell-new /usr/bin/dwell-new /usr/src/dwell-new";
    let got =
        ctx.world("--cow /usr", &format!("cat /usr/src/f; touch {files}; ls {files}")).go()?;
    got.exits(0)?.silent()?.has("old\n")?;
    for file in files.split(' ') {
        ensure!(!Path::new(file).exists(), "{file} came out of the world");
    }
    let grant = format!("--ro {}:/usr/dwell-new/a", ctx.path("d").display());
    let script = "cat /usr/dwell-new/a/g /usr/src/f";
    let with_room = ctx.world(&format!("--cow /usr {grant}"), script).go()?;
    with_room.exits(0)?.prints("granted\nold\n")?;
    let got = ctx.world(&grant, script).go()?;
    if ctx.is_root() {
        got.exits(0)?.prints("granted\nold\n")?;
    } else {
        got.refuses(125, "cannot place /usr/dwell-new/a for ")?.says("--cow /usr makes room")?;
    }
    Ok(())
}
