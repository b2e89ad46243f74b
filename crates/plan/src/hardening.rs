//! What makes a world harder than the walls alone: no code of its own, less of `/proc`, proved walls.

use serde::{Deserialize, Serialize};

use crate::namespace::NamespaceKind;
use crate::plan::{Plan, RootSource};
use crate::refusal::Refusal;
use crate::text::Text;

/// All of it; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hardening {
    /// Nothing that can be written can be executed: neither files nor memory.
    pub no_new_code: bool,
    /// How much `/proc` shows.
    pub proc: ProcView,
    /// Settings of the world's own namespaces, in order; `sysctl(8)`.
    pub sysctls: Vec<Sysctl>,
    /// Just before the program is executed, one forbidden act is tried at each wall.
    pub verify: bool,
}

impl Hardening {
    pub(crate) fn is_default(&self) -> bool {
        *self == Hardening::default()
    }
}

/// How much of the machine `/proc` shows; `proc(5)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcView {
    /// All of it for a user, whose program can change nothing there; for root the same as `Full`.
    #[default]
    Default,
    /// Processes alone, of these only those that the program may trace (`subset=pid`,
    /// `hidepid=ptraceable`; Linux 5.8).
    Pids,
    /// What programs that watch processes, memory and load read.
    Tools,
    /// All but what OCI runtimes cover, and settings not to be changed.
    Full,
}

impl ProcView {
    /// The option's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ProcView::Default => "default",
            ProcView::Pids => "pids",
            ProcView::Tools => "tools",
            ProcView::Full => "full",
        }
    }
}

/// A file below `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sysctl {
    /// Its name with dots, e.g. `net.ipv4.ip_forward`. A dot within a part is written as a slash.
    pub key: String,
    /// What is written.
    pub value: Text,
}

/// The settings that belong to a namespace, and to which; a name that ends with a dot or a star stands
/// for all that begin so. `namespaces(7)`, `ipc_namespaces(7)`, Documentation/admin-guide/sysctl.
const NAMESPACED: [(&str, NamespaceKind); 9] = [
    ("kernel.shm*", NamespaceKind::Ipc),
    ("kernel.msg*", NamespaceKind::Ipc),
    ("kernel.sem", NamespaceKind::Ipc),
    ("kernel.sem_next_id", NamespaceKind::Ipc),
    ("fs.mqueue.", NamespaceKind::Ipc),
    ("kernel.hostname", NamespaceKind::Uts),
    ("kernel.domainname", NamespaceKind::Uts),
    ("net.", NamespaceKind::Net),
    ("user.max_*", NamespaceKind::User),
];

impl Sysctl {
    /// The namespace that the setting belongs to; none where it is the whole machine's.
    #[must_use]
    pub fn namespace(&self) -> Option<NamespaceKind> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => self.key.starts_with(start),
            None if pattern.ends_with('.') => self.key.starts_with(pattern),
            None => self.key == pattern,
        };
        NAMESPACED.iter().find(|(pattern, _)| fits(pattern)).map(|(_, kind)| *kind)
    }

    /// Where it lies below `/proc`.
    #[must_use]
    pub fn path(&self) -> String {
        let swap = |c| match c {
            '.' => '/',
            '/' => '.',
            other => other,
        };
        format!("sys/{}", self.key.chars().map(swap).collect::<String>())
    }

    /// Whether each part of the name is one: `..` leads out of `/proc/sys`.
    fn is_plain(&self) -> bool {
        let part = |part: &str| !matches!(part, "" | "." | "..");
        self.path().split('/').all(part) && !self.path().contains('\0')
    }
}

impl Plan {
    /// Whether what makes the world harder can be meant.
    pub(crate) fn check_hardening(&self) -> Result<(), Refusal> {
        self.check_proc()?;
        self.check_sysctls()?;
        if self.hardening.no_new_code { self.check_no_new_code() } else { Ok(()) }
    }

    fn check_proc(&self) -> Result<(), Refusal> {
        let view = self.hardening.proc;
        let word = view.word();
        if view != ProcView::Default && !self.namespaces.owns(NamespaceKind::Mount) {
            return Err(Refusal::new(format!(
                "`--proc {word}` needs a mount namespace: without one /proc stays what it is"
            )));
        }
        if view == ProcView::Pids && !self.namespaces.owns(NamespaceKind::Pid) {
            return Err(Refusal::with_hint(
                "`--proc pids` needs a pid namespace of the world's own: a new /proc shows that of who mounts it",
                "--proc tools covers what programs do not need",
            ));
        }
        Ok(())
    }

    fn check_sysctls(&self) -> Result<(), Refusal> {
        for sysctl in &self.hardening.sysctls {
            let option = format!("`--sysctl {}={}`", sysctl.key, sysctl.value);
            match sysctl.namespace().filter(|_| sysctl.is_plain()) {
                None => {
                    return Err(Refusal::with_hint(
                        format!(
                            "{option} is refused: {} is no setting of a namespace, it would change the whole machine",
                            sysctl.key
                        ),
                        "kernel.shm*, kernel.msg*, kernel.sem, kernel.hostname, kernel.domainname, fs.mqueue.*, net.* and user.max_* can be set",
                    ));
                }
                Some(kind) if !self.namespaces.owns(kind) => {
                    return Err(Refusal::new(format!(
                        "{option} needs a {kind} namespace of the world's own: it would change the machine's setting"
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn check_no_new_code(&self) -> Result<(), Refusal> {
        const OPTION: &str = "`--no-new-code`";
        for (kind, why) in [
            (NamespaceKind::Mount, "without one nothing about files can change"),
            (NamespaceKind::Pid, "the settings of executable memory files are that one's"),
            (NamespaceKind::User, "in one that is made inside, programs can be written anywhere"),
        ] {
            if !self.namespaces.owns(kind) {
                return Err(Refusal::new(format!(
                    "{OPTION} needs a {kind} namespace of the world's own: {why}"
                )));
            }
        }
        if let RootSource::Directory { writable: true, origin, .. } = &self.root {
            return Err(Refusal::with_hint(
                format!(
                    "{OPTION} and `--writable` contradict each other: the programs lie in {origin}, which is to be written"
                ),
                "leave --writable out: changes are then thrown away",
            ));
        }
        if self.process.seccomp.log {
            return Err(Refusal::new(format!(
                "{OPTION} and `--seccomp-log` contradict each other: what is only logged is done"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_their_namespaces() {
        let of = |key: &str| Sysctl { key: key.to_owned(), value: "1".into() };
        for (key, kind) in [
            ("kernel.shmmax", Some(NamespaceKind::Ipc)),
            ("kernel.msg_next_id", Some(NamespaceKind::Ipc)),
            ("kernel.sem", Some(NamespaceKind::Ipc)),
            ("kernel.semx", None),
            ("fs.mqueue.msg_max", Some(NamespaceKind::Ipc)),
            ("fs.mqueue", None),
            ("net.core.somaxconn", Some(NamespaceKind::Net)),
            ("user.max_net_namespaces", Some(NamespaceKind::User)),
            ("user.x", None),
            ("kernel.domainname", Some(NamespaceKind::Uts)),
            ("kernel.core_pattern", None),
            ("vm.swappiness", None),
        ] {
            assert_eq!(of(key).namespace(), kind, "{key}");
        }
        assert_eq!(of("net.ipv4.conf.eth0/1.x").path(), "sys/net/ipv4/conf/eth0.1/x");
        assert!(!of("net.//.//.kernel.core_pattern").is_plain(), "it leads out");
        assert!(!of("net.").is_plain());
        assert!(of("net.ipv4.ip_forward").is_plain());
    }
}
