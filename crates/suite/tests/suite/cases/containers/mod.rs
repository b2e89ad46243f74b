//! In a container that has no privileges, as Docker and Kubernetes make them: which walls are refused there is told,
//! with what remains, and nothing starts weaker than it was asked for.

mod bundle;

use crate::harness::{Ctx, Outcome, cases, ensure, is_tried, skip, sorted_lines};
use bundle::{Bundle, KINDS, install};

cases! {
    root: refused_walls_are_named, nothing_weaker_starts, landlock_remains, landlock_holds,
        doctor_names_the_cause, applets_fail_as_their_models;
}

/// Calls `test` for each kind of container.
fn each(ctx: &Ctx, test: impl Fn(&Bundle<'_>) -> Outcome) -> Outcome {
    for kind in KINDS {
        test(&Bundle::new(ctx, kind)?)?;
    }
    Ok(())
}

/// One sentence, and one of what helps.
fn refused_walls_are_named(ctx: &Ctx) -> Outcome {
    each(ctx, |container| {
        let got = container.run(&["dwell", "run", "--", "sh", "-c", "echo ran"])?;
        got.prints("")?.refuses(125, "cannot make the user,mount,pid,")?;
        got.says("Operation not permitted (clone)\n")?;
        got.says("\nhint: a seccomp filter refuses it, as in a container: ")?;
        got.says("--security-opt seccomp=unconfined; Kubernetes: seccompProfile: ")?;
        got.says("refused here are the namespaces user,mount,pid,net,uts,ipc,cgroup; ")?;
        // Older versions of Landlock keep fewer walls, which is said then.
        got.says("`--walls landlock` does without them")?;
        Ok(())
    })
}

/// Whatever else is asked for: a part of the walls, or what cannot be had with the wall that remains.
fn nothing_weaker_starts(ctx: &Ctx) -> Outcome {
    each(ctx, |container| {
        for (options, said) in [
            ("--net host", "cannot make the user,mount,pid,"),
            ("--share pid,net,cgroup", "cannot make the user,mount,"),
            ("--unshare user,net", "cannot make the user"),
            ("--unshare user", "cannot make "),
            ("--unshare net", "cannot make "),
            ("--walls namespaces,landlock", "cannot make the user,mount,pid,"),
            (
                "--walls landlock --unshare net",
                "`--unshare net` and `--walls landlock` exclude each other",
            ),
            ("--walls landlock --hide /etc/passwd", "`--hide /etc/passwd` cannot hide "),
            ("--walls landlock --memory 64M", "cannot limit memory: "),
            ("--walls landlock --tmpfs /x", "`--tmpfs /x` needs the mount namespace"),
            ("--walls landlock --hostname x", "`--hostname x` needs the uts namespace"),
        ] {
            let words = ["dwell", "run"].into_iter().chain(options.split(' '));
            let words: Vec<&str> = words.chain(["--", "sh", "-c", "echo ran"]).collect();
            let got = container.run(&words)?;
            if !got.out.is_empty() {
                return got.bad(format_args!("{options}: it ran"));
            }
            // An older Landlock is refused first.
            let older = options.contains("landlock") && needs_landlock().is_err();
            let kept = older && got.err().contains("cannot put up the wall landlock-");
            got.refuses(125, if kept { "cannot put up the wall landlock-" } else { said })?;
        }
        Ok(())
    })
}

/// Skips where the kernel's Landlock lacks what `--walls landlock` needs.
fn needs_landlock() -> Outcome {
    match dwell_sys::raw::landlock_abi() {
        Ok(abi) if abi >= 6 => Ok(()),
        Ok(abi) => skip(format!("Landlock has version {abi}, 6 is needed")),
        Err(no) => skip(format!("there is no Landlock: {no}")),
    }
}

fn landlock_remains(ctx: &Ctx) -> Outcome {
    needs_landlock()?;
    each(ctx, |container| {
        let run = |options: &str, script: &str| {
            container.shell(&format!("dwell run --walls landlock {options} -- sh -c '{script}'"))
        };
        run("", "id -u; cat own; exit 7")?
            .exits(7)?
            .prints(&format!("{}\nown\n", container.kind.uid))?;
        run("--rw /tmp", "echo new >/tmp/x && cat /tmp/x")?.exits(0)?.prints("new\n")?;
        run("--ro /home", "cat /home/secret; echo x >/home/secret")?.prints("secret\n")?;
        Ok(())
    })
}

/// What is done first without the wall, and then behind it.
fn landlock_holds(ctx: &Ctx) -> Outcome {
    needs_landlock()?;
    each(ctx, |container| {
        // Everything here is the caller's own to read, change or signal. Nobody listens at the port.
        let act = "cat /home/secret; echo x >/tmp/new && echo changed; kill -0 $OUTER && echo signalled; \
                   nc -w 1 127.0.0.1 80 2>&1 </dev/null | grep -q refused && echo connected; \
                   grep -c . /proc/$OUTER/environ";
        let script = |before: &str| {
            format!(
                "sleep 50 & export OUTER=$!; {before} sh -c '{act}; echo ran' 2>&1 | \
                 grep -v ' denied\\| not permitted'; kill $OUTER"
            )
        };
        let open = container.shell(&script(""))?;
        open.prints("secret\nchanged\nsignalled\nconnected\n1\nran\n")?;
        let closed = container.shell(&script("dwell run --walls landlock -e OUTER --"))?;
        closed.prints("ran\n")?;
        Ok(())
    })
}

fn doctor_names_the_cause(ctx: &Ctx) -> Outcome {
    each(ctx, |container| {
        let got = container.run(&["dwell", "doctor"])?;
        got.exits(1)?.silent()?;
        got.has("`dwell run` does not work here: see `user namespace`")?;
        for (check, verdict, text) in [
            ("dwell run with its defaults", "refused", "a seccomp filter refuses it"),
            (
                "user namespace",
                "refused",
                "Seccomp of /proc/self/status is 2, and unshare(0) is refused too",
            ),
            (
                "user namespace",
                "refused",
                "remedy docker run, podman run: --security-opt seccomp=unconfined",
            ),
            ("clone3(2)", "refused", "ENOSYS"),
            ("no filter on harmless calls", "limited", "unshare: EPERM"),
            ("the machine's /proc", "limited", " more have mounts"),
            ("settings can be changed", "limited", "/proc/sys is mounted read-only"),
        ] {
            super::doctor::tells(&got, check, verdict, text)?;
        }
        let works = if dwell_sys::raw::landlock_abi().is_ok() { "works" } else { "absent" };
        super::doctor::tells(&container.run(&["dwell", "doctor", "--all"])?, "Landlock", works, "")
    })
}

/// What the tools of util-linux say there, and ours.
const LINES: &[&str] = &[
    "unshare -r true",
    "unshare -U true",
    "unshare -c id -u",
    "unshare -rm true",
    "unshare -m true",
    "unshare -n true",
    "unshare -pf true",
    "unshare -f sh -c 'exit 5'",
    "nsenter -t 1 -n true",
    "nsenter -t 1 -u sh -c 'exit 5'",
    "lsns -n -r -o TYPE,NPROCS,PID",
    "lsns -t user -n -r -o TYPE,NPROCS,UID",
];

fn applets_fail_as_their_models(ctx: &Ctx) -> Outcome {
    super::oracle::installed(ctx)?;
    each(ctx, |container| {
        let root = container.root();
        for name in ["unshare", "nsenter", "lsns"] {
            if !root.join("theirs").join(name).exists() {
                install(ctx, &root, name)?;
            }
            let ours = root.join("ours");
            ctx.dir(&ours)?;
            if !ours.join(name).exists() {
                std::fs::hard_link(root.join("bin/dwell"), ours.join(name))?;
            }
        }
        for (n, line) in LINES.iter().enumerate() {
            if !is_tried(n) {
                continue;
            }
            let ask = |whose: &str| container.shell(&format!("PATH=/{whose}:$PATH; {line}"));
            let (theirs, ours) = (ask("theirs")?, ask("ours")?);
            let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
            // Each line is run in a container of its own, and lists go by the numbers of its namespaces.
            ensure!(
                theirs.status() == ours.status()
                    && sorted_lines(&theirs.out()) == sorted_lines(&ours.out())
                    && first(theirs.err()) == first(ours.err()),
                "{}: {line}\n  installed: {theirs}\n  ours: {ours}",
                container.kind.name
            );
        }
        let refused = container.run(&["dwell", "unshare", "-r", "true"])?;
        refused.exits(1)?.says(
            "dwell unshare: unshare failed: Operation not permitted\nhint: a seccomp filter ",
        )?;
        Ok(())
    })
}
