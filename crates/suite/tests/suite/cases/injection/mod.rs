//! Every system call of a start fails once, dwell is killed at each, and each comes late once.
//!
//! `strace --inject` makes the Nth call of a name fail, kills the process there, or holds it up. A first run is
//! recorded, which gives the places. After each further one is looked at: how dwell ended and what it
//! said; whether the program, if it ran, found the same walls as without; and whether anything is left.
//!
//! Without `DWELL_TEST_LONG=1` a fixed selection of places is tried, each with one error number.

mod evidence;
mod judge;
mod places;
mod trace;

use crate::harness::{Ctx, Live, Outcome, Run, cases, ensure, rounds, say, skip, time_is_up};
use judge::Judge;
use places::{Fault, Reach};

cases! {
    both: defaults, as_root, grants, root_directory, limits, every_namespace, terminal, shared_pid,
        profile, entered, unshare, unshare_in_new_pid_namespace, nsenter;
    user: subordinate_ids;
}

/// A way of starting a world.
pub(super) struct Start<'a> {
    pub(super) ctx: &'a Ctx,
    /// Who speaks when it fails.
    pub(super) name: &'static str,
    /// The codes that a failure of its own may have.
    pub(super) codes: &'static [i32],
    /// The command up to the program.
    pub(super) run: &'a dyn Fn() -> Outcome<Run>,
    /// How many places are tried when time is short.
    pub(super) most: u32,
    /// Whether `strace` has to be root, for programs that are set-user-ID.
    pub(super) by_root: bool,
    /// Whether it makes control groups.
    pub(super) grouped: bool,
}

const WORLD: &[i32] = &[125, 126, 127];
/// util-linux: 1 for its own failures.
const APPLET: &[i32] = &[1, 126, 127];
/// How many places are tried of a start that differs little from others.
const FEW: u32 = 40;

pub(super) fn long() -> bool {
    std::env::var_os("DWELL_TEST_LONG").is_some_and(|v| v == "1")
}

fn dwell_run(ctx: &Ctx, options: &str, most: u32) -> Outcome {
    let run = || Ok(ctx.run().args(options.split_whitespace()).arg("--"));
    let grouped = options.contains("--memory");
    // A set-user-ID program that is traced by anybody but root is none.
    let by_root = !ctx.is_root() && ["--from", "--user"].iter().any(|o| options.contains(o));
    if by_root {
        ctx.needs_privilege()?;
    }
    all(&Start { ctx, name: "dwell", codes: WORLD, run: &run, most, by_root, grouped })
}

/// Tries all faults of a start.
fn all(start: &Start<'_>) -> Outcome {
    start.ctx.needs("strace")?;
    let judge = Judge::new(start)?;
    let recorded = judge.record()?;
    let mut faults = places::faults(&recorded, long());
    let all = faults.len();
    if !long() {
        let most = usize::try_from(rounds(start.most)).unwrap_or(usize::MAX);
        faults = places::spread(faults, most);
    }
    let mut wrong = Vec::new();
    let mut tried = 0;
    for fault in faults.iter().take_while(|_| !time_is_up()) {
        tried += 1;
        if let Err(why) = judge.try_one(fault) {
            wrong.push(why.into_text());
        }
    }
    let shown: String = wrong.iter().take(SHOWN).map(|why| format!("\n- {why}")).collect();
    ensure!(wrong.is_empty(), "{} of {tried} faults (of {all}) went wrong:{shown}", wrong.len());
    say(&format!("{tried} of {all} faults were injected\n"));
    Ok(())
}

/// How many failures are told of.
const SHOWN: usize = 40;

fn defaults(ctx: &Ctx) -> Outcome {
    dwell_run(ctx, "", 250)
}

fn as_root(ctx: &Ctx) -> Outcome {
    dwell_run(ctx, "--root", FEW)
}

fn grants(ctx: &Ctx) -> Outcome {
    ctx.dir("given/below")?;
    ctx.file("given/file", "content\n")?;
    let options = "--rw given --ro /etc:/x/y --hide /usr/share --tmpfs /a/b:1M --hostname inner \
                   --env A=1 --nice 19 --net host";
    dwell_run(ctx, options, 80)
}

fn root_directory(ctx: &Ctx) -> Outcome {
    let root = super::root_dir::tree(ctx, &["root/srv"])?;
    let options = format!("--from {} --ro {}", root.display(), ctx.scratch.display());
    dwell_run(ctx, &options, FEW)
}

fn limits(ctx: &Ctx) -> Outcome {
    let options = "--memory 64M --pids 20 --stats";
    super::limits::needs(ctx, options)?;
    dwell_run(ctx, options, 80)
}

fn every_namespace(ctx: &Ctx) -> Outcome {
    dwell_run(ctx, "--unshare all --time-offset monotonic=5 --as-pid-1", FEW)
}

fn terminal(ctx: &Ctx) -> Outcome {
    dwell_run(ctx, "--pty always --timeout 60", 80)
}

fn shared_pid(ctx: &Ctx) -> Outcome {
    dwell_run(ctx, "--share pid,net", FEW)
}

fn profile(ctx: &Ctx) -> Outcome {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["keyctl", "bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#;
    let file = ctx.file("profile.json", text)?.display().to_string();
    dwell_run(ctx, &format!("--seccomp {file}"), FEW)
}

fn subordinate_ids(ctx: &Ctx) -> Outcome {
    ctx.needs("newuidmap")?;
    let got = ctx.world("--user 7", "exit 0").go()?;
    if got.status.code() != Some(0) {
        return skip(got.err().trim().to_owned());
    }
    dwell_run(ctx, "--user 7", FEW)
}

/// A world that lives, and its program's number.
fn living(ctx: &Ctx) -> Outcome<(Live, String)> {
    let mut live = ctx.world("--hostname inner", "echo; exec sleep 300").start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    Ok((live, pid.to_string()))
}

fn entered(ctx: &Ctx) -> Outcome {
    let (_live, pid) = living(ctx)?;
    let run = || Ok(ctx.host(&ctx.dwell).args(["enter", &pid]));
    all(&Start {
        ctx,
        name: "dwell",
        codes: WORLD,
        run: &run,
        most: 80,
        by_root: false,
        grouped: false,
    })
}

fn applet(ctx: &Ctx, name: &'static str, options: &str, most: u32) -> Outcome {
    let run = || Ok(ctx.applet(name)?.args(options.split_whitespace()));
    all(&Start { ctx, name, codes: APPLET, run: &run, most, by_root: false, grouped: false })
}

fn unshare(ctx: &Ctx) -> Outcome {
    applet(ctx, "unshare", "--map-root-user --mount --uts --ipc --net --", FEW)
}

fn unshare_in_new_pid_namespace(ctx: &Ctx) -> Outcome {
    let options = "--map-root-user --pid --fork --kill-child --mount-proc --";
    applet(ctx, "unshare", options, FEW)
}

fn nsenter(ctx: &Ctx) -> Outcome {
    let target = ctx.applet("unshare")?.args(["-rmuin", "--", "/bin/sh", "-c"]);
    let mut live = target.arg("echo; exec sleep 300").start()?;
    live.line()?;
    let options = format!("-t {} -U --preserve-credentials -m -u -i -n --", live.pid());
    applet(ctx, "nsenter", &options, FEW)
}

/// Where a fault hits, in words.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whom = match self.reach {
            Reach::First => "in the process that was started",
            Reach::All => "in every process",
        };
        write!(f, "{} at {} number {} {whom}", self.what, self.call, self.number)
    }
}
