//! The command line of `lsns`.

use std::ffi::OsString;

use dwell_plan::{NamespaceKind, NamespaceSet};
use dwell_probe::inventory::Wanted;

use super::columns::Id;
use crate::getopt::{Getopt, Misuse, Operands, Spelling, Takes};
use crate::table::filter::Filter;
use crate::table::{Column, Form};

pub(super) const HELP: &str = "
Lists namespaces: all that can be found, or the processes in one.

Options:
 -J, --json             write JSON
 -l, --list             write a list, without a tree
 -n, --noheadings       leave out the names of the columns
 -o, --output <list>    write these columns; with + before the list, add them
     --output-all       write all columns
 -P, --persistent       only namespaces without processes
 -p, --task <pid>       only namespaces of this process
 -Q, --filter <expr>    only lines for which the expression holds
 -r, --raw              write words with one blank between them
 -u, --notruncate       do not cut columns to the terminal's width
 -W, --nowrap           write several paths in one line, with commas
 -t, --type <name>      only this kind (mnt, net, ipc, user, pid, uts, cgroup, time)
 -T, --tree[=<rel>]     write a tree by owner, parent, or process

 -H, --list-columns     list the columns
 -h, --help             print this
 -V, --version          print the version
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opt {
    Json,
    List,
    NoHeadings,
    Output,
    OutputAll,
    Persistent,
    Task,
    Filter,
    Raw,
    NoTruncate,
    NoWrap,
    Type,
    Tree,
    ListColumns,
    Help,
    Version,
}

const TABLE: &[Spelling<Opt>] = &[
    Spelling::both(Opt::Json, b'J', "json", Takes::Nothing),
    Spelling::both(Opt::Task, b'p', "task", Takes::Value),
    Spelling::both(Opt::Help, b'h', "help", Takes::Nothing),
    Spelling::both(Opt::Output, b'o', "output", Takes::Value),
    Spelling::long(Opt::OutputAll, "output-all", Takes::Nothing),
    Spelling::both(Opt::Persistent, b'P', "persistent", Takes::Nothing),
    Spelling::both(Opt::Filter, b'Q', "filter", Takes::Value),
    Spelling::both(Opt::NoTruncate, b'u', "notruncate", Takes::Nothing),
    Spelling::both(Opt::Version, b'V', "version", Takes::Nothing),
    Spelling::both(Opt::NoHeadings, b'n', "noheadings", Takes::Nothing),
    Spelling::both(Opt::NoWrap, b'W', "nowrap", Takes::Nothing),
    Spelling::both(Opt::List, b'l', "list", Takes::Nothing),
    Spelling::both(Opt::Raw, b'r', "raw", Takes::Nothing),
    Spelling::both(Opt::Type, b't', "type", Takes::Value),
    Spelling::both(Opt::Tree, b'T', "tree", Takes::Perhaps),
    Spelling::both(Opt::ListColumns, b'H', "list-columns", Takes::Nothing),
];

/// Pairs that exclude each other.
const EXCLUSIVE: [(Opt, Opt); 2] = [(Opt::Json, Opt::Raw), (Opt::Persistent, Opt::Task)];

/// What makes a line the child of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    None,
    Process,
    Owner,
    Parent,
}

/// What is to be listed, and how.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) columns: Vec<Id>,
    pub(super) tree: Tree,
    pub(super) form: Form,
    pub(super) headings: bool,
    cut: bool,
    /// Several paths are lines of a cell, and not words with commas between them.
    pub(super) wrap: bool,
    kinds: NamespaceSet,
    pub(super) persistent: bool,
    /// Only namespaces of this process.
    pub(super) task: Option<i32>,
    /// The processes of this namespace.
    pub(super) namespace: Option<u64>,
    pub(super) filter: Filter,
    /// The columns that the filter names.
    pub(super) filtered: Vec<Id>,
}

/// What the words ask for.
#[derive(Debug)]
pub(super) enum Parsed {
    Run(Box<Settings>),
    Columns(Form),
    Help,
    Version,
}

/// What is wrong with them.
#[derive(Debug)]
pub(super) enum Mistake {
    Grammar(Misuse),
    /// Sentences, one at least unless there are no words for it.
    Said(Vec<String>),
}

fn said(sentence: impl Into<String>) -> Mistake {
    Mistake::Said(vec![sentence.into()])
}

/// Options as they come in.
#[derive(Default)]
struct Given {
    seen: Vec<Opt>,
    output: Option<String>,
    all: bool,
    json: bool,
    raw: bool,
    list: bool,
    tree: Option<Tree>,
    kinds: NamespaceSet,
    task: Option<i32>,
    filter: Filter,
    namespace: Option<u64>,
}

pub(super) fn parse(args: Vec<OsString>) -> Result<Parsed, Mistake> {
    let mut words = Getopt::new(TABLE, Operands::StandAnywhere, args);
    let mut given = Given::default();
    while let Some((option, value)) = words.next_option().map_err(Mistake::Grammar)? {
        given.exclude(option)?;
        let value = value.map(|v| v.to_string_lossy().into_owned()).unwrap_or_default();
        match option {
            Opt::Help => return Ok(Parsed::Help),
            Opt::Version => return Ok(Parsed::Version),
            Opt::ListColumns => return Ok(Parsed::Columns(given.form())),
            other => given.take(other, &value)?,
        }
    }
    if let Some(word) = words.operands().first() {
        if given.task.is_some_and(|pid| pid != 0) {
            return Err(said("--task is mutually exclusive with <namespace>"));
        }
        given.namespace = Some(number(&word.to_string_lossy(), u64::MAX, "namespace")?);
    }
    given.settings().map(|settings| Parsed::Run(Box::new(settings)))
}

impl Given {
    fn exclude(&mut self, option: Opt) -> Result<(), Mistake> {
        for (one, other) in EXCLUSIVE {
            let against = if option == one { other } else { one };
            if (option == one || option == other) && self.seen.contains(&against) {
                let (first, second) = (long(against), long(option));
                return Err(said(format!("options --{first} and --{second} cannot be combined")));
            }
        }
        self.seen.push(option);
        Ok(())
    }

    fn take(&mut self, option: Opt, value: &str) -> Result<(), Mistake> {
        match option {
            Opt::Json => self.json = true,
            Opt::Raw => self.raw = true,
            Opt::List => self.list = true,
            Opt::Output => self.output = Some(value.to_owned()),
            Opt::OutputAll => self.all = true,
            Opt::Task => {
                let pid = number(value, 0x7fff_ffff, "PID")?;
                self.task = i32::try_from(pid).ok();
            }
            Opt::Filter => {
                self.filter = Filter::parse(value)
                    .map_err(|why| said(format!("failed to parse \"{value}\": {why}")))?;
            }
            Opt::Type => {
                let kind = NamespaceKind::ALL.into_iter().find(|k| k.proc_name() == value);
                let kind = kind.ok_or_else(|| said(format!("unknown namespace type: {value}")))?;
                self.kinds.insert(kind);
            }
            Opt::Tree => self.tree = Some(tree(value)?),
            _ => {}
        }
        Ok(())
    }

    fn form(&self) -> Form {
        match (self.json, self.raw) {
            (true, _) => Form::Json("namespaces"),
            (_, true) => Form::Raw,
            _ => Form::Human,
        }
    }

    fn saw(&self, option: Opt) -> bool {
        self.seen.contains(&option)
    }

    fn settings(mut self) -> Result<Settings, Mistake> {
        // A tree of processes is what is shown where neither columns nor form were asked for.
        let plain = self.namespace.is_some() || !self.all;
        let tree = match self.tree {
            Some(tree) => tree,
            None if plain && !self.list => Tree::Process,
            None => Tree::None,
        };
        let columns = self.columns()?;
        let filter = std::mem::take(&mut self.filter);
        let filtered = filter_columns(&filter)?;
        Ok(Settings {
            columns,
            tree,
            form: self.form(),
            headings: !self.saw(Opt::NoHeadings),
            cut: !self.saw(Opt::NoTruncate),
            wrap: !self.saw(Opt::NoWrap) && !self.raw,
            kinds: if self.kinds == NamespaceSet::EMPTY { NamespaceSet::ALL } else { self.kinds },
            persistent: self.saw(Opt::Persistent),
            task: self.task.filter(|pid| *pid != 0),
            namespace: self.namespace,
            filter,
            filtered,
        })
    }

    fn columns(&self) -> Result<Vec<Id>, Mistake> {
        let is_net = self.kinds.has(NamespaceKind::Net);
        let mut columns = match (self.all, self.namespace) {
            (true, _) => super::columns::COLUMNS.iter().map(|c| c.id).collect(),
            (false, Some(_)) => vec![Id::Pid, Id::Ppid, Id::User, Id::Command],
            (false, None) => vec![Id::Ns, Id::Type, Id::Nprocs, Id::Pid, Id::User],
        };
        if !self.all && self.namespace.is_none() {
            if is_net {
                columns.extend([Id::Netnsid, Id::Nsfs]);
            }
            columns.push(Id::Command);
        }
        let Some(list) = &self.output else { return Ok(columns) };
        match list.strip_prefix('+') {
            Some(more) => columns.extend(named(more)?),
            None => columns = named(list)?,
        }
        if columns.len() > MOST { Err(Mistake::Said(Vec::new())) } else { Ok(columns) }
    }
}

/// More columns than twice all are refused.
const MOST: usize = 2 * super::columns::COLUMNS.len();

/// The columns of a comma list. A comma that ends the list belongs to the last name, and an empty name
/// fails without words, both as the model has it.
fn named(list: &str) -> Result<Vec<Id>, Mistake> {
    let mut columns = Vec::new();
    let mut rest = list;
    if rest.is_empty() {
        return Err(Mistake::Said(Vec::new()));
    }
    while !rest.is_empty() {
        let end = match rest.find(',') {
            Some(at) if at + 1 < rest.len() => at,
            _ => rest.len(),
        };
        let (name, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(Mistake::Said(Vec::new()));
        }
        let id = Id::named(name).ok_or_else(|| said(format!("unknown column: {rest}")))?;
        columns.push(id);
        rest = tail.strip_prefix(',').unwrap_or_default();
    }
    Ok(columns)
}

fn filter_columns(filter: &Filter) -> Result<Vec<Id>, Mistake> {
    let found: Vec<Option<Id>> = filter.columns().iter().map(|name| Id::named(name)).collect();
    let unknown = filter.columns().iter().zip(&found).filter(|(_, id)| id.is_none());
    let mut sentences: Vec<String> =
        unknown.map(|(name, _)| format!("unknown column: {name}")).collect();
    if !sentences.is_empty() {
        sentences.push("failed to initialize filter".to_owned());
        return Err(Mistake::Said(sentences));
    }
    Ok(found.into_iter().flatten().collect())
}

fn tree(value: &str) -> Result<Tree, Mistake> {
    // A short option's value may have an equals sign before it.
    match value.strip_prefix('=') {
        None if value.is_empty() => Ok(Tree::Owner),
        stripped => match stripped.unwrap_or(value) {
            "owner" => Ok(Tree::Owner),
            "parent" => Ok(Tree::Parent),
            "process" => Ok(Tree::Process),
            other => Err(said(format!("unknown tree type: {other}"))),
        },
    }
}

/// A number as `strtoull(3)` reads it: blanks and a plus may come first. Below 0 and above `most` is out
/// of range.
fn number(text: &str, most: u64, what: &str) -> Result<u64, Mistake> {
    let invalid = || format!("invalid {what} argument: '{text}'");
    let digits = text.trim_start();
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(said(invalid()));
    }
    let value = digits.parse::<u64>().ok().filter(|n| *n <= most && !negative);
    value.ok_or_else(|| said(invalid() + ": Numerical result out of range"))
}

fn long(option: Opt) -> &'static str {
    TABLE.iter().find(|s| s.id == option).and_then(|s| s.long).unwrap_or_default()
}

impl Settings {
    /// What has to be read for this.
    pub(super) fn wanted(&self) -> Wanted {
        let by_relation = matches!(self.tree, Tree::Owner | Tree::Parent);
        let uses = |id: Id| self.columns.contains(&id) || self.filtered.contains(&id);
        Wanted {
            kinds: self.kinds,
            held: true,
            relations: by_relation || uses(Id::Pns) || uses(Id::Ons),
            ancestors: by_relation,
            netnsids: uses(Id::Netnsid),
            listed: false,
            // A line is of the first process of a namespace, unless all processes of one are asked for.
            details: self.namespace.is_some(),
            two_threads: true,
        }
    }

    /// The columns as they are laid out.
    pub(super) fn table_columns(&self) -> Vec<Column> {
        self.columns.iter().map(|id| self.table_column(*id)).collect()
    }

    fn table_column(&self, id: Id) -> Column {
        let mut column = id.shape();
        column.cut &= self.cut;
        column.lines &= self.wrap;
        match (self.tree, id) {
            (Tree::Process, Id::Command) => column.tree = true,
            (Tree::Owner | Tree::Parent, Id::Ns) => (column.tree, column.right) = (true, false),
            _ => {}
        }
        column
    }
}
