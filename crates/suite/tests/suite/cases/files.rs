//! The machine's files: there, copy-on-write, and nothing of a change reaches the machine.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::harness::{Ctx, Outcome, cases, ensure, older_than, skip};

cases! {
    both: programs_are_there, system_trees, current_directory_cow, deep_changes, directory_anew,
        rename_directory, big_file, permissions_and_times, links, xattrs, locks, home_is_empty,
        home_is_shown_cow, home_as_current_directory, current_directory_in_home, other_homes,
        tmp_is_private, var_is_there, read_only_world, scratch_limit, current_directory_gone,
        unreadable_current_directory, workdir;
    root: everywhere_cow, usr_cow;
    user: usr_is_read_only, usr_with_cow, etc_as_a_user;
}

fn programs_are_there(ctx: &Ctx) -> Outcome {
    let outside = ctx.shell("ls /usr/bin | wc -l; cat /etc/passwd | md5sum").output()?;
    ctx.world("", "ls /usr/bin | wc -l; cat /etc/passwd | md5sum").go()?.prints(&outside)?;
    Ok(())
}

fn system_trees(ctx: &Ctx) -> Outcome {
    let script =
        "for d in /bin /sbin /lib /usr /etc /var /opt /srv /mnt; do [ -e $d ] && echo $d; done";
    let outside = ctx.shell(script).output()?;
    ctx.world("", script).go()?.prints(&outside)?;
    Ok(())
}

fn current_directory_cow(ctx: &Ctx) -> Outcome {
    ctx.file("old", "old\n")?;
    ctx.file("gone", "gone\n")?;
    let script = "pwd; cat old; echo new >old; cat old; rm gone; echo made >made; mkdir d; ls";
    let got = ctx.world("", script).go()?;
    got.exits(0)?.prints(&format!("{}\nold\nnew\nd\nmade\nold\n", ctx.scratch.display()))?;
    ensure!(fs::read_to_string(ctx.path("old"))? == "old\n", "the machine's file has changed");
    ensure!(ctx.path("gone").exists(), "the machine's file is gone");
    ensure!(!ctx.path("made").exists() && !ctx.path("d").exists(), "a file came out of the world");
    Ok(())
}

fn deep_changes(ctx: &Ctx) -> Outcome {
    ctx.file("a/b/c/d/e", "deep")?;
    let script =
        "echo x >>a/b/c/d/e; mv a/b/c a/moved; ls a a/moved/d; cat a/moved/d/e; rm -r a; ls";
    let got = ctx.world("", script).go()?;
    got.exits(0)?.prints("a:\nb\nmoved\n\na/moved/d:\ne\ndeepx\n")?;
    ensure!(fs::read_to_string(ctx.path("a/b/c/d/e"))? == "deep", "the machine's file has changed");
    Ok(())
}

/// Wants whiteouts and opaque marks, which a layer must be able to hold.
fn directory_anew(ctx: &Ctx) -> Outcome {
    ctx.file("d/old", "")?;
    let got = ctx.world("", "rm -r d && mkdir d && ls d && touch d/new && ls d").go()?;
    got.exits(0)?.prints("new\n")?;
    ensure!(ctx.path("d/old").exists(), "the machine's file is gone");
    Ok(())
}

fn rename_directory(ctx: &Ctx) -> Outcome {
    ctx.file("d/x", "1")?;
    ctx.dir("d/sub")?;
    let got = ctx.world("", "mv d e && mv e/x e/sub/y && cat e/sub/y && ls").go()?;
    got.exits(0)?.prints("1e\n")?;
    Ok(())
}

fn big_file(ctx: &Ctx) -> Outcome {
    let path = ctx.file("big", vec![7u8; 20 << 20])?;
    let got =
        ctx.world("", "printf x | dd of=big conv=notrunc 2>/dev/null; head -c 2 big; wc -c <big");
    got.go()?.exits(0)?.prints("x\u{7}20971520\n")?;
    ensure!(fs::read(path)?.first() == Some(&7), "the machine's file has changed");
    Ok(())
}

fn permissions_and_times(ctx: &Ctx) -> Outcome {
    let path = ctx.file("f", "x")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    let before = fs::metadata(&path)?;
    let script = "stat -c %a f; chmod 755 f; touch -d 2001-01-01 f; stat -c '%a %y' f | cut -c1-14";
    ctx.world("", script).go()?.exits(0)?.prints("640\n755 2001-01-01\n")?;
    let after = fs::metadata(&path)?;
    let same = before.mode() == after.mode() && before.mtime() == after.mtime();
    ensure!(same, "the machine's file has changed");
    Ok(())
}

fn links(ctx: &Ctx) -> Outcome {
    ctx.file("target", "t")?;
    let script = "ln -s target s && cat s && ln target h && echo u >h && cat target && ln -sfn x s && \
                  readlink s && mkfifo p && test -p p";
    ctx.world("", script).go()?.exits(0)?.prints("tu\nx\n")?;
    ensure!(!ctx.path("s").exists() && !ctx.path("p").exists(), "a file came out of the world");
    Ok(())
}

fn xattrs(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let path = ctx.file("f", "x")?;
    let set = "import os, sys; os.setxattr('f', 'user.a', b'1')";
    if ctx.host("python3").args(["-c", set]).go()?.status.code() != Some(0) {
        return crate::harness::skip("/tmp holds no user.* attributes");
    }
    let script = "import os; print(os.getxattr('f', 'user.a')); os.setxattr('f', 'user.a', b'2'); \
                  print(os.getxattr('f', 'user.a'))";
    let got = ctx.run().args(["--", "python3", "-c", script]).go()?;
    got.exits(0)?.prints("b'1'\nb'2'\n")?;
    let outside = "import os; print(os.getxattr('f', 'user.a'))";
    ctx.host("python3").args(["-c", outside]).go()?.prints("b'1'\n")?;
    ensure!(path.exists(), "the machine's file is gone");
    Ok(())
}

fn locks(ctx: &Ctx) -> Outcome {
    ctx.needs("flock")?;
    ctx.file("lock", "")?;
    let script = "flock lock sh -c 'flock -n lock true; echo $?; flock -n other true; echo $?'";
    ctx.world("", script).go()?.exits(0)?.prints("1\n0\n")?;
    Ok(())
}

fn home_is_empty(ctx: &Ctx) -> Outcome {
    let home = ctx.account.home.display();
    let script = "cd && pwd && ls -A && touch x && ls -A";
    ctx.world("", script).go()?.exits(0)?.prints(&format!("{home}\nx\n"))?;
    ensure!(!ctx.account.home.join("x").exists(), "a file came out of the world");
    Ok(())
}

/// Something in the user's home for the time of a case.
struct InHome(std::path::PathBuf);

impl InHome {
    fn make(ctx: &Ctx, script: &str) -> Outcome<InHome> {
        let path = ctx.account.home.join(format!(".dwell-suite-{}", std::process::id()));
        let path = path.with_extension(ctx.scratch.file_name().unwrap_or_default());
        let made = ctx.shell(&format!("mkdir {0} && cd {0} && {script}", path.display())).go()?;
        if made.status.code() != Some(0) {
            return crate::harness::skip(format!("{} cannot be made", path.display()));
        }
        Ok(InHome(path))
    }
}

impl Drop for InHome {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn home_is_shown_cow(ctx: &Ctx) -> Outcome {
    let kept = InHome::make(ctx, "echo secret >file")?;
    let file = kept.0.join("file");
    let script = format!("cat {0}; echo changed >{0}; cat {0}", file.display());
    ctx.world("", &script).go()?.says("No such file or directory")?.lacks("secret")?;
    ctx.world("--home", &script).go()?.exits(0)?.prints("secret\nchanged\n")?;
    ensure!(fs::read_to_string(&file)? == "secret\n", "the machine's file has changed");
    Ok(())
}

fn home_as_current_directory(ctx: &Ctx) -> Outcome {
    let kept = InHome::make(ctx, "echo secret >file")?;
    let got = ctx.world("", "pwd; ls -A").cwd(&ctx.account.home).go()?;
    got.exits(0)?.prints(&format!("{}\n", ctx.account.home.display()))?;
    let above = ctx.account.home.parent().unwrap_or(Path::new("/"));
    let script = format!("pwd; ls -A {}", ctx.account.home.display());
    let got = ctx.world("", &script).cwd(above).go()?;
    got.exits(0)?.prints(&format!("{}\n", ctx.account.home.display()))?;
    drop(kept);
    Ok(())
}

fn current_directory_in_home(ctx: &Ctx) -> Outcome {
    let kept = InHome::make(ctx, "mkdir src && echo code >src/file && echo secret >file")?;
    let src = kept.0.join("src");
    let got = ctx.world("", "pwd; ls -A; cat file; echo x >file; ls -A .. ~").cwd(&src).go()?;
    let (src, up, home) = (src.display(), kept.0.display(), ctx.account.home.display());
    let name = kept.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
    got.exits(0)?;
    got.has(&format!("{src}\nfile\ncode\n"))?.lacks("secret")?;
    got.has(&format!("..:\nsrc\n\n{home}:\n{name}\n")).or_else(|_| {
        got.has(&format!("{home}:\n{name}\n\n{up}:\nsrc\n")).or(got.has("..:\nsrc\n"))
    })?;
    ensure!(fs::read_to_string(kept.0.join("src/file"))? == "code\n", "the machine's file changed");
    Ok(())
}

fn other_homes(ctx: &Ctx) -> Outcome {
    let own = ctx.account.home.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let want =
        if ctx.account.home.starts_with("/home") { format!("{own}\n") } else { String::new() };
    ctx.world("", "ls -A /home").go()?.exits(0)?.prints(&want)?;
    ctx.world("--home", "ls -A /home").go()?.exits(0)?.prints(&want)?;
    if !ctx.is_root() {
        ctx.world("--root", "ls -A /root | wc -l").go()?.lacks("1")?;
    }
    Ok(())
}

/// Other programs' temporary files are none of the world's business, and its own stay inside.
fn tmp_is_private(ctx: &Ctx) -> Outcome {
    let name = format!("/tmp/dwell-suite-{}-tmp-{}", std::process::id(), ctx.account.uid);
    fs::write(&name, "x")?;
    let got = ctx.world("-w /", &format!("ls {name}; touch {name}.new; ls -ld /tmp")).cwd("/").go();
    fs::remove_file(&name)?;
    let got = got?;
    got.exits(0)?.has("drwxrwxrwt")?;
    ensure!(!Path::new(&format!("{name}.new")).exists(), "a file came out of the world");
    Ok(())
}

fn var_is_there(ctx: &Ctx) -> Outcome {
    let outside = ctx.shell("ls /var; ls /var/lib | wc -l").output()?;
    ctx.world("", "ls /var; ls /var/lib | wc -l").go()?.prints(&outside)?;
    let got = ctx.world("", "touch /var/tmp/dwell-suite-x && ls /var/tmp | grep suite-x").go()?;
    got.exits(0)?;
    ensure!(!Path::new("/var/tmp/dwell-suite-x").exists(), "a file came out of the world");
    Ok(())
}

fn read_only_world(ctx: &Ctx) -> Outcome {
    ctx.file("f", "x")?;
    let got = ctx.world("--read-only", "echo y >f; echo $?; cat f; touch /etc/x; echo $?").go()?;
    got.prints("2\nx1\n").or_else(|_| got.prints("1\nx1\n"))?.says("Read-only file system")?;
    let got =
        ctx.world("--read-only --rw f --tmpfs /mnt", "echo y >f; touch /mnt/z; ls /mnt").go()?;
    got.exits(0)?.prints("z\n")?;
    ensure!(fs::read_to_string(ctx.path("f"))? == "y\n", "--rw was not real");
    Ok(())
}

fn scratch_limit(ctx: &Ctx) -> Outcome {
    let script = "dd if=/dev/zero of=big bs=64K count=64; rm -f big; echo fits >small; cat small";
    let got = ctx.world("--scratch 1M", script).go()?;
    if older_than(6, 6) {
        got.refuses(125, "the size of the layer cannot be limited here: before Linux 6.6")?;
        return skip("before Linux 6.6 layers lie on disk, and their size is not limited");
    }
    got.exits(0)?.says("No space left on device")?.prints("fits\n")?;
    ensure!(!ctx.path("big").exists() && !ctx.path("small").exists(), "a file came out");
    for size in ["8M", "8388608", "0.01G"] {
        let script = "dd if=/dev/zero of=big bs=64K count=64 2>/dev/null";
        ctx.world(&format!("--scratch {size}"), script).go()?.exits(0)?;
    }
    for bad in ["x", "0", "-1", "1Q", ""] {
        let run = ctx.run().arg(format!("--scratch={bad}")).arg("true");
        run.go()?.refuses(125, "cannot use `--scratch")?;
    }
    Ok(())
}

fn current_directory_gone(ctx: &Ctx) -> Outcome {
    let got = ctx.shell("mkdir d && cd d && rmdir ../d && exec \"$DWELL\" run -- pwd").go()?;
    if got.status.code() != Some(0) {
        got.refuses(125, "cannot ")?;
    }
    Ok(())
}

fn unreadable_current_directory(ctx: &Ctx) -> Outcome {
    let dir = ctx.dir("closed")?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o111))?;
    let got = ctx.world("", "pwd").cwd(&dir).go();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
    got?.exits(0)?.prints(&format!("{}\n", dir.display()))?;
    Ok(())
}

fn workdir(ctx: &Ctx) -> Outcome {
    ctx.dir("sub")?;
    ctx.world("-w /etc", "pwd").go()?.prints("/etc\n")?;
    ctx.world("--workdir=sub", "pwd").go()?.prints(&format!("{}/sub\n", ctx.scratch.display()))?;
    ctx.world("-w ~", "pwd").go()?.prints(&format!("{}\n", ctx.account.home.display()))?;
    let got = ctx.world("-w /nope/x", "pwd").go()?;
    got.refuses(125, "cannot ")?.says("/nope/x: No such file or directory")?.says("hint: ")?;
    ctx.file("plain", "")?;
    ctx.world("-w plain", "pwd").go()?.refuses(125, "cannot ")?.says("Not a directory")?;
    Ok(())
}

fn everywhere_cow(ctx: &Ctx) -> Outcome {
    let places = ["/etc", "/var/lib", "/opt", "/srv", "/usr/local", "/mnt", "/var/log"];
    let name = format!("dwell-suite-{}", std::process::id());
    for place in places.into_iter().filter(|p| Path::new(p).is_dir()) {
        let got = ctx.world("", &format!("echo x >{place}/{name} && cat {place}/{name}")).go()?;
        got.exits(0)?.prints("x\n")?;
        ensure!(!Path::new(place).join(&name).exists(), "{place}/{name} came out of the world");
    }
    let before = fs::read("/etc/passwd")?;
    let script = "echo 'new:x:4242:4242::/:/bin/sh' >>/etc/passwd; id -u new; rm -r /etc/apt /var/log; \
                  ls /var/log";
    ctx.world("", script).go()?.has("4242\n")?.says("/var/log")?;
    ensure!(fs::read("/etc/passwd")? == before, "/etc/passwd of the machine has changed");
    ensure!(Path::new("/var/log").is_dir(), "/var/log of the machine is gone");
    Ok(())
}

fn usr_cow(ctx: &Ctx) -> Outcome {
    let script = "echo x >/usr/bin/dwell-suite-x && rm /usr/bin/env && ls /usr/bin/dwell-suite-x";
    ctx.world("", script).go()?.exits(0)?.prints("/usr/bin/dwell-suite-x\n")?;
    ensure!(Path::new("/usr/bin/env").exists(), "/usr/bin/env of the machine is gone");
    ensure!(!Path::new("/usr/bin/dwell-suite-x").exists(), "a file came out of the world");
    Ok(())
}

fn usr_is_read_only(ctx: &Ctx) -> Outcome {
    let got = ctx.world("", "touch /usr/bin/x; touch /usr/lib/x").go()?;
    got.exits(1)?.says("touch: cannot touch '/usr/bin/x': ")?.says("'/usr/lib/x': ")?;
    Ok(())
}

/// The option asks for a layer; what belongs to others still cannot be changed.
fn usr_with_cow(ctx: &Ctx) -> Outcome {
    let got = ctx
        .world("--cow /usr", "findmnt -no FSTYPE /usr || grep ' /usr ' /proc/self/mounts")
        .go()?;
    got.exits(0)?.has("overlay")?;
    Ok(())
}

fn etc_as_a_user(ctx: &Ctx) -> Outcome {
    let got = ctx.world("", "cat /etc/passwd >/dev/null && touch /etc/x").go()?;
    got.exits(1)?.says("touch: cannot touch '/etc/x': ")?;
    // With another's rights neither: what belongs to an unmapped id is not the world's root's.
    let got = ctx.world("--root", "echo x >>/etc/passwd").go()?;
    ensure!(got.status.code() != Some(0), "the world's root has changed a file of root's{got}");
    Ok(())
}
