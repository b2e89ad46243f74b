//! `--no-new-code`: what can be written cannot be executed, and each act succeeds without the option.

use crate::harness::{Ctx, Got, Outcome, cases, ensure, skip};

cases! {
    both: written_files, granted_files, trees_of_programs, a_tree_both_ways, memory, memory_files,
        shared_memory, memory_of_processes, namespaces_inside, without_a_profile, own_profile,
        root_directory, what_it_needs, everyday_programs;
    root: setting_of_memory_files;
}

const OPTION: &str = "--no-new-code";

/// Both worlds: with the option and without.
fn both(ctx: &Ctx, options: &str, script: &str) -> Outcome<(Got, Got)> {
    if crate::harness::older_than(6, 3) {
        return skip("PR_SET_MDWE is in Linux 6.3 and newer");
    }
    let hard = ctx.world(&format!("{OPTION} {options}"), script).go()?;
    Ok((hard, ctx.world(options, script).go()?))
}

/// Copies of a program and a script are run in each of the places.
fn written_files(ctx: &Ctx) -> Outcome {
    let script = "for d in /tmp /var/tmp /dev/shm /run/x /new . \"$HOME\"; do \
                  mkdir -p $d 2>/dev/null; cp /bin/true $d/t 2>/dev/null || continue; \
                  printf '#!/bin/sh\\necho script\\n' >$d/s; chmod +x $d/t $d/s; \
                  $d/t && echo ran; $d/s; cp /bin/true $d/t; /lib64/ld-linux-x86-64.so.2 $d/t && echo loaded; \
                  done";
    let script = if cfg!(target_arch = "x86_64") {
        script.to_owned()
    } else {
        script.replace("/lib64/ld-linux-x86-64.so.2 $d/t && echo loaded; ", "")
    };
    let (hard, plain) = both(ctx, "", &script)?;
    hard.prints("")?.says("Permission denied")?;
    let ran = plain.out();
    let count = |word: &str| ran.lines().filter(|line| *line == word).count();
    ensure!(count("ran") >= 4 && count("script") >= 4, "copies do not run without it{plain}");
    Ok(())
}

fn granted_files(ctx: &Ctx) -> Outcome {
    for (option, changes) in [("rw", true), ("cow", true), ("ro", false)] {
        ctx.dir("g")?;
        let program = ctx.path("g/t");
        std::fs::copy("/bin/true", &program)?;
        ctx.give(&program)?;
        let options = format!("--{option} g");
        let (hard, plain) = both(ctx, &options, "g/t && echo ran")?;
        plain.prints("ran\n")?;
        if changes {
            hard.prints("")?
        } else {
            hard.prints("ran\n")?
        };
    }
    let (hard, _) = both(ctx, "--tmpfs /scratch", "cp /bin/true /scratch && /scratch/true")?;
    hard.exits(126)?;
    Ok(())
}

/// Programs of the machine's run, and cannot be changed, by root of the world either.
fn trees_of_programs(ctx: &Ctx) -> Outcome {
    let script = "touch /usr/bin/x /usr/local/x /opt/x /bin/x 2>&1 | grep -vc 'Read-only\\|denied'; \
                  touch /etc/x 2>/dev/null; ls /usr/bin/x /usr/local/x 2>/dev/null; /usr/bin/env true && echo runs";
    for options in ["", "--root"] {
        let (hard, _) = both(ctx, options, script)?;
        hard.prints("0\nruns\n")?;
    }
    Ok(())
}

/// A tree that is shown read-only in one place and can be written in another.
fn a_tree_both_ways(ctx: &Ctx) -> Outcome {
    ctx.dir("d/sub")?;
    let script = "cp /bin/true /w/t && /r/t && echo ran";
    let (hard, plain) = both(ctx, "--rw d:/w --ro d:/r", script)?;
    hard.prints("")?;
    plain.prints("ran\n")?;
    std::fs::remove_file(ctx.path("d/t"))?;
    // The part of it, and what it is a part of.
    let (hard, plain) =
        both(ctx, "--rw d/sub:/w --ro d:/r", "cp /bin/true /w/t && /r/sub/t && echo ran")?;
    hard.prints("")?;
    plain.prints("ran\n")?;
    let (hard, plain) =
        both(ctx, "--rw d:/w --ro d/sub:/r", "cp /bin/true /w/sub/t; /r/t && echo ran")?;
    hard.prints("")?;
    plain.prints("ran\n")?;
    Ok(())
}

/// A program for Python with the C library at hand.
const HEAD: &str = "import ctypes, errno, os, mmap, sys\n\
    c = ctypes.CDLL(None, use_errno=True)\n\
    c.mmap.restype = ctypes.c_void_p\n\
    c.shmat.restype = ctypes.c_void_p\n\
    c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]\n\
    c.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]\n\
    c.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]\n\
    BAD = ctypes.c_void_p(-1).value\n\
    def say(ok): print('OK' if ok else errno.errorcode[ctypes.get_errno()])\n";

fn python(ctx: &Ctx, options: &str, text: &str) -> Outcome<(Got, Got)> {
    if crate::harness::older_than(6, 3) {
        return skip("PR_SET_MDWE is in Linux 6.3 and newer");
    }
    ctx.needs("python3")?;
    let program = format!("{HEAD}{text}");
    let run = |more: &[&str]| {
        let options = options.split_whitespace();
        ctx.run().args(more).args(options).args(["--", "python3", "-c", &program]).go()
    };
    Ok((run(&[OPTION])?, run(&[])?))
}

/// Written and executable at once, and first the one and then the other.
fn memory(ctx: &Ctx) -> Outcome {
    let text = "say(c.mmap(None, 4096, 7, 0x22, -1, 0) != BAD)\n\
                a = c.mmap(None, 4096, 3, 0x22, -1, 0)\n\
                say(c.mprotect(a, 4096, 5) == 0)\n\
                say(c.mprotect(a, 4096, 1) == 0)\n";
    let (hard, plain) = python(ctx, "", text)?;
    hard.prints("EACCES\nEACCES\nOK\n")?;
    plain.prints("OK\nOK\nOK\n")?;
    Ok(())
}

fn memory_files(ctx: &Ctx) -> Outcome {
    let text = "fd = c.memfd_create(b'x', 0)\n\
                say(fd >= 0)\n\
                if fd < 0: sys.exit(3)\n\
                os.write(fd, open('/bin/true', 'rb').read())\n\
                sys.stdout.flush()\n\
                os.execve(fd, ['true'], {})\n";
    let (hard, plain) = python(ctx, "", text)?;
    hard.prints("ENOSYS\n")?.exits(3)?;
    plain.prints("OK\n")?.exits(0)?;
    // A seal against execve is none against mapping it twice.
    let (hard, _) = python(ctx, "", "say(c.memfd_create(b'x', 8) >= 0)\n")?;
    hard.prints("ENOSYS\n")?;
    Ok(())
}

/// One segment, mapped to be written and mapped to be executed.
fn shared_memory(ctx: &Ctx) -> Outcome {
    let text = "i = c.shmget(0, 4096, 0o1700)\n\
                say(c.shmat(i, None, 0) != BAD)\n\
                say(c.shmat(i, None, 0o110000) != BAD)\n";
    let (hard, plain) = python(ctx, "", text)?;
    hard.prints("OK\nEACCES\n")?;
    plain.prints("OK\nOK\n")?;
    Ok(())
}

/// The kernel writes to memory that cannot be written where a file of `/proc` asks for it.
fn memory_of_processes(ctx: &Ctx) -> Outcome {
    let text = "a = c.mmap(None, 4096, 5, 0x22, -1, 0)\n\
                try:\n \
                f = os.open('/proc/self/mem', os.O_RDWR)\n \
                os.pwrite(f, b'x', a)\n \
                print('OK')\n\
                except OSError as e: print(errno.errorcode[e.errno])\n\
                say(c.ptrace(9999, 0, 0, 0) >= 0)\n";
    let (hard, plain) = python(ctx, "", text)?;
    hard.prints("EROFS\nEPERM\n")?;
    if plain.out().starts_with("EIO\n") {
        // KERNEL: proc_mem.force_override=ptrace or never (Linux 6.12), which some are built with.
        return skip("this kernel writes to no memory that the process itself cannot write to");
    }
    ensure!(plain.out().starts_with("OK\n"), "memory cannot be written without it{plain}");
    Ok(())
}

fn namespaces_inside(ctx: &Ctx) -> Outcome {
    ctx.needs("unshare")?;
    let script = "unshare -U true && echo made";
    for options in ["", "--root"] {
        let (hard, plain) = both(ctx, options, script)?;
        hard.prints("")?.says("No space left on device")?;
        plain.prints("made\n")?;
    }
    let (hard, _) =
        both(ctx, "--root", "echo 9 >/proc/sys/user/max_user_namespaces; unshare -U true")?;
    hard.exits(1)?;
    Ok(())
}

fn without_a_profile(ctx: &Ctx) -> Outcome {
    let text = "say(c.memfd_create(b'x', 0) >= 0)\n\
                say(c.personality(0x400000) >= 0)\n\
                say(c.personality(-1) >= 0)\n\
                say(c.keyctl(0, -3, 0) >= 0 if hasattr(c, 'keyctl') else c.syscall(250, 0, -3, 0) >= 0)\n";
    let (hard, plain) = python(ctx, "--seccomp none", text)?;
    let lines: Vec<_> = hard.out().lines().take(3).map(str::to_owned).collect();
    ensure!(lines == ["ENOSYS", "EPERM", "OK"], "the filter is another{hard}");
    ensure!(plain.out().starts_with("OK\nOK\nOK\n"), "without it a call is refused{plain}");
    Ok(())
}

/// What a given profile allows is refused all the same.
fn own_profile(ctx: &Ctx) -> Outcome {
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["memfd_create", "ptrace"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}]}"#;
    ctx.file("p.json", profile)?;
    let text = "say(c.memfd_create(b'x', 0) >= 0)\nsay(c.chroot(b'/') == 0)\n";
    let (hard, plain) = python(ctx, "--seccomp p.json", text)?;
    hard.prints("ENOSYS\nEIO\n")?;
    plain.prints("OK\nEIO\n")?;
    Ok(())
}

/// In a root directory too, programs run where they lie and nowhere else.
fn root_directory(ctx: &Ctx) -> Outcome {
    ctx.needs("busybox")?;
    let script = "mkdir -p r/bin r/srv r/tmp r/proc r/sys r/dev && cp \"$(command -v busybox)\" r/bin/sh && \
                  cp r/bin/sh r/bin/cp && cp r/bin/sh r/bin/true && cp r/bin/sh r/srv/true";
    ctx.shell(script).go()?.exits(0)?;
    let inside = "/bin/true && echo one; /srv/true && echo two; cp /bin/true /tmp/true && /tmp/true && echo three; \
                  cp /bin/true /bin/x 2>/dev/null && echo four";
    let (hard, plain) = both(ctx, "--from r", inside)?;
    hard.prints("one\n")?;
    plain.prints("one\ntwo\nthree\nfour\n")?;
    Ok(())
}

fn what_it_needs(ctx: &Ctx) -> Outcome {
    for (options, sentence) in [
        ("--share mount", "`--no-new-code` needs a mount namespace"),
        ("--share pid", "`--no-new-code` needs a pid namespace"),
        ("--share user", "`--no-new-code` needs a user namespace"),
        ("--root --cap-add sys_admin", "from a program with the capability sys_admin"),
        ("--seccomp-log", "`--no-new-code` and `--seccomp-log` contradict each other"),
        ("--from / --writable", "`--no-new-code` and `--writable` contradict each other"),
    ] {
        let got = ctx.world(&format!("{OPTION} {options}"), "true").go()?;
        got.exits(125)?;
        if !crate::harness::older_than(6, 3) {
            got.says(sentence)?;
        }
    }
    Ok(())
}

fn everyday_programs(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let script = "sort /etc/passwd | head -1 | wc -l; python3 -c 'import json, ctypes; print(1)'; \
                  perl -e 'print \"1\\n\"'; echo $(echo 1)";
    let (hard, plain) = both(ctx, "", script)?;
    hard.prints(&plain.out())?;
    Ok(())
}

/// The kernel lets the machine's root alone set it.
fn setting_of_memory_files(ctx: &Ctx) -> Outcome {
    let (hard, plain) = both(ctx, "", "cat /proc/sys/vm/memfd_noexec")?;
    hard.prints("2\n")?;
    plain.prints("0\n")?;
    let outside = std::fs::read_to_string("/proc/sys/vm/memfd_noexec")?;
    ensure!(outside == "0\n", "the machine's setting is {outside}");
    Ok(())
}
