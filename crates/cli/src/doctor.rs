//! `dwell doctor`: what of this machine's walls works, and why the rest does not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dwell_probe::doctor::{self, Check, Group, OBSERVATIONS_VERSION, Observations, Verdict};
use lexopt::prelude::*;
use serde_json::json;

use crate::invocation::Invocation;
use crate::message::{self, Failure, reason, visible};
use crate::options::{Page, suggestion};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Show what was seen of the fine ones too.
    pub all: bool,
    /// Print JSON.
    pub json: bool,
    /// Judge these, and do not look at the machine.
    pub observations: Option<Observations>,
    /// Keep what was seen in this file.
    pub save: Option<PathBuf>,
}

const OPTIONS: [(&str, &str); 5] = [
    ("      --all", "Show what was seen, for what works too"),
    ("      --json", "Print JSON"),
    ("      --save FILE", "Keep what was seen, to be sent or judged again"),
    ("      --observations FILE", "Judge what --save has kept; - is standard input"),
    ("  -h, --help", "Print this help"),
];

/// Where verdicts begin.
const COLUMN: usize = 40;
/// Where the words below a verdict begin.
const DETAIL: usize = 14;

/// Reads the words after `doctor`; none where help is asked for.
///
/// # Errors
/// They are not understood, or the file of observations cannot be used.
pub fn parse(args: Vec<OsString>, invocation: &Invocation<'_>) -> Result<Option<Asked>, Failure> {
    let mut asked = Asked::default();
    let mut file = None;
    let mut words = lexopt::Parser::from_args(args);
    let unclear = |error: lexopt::Error| Failure::new(error.to_string());
    while let Some(word) = words.next().map_err(unclear)? {
        match word {
            Long("all") => asked.all = true,
            Long("json") => asked.json = true,
            Long("save") => asked.save = Some(value(&mut words, "save")?.into()),
            Long("observations") => file = Some(value(&mut words, "observations")?),
            Long("help") | Short('h') => return Ok(None),
            Long(name) => return Err(no_option(name)),
            Short(name) => return Err(Failure::new(format!("there is no option `-{name}`"))),
            Value(word) => {
                let word = word.to_string_lossy();
                return Err(Failure::new(format!("doctor takes no argument, and '{word}' is one"))
                    .hint("`dwell doctor --help` lists the options"));
            }
        }
    }
    if let Some(file) = &file {
        if asked.save.is_some() {
            return Err(Failure::new(
                "`--observations` looks at no machine, so there is nothing to `--save`",
            ));
        }
        asked.observations = Some(read(Path::new(file), invocation)?);
    }
    Ok(Some(asked))
}

fn value(words: &mut lexopt::Parser, name: &str) -> Result<OsString, Failure> {
    words.value().map_err(|_| Failure::new(format!("`--{name}` needs a value")))
}

fn no_option(name: &str) -> Failure {
    let names = ["all", "json", "save", "observations", "help"];
    let failure = Failure::new(format!("there is no option `--{name}`"));
    match suggestion(name, names.into_iter(), "--") {
        Some(hint) => failure.hint(hint),
        None => failure.hint("`dwell doctor --help` lists the options"),
    }
}

fn read(file: &Path, invocation: &Invocation<'_>) -> Result<Observations, Failure> {
    let shown = file.display();
    let bytes = invocation
        .machine
        .read(file)
        .map_err(|e| Failure::new(format!("cannot read {shown}: {}", reason(&e))))?;
    let bad = |why: String| Failure::new(format!("cannot use the observations {shown}: {why}"));
    let seen: Observations = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    if seen.version != OBSERVATIONS_VERSION {
        return Err(bad(format!(
            "they have version {}, this dwell reads version {OBSERVATIONS_VERSION}",
            seen.version
        )));
    }
    Ok(seen)
}

/// The help.
#[must_use]
pub fn help(columns: usize) -> String {
    let mut page = Page::new(columns);
    for text in [
        "dwell doctor - tell which walls this machine can build, and why not",
        "",
        "Usage: dwell doctor [OPTIONS]",
        "",
        "Every wall and feature is tried by a process of its own, in namespaces that are gone when \
         it ends: nothing on the machine is changed, and no rights are needed. What is not fine is \
         followed by what was seen, by the cause and by what helps. A command of dwell that fails \
         for such a cause gives it as its hint.",
        "",
        "\"limited\" works, but less well or not everywhere; \"refused\" is there and forbidden; \
         \"absent\" is not there; \"cannot tell\" depends on something else.",
        "",
        "The exit code is 0 when `dwell run` works with its defaults, and 1 when it does not. \
         Failures of the command itself exit with 125.",
        "",
        "--save keeps the state of the machine as JSON: kernel, mounts, limits, your ids and \
         ranges of ids, but no names of other users.",
    ] {
        page.wrap(0, 0, text);
    }
    page.line("\nOptions:");
    for (name, help) in OPTIONS {
        page.entry(name, help);
    }
    page.text
}

/// Looks, judges and prints; gives the exit code.
#[must_use]
pub fn run(asked: Asked, columns: usize) -> u8 {
    let seen = asked.observations.unwrap_or_else(|| {
        doctor::observe(&std::env::current_exe().unwrap_or_else(|_| "dwell".into()))
    });
    if let Some(file) = &asked.save
        && let Err(failure) = save(&seen, file)
    {
        return message::fail(&failure);
    }
    let checks = doctor::checks(&seen);
    let text = if asked.json { as_json(&checks) } else { table(&checks, asked.all, columns) };
    match message::print(&text) {
        0 => u8::from(!doctor::all_needed_work(&checks)),
        code => code,
    }
}

fn save(seen: &Observations, file: &Path) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(seen)
        .map_err(|e| Failure::new(format!("cannot write the observations as JSON: {e}")))?;
    std::fs::write(file, json + "\n")
        .map_err(|e| Failure::new(format!("cannot write {}: {}", file.display(), reason(&e))))
}

fn as_json(checks: &[Check]) -> String {
    let works = doctor::all_needed_work(checks);
    let whole = json!({ "version": 1, "dwell_run_works": works, "checks": checks });
    format!("{whole:#}\n")
}

/// A heading for each group, a line for each check, and what there is to say below it.
fn table(checks: &[Check], all: bool, columns: usize) -> String {
    let mut page = Page::new(columns);
    for group in Group::ALL {
        page.line(group.title());
        for check in checks.iter().filter(|check| check.group == group) {
            row(&mut page, check, all);
        }
        page.line("");
    }
    page.wrap(0, 0, &summary(checks));
    page.text
}

fn row(page: &mut Page, check: &Check, all: bool) {
    let name = format!("  {}", check.name);
    // What depends on something that is refused above has no cause of its own.
    let depends = check.verdict == Verdict::Unknown && check.cause.is_none();
    page.text.push_str(&name);
    if depends && !all {
        let why = format!("{} ({})", check.verdict.word(), check.evidence);
        return page.wrap(name.len(), COLUMN, &visible(&why));
    }
    page.wrap(name.len(), COLUMN, check.verdict.word());
    let told = all || !check.verdict.is_fine();
    for (title, text) in [
        ("seen", told.then_some(check.evidence.as_str())),
        ("cause", check.cause.as_deref()),
        ("remedy", check.remedy.as_deref()),
        ("effect", check.effect),
    ] {
        if let Some(text) = text {
            let title = format!("      {title}");
            page.text.push_str(&title);
            page.wrap(title.len(), DETAIL, &visible(text));
        }
    }
}

fn summary(checks: &[Check]) -> String {
    let verdicts =
        [Verdict::Works, Verdict::Limited, Verdict::Refused, Verdict::Absent, Verdict::Unknown];
    let counts = verdicts.into_iter().filter_map(|verdict| {
        let count = checks.iter().filter(|check| check.verdict == verdict).count();
        (count > 0).then(|| format!("{} {count}", verdict.word()))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    if doctor::all_needed_work(checks) {
        return format!("`dwell run` works here. {} checks: {counts}.", checks.len());
    }
    let bad = |c: &&Check| matches!(c.verdict, Verdict::Refused | Verdict::Absent);
    let first = checks.iter().filter(|c| c.needed && c.id != "run").find(bad);
    let why = first.map_or_else(String::new, |check| format!(": see `{}` above", check.name));
    format!("`dwell run` does not work here{why}. {} checks: {counts}.", checks.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Action;
    use crate::testing::Fake;

    fn asked(line: &str) -> Asked {
        match Fake::default().dwell(line) {
            Ok(Action::Doctor(asked)) => *asked,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn words_become_what_is_asked_for() {
        assert_eq!(asked("doctor"), Asked::default());
        let want = Asked { all: true, json: true, save: Some("x".into()), ..Asked::default() };
        assert_eq!(asked("doctor --all --json --save x"), want);
        for line in ["doctor --help", "doctor -h", "help doctor"] {
            assert_eq!(Fake::default().dwell(line), Ok(Action::Print(help(80))), "{line}");
        }
        for (line, want) in [
            ("doctor --al", "there is no option `--al`"),
            ("doctor -x", "there is no option `-x`"),
            ("doctor now", "doctor takes no argument, and 'now' is one"),
            ("doctor --save", "`--save` needs a value"),
            ("doctor --observations /none", "cannot read /none: No such file or directory"),
            ("doctor --observations - --save x", "`--observations` looks at no machine, so"),
        ] {
            let failure = Fake::default().dwell(line).unwrap_err();
            assert!(failure.sentence.starts_with(want), "{line}: {failure:?}");
        }
    }

    #[test]
    fn observations_are_read() {
        let fake = Fake::default()
            .file("/good", br#"{"version": 1, "pid": 7}"#)
            .file("/old", br#"{"version": 9}"#)
            .file("/odd", br#"{"version": 1, "pdi": 7}"#);
        let Ok(Action::Doctor(asked)) = fake.dwell("doctor --observations /good") else { panic!() };
        assert_eq!(asked.observations.map(|seen| seen.pid), Some(7));
        let refused = |line| fake.dwell(line).unwrap_err().sentence;
        assert!(refused("doctor --observations /old").contains("they have version 9"));
        assert!(refused("doctor --observations /odd").contains("unknown field `pdi`"));
    }

    #[test]
    fn tables_fit_their_columns() {
        let mut seen = Observations { version: 1, ..Observations::default() };
        let refused = doctor::Outcome::Refused { call: "clone3".into(), errno: 28 };
        seen.acts.insert("user".into(), refused);
        let limit = doctor::Reading::Text("0\n".into());
        seen.files.insert("/proc/sys/user/max_user_namespaces".into(), limit);
        let checks = doctor::checks(&seen);
        let text = table(&checks, false, 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let from = text.find("  user namespace  ").unwrap();
        let want = "  user namespace                        refused\n      seen    clone3: ENOSPC (No \
                    space left on device);\n              /proc/sys/user/max_user_namespaces is \
                    0\n      cause   the limit of user namespaces is 0\n      remedy  as root: sysctl \
                    user.max_user_namespaces=10000\n";
        assert!(text[from..].starts_with(want), "{text}");
        assert!(text.contains("cannot tell (needs `user namespace`)"), "{text}");
        assert!(text.contains("`dwell run` does not work here: see `user namespace` above."));
        let json: serde_json::Value = serde_json::from_str(&as_json(&checks)).unwrap();
        assert_eq!(json["dwell_run_works"], false);
        assert_eq!(json["checks"].as_array().map(Vec::len), Some(checks.len()));
        assert_eq!(json["checks"][2]["verdict"], "refused");
    }
}
