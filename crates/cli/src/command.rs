//! `dwell COMMAND …`: from words to what is to be done.

use std::ffi::OsString;

use dwell_plan::Plan;
use dwell_plan::plan::PLAN_VERSION;

use crate::invocation::Invocation;
use crate::message::{Failure, reason};
use crate::options::{self, Detail, LowArgs, Opt, PlanForm, suggestion};
use crate::world::{self, paths};
use crate::{doctor, options::overview, show};

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Run a world.
    Run {
        /// The world.
        plan: Box<Plan>,
        /// Whether to explain it first.
        explain: bool,
    },
    /// Remove what killed worlds have left behind.
    CollectGarbage,
    /// Tell what this machine can do.
    Doctor(Box<doctor::Asked>),
    /// Print this, and nothing else.
    Print(String),
}

/// Decides what the words after `dwell` ask for.
///
/// # Errors
/// They are not understood, contradict each other, or name what is not there.
pub fn decide(args: Vec<OsString>, invocation: &Invocation<'_>) -> Result<Action, Failure> {
    let mut args = args.into_iter();
    let Some(command) = args.next() else {
        return Err(Failure::new("a command is missing")
            .hint("`dwell run` starts your shell behind walls; `dwell --help` says more"));
    };
    let columns = || invocation.machine.columns().unwrap_or(80);
    match command.to_str() {
        Some("run") => run(args.collect(), invocation),
        Some("gc") => gc(args.next().as_ref(), columns()),
        Some("enter") => crate::enter::decide(args.collect(), invocation),
        Some("doctor") => Ok(match doctor::parse(args.collect(), invocation)? {
            Some(asked) => Action::Doctor(Box::new(asked)),
            None => Action::Print(doctor::help(columns())),
        }),
        Some("help") => help(args.next(), columns()),
        Some("-h" | "--help") => Ok(Action::Print(overview(columns()))),
        Some("-V" | "--version") => {
            Ok(Action::Print(concat!("dwell ", env!("CARGO_PKG_VERSION"), "\n").to_owned()))
        }
        _ => Err(unknown(&command.to_string_lossy())),
    }
}

fn help(about: Option<OsString>, columns: usize) -> Result<Action, Failure> {
    match about {
        None => Ok(Action::Print(overview(columns))),
        Some(command) => match command.to_str() {
            Some("run") => Ok(Action::Print(options::run_help(Detail::Long, columns))),
            Some("gc") => Ok(Action::Print(options::gc_help(columns))),
            Some("doctor") => Ok(Action::Print(doctor::help(columns))),
            Some("ls") => Ok(Action::Print(crate::ls::HELP.to_owned())),
            Some("enter") => Ok(Action::Print(crate::enter::HELP.to_owned())),
            Some("help") => Ok(Action::Print(overview(columns))),
            _ => Err(unknown(&command.to_string_lossy())),
        },
    }
}

fn gc(word: Option<&OsString>, columns: usize) -> Result<Action, Failure> {
    match word.map(|word| word.to_string_lossy()) {
        None => Ok(Action::CollectGarbage),
        Some(word) if matches!(&*word, "-h" | "--help") => {
            Ok(Action::Print(options::gc_help(columns)))
        }
        Some(word) => Err(Failure::new(format!("`dwell gc` takes no '{word}'"))),
    }
}

/// The first word is no command.
fn unknown(word: &str) -> Failure {
    if let Some(name) = word.strip_prefix("--") {
        let name = name.split('=').next().unwrap_or_default();
        let failure = Failure::new(format!("there is no option `--{name}` before a command"));
        return match Opt::long(name) {
            Some(_) => failure.hint(format!("options of run follow it: `dwell run --{name}`")),
            None => failure.hint("`dwell --help` lists the commands"),
        };
    }
    let applets = crate::applets::APPLETS.iter().map(|applet| applet.name);
    let names = options::COMMANDS.iter().map(|(name, _)| *name).chain(applets);
    let hint = suggestion(word, names, "dwell ")
        .unwrap_or_else(|| format!("a program is started with `dwell run {word}`"));
    Failure::new(format!("there is no command '{word}'")).hint(hint)
}

fn run(args: Vec<OsString>, invocation: &Invocation<'_>) -> Result<Action, Failure> {
    let mut low = options::parse(args)?;
    if let Some(detail) = low.help {
        let columns = invocation.machine.columns().unwrap_or(80);
        return Ok(Action::Print(options::run_help(detail, columns)));
    }
    if let (Some(plan), Some(explain)) = (&low.plan, &low.explain) {
        return Err(Failure::new(format!(
            "`{}` runs nothing, `{}` runs what it has explained: use one of them",
            plan.words, explain.words
        )));
    }
    let (form, explain) = (low.plan.take(), low.explain.is_some());
    let plan = match low.from_plan.take() {
        Some(file) => read_plan(&file.value, &file.words, &low, invocation)?,
        None => world::plan(low, invocation)?,
    };
    match form.map(|form| form.value) {
        None => Ok(Action::Run { plan: Box::new(plan), explain }),
        Some(PlanForm::Text) => Ok(Action::Print(show::plan(&plan))),
        Some(PlanForm::Json) => show::json(&plan)
            .map(Action::Print)
            .map_err(|e| Failure::new(format!("cannot write the plan as JSON: {e}"))),
    }
}

/// The Plan that a file holds.
fn read_plan(
    file: &[u8],
    words: &str,
    low: &LowArgs,
    invocation: &Invocation<'_>,
) -> Result<Plan, Failure> {
    if let Some(other) = &low.shaping {
        return Err(Failure::new(format!(
            "`{words}` is the whole world, `{other}` would change it: use one of them"
        ))
        .hint("`--plan json` with all the options prints a plan to keep"));
    }
    if let Some(program) = low.program.first() {
        return Err(Failure::new(format!(
            "`{words}` names its program, so '{}' cannot be started instead",
            program.to_string_lossy()
        )));
    }
    let path = paths::tilde(file, || invocation.home());
    let bytes = invocation.machine.read(path.as_path()).map_err(|e| {
        Failure::new(format!("cannot read the plan {path}: {} (`{words}`)", reason(&e)))
    })?;
    let bad = |why: String| Failure::new(format!("cannot use the plan {path}: {why}"));
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    if plan.version != PLAN_VERSION {
        return Err(bad(format!(
            "it has version {}, this dwell reads version {PLAN_VERSION}",
            plan.version
        )));
    }
    if plan.command.argv.first().is_none_or(dwell_plan::Text::is_empty) {
        return Err(bad("it names no program".to_owned()));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;

    fn printed(fake: &Fake, line: &str) -> String {
        match fake.dwell(line) {
            Ok(Action::Print(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn commands() {
        let fake = Fake::default();
        for line in ["help", "-h", "--help", "help help"] {
            let text = printed(&fake, line);
            assert!(text.contains("Usage: dwell COMMAND"), "{line}: {text}");
        }
        for line in ["-V", "--version"] {
            assert_eq!(printed(&fake, line), format!("dwell {}\n", env!("CARGO_PKG_VERSION")));
        }
        assert_eq!(printed(&fake, "help run"), printed(&fake, "run --help"));
        assert!(printed(&fake, "run -h").len() < printed(&fake, "run --help").len());
    }

    #[test]
    fn garbage_collection() {
        let fake = Fake::default();
        assert_eq!(fake.dwell("gc"), Ok(Action::CollectGarbage));
        assert!(printed(&fake, "gc --help").contains("Usage: dwell gc"));
        assert_eq!(printed(&fake, "help gc"), printed(&fake, "gc -h"));
        assert_eq!(fake.dwell("gc x").unwrap_err(), Failure::new("`dwell gc` takes no 'x'"));
    }

    #[test]
    fn unknown_commands() {
        let fake = Fake::default();
        for (line, sentence, hint) in [
            (
                "",
                "a command is missing",
                "`dwell run` starts your shell behind walls; `dwell --help` says more",
            ),
            ("rnu ls", "there is no command 'rnu'", "did you mean `dwell run`?"),
            ("help rum", "there is no command 'rum'", "did you mean `dwell run`?"),
            (
                "python3",
                "there is no command 'python3'",
                "a program is started with `dwell run python3`",
            ),
            (
                "--ro=/x ls",
                "there is no option `--ro` before a command",
                "options of run follow it: `dwell run --ro`",
            ),
            (
                "--xyzzy",
                "there is no option `--xyzzy` before a command",
                "`dwell --help` lists the commands",
            ),
        ] {
            let failure = fake.dwell(line).unwrap_err();
            assert_eq!(failure, Failure::new(sentence).hint(hint), "{line}");
        }
    }

    #[test]
    fn a_plan_goes_out_and_comes_back() {
        let line = "run --ro /srv:/x --tmpfs /t:1M --from /srv/root -u 5:6 --map-users 0:0:1 \
                    --join net=7 --time-offset boot=3 --ulimit cpu=9 --cap-add kill -e A=b ls -l";
        let fake = Fake::default();
        let Ok(Action::Run { plan, explain: false }) = fake.dwell(line) else { panic!() };
        let json = printed(&fake, &line.replace("run ", "run --plan json "));
        assert!(json.ends_with("}\n"));
        let fake = fake.file("/p.json", json.as_bytes()).file("-", json.as_bytes());
        for (from, explained) in [("/p.json", false), ("-", false), ("/p.json --explain", true)] {
            let again = fake.dwell(&format!("run --from-plan {from}")).unwrap();
            assert_eq!(again, Action::Run { plan: plan.clone(), explain: explained });
        }
        assert_eq!(printed(&fake, "run --plan json --from-plan /p.json"), json);
    }

    #[test]
    fn plans_that_cannot_be_used() {
        let fake = Fake::default();
        let json = printed(&fake, "run --plan json true");
        let fake = fake
            .file("/p", json.as_bytes())
            .file("/old", json.replace("\"version\": 1", "\"version\": 9").as_bytes())
            .file("/odd", json.replace("\"version\"", "\"verison\"").as_bytes())
            .file("/none", json.replace("\"true\"", "").as_bytes())
            .file("/bad", b"{");
        for (line, want) in [
            (
                "--from-plan /p --ro /x",
                "`--from-plan /p` is the whole world, `--ro /x` would change it: use one of them",
            ),
            ("--from-plan /p ls", "`--from-plan /p` names its program, so 'ls' cannot be started"),
            (
                "--from-plan /nope",
                "cannot read the plan /nope: No such file or directory (`--from-plan /nope`)",
            ),
            ("--from-plan /old", "cannot use the plan /old: it has version 9, this dwell reads"),
            ("--from-plan /odd", "cannot use the plan /odd: unknown field `verison`"),
            ("--from-plan /none", "cannot use the plan /none: it names no program"),
            ("--from-plan /bad", "cannot use the plan /bad: EOF while parsing"),
            (
                "--plan json --explain ls",
                "`--plan json` runs nothing, `--explain` runs what it has explained: use one of",
            ),
        ] {
            let (sentence, _) = fake.refusal(line);
            assert!(sentence.starts_with(want), "{line}: {sentence}");
        }
    }

    #[test]
    fn a_plan_in_words() {
        let text = printed(
            &Fake::default(),
            "run --plan text --ro /srv:/x --tmpfs /t:1M --hide ~/k -u 5:6 --map-users 0:0:1 -w /x \
             --join net=7 --time-offset boot=-3 --ulimit cpu=9:-1 --cap-drop kill --timeout 1.5s \
             --memory 64M --cpus 1.5 --pids 5 --stats --keep-fd 4 --as-pid-1 --pty never --scratch 4K --read-only -e A=b\u{1b} -- ls a'b",
        );
        for line in [
            "program      ls 'a'\\''b'",
            "starts in    /x",
            "user         uid 5, gid 6",
            "user ids     1 from 0 are 0 outside",
            "capabilities drop kill",
            "new          user, mount, pid, uts, ipc, cgroup, time",
            "joined       net of /proc/7/ns/net  (`--join net=7`)",
            "shared       none",
            "host name    dwell",
            "clocks       boot time -3 s",
            "files        the machine's, without the home directory",
            "             nothing can be written but what is granted",
            "scratch      at most 4096 bytes",
            "grants       read-only     /x from /srv  (`--ro /srv:/x`)",
            "             tmpfs         /t, at most 1048576 bytes  (`--tmpfs /t:1M`)",
            "             hidden        /home/u/k  (`--hide ~/k`)",
            "terminal     none of its own",
            "process 1    the program itself",
            "keeps        descriptor 4",
            "limits       memory 64 MiB",
            "             processors 1.50",
            "statistics   told at the end",
            "rlimits      cpu 9, at most unlimited",
            "ends         after 1.500 s",
            "environment  A=b\\u{1b}",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
        }
    }
}
