//! `dwell enter`: a program in a world that exists.
//!
//! It becomes a Plan like any other: namespaces to join, the process whose surroundings are taken over,
//! a user, an environment. What is refused is refused by the engine, step by step.

mod taken;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dwell_plan::caps::{CapSet, NAMES};
use dwell_plan::plan::{
    CapabilityChange, Command, EnvVar, Identity, Join, Namespaces, Origin, Process, Surroundings,
    User, Workdir,
};
use dwell_plan::{NamespaceKind, NamespaceSet, Plan, Text, WorldPath};
use dwell_probe::UserEntry;
use dwell_probe::inventory::{self, Inventory, Rights, Wanted};
use lexopt::Arg;

use crate::command::Action;
use crate::invocation::Invocation;
use crate::message::{self, Failure};
use crate::options::value;
use crate::options::{IdSpec, LowUser, suggestion};
use taken::{Groups, Taken};

pub(crate) const HELP: &str = "\
dwell enter - start a program in a world that exists

Usage: dwell enter [OPTIONS] PID|NAME|PATH [--] [PROGRAM [ARG...]]

The program gets the namespaces, the root directory, the working directory, the ids and the
capabilities of the process PID; of a world that `dwell ls` calls NAME, those of the process that it
lists. PATH is /proc/PID, or a file that a namespace is bound on, which is then the only one that is
entered. Without PROGRAM the user's shell in that world is started, or /bin/sh.

It never gets more rights than the process has, nor new ones later (no_new_privs). It is put into
the control groups of the process, so their limits hold for it; where that is not yours to do, a line
on standard error says so. Of your resource limits and those of the process the lower ones hold.

Options:
  -u, --user USER[:GROUP]  Be this user, by number or by the world's name
  -w, --workdir DIR        Start in this directory of the world
  -e, --env NAME[=VALUE]   Set a variable, or pass on yours
      --env-of-target      Take the environment of the process
      --cgroup WHICH       Control groups: those of the process if you may (auto), or else fail (join);
                           or yours (own)
      --explain            Say what is done and why, then do it
      --plan               Print the plan as JSON, and run nothing
  -h, --help               Print this help
";

/// What was typed.
#[derive(Debug, Default)]
struct Asked {
    target: Option<OsString>,
    program: Vec<OsString>,
    user: Option<LowUser>,
    workdir: Option<OsString>,
    env: Vec<(Text, Option<Text>)>,
    env_of_target: bool,
    groups: Groups,
    explain: bool,
    plan: bool,
    help: bool,
}

/// Decides what `dwell enter` with these words is to do.
///
/// # Errors
/// They are not understood, or name no world or more than one.
pub fn decide(args: Vec<OsString>, invocation: &Invocation<'_>) -> Result<Action, Failure> {
    let asked = parse(args)?;
    if asked.help {
        return Ok(Action::Print(HELP.to_owned()));
    }
    let Some(target) = &asked.target else {
        return Err(Failure::new("`enter` needs a world: a process, a name, or a path")
            .hint("`dwell ls` lists the worlds"));
    };
    let plan = match Target::find(target)? {
        Target::Process(pid) => of_process(pid, &asked, invocation)?,
        Target::File(kind, path) => of_file(kind, &path, &asked, invocation)?,
    };
    if asked.plan {
        let json = serde_json::to_string_pretty(&plan)
            .map_err(|e| Failure::new(format!("cannot write the plan as JSON: {e}")))?;
        return Ok(Action::Print(json + "\n"));
    }
    Ok(Action::Run { plan: Box::new(plan), explain: asked.explain })
}

fn parse(args: Vec<OsString>) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    let mut words = lexopt::Parser::from_args(args);
    let broken = |e: lexopt::Error| Failure::new(format!("cannot read the options: {e}"));
    while let Some(word) = words.next().map_err(broken)? {
        match word {
            Arg::Short('u') | Arg::Long("user") => {
                let text = words.value().map_err(broken)?;
                let text = text.to_string_lossy();
                let user = value::user(&text);
                let words = format!("--user {text}");
                asked.user = Some(user.map_err(|why| Failure::cannot_use(&words, &why))?);
            }
            Arg::Short('w') | Arg::Long("workdir") => {
                asked.workdir = Some(words.value().map_err(broken)?);
            }
            Arg::Short('e') | Arg::Long("env") => {
                asked.env.push(variable(&words.value().map_err(broken)?)?);
            }
            Arg::Long("env-of-target") => asked.env_of_target = true,
            Arg::Long("cgroup") => {
                let name = words.value().map_err(broken)?;
                asked.groups = Groups::named(&name.to_string_lossy())?;
            }
            Arg::Long("explain") => asked.explain = true,
            Arg::Long("plan") => asked.plan = true,
            Arg::Short('h') | Arg::Long("help") => asked.help = true,
            Arg::Value(word) if asked.target.is_none() => asked.target = Some(word),
            Arg::Value(word) => {
                asked.program.push(word);
                asked.program.extend(words.raw_args().map_err(broken)?);
                break;
            }
            Arg::Short(c) => return Err(unknown(&format!("-{c}"))),
            Arg::Long(name) => return Err(unknown(&format!("--{name}"))),
        }
    }
    Ok(asked)
}

fn unknown(option: &str) -> Failure {
    Failure::new(format!("there is no option `{option}`")).hint(
        "`dwell enter --help` lists the options; those of the program follow the world's name",
    )
}

/// `NAME=VALUE`, or `NAME` for the caller's.
fn variable(word: &OsStr) -> Result<(Text, Option<Text>), Failure> {
    let bytes = word.as_bytes();
    let cut = bytes.iter().position(|b| *b == b'=');
    let (name, rest) = bytes.split_at_checked(cut.unwrap_or(bytes.len())).unwrap_or((bytes, b""));
    if name.is_empty() {
        let words = format!("--env {}", word.to_string_lossy());
        return Err(Failure::cannot_use(&words, "the variable has no name"));
    }
    Ok((Text::from(name), rest.strip_prefix(b"=").map(Text::from)))
}

/// What is to be entered.
enum Target {
    Process(i32),
    /// A namespace that is bound on a file.
    File(NamespaceKind, Text),
}

impl Target {
    fn find(word: &OsStr) -> Result<Target, Failure> {
        let text = word.to_string_lossy();
        if let Some(pid) = pid(&text) {
            return Ok(Target::Process(pid));
        }
        if text.contains('/') {
            let path = Path::new(word);
            let in_proc = path.strip_prefix("/proc").ok().and_then(|rest| pid(rest.to_str()?));
            return match in_proc {
                Some(pid) => Ok(Target::Process(pid)),
                None => bound(path),
            };
        }
        by_name(&text).map(Target::Process)
    }
}

fn pid(text: &str) -> Option<i32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|pid| digits && *pid > 0)
}

fn bound(path: &Path) -> Result<Target, Failure> {
    let shown = path.display();
    match inventory::kind_of_file(path) {
        Ok(Some(kind)) => Ok(Target::File(kind, Text::from(path.as_os_str()))),
        Ok(None) => Err(Failure::new(format!("cannot enter {shown}: no namespace is bound on it"))
            .hint("a directory of files is entered with `dwell run --from DIR`")),
        Err(error) => Err(Failure::new(error.to_string())),
    }
}

/// The process of the one world with this name.
fn by_name(name: &str) -> Result<i32, Failure> {
    let wanted = Wanted { held: false, netnsids: false, listed: false, ..Wanted::ALL };
    let all: Inventory = inventory::read(&wanted).map_err(|e| Failure::new(e.to_string()))?;
    let (_, about) = crate::ls::look(&all);
    let named: Vec<(String, i32)> =
        about.iter().filter_map(|a| Some((a.name(), all.processes.get(a.main)?.pid))).collect();
    let found: Vec<i32> = named.iter().filter(|(n, _)| n == name).map(|(_, pid)| *pid).collect();
    match found.as_slice() {
        [pid] => Ok(*pid),
        [] => {
            let hint = suggestion(name, named.iter().map(|(n, _)| n.as_str()), "dwell enter ");
            Err(Failure::new(format!("there is no world called '{name}'"))
                .hint(hint.unwrap_or_else(|| "`dwell ls` lists the worlds".to_owned())))
        }
        several => {
            let pids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let pids = pids.join(", ");
            Err(Failure::new(format!("more than one world is called '{name}': processes {pids}"))
                .hint("name the one that is meant by its process"))
        }
    }
}

/// The plan for a process.
fn of_process(pid: i32, asked: &Asked, invocation: &Invocation<'_>) -> Result<Plan, Failure> {
    let origin = Origin::Option(format!("dwell enter {pid}"));
    if !Path::new(&format!("/proc/{pid}")).exists() {
        return Err(Failure::new(format!("there is no process {pid}")));
    }
    let own = i32::try_from(std::process::id()).ok().and_then(inventory::rights);
    let own = own.ok_or_else(|| Failure::new("cannot read /proc/self"))?;
    let theirs = inventory::rights(pid).ok_or_else(|| {
        Failure::new(format!("cannot tell who process {pid} is in its own user namespace"))
            .hint("it has ended, or its ids were never mapped")
    })?;
    let join = joins(pid, &own, &theirs, &origin)?;
    let root = format!("/proc/{pid}/root");
    let who = Who::choose(Path::new(&root), &theirs, asked)?;
    let Taken { tasks, rlimits, oom_score_adj, notes } = taken::of_process(pid, asked.groups)?;
    if !asked.plan {
        for note in notes {
            message::say(&format!("dwell: {}\n", message::visible(&note)));
        }
    }
    let surroundings = Surroundings {
        pid,
        workdir: asked.workdir.is_none(),
        groups: who.groups.clone(),
        tasks,
        origin: origin.clone(),
    };
    let process = Process {
        capabilities: who.capabilities(),
        surroundings: Some(surroundings),
        rlimits,
        oom_score_adj,
        ..Process::default()
    };
    let env = environment(Some(pid), &who, asked, invocation)?;
    let program = asked.program.iter().map(|w| Text::from(w.as_os_str())).collect::<Vec<_>>();
    let argv = if program.is_empty() { vec![who.shell.clone()] } else { program };
    let user = User::Ids { uid: who.uid, gid: who.gid };
    Ok(plan(argv, env, join, user, process, asked))
}

/// The namespaces of the process that are not the caller's.
fn joins(pid: i32, own: &Rights, theirs: &Rights, origin: &Origin) -> Result<Vec<Join>, Failure> {
    let mut join = Vec::new();
    let pairs = own.namespaces.iter().zip(theirs.namespaces);
    for (kind, (own, theirs)) in NamespaceKind::ALL.into_iter().zip(pairs) {
        match theirs {
            Some(theirs) if Some(theirs) == *own => {}
            Some(_) => {
                let path = Text::from(format!("/proc/{pid}/ns/{}", kind.proc_name()));
                join.push(Join { kind, path, origin: origin.clone() });
            }
            // The kernel has no such kind.
            None if own.is_none() => {}
            None => {
                return Err(Failure::new(format!(
                    "cannot enter process {pid}: its {kind} namespace is closed to you (readlink /proc/{pid}/ns/{})",
                    kind.proc_name()
                ))
                .hint("only root, or the user whose process it is, may enter (ptrace_may_access)"));
            }
        }
    }
    if join.is_empty() {
        return Err(Failure::new(format!("process {pid} has the same namespaces as you"))
            .hint("there is nothing to enter: start the program itself"));
    }
    Ok(join)
}

/// The plan for a namespace that is bound on a file.
fn of_file(
    kind: NamespaceKind,
    path: &Text,
    asked: &Asked,
    invocation: &Invocation<'_>,
) -> Result<Plan, Failure> {
    if asked.user.is_some() || asked.env_of_target || asked.groups == Groups::Join {
        return Err(Failure::new(
            "a namespace alone has no process to take a user, an environment or a control group from",
        ));
    }
    let origin = Origin::Option(format!("dwell enter {path}"));
    let join = vec![Join { kind, path: path.clone(), origin }];
    let shell = invocation.var("SHELL").map_or_else(|| Text::from(SHELL), Text::from);
    let program = asked.program.iter().map(|w| Text::from(w.as_os_str())).collect::<Vec<_>>();
    let argv = if program.is_empty() { vec![shell] } else { program };
    let mut env: Vec<EnvVar> = invocation
        .env
        .iter()
        .map(|(n, v)| EnvVar { name: Text::from(n.as_os_str()), value: Text::from(v.as_os_str()) })
        .collect();
    add_variables(&mut env, asked, invocation);
    // Whoever enters a user namespace is its root, and keeps that only as its root.
    let user = if kind == NamespaceKind::User { User::Root } else { User::Caller };
    Ok(plan(argv, env, join, user, Process::default(), asked))
}

fn plan(
    argv: Vec<Text>,
    env: Vec<EnvVar>,
    join: Vec<Join>,
    user: User,
    process: Process,
    asked: &Asked,
) -> Plan {
    let workdir = asked
        .workdir
        .as_ref()
        .map(|dir| Workdir { path: WorldPath::new(dir.as_bytes(), b"/"), required: true });
    let command = Command { argv, env, workdir };
    let namespaces = Namespaces { own: NamespaceSet::EMPTY, join };
    let identity = Identity { user, ..Identity::default() };
    Plan { identity, process, ..Plan::new(command, namespaces) }
}

const SHELL: &str = "/bin/sh";
const PASSWD: &str = "/etc/passwd";

/// Who the program is, and what the world's user database says of them.
struct Who {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    capabilities: u64,
    name: Option<Text>,
    home: Text,
    shell: Text,
}

impl Who {
    /// The process's own user, or the one that was asked for.
    fn choose(root: &Path, process: &Rights, asked: &Asked) -> Result<Who, Failure> {
        let Some(user) = &asked.user else {
            let entry = entry(root, |e| e.uid == process.uid);
            // What a program keeps through execve(2): as root what is permitted, else what is ambient.
            let capabilities = if process.uid == 0 { process.permitted } else { process.ambient };
            let mut who = Who::new(root, (process.uid, process.gid), entry, capabilities);
            who.groups.clone_from(&process.groups);
            return Ok(who);
        };
        let entry = match &user.user {
            IdSpec::Id(id) => entry(root, |e| e.uid == *id),
            IdSpec::Name(name) => {
                let found = entry(root, |e| e.name == *name.as_str());
                Some(found.ok_or_else(|| {
                    Failure::new(format!("there is no user '{name}' in that world"))
                        .hint("its /etc/passwd was looked into; a number needs no entry")
                })?)
            }
        };
        let uid = match (&user.user, &entry) {
            (IdSpec::Id(id), _) => *id,
            (_, Some(entry)) => entry.uid,
            _ => 0,
        };
        let gid = user.gid.or(entry.as_ref().map(|e| e.gid)).unwrap_or(uid);
        // No more than that process could ever get.
        let most = CapSet::WORLD_ROOT.0 & process.bounding;
        Ok(Who::new(root, (uid, gid), entry, if uid == 0 { most } else { 0 }))
    }

    fn new(root: &Path, ids: (u32, u32), entry: Option<UserEntry>, capabilities: u64) -> Who {
        let usable = |shell: &Text| {
            shell.as_path().is_absolute()
                && dwell_probe::is_in_root(root, &WorldPath::from(shell.clone()))
        };
        let shell = entry.as_ref().map(|e| e.shell.clone()).filter(usable);
        let home = entry.as_ref().map(|e| e.home.clone()).filter(|h| h.as_path().is_absolute());
        Who {
            uid: ids.0,
            gid: ids.1,
            groups: vec![ids.1],
            capabilities,
            name: entry.map(|e| e.name),
            home: home.unwrap_or_else(|| Text::from("/")),
            shell: shell.unwrap_or_else(|| Text::from(SHELL)),
        }
    }

    /// Exactly its capabilities, in the words of a Plan.
    fn capabilities(&self) -> Vec<CapabilityChange> {
        let names = NAMES.iter().enumerate().filter(|(n, _)| self.capabilities & (1 << n) != 0);
        let add = names.map(|(_, name)| CapabilityChange::Add((*name).to_owned()));
        Some(CapabilityChange::Drop("all".to_owned())).into_iter().chain(add).collect()
    }
}

/// The first user of the world that `wanted` accepts. Its links do not lead out of its root.
fn entry(root: &Path, wanted: impl Fn(&UserEntry) -> bool) -> Option<UserEntry> {
    let text = dwell_probe::read_in_root(root, &WorldPath::abs(PASSWD)).ok()??;
    text.split(|b| *b == b'\n').filter_map(dwell_probe::passwd::parse_user).find(|e| wanted(e))
}

/// Variables that are let through as they are, and every `LC_…`.
const PASSED: [&[u8]; 4] = [b"TERM", b"COLORTERM", b"LANG", b"TZ"];

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// What a world's program gets, or what the process has, and what was asked for.
fn environment(
    pid: Option<i32>,
    who: &Who,
    asked: &Asked,
    invocation: &Invocation<'_>,
) -> Result<Vec<EnvVar>, Failure> {
    let mut env = Vec::new();
    if let Some(pid) = pid.filter(|_| asked.env_of_target) {
        let theirs = inventory::environment(pid).ok_or_else(|| {
            Failure::new(format!(
                "cannot read the environment of process {pid} (/proc/{pid}/environ)"
            ))
        })?;
        env.extend(theirs.iter().filter_map(split));
    } else {
        for (name, value) in &invocation.env {
            let bytes = name.as_bytes();
            if PASSED.contains(&bytes) || bytes.starts_with(b"LC_") {
                set(&mut env, Text::from(bytes), Text::from(value.as_os_str()));
            }
        }
        set(&mut env, Text::from("PATH"), Text::from(PATH));
        set(&mut env, Text::from("HOME"), who.home.clone());
        set(&mut env, Text::from("SHELL"), who.shell.clone());
        for name in ["USER", "LOGNAME"] {
            if let Some(user) = &who.name {
                set(&mut env, Text::from(name), user.clone());
            }
        }
    }
    add_variables(&mut env, asked, invocation);
    Ok(env)
}

fn add_variables(env: &mut Vec<EnvVar>, asked: &Asked, invocation: &Invocation<'_>) {
    for (name, value) in &asked.env {
        let callers = || invocation.var(&name.to_string()).map(Text::from);
        if let Some(value) = value.clone().or_else(callers) {
            set(env, name.clone(), value);
        }
    }
}

fn set(env: &mut Vec<EnvVar>, name: Text, value: Text) {
    env.retain(|var| var.name != name);
    env.push(EnvVar { name, value });
}

fn split(variable: &Text) -> Option<EnvVar> {
    let bytes = variable.as_bytes();
    let cut = bytes.iter().position(|b| *b == b'=').filter(|at| *at > 0)?;
    let (name, value) = bytes.split_at_checked(cut)?;
    Some(EnvVar { name: Text::from(name), value: Text::from(value.get(1..)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, Failure> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn words() {
        let got = asked("-u 5:6 -w /srv -e A=1 -e B 77 -- ls -l").unwrap();
        assert_eq!(got.target.as_deref(), Some(OsStr::new("77")));
        assert_eq!(got.program, ["ls", "-l"]);
        assert_eq!(got.env[0], (Text::from("A"), Some(Text::from("1"))));
        assert_eq!(got.env[1], (Text::from("B"), None));
        // Options of the program are its own.
        assert_eq!(asked("77 ls --help").unwrap().program, ["ls", "--help"]);
        assert_eq!(asked("--xyz").unwrap_err().sentence, "there is no option `--xyz`");
        assert!(asked("-e =x 5").is_err() && asked("-u a:b 5").is_err());
    }

    #[test]
    fn processes() {
        for (word, number) in [("77", 77), ("/proc/77", 77)] {
            assert!(
                matches!(Target::find(OsStr::new(word)), Ok(Target::Process(n)) if n == number)
            );
        }
        assert_eq!((pid("0"), pid("+5"), pid("99999999999"), pid("")), (None, None, None, None));
    }

    #[test]
    fn capabilities_are_those_of_the_process() {
        let rights =
            Rights { permitted: 0b101, bounding: 0b111, ambient: 0b10, ..Rights::default() };
        let nowhere = Path::new("/nonexistent");
        let who = |rights: &Rights, asked: &Asked| Who::choose(nowhere, rights, asked).unwrap();
        let none = Asked::default();
        assert_eq!(who(&rights, &none).capabilities, 0b101);
        assert_eq!(who(&Rights { uid: 5, ..rights.clone() }, &none).capabilities, 0b10);
        let root = asked("-u 0 7").unwrap();
        assert_eq!(who(&Rights { uid: 5, ..rights.clone() }, &root).capabilities, 0b11);
        assert_eq!(who(&rights, &asked("-u 9 7").unwrap()).capabilities, 0);
        let names: Vec<_> = who(&rights, &none).capabilities();
        assert_eq!(names.len(), 3);
        assert_eq!(names[0], CapabilityChange::Drop("all".to_owned()));
    }
}
