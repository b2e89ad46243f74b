//! A check and its verdict.

use serde::Serialize;

/// One wall or feature, and how it stands with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A short name that stays the same.
    pub id: &'static str,
    /// The heading it is listed under.
    pub group: Group,
    /// What it is.
    pub name: &'static str,
    /// Whether `dwell run` needs it with its defaults.
    pub needed: bool,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen: the call and its answer, the file and its content.
    pub evidence: String,
    /// Why it is not fine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do: a command as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What does not work without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<&'static str>,
}

/// How it stands with a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It works.
    Works,
    /// It works, but less well, or not everywhere.
    Limited,
    /// It is there, and refused.
    Refused,
    /// It is not there.
    Absent,
    /// It cannot be told.
    Unknown,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Works => "works",
            Verdict::Limited => "limited",
            Verdict::Refused => "refused",
            Verdict::Absent => "absent",
            Verdict::Unknown => "cannot tell",
        }
    }

    /// Whether there is nothing to say about it.
    #[must_use]
    pub fn is_fine(self) -> bool {
        self == Verdict::Works
    }
}

/// Headings, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// All of it together.
    Dwell,
    /// What can be new.
    Namespaces,
    /// Users and the ids they are given.
    Ids,
    /// Mounts and file systems.
    Files,
    /// Network.
    Network,
    /// Filters, limits, processes.
    Processes,
    /// What the machine is.
    Machine,
}

impl Group {
    /// All of them, in order.
    pub const ALL: [Group; 7] = [
        Group::Dwell,
        Group::Namespaces,
        Group::Ids,
        Group::Files,
        Group::Network,
        Group::Processes,
        Group::Machine,
    ];

    /// The words of the heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Group::Dwell => "dwell",
            Group::Namespaces => "Namespaces",
            Group::Ids => "Users and ids",
            Group::Files => "Mounts and file systems",
            Group::Network => "Network",
            Group::Processes => "Processes, filters, limits",
            Group::Machine => "This machine",
        }
    }
}

/// What a judge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) evidence: String,
    pub(crate) cause: Option<String>,
    pub(crate) remedy: Option<String>,
}

impl Judged {
    pub(crate) fn works(evidence: impl Into<String>) -> Self {
        Judged::new(Verdict::Works, evidence)
    }

    pub(crate) fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Judged { verdict, evidence: evidence.into(), cause: None, remedy: None }
    }

    pub(crate) fn limited(evidence: impl Into<String>) -> Self {
        Judged::new(Verdict::Limited, evidence)
    }

    pub(crate) fn unknown(evidence: impl Into<String>) -> Self {
        Judged::new(Verdict::Unknown, evidence)
    }

    pub(crate) fn cause(self, cause: impl Into<String>) -> Self {
        Judged { cause: Some(cause.into()), ..self }
    }

    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Judged { remedy: Some(remedy.into()), ..self }
    }
}
