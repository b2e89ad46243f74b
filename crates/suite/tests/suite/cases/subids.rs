//! `unshare`, `nsenter` and `lsns` for a user with lines in `/etc/subuid` and `/etc/subgid` and for one without,
//! beside the installed tools.
//!
//! The two files are the case's own: bound over the machine's in a mount namespace that ends with the command.

use std::fs;

use super::oracle::{all_alike, installed};
use crate::harness::{Ctx, Got, Outcome, cases, ensure, skip};

cases! {
    both: with_lines, without_lines, which_lines, newer_forms, newer_forms_without_lines, wrong_words;
}

/// Where the user's ids begin, and how many there are.
const FIRST: u32 = 300_000;
const COUNT: u32 = 1000;

/// The id maps of the command that is run, and who it is.
const MAPS: &str = "sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g'";

/// What both say the same to, whether there are lines or not. `MAPS` is written out, and so is `FIRST`.
const LINES: &[&str] = &[
    "unshare --map-auto MAPS",
    "unshare --map-users=auto MAPS",
    "unshare --map-groups=auto MAPS",
    "unshare --map-users=auto --map-groups=auto MAPS",
    "unshare --map-auto -S 7 -G 8 id -u",
    "unshare -r --map-auto --setgroups deny true",
    "unshare -r --map-auto --setgroups allow cat /proc/self/setgroups",
    "unshare -rmpf --map-auto --mount-proc sh -c 'touch f; chown 5:6 f; stat -c \"%u %g\" f; rm f'",
    "unshare --map-users=FIRST,0,10 --map-groups=FIRST,0,10 MAPS",
    "unshare -r --map-users=FIRST,1,10 --map-groups=FIRST,1,10 MAPS",
    "unshare -c --map-users=FIRST,0,10 --map-groups=FIRST,0,10 MAPS",
    // Words that are wrong to both.
    "unshare --map-users",
    "unshare --map-auto=x true",
    // Entered, and listed.
    "unshare -r --map-auto sleep 20 & KNOWN; nsenter -t $! -U -S 3 -G 4 sh -c 'id -u; id -g'; kill $!",
    "unshare -r --map-auto sleep 20 & KNOWN; nsenter -t $! -U --preserve-credentials id -u; kill $!",
    "unshare --map-auto -S 7 sleep 20 & KNOWN; lsns -t user -n -r -p $! -o NPROCS,UID,COMMAND; kill $!",
    "unshare -r --map-auto sleep 20 & KNOWN; lsns -t user -n -r -p $! -o NPROCS,UID,USER; kill $!",
];

/// Ids that are no subordinate ones of the user's. Root is not asked: ours writes its map without a helper.
const REFUSED: &[&str] = &[
    "unshare --map-users=FIRST,0,1001 MAPS",
    "unshare --map-groups=FIRST,0,1001 MAPS",
    "unshare --map-users=1,0,1 MAPS",
    "unshare --map-groups=1,0,1 MAPS",
];

/// The user's line first: util-linux 2.38 takes root's for the first one whose ever it is.
fn with_lines(ctx: &Ctx) -> Outcome {
    let name = &ctx.account.name;
    let files = Files::new(ctx, &format!("{name}:{FIRST}:{COUNT}\nother:100000:65536\n"))?;
    files.compare(LINES)?;
    if !ctx.is_root() {
        files.compare(REFUSED)?;
    }
    Ok(())
}

fn without_lines(ctx: &Ctx) -> Outcome {
    let others = "other:100000:65536\n";
    for lines in ["", others] {
        let files = Files::new(ctx, lines)?;
        if ctx.is_root() {
            // The same: it takes the other user's.
            files.ours("unshare --map-auto true")?.exits(1)?.says(NO_LINE)?;
        } else {
            files.compare(LINES)?;
            files.compare(REFUSED)?;
        }
    }
    Ok(())
}

const NO_LINE: &str = "unshare: no line matching user ";

/// The first line that is the user's, by name or by number; lines that are none. What the installed ones take for
/// root's is not asked for, as above.
fn which_lines(ctx: &Ctx) -> Outcome {
    let (name, uid) = (&ctx.account.name, ctx.account.uid);
    for (lines, ids) in [
        (format!("{uid}:400000:10\n"), "400000 10"),
        (format!("{name}:400000:10\n{name}:500000:20\n"), "400000 10"),
        (format!("{uid}:400000:10\n{name}:500000:20\n"), "400000 10"),
        (format!("{name}:500000:20\n{uid}:400000:10\n"), "500000 20"),
        (format!("# {name}:400000:10\n\n{name}:500000:20"), "500000 20"),
        (format!("x{name}:400000:10\n{name}x:500000:20\n"), ""),
    ] {
        let files = Files::new(ctx, &lines)?;
        if ids.is_empty() {
            files.ours("unshare --map-auto true")?.exits(1)?.says(NO_LINE)?;
        } else {
            files.prints("unshare --map-auto cat /proc/self/uid_map", &format!("0 {ids}\n"))?;
        }
        if !ctx.is_root() {
            files.compare(&["unshare --map-auto MAPS", "unshare --map-users=auto MAPS"])?;
        }
    }
    Ok(())
}

/// What the installed ones do not know yet, or do otherwise: before 2.39 a single id takes the last one away from
/// those that are looked up. The command line, what it prints where there are lines, and whether it looks for
/// them; one that names its ids has them refused where they are not the user's.
const NEWER: &[(&str, &str, bool)] = &[
    (
        "unshare -r --map-auto MAPS",
        "0 OWN_USER 1\n1 FIRST 1000\n0 OWN_GROUP 1\n1 FIRST 1000\n0\n0\n",
        true,
    ),
    ("unshare -r --map-users=auto cat /proc/self/uid_map", "0 OWN_USER 1\n1 FIRST 1000\n", true),
    (
        "unshare --map-auto --map-user=5 cat /proc/self/uid_map",
        "5 OWN_USER 1\n0 FIRST 5\n6 FIRST+5 995\n",
        true,
    ),
    (
        "unshare --map-users=0:FIRST:10 --map-groups=0:FIRST:10 cat /proc/self/uid_map /proc/self/gid_map",
        "0 FIRST 10\n0 FIRST 10\n",
        false,
    ),
    (
        "unshare -r --map-users=1:FIRST:10 --map-groups=1:FIRST:10 MAPS",
        "0 OWN_USER 1\n1 FIRST 10\n0 OWN_GROUP 1\n1 FIRST 10\n0\n0\n",
        false,
    ),
    (
        "unshare --map-users=0:FIRST:5 --map-users=20:FIRST+5:5 cat /proc/self/uid_map",
        "0 FIRST 5\n20 FIRST+5 5\n",
        false,
    ),
    ("unshare --map-subids cat /proc/self/uid_map", "FIRST FIRST 1000\n", true),
    ("unshare --map-users=subids cat /proc/self/uid_map", "FIRST FIRST 1000\n", true),
];

/// Words that are wrong, and what is said; in the older form of commas too.
const WRONG: &[(&str, &str)] = &[
    ("0:FIRST:0", "'0:300000:0'"),
    ("0:FIRST", "'0:300000'"),
    ("0:FIRST:1:1", "'0:300000:1:1'"),
    ("a:FIRST:1", "'a:300000:1'"),
    ("::", "'::'"),
    ("''", "''"),
    ("x", "'x'"),
    ("1,x,1", "'1,x,1'"),
    ("1,1,x", "'1,1,x'"),
    ("-1,1,1", "'-1,1,1'"),
    ("1,1,1,", "'1,1,1,'"),
    ("4294967296,1,1", "'4294967296,1,1'"),
];

fn newer_forms(ctx: &Ctx) -> Outcome {
    let name = &ctx.account.name;
    let files = Files::new(ctx, &format!("other:100000:65536\n{name}:{FIRST}:{COUNT}\n"))?;
    for (line, printed, _) in NEWER {
        files.prints(line, printed)?;
    }
    Ok(())
}

fn newer_forms_without_lines(ctx: &Ctx) -> Outcome {
    let files = Files::new(ctx, "other:100000:65536\n")?;
    for (line, printed, looks_for_lines) in NEWER {
        if *looks_for_lines {
            files.ours(line)?.exits(1)?.says(NO_LINE)?;
        } else if ctx.is_root() {
            files.prints(line, printed)?;
        } else {
            files.ours(line)?.exits(1)?.says("newuidmap: uid range [")?;
        }
    }
    Ok(())
}

/// The installed one ends with the same exit code, in words of its own.
fn wrong_words(ctx: &Ctx) -> Outcome {
    let files = Files::new(ctx, &format!("{}:{FIRST}:{COUNT}\n", ctx.account.name))?;
    for (value, said) in WRONG {
        for option in ["--map-users", "--map-groups"] {
            let line = format!("unshare {option}={value} true");
            files.ours(&line)?.exits(1)?.says(&format!("unshare: invalid mapping {said}"))?;
            // Root's is cut to 32 bits there, and taken.
            if !ctx.is_root() || !value.starts_with("4294967296") {
                files.run("", &line)?.exits(1)?;
            }
        }
    }
    Ok(())
}

/// Each line with single blanks, and none before.
fn squeezed(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

/// The case's own `/etc/subuid` and `/etc/subgid`.
struct Files<'c> {
    ctx: &'c Ctx,
}

impl Files<'_> {
    fn new<'c>(ctx: &'c Ctx, lines: &str) -> Outcome<Files<'c>> {
        ctx.needs_privilege()?;
        installed(ctx)?;
        for program in ["newuidmap", "newgidmap", "setpriv", "lsns"] {
            ctx.needs(program)?;
        }
        for name in ["subuid", "subgid"] {
            if !fs::exists(format!("/etc/{name}"))? {
                return skip(format!("there is no /etc/{name} to put another over"));
            }
            fs::write(ctx.path(name), lines)?;
        }
        Ok(Files { ctx })
    }

    fn compare(&self, lines: &[&str]) -> Outcome {
        all_alike(lines, |line| Ok((self.run("", line)?, self.ours(line)?)))
    }

    fn prints(&self, line: &str, printed: &str) -> Outcome {
        let (got, printed) = (self.ours(line)?, self.written_out(printed));
        got.exits(0)?.silent()?;
        ensure!(squeezed(&got.out()) == printed, "{line}: {printed:?} was expected{got}");
        Ok(())
    }

    fn ours(&self, line: &str) -> Outcome<Got> {
        let links = self.ctx.links()?;
        self.run(&format!("{}:", links.display()), line)
    }

    /// Runs a line with the files in place, programs being looked for in `first` before the usual places.
    fn run(&self, first: &str, line: &str) -> Outcome<Got> {
        let account = &self.ctx.account;
        let who = if account.is_root() {
            String::new()
        } else {
            format!("setpriv --reuid={} --regid={} --clear-groups", account.uid, account.gid)
        };
        let script = format!(
            "for f in subuid subgid; do mount --bind $f /etc/$f || exit 99; done
             PATH={first}$PATH exec {who} sh -c \"$0\""
        );
        let run = self.ctx.host("/usr/bin/unshare").args(["--mount", "sh", "-c", &script]);
        run.arg(self.written_out(line)).by_suite().go()
    }

    fn written_out(&self, text: &str) -> String {
        // Until the process that was started has its ids and is the program, or has ended.
        let known = "while ! grep -qs sleep /proc/$!/comm; do grep -qs 'State:.[RSD]' /proc/$!/status || \
                     break; sleep 0.02; done";
        text.replace("MAPS", MAPS)
            .replace("KNOWN", known)
            .replace("FIRST+5", &(FIRST + 5).to_string())
            .replace("FIRST", &FIRST.to_string())
            .replace("OWN_USER", &self.ctx.account.uid.to_string())
            .replace("OWN_GROUP", &self.ctx.account.gid.to_string())
    }
}
