//! `unshare` and `nsenter`, beside the installed ones of util-linux: the same command lines give the
//! same exit code, the same output, and failures that begin with the same words.

use crate::harness::{Ctx, Got, Outcome, cases, ensure, skip};

cases! {
    both: the_same, differences;
    root: the_same_as_root;
    user: the_same_as_user;
}

/// As anybody.
const BOTH: &[&str] = &[
    // Grammar.
    "unshare --badopt",
    "unshare --badopt=x true",
    "unshare -Z",
    "unshare -m=foo true",
    "unshare --fork=3",
    "unshare -w",
    "unshare --root",
    "unshare --wd=/ --roo=/nope true",
    "unshare -rf -- sh -c 'echo $0' -x",
    "unshare sh -c 'echo $1' - --bad",
    "nsenter --bad",
    "nsenter -t",
    "nsenter --all=x",
    "nsenter -t $$ -w/ -W/ true",
    "nsenter -t $$ -W/ --wd=/ -u true",
    // Values.
    "unshare -S abc true",
    "unshare -S '' true",
    "unshare -S 0x10 true",
    "unshare -G 5x true",
    "unshare --map-user=zork true",
    "unshare --map-group=zork true",
    "unshare --map-user=5x true",
    "unshare -T --monotonic=x true",
    "unshare -T --boottime=99999999999999999999 true",
    "unshare --kill-child=9 true",
    "unshare --kill-child=FOO true",
    "unshare --kill-child=sigterm true",
    "unshare --kill-child=RTMIN true",
    "unshare --kill-child=RTMIN+1 true",
    "unshare --kill-child=SIGRTMAX-1 true",
    "unshare --propagation=foo true",
    "unshare --setgroups=x true",
    "unshare -r --setgroups=allow true",
    "unshare --setgroups=deny true",
    "nsenter -t $$ -u -S x true",
    "nsenter -t $$ -u -G x true",
    // The program.
    "unshare sh -c 'exit 7'",
    "unshare -f sh -c 'exit 7'",
    "unshare -f sh -c 'kill -TERM $$'",
    "unshare -f sh -c 'kill -INT $$'",
    "unshare -f sh -c 'kill -USR1 $$'",
    "unshare nosuch",
    "unshare -f nosuch",
    "unshare /etc/passwd",
    "unshare /etc",
    "unshare ''",
    "printf 'echo script $1' >s; chmod +x s; unshare ./s x",
    "SHELL=/bin/sh; echo 'echo $0' | unshare",
    "trap '' PIPE; unshare grep SigIgn /proc/self/status",
    "trap '' CHLD; unshare grep SigIgn /proc/self/status",
    "unshare sh -c 'ls /proc/self/fd | wc -l' 7</dev/null",
    "unshare sh -c 'echo x' >&-",
    "A=1 unshare sh -c 'echo $A'",
    "PATH=/usr/bin; export PATH; unshare -w / id -u",
    // A user namespace.
    "unshare -r id",
    "unshare -c id -u",
    "unshare -c id -g",
    "unshare -U id -u",
    "unshare -r cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups",
    "unshare -c cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups",
    "unshare --map-user=7 cat /proc/self/uid_map",
    "unshare --map-user=root cat /proc/self/uid_map",
    "unshare --map-user=7 --map-user=9 cat /proc/self/uid_map",
    "unshare --map-group=adm cat /proc/self/gid_map /proc/self/setgroups",
    "unshare -c -r id -u",
    "unshare -r -G 0 true",
    "unshare -U --setgroups deny cat /proc/self/setgroups",
    "unshare -U --setgroups allow cat /proc/self/setgroups",
    "unshare -c --keep-caps grep Cap /proc/self/status",
    "unshare -r --keep-caps grep CapAmb /proc/self/status",
    "unshare --keep-caps grep CapAmb /proc/self/status",
    // The others.
    "unshare -ru sh -c 'hostname x; hostname'",
    "unshare -rn ip -o link",
    "unshare -ri ipcs -q",
    "unshare -rC cat /proc/self/cgroup",
    "unshare -rpf sh -c 'echo $$'",
    "unshare -rpf --mount-proc sh -c 'echo $$; set -- /proc/[0-9]*; echo $#'",
    "unshare -rm --mount-proc=/nope true",
    "unshare -rm --mount-proc= true",
    "unshare -rp sh -c 'exec true'",
    "unshare -rmpf --mount-proc sh -c 'grep \" /proc \" /proc/self/mounts | tail -n 1'",
    "unshare -rm --propagation private grep -c 'shared:\\|master:' /proc/self/mountinfo",
    "unshare -rm --propagation shared sh -c 'grep -c shared: /proc/self/mountinfo'",
    "unshare -rm --propagation slave true",
    "unshare -rm --propagation unchanged true",
    "unshare --propagation slave true",
    "unshare -rTf --boottime 300000000 cat /proc/self/timens_offsets",
    "unshare -rTf --monotonic -5 --boottime 7 cat /proc/self/timens_offsets",
    // Directories.
    "unshare -w /etc pwd",
    "unshare -rR / pwd",
    "unshare -rR / -w /etc pwd",
    "unshare -rR /nonexist true",
    "unshare -r --map-user=5 --map-group=6 id",
    "unshare --map-user=5 -c id -u",
    "unshare -rm -R /proc/self/cwd pwd",
    "unshare -rm --root=/ --wd=/tmp pwd",
    "unshare -r -f --kill-child=KILL sh -c 'exit 200'",
    "unshare -rf sh -c 'exit 255'",
    "unshare -- true",
    "unshare - true",
    "unshare --map-root-use id -u",
    // nsenter.
    "nsenter -t 999999 -u true",
    "nsenter -t 99999999 -a true",
    "nsenter --uts=/nope true",
    "nsenter -u/nope true",
    "nsenter -u=/nope true",
    "nsenter -a true",
    "nsenter -t $$ -u -r/nope true",
    "nsenter -t $$ -u -w/nope true",
];

/// As root: what is made or entered without a user namespace.
const ROOT: &[&str] = &[
    "unshare -m true",
    "unshare -u sh -c 'hostname x; hostname'",
    "unshare -n ip -o link",
    "unshare -pf --kill-child sh -c 'echo $$'",
    "unshare -G 5 -S 6 id",
    "unshare -m --propagation shared grep -c shared: /proc/self/mountinfo",
    "unshare -m --propagation slave grep -c master: /proc/self/mountinfo",
    "unshare -m --propagation unchanged grep -c shared: /proc/self/mountinfo",
    "nsenter -t $$ -a sh -c 'echo in'",
    "nsenter -t $$ -u nosuch",
    "nsenter -t $$ -u sh -c 'exit 9'",
    "nsenter -t $$ -p sh -c 'exit 9'",
    "nsenter -t $$ -p sh -c 'kill -9 $$'",
    "nsenter -t $$ -p sh -c 'kill -TERM $$'",
    "nsenter -t $$ -u -S 5 -G 6 id",
    "nsenter -t $$ -u -S 5 id",
    "nsenter -t $$ -u -Z true",
    "nsenter -t $$ -u -W/nope true",
    "nsenter -t $$ -u -W/etc pwd",
    "nsenter -t $$ -u -w pwd",
    "nsenter -t $$ -u -r pwd",
    "nsenter -t $$ -u -r/etc -w/ pwd",
    "nsenter -t $$ -u -r/etc true",
    "nsenter --net=/proc/self/ns/uts true",
    "nsenter --uts=/etc/passwd true",
    "nsenter --uts=/proc/$$/ns/uts hostname",
    "nsenter -F -t $$ -p sh -c 'echo x'",
    "nsenter -t $$ -C -T true",
    "nsenter -t $$ -m pwd",
    "nsenter -t $$ -m -w/etc pwd",
    "nsenter -t $$ -m -w pwd",
    "nsenter -t $$ -a -w/ pwd",
    "nsenter -t $$ --all --mount=/proc/self/ns/mnt pwd",
    "nsenter -t $$ -am -r pwd",
    "SHELL=/bin/sh; echo 'echo $0' | nsenter -t $$ -u",
];

/// As a user: what is refused.
const USER: &[&str] = &[
    "unshare -m true",
    "unshare -n true",
    "unshare -G 5 true",
    "unshare -R / true",
    "unshare -r -G 0 id",
    "nsenter -n/proc/self/ns/net true",
    "unshare -r sleep 100 & sleep 0.3; nsenter -t $! -U true; kill $!",
];

fn the_same(ctx: &Ctx) -> Outcome {
    compare(ctx, BOTH)
}

fn the_same_as_root(ctx: &Ctx) -> Outcome {
    compare(ctx, ROOT)
}

fn the_same_as_user(ctx: &Ctx) -> Outcome {
    compare(ctx, USER)
}

/// Skips where the installed tools are none of util-linux.
pub(super) fn installed(ctx: &Ctx) -> Outcome<String> {
    ctx.needs("nsenter")?;
    let said = ctx.host(ctx.needs("unshare")?).arg("--version").output()?;
    match said.split("util-linux ").nth(1) {
        Some(version) => Ok(version.trim().to_owned()),
        None => skip(format!("the installed unshare is another: {said}")),
    }
}

fn both(ctx: &Ctx, line: &str) -> Outcome<(Got, Got)> {
    Ok((ctx.shell(line).go()?, ctx.with_applets(line)?.go()?))
}

fn compare(ctx: &Ctx, lines: &[&str]) -> Outcome {
    installed(ctx)?;
    all_alike(lines, |line| both(ctx, line))
}

/// Whether the installed tool and ours, both run by `both`, do and say the same for each line.
pub(super) fn all_alike(lines: &[&str], both: impl Fn(&str) -> Outcome<(Got, Got)>) -> Outcome {
    let mut wrong = Vec::new();
    for line in lines {
        let (theirs, ours) = both(line)?;
        let same = theirs.status() == ours.status()
            && theirs.out() == ours.out()
            && first_words(&theirs.err()) == first_words(&ours.err());
        if !same {
            wrong.push(format!("{line}\n  installed: {theirs}\n  ours: {ours}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The beginning of what is said: the name and four words, or less where the kernel's reason begins
/// before.
pub(super) fn first_words(said: &str) -> Vec<String> {
    let line = said.lines().next().unwrap_or_default();
    let words = line.split(' ').map(|word| word.rsplit('/').next().unwrap_or(word).to_owned());
    words.take(5).collect()
}

/// A line with which ours does something else than an older one.
struct Difference {
    line: &'static str,
    /// Exit code and beginning of standard error of the installed 2.38.
    theirs: (i32, &'static str),
    ours: (i32, &'static str),
}

/// What has changed in util-linux since 2.38, and what was a mistake in it.
const DIFFERENCES: &[Difference] = &[
    // A namespace has to be named.
    Difference {
        line: "nsenter -t $$ true",
        theirs: (0, ""),
        ours: (1, "nsenter: no namespace specified"),
    },
    Difference {
        line: "nsenter -u true",
        theirs: (1, "nsenter: neither filename nor target pid supplied for ns/uts"),
        ours: (1, "nsenter: no target PID specified"),
    },
    Difference {
        line: "nsenter -t x -a true",
        theirs: (1, "nsenter: failed to parse pid: 'x'"),
        ours: (1, "nsenter: failed to parse PID argument 'x': Invalid argument"),
    },
    Difference {
        line: "nsenter -t -5 -u true",
        theirs: (1, "nsenter: cannot open /proc/4294967291/ns/uts: No such file"),
        ours: (1, "nsenter: failed to parse PID argument '-5': Numerical result out of range"),
    },
    Difference {
        line: "nsenter -t $$ -t $$ -u true",
        theirs: (-1, ""),
        ours: (1, "nsenter: option --target may be given only once"),
    },
    // All namespaces of a process are entered by one call.
    Difference {
        line: "nsenter -t $$ -U true",
        theirs: (1, "nsenter: reassociate to namespace 'ns/user' failed: Invalid argument"),
        ours: (1, "nsenter: reassociate to namespaces failed: Invalid argument"),
    },
    // The other one blocks SIGKILL in vain and does not end by it.
    Difference {
        line: "unshare -f sh -c 'kill -KILL $$'; exit $?",
        theirs: (1, "unshare: sigprocmask unblock failed: Invalid argument"),
        ours: (137, ""),
    },
    Difference {
        line: "unshare -w /nonexist true",
        theirs: (1, "unshare: cannot chdir to '/nonexist': No such file"),
        ours: (1, "unshare: cannot change directory to /nonexist: No such file"),
    },
    Difference {
        line: "unshare -U -S 0 true",
        theirs: (1, "unshare: setuid failed: Invalid argument"),
        ours: (1, "unshare: setuid() failed: Invalid argument"),
    },
    Difference {
        line: "unshare --map-users=1,2 true",
        theirs: (1, "unshare: mapping '1,2' contains only 2 elements"),
        ours: (1, "unshare: invalid mapping '1,2'"),
    },
    Difference {
        line: "unshare --monotonic=5 true",
        theirs: (1, "unshare: options --monotonic and --boottime require unsharing"),
        ours: (
            1,
            "unshare: options --monotonic and --boottime require unsharing of a time namespace (-T)",
        ),
    },
    // A number beyond the last id is taken for another one by the C function.
    Difference {
        line: "unshare -S 4294967296 true",
        theirs: (-1, ""),
        ours: (1, "unshare: failed to parse uid: '4294967296': Numerical result out of range"),
    },
    // More options, so more that a short name may mean.
    Difference {
        line: "unshare --map-s true",
        theirs: (1, "unshare: unrecognized option '--map-s'"),
        ours: (1, "unshare: no line matching user"),
    },
];

/// Each of them is one still, so that the list stays true.
fn differences(ctx: &Ctx) -> Outcome {
    let old = installed(ctx)?.starts_with("2.38");
    for Difference { line, theirs, ours } in DIFFERENCES {
        // Whoever has subordinate ids gets them.
        if line.contains("--map-s") && !ctx.is_root() {
            continue;
        }
        let (installed, own) = both(ctx, line)?;
        if old && theirs.0 >= 0 {
            installed.exits(theirs.0)?.says(theirs.1)?;
        }
        own.exits(ours.0)?.says(ours.1)?;
    }
    Ok(())
}
