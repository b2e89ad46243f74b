//! The options of `dwell run`: one table, and what is made of it.

mod help;
mod low;
mod nearest;
mod parse;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod value;

pub(crate) use help::{COMMANDS, Page};
pub use help::{Detail, gc_help, overview, run_help};
pub use low::{
    EnvSource, IdSpec, Kinds, LowArgs, LowGrant, LowIo, LowJoin, LowMap, LowSeccomp, LowUser,
    LowWalls, Net, PlanForm, Typed,
};
pub(crate) use nearest::{nearest, suggestion};
pub use parse::parse;
pub use table::{FOREIGN, RUN};

/// One option, as the table tells it. Parser, help, completions and man page all read this.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// What it means to the parser.
    pub id: Id,
    /// The long name, without dashes.
    pub name: &'static str,
    /// The short name.
    pub short: Option<char>,
    /// How its value is called in help; none for a switch.
    pub value: Option<&'static str>,
    /// The words that its value (or each part of a comma list) is one of, where there are such.
    pub choices: &'static [&'static str],
    /// Whether every use of it counts; else the last one does.
    pub repeatable: bool,
    /// Under which heading it is listed.
    pub category: Category,
    /// One line: a capital letter first, no period last.
    pub help: &'static str,
    /// Paragraphs of whole sentences that follow the line in `--help`.
    pub long: &'static [&'static str],
}

impl Opt {
    /// The option of `dwell run` with this long name.
    #[must_use]
    pub fn long(name: &str) -> Option<&'static Opt> {
        RUN.iter().find(|o| o.name == name)
    }

    /// The option of `dwell run` with this short name.
    #[must_use]
    pub fn short(name: char) -> Option<&'static Opt> {
        RUN.iter().find(|o| o.short == Some(name))
    }
}

/// Headings of the help, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// What of the machine's files is there, and how.
    Files,
    /// Which namespaces are new, shared or joined, and what is in them.
    Namespaces,
    /// Users, groups, capabilities.
    Identity,
    /// Environment variables.
    Environment,
    /// What the world may use.
    Limits,
    /// The program's life.
    Process,
    /// Looking at what would be done. Options under this heading do not change the Plan.
    Inspection,
}

impl Category {
    /// All headings, in order.
    pub const ALL: [Category; 7] = [
        Category::Files,
        Category::Namespaces,
        Category::Identity,
        Category::Environment,
        Category::Limits,
        Category::Process,
        Category::Inspection,
    ];

    /// The words of the heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Category::Files => "Files",
            Category::Namespaces => "Namespaces",
            Category::Identity => "Users and capabilities",
            Category::Environment => "Environment",
            Category::Limits => "Limits",
            Category::Process => "Program",
            Category::Inspection => "Plan and help",
        }
    }
}

/// Names every row of the table to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the option of the same name; the table explains it")]
pub enum Id {
    AllowDegraded,
    AsPid1,
    CapAdd,
    CapDrop,
    CgroupManager,
    CgroupWritable,
    Cow,
    CpuWeight,
    Cpus,
    Cpuset,
    Dev,
    Env,
    EnvAll,
    EnvFile,
    Explain,
    From,
    FromPlan,
    Help,
    Hide,
    Home,
    Hostname,
    Io,
    Join,
    KeepFd,
    MapGroups,
    MapUsers,
    Memory,
    Net,
    Nice,
    NoNewCode,
    OomScore,
    Pids,
    Plan,
    Proc,
    Pty,
    ReadOnly,
    RlimitFallback,
    Ro,
    Root,
    Rw,
    Scratch,
    Seccomp,
    SeccompLog,
    Share,
    Socket,
    Stats,
    StatsFile,
    Swap,
    Sysctl,
    TimeOffset,
    Timeout,
    Tmpfs,
    Ulimit,
    Unshare,
    User,
    Verify,
    Walls,
    Workdir,
    Writable,
}
