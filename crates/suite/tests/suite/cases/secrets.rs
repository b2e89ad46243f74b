//! What must not be seen inside.

use std::fs;
use std::path::Path;

use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: environment_of_the_caller, processes_of_the_machine, run_sockets, root_of_the_machine;
    root: shadow_is_redacted, shadow_tools_work, ssh_host_keys, private_keys, granted_secrets,
        secrets_through_other_names, other_homes, raw_disks;
}

fn environment_of_the_caller(ctx: &Ctx) -> Outcome {
    let script = "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; true";
    let got = ctx.world("", script).env("API_TOKEN", "s3cret").go()?;
    got.exits(0)?.lacks("s3cret")?.lacks("API_TOKEN")?;
    for options in ["--share pid", "--unshare user,mount"] {
        // Without a wall between processes the caller's can be seen, and must not be opened.
        if ctx.is_root() {
            continue;
        }
        let got = ctx.world(options, script).env("API_TOKEN", "s3cret").go()?;
        got.lacks("s3cret")?;
    }
    Ok(())
}

fn processes_of_the_machine(ctx: &Ctx) -> Outcome {
    let marker = format!("31557.{}{}", std::process::id(), ctx.account.uid);
    let sleeper = ctx.host("sleep").arg(&marker).start()?;
    let got = ctx.world("", "cat /proc/*/cmdline | tr '\\0' ' '").go()?;
    got.lacks(&marker)?;
    let got = ctx.world("", &format!("kill -9 {}; kill -9 -1; true", sleeper.pid())).go()?;
    got.exits(0).or_else(|_| got.exits(137))?;
    let still = Path::new(&format!("/proc/{}", sleeper.pid())).exists();
    ensure!(still, "a process outside was killed");
    Ok(())
}

fn run_sockets(ctx: &Ctx) -> Outcome {
    let script = "find / -xdev -type s 2>/dev/null; find /run /var/run/ /dev -type s";
    ctx.world("", script).go()?.prints("")?;
    Ok(())
}

/// Nothing of the world leads to the real root directory.
fn root_of_the_machine(ctx: &Ctx) -> Outcome {
    ctx.dir("deep")?;
    let script = "ls -a / | sort | tr '\\n' ' '; cd /; ls -a ../../.. | sort | tr '\\n' ' '";
    let got = ctx.world("--root --cap-add all", script).go()?;
    got.exits(0)?;
    let out = got.out();
    let (one, two) = out.split_at(out.len() / 2);
    ensure!(one == two, "the root's parent is another directory{got}");
    if !ctx.is_root() {
        return Ok(());
    }
    // With all capabilities root's program can take the world's mounts away. What it finds below them
    // is the layer, not the machine.
    let script = "umount -l /etc 2>/dev/null; umount /proc; umount /; umount -l /home /root /tmp
        for dir in / /root /home /tmp /etc; do touch $dir/dwell-came-out; done; true";
    ctx.world("--cap-add all", script).go()?.exits(0)?;
    for dir in ["/", "/root", "/home", "/tmp", "/etc"] {
        let out = Path::new(dir).join("dwell-came-out");
        ensure!(!out.exists(), "{} is on the machine", out.display());
    }
    Ok(())
}

/// Root's own shadow for the time of the suite's namespaces: with hashes, whatever the machine has.
fn with_shadow(ctx: &Ctx, act: impl FnOnce() -> Outcome) -> Outcome {
    let text = "root:$6$abc$HASHHASH:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n";
    let file = ctx.file("shadow", text)?;
    let bound = ctx.mount(&["--bind", &file.display().to_string()], Path::new("/etc/shadow"))?;
    let outcome = act();
    drop(bound);
    outcome
}

fn shadow_is_redacted(ctx: &Ctx) -> Outcome {
    if !Path::new("/etc/shadow").exists() {
        return skip("no /etc/shadow");
    }
    ctx.world("", "grep -c '[$]' /etc/shadow; grep -c . /etc/shadow").go()?.has("0\n")?;
    let got = ctx.world("", "cut -d: -f2 /etc/shadow | sort -u").go()?;
    got.lacks("$")?;
    with_shadow(ctx, || {
        let got = ctx.world("", "cat /etc/shadow").go()?;
        got.exits(0)?.lacks("HASH")?.has("root:")?.has("nobody:")?;
        Ok(())
    })
}

fn shadow_tools_work(ctx: &Ctx) -> Outcome {
    ctx.needs("useradd")?;
    let before = fs::read("/etc/shadow")?;
    let got = ctx
        .world("", "useradd -m newone && id -un newone && echo newone:pw | chpasswd && ls /home");
    got.go()?.exits(0)?.prints("newone\nnewone\n")?;
    ensure!(fs::read("/etc/shadow")? == before, "/etc/shadow of the machine has changed");
    Ok(())
}

fn ssh_host_keys(ctx: &Ctx) -> Outcome {
    let place = Path::new("/etc/ssh");
    let mounted;
    let made = !place.exists();
    if made {
        fs::create_dir(place)?;
    }
    let outcome = {
        mounted = ctx.mount(&["-t", "tmpfs", "none"], place)?;
        fs::write(place.join("ssh_host_suite_key"), "PRIVATE")?;
        fs::write(place.join("ssh_host_suite_key.pub"), "PUBLIC")?;
        let got = ctx.world("", "cat /etc/ssh/ssh_host_suite_key.pub; cat /etc/ssh/*").go()?;
        got.has("PUBLIC").and_then(|g| g.lacks("PRIVATE")).map(drop)
    };
    drop(mounted);
    if made {
        fs::remove_dir(place)?;
    }
    outcome
}

fn private_keys(ctx: &Ctx) -> Outcome {
    let place = Path::new("/etc/ssl/private");
    if !place.is_dir() {
        return skip("no /etc/ssl/private");
    }
    let mounted = ctx.mount(&["-t", "tmpfs", "none"], place)?;
    fs::write(place.join("server.key"), "PRIVATE")?;
    let got = ctx.world("", "ls -A /etc/ssl/private; cat /etc/ssl/private/server.key").go();
    drop(mounted);
    got?.prints("")?;
    Ok(())
}

fn granted_secrets(ctx: &Ctx) -> Outcome {
    with_shadow(ctx, || {
        ctx.world("--ro /etc/shadow", "cat /etc/shadow").go()?.exits(0)?.has("HASH")?;
        // A grant of what is above is no grant of the secret.
        ctx.world("--ro /etc", "cat /etc/shadow").go()?.lacks("HASH")?;
        ctx.world("--cow /etc", "cat /etc/shadow").go()?.lacks("HASH")?;
        ctx.world("--ro /", "cat /etc/shadow").go()?.lacks("HASH")?;
        Ok(())
    })
}

/// A second name of a hidden place shows no more than the first.
fn secrets_through_other_names(ctx: &Ctx) -> Outcome {
    with_shadow(ctx, || {
        for script in [
            "mkdir /mnt/x && mount --bind /etc /mnt/x && cat /mnt/x/shadow",
            "umount /etc/shadow; umount -l /etc/shadow; cat /etc/shadow",
            "cat /proc/1/root/etc/shadow",
            "mv /etc /etc2; cat /etc2/shadow",
        ] {
            let got = ctx.world("--cap-add all", script).go()?;
            got.lacks("HASH")?;
        }
        Ok(())
    })
}

fn other_homes(ctx: &Ctx) -> Outcome {
    let place = Path::new("/home");
    let mounted = ctx.mount(&["-t", "tmpfs", "none"], place)?;
    fs::create_dir(place.join("somebody"))?;
    fs::write(place.join("somebody/diary"), "dear")?;
    let got = ctx.world("", "ls -A /home; cat /home/somebody/diary").go();
    let granted = ctx.world("--ro /home/somebody", "cat /home/somebody/diary").go();
    drop(mounted);
    got?.prints("")?;
    granted?.prints("dear")?;
    Ok(())
}

/// Whoever could make or open the disk's device node reads all of the machine's files.
fn raw_disks(ctx: &Ctx) -> Outcome {
    let outside = ctx.shell("lsblk -dnro MAJ:MIN | head -1 || true").output()?;
    let Some((major, minor)) = outside.trim().split_once(':') else {
        return skip("no block device");
    };
    let script = format!(
        "mknod d b {major} {minor}; head -c 1 d; mknod /dev/d b {major} {minor}; head -c 1 /dev/d"
    );
    let got = ctx.world("--cap-add all", &script).go()?;
    got.exits(1)?.prints("")?;
    Ok(())
}
