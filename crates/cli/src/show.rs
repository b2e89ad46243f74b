//! A Plan for people to read: `--plan text`.

use std::fmt::{Display, Write as _};

use dwell_plan::NamespaceSet;
use dwell_plan::hardening::{Hardening, ProcView};
use dwell_plan::landlock::Wall;
use dwell_plan::limits::{Amount, Limits, Swap, Weight};
use dwell_plan::plan::{
    CapabilityChange, Clock, GrantKind, Mapping, Origin, Plan, Pty, RootSource, Seccomp,
    SeccompProfile, User,
};

use crate::message::visible;
use crate::report::bytes;

/// The Plan, a fact a line.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let mut page = Page(String::with_capacity(1024));
    page.command(plan);
    if plan.actions.is_empty() {
        page.namespaces(plan);
        page.files(plan);
        page.limits(plan);
        page.process(plan);
        page.hardening(&plan.hardening);
    }
    for (at, action) in plan.actions.iter().enumerate() {
        page.item(at, "does", &format_args!("{action:?}"));
    }
    for (at, var) in plan.command.env.iter().enumerate() {
        page.item(at, "environment", &format_args!("{}={}", var.name, var.value));
    }
    page.0
}

/// The Plan for machines: `--plan json`.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(plan: &Plan) -> serde_json::Result<String> {
    let mut json = serde_json::to_string_pretty(plan)?;
    json.push('\n');
    Ok(json)
}

struct Page(String);

impl Page {
    fn fact(&mut self, name: &str, value: &dyn Display) {
        let value = visible(&value.to_string());
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{name:<13}{value}");
    }

    /// One of several values of the same name.
    fn item(&mut self, at: usize, name: &str, value: &dyn Display) {
        self.fact(if at == 0 { name } else { "" }, value);
    }

    fn command(&mut self, plan: &Plan) {
        let words: Vec<String> = plan.command.argv.iter().map(|a| quoted(&a.to_string())).collect();
        self.fact("program", &words.join(" "));
        if let Some(workdir) = &plan.command.workdir {
            let otherwise = if workdir.required { "" } else { ", or / when it is not there" };
            self.fact("starts in", &format_args!("{}{otherwise}", workdir.path));
        }
        match plan.identity.user {
            User::Caller => self.fact("user", &"the caller"),
            User::Root => self.fact("user", &"root of the world"),
            User::Ids { uid, gid } => self.fact("user", &format_args!("uid {uid}, gid {gid}")),
        }
        let maps = [("user ids", &plan.identity.users), ("group ids", &plan.identity.groups)];
        for (name, map) in maps {
            match map {
                Mapping::Default => {}
                Mapping::Subids => self.fact(name, &"the caller's and all subordinate ones"),
                Mapping::Ranges(map) => {
                    for (at, r) in map.0.iter().enumerate() {
                        let range = format!("{} from {} are {} outside", r.count, r.inner, r.outer);
                        self.item(at, name, &range);
                    }
                }
            }
        }
        for (at, change) in plan.process.capabilities.iter().enumerate() {
            let text = match change {
                CapabilityChange::Add(name) => format!("add {name}"),
                CapabilityChange::Drop(name) => format!("drop {name}"),
            };
            self.item(at, "capabilities", &text);
        }
    }

    fn namespaces(&mut self, plan: &Plan) {
        let mut shared = NamespaceSet::ALL.without(plan.namespaces.own);
        self.fact("new", &kinds(plan.namespaces.own));
        for (at, join) in plan.namespaces.join.iter().enumerate() {
            shared.remove(join.kind);
            let from = format!("{} of {}{}", join.kind, join.path, asked(&join.origin));
            self.item(at, "joined", &from);
        }
        self.fact("shared", &kinds(shared));
        if let Some(landlock) = &plan.landlock {
            let words = |walls: &[Wall]| {
                walls.iter().map(|wall| wall.word()).collect::<Vec<_>>().join(", ")
            };
            let walls = words(&landlock.walls);
            self.fact("walls", &format_args!("{walls}{}", asked(&landlock.origin)));
            if !landlock.accept_missing.is_empty() {
                let accepted = words(&landlock.accept_missing);
                self.fact("", &format_args!("which may be missing: {accepted}"));
            }
        }
        if let Some(name) = &plan.hostname {
            self.fact("host name", name);
        }
        for (at, offset) in plan.clocks.iter().enumerate() {
            let clock = match offset.clock {
                Clock::Monotonic => "monotonic",
                Clock::Boottime => "boot time",
            };
            self.item(at, "clocks", &format_args!("{clock} {:+} s", offset.seconds));
        }
    }

    fn files(&mut self, plan: &Plan) {
        match &plan.root {
            RootSource::Host { home } => {
                let home = if *home { "with" } else { "without" };
                self.fact("files", &format_args!("the machine's, {home} the home directory"));
            }
            RootSource::Directory { path, writable, origin } => {
                let how = if *writable { "changes go into it" } else { "changes are thrown away" };
                self.fact("files", &format_args!("{path}, {how}{}", asked(origin)));
            }
        }
        if plan.read_only {
            self.fact("", &"nothing can be written but what is granted");
        }
        if let Some(bytes) = plan.scratch {
            self.fact("scratch", &format_args!("at most {bytes} bytes"));
        }
        for (at, grant) in plan.grants.iter().enumerate() {
            let how = match &grant.what {
                GrantKind::ReadOnly { .. } => "read-only",
                GrantKind::ReadWrite { .. } => "read-write",
                GrantKind::CopyOnWrite { .. } => "copy-on-write",
                GrantKind::Hide => "hidden",
                GrantKind::Tmpfs { .. } => "tmpfs",
                GrantKind::Device { .. } => "device",
                GrantKind::Socket { .. } => "socket",
            };
            let mut text = format!("{how:<14}{}", grant.dest);
            if let Some(source) = grant.what.source().filter(|s| *s != grant.dest.text()) {
                let _ = write!(text, " from {source}");
            }
            if let GrantKind::Tmpfs { size: Some(bytes) } = &grant.what {
                let _ = write!(text, ", at most {bytes} bytes");
            }
            text.push_str(&asked(&grant.origin));
            self.item(at, "grants", &text);
        }
    }

    fn limits(&mut self, plan: &Plan) {
        let Limits { memory, cpu, pids, io, .. } = &plan.limits;
        let size = |n: Amount| n.number().map_or_else(|| "unlimited".to_owned(), bytes);
        let mut facts = Vec::new();
        facts.extend(memory.max.map(|n| format!("memory {}", size(n))));
        if let Some(Swap::Alone(n) | Swap::WithMemory(n)) = memory.swap {
            facts.push(format!("swap {}", size(n)));
        }
        if let Some(Amount::Of(quota)) = cpu.quota {
            let period = cpu.period.unwrap_or(100_000);
            let (whole, rest) = (quota / period, quota % period * 100 / period);
            facts.push(format!("processors {whole}.{rest:02}"));
        }
        if let Some(Weight::Weight(n) | Weight::Shares(n)) = cpu.weight {
            facts.push(format!("share of processors {n}"));
        }
        facts.extend(cpu.cpus.iter().map(|list| format!("processors numbered {list}")));
        facts.extend(pids.map(|n| format!("processes {n}")));
        facts.extend(io.devices.iter().map(|d| format!("block device {}:{}", d.major, d.minor)));
        facts.extend(plan.process.nice.map(|n| format!("nice value {n}")));
        facts.extend(plan.process.oom_score_adj.map(|n| format!("OOM score {n}")));
        for (at, fact) in facts.iter().enumerate() {
            self.item(at, "limits", fact);
        }
        if plan.cgroup.writable {
            self.fact("groups", &"the world may make control groups in its own");
        }
        if let Some(path) = &plan.cgroup.stats_file {
            self.fact("statistics", path);
        } else if plan.cgroup.stats {
            self.fact("statistics", &"told at the end");
        }
    }

    fn process(&mut self, plan: &Plan) {
        let process = &plan.process;
        match process.pty {
            Pty::Auto => self.fact("terminal", &"an own one when started from one"),
            Pty::Always => self.fact("terminal", &"an own one"),
            Pty::Never => self.fact("terminal", &"none of its own"),
        }
        if process.as_pid_1 {
            self.fact("process 1", &"the program itself");
        }
        for (at, fd) in process.keep_fds.iter().enumerate() {
            self.item(at, "keeps", &format_args!("descriptor {fd}"));
        }
        self.seccomp(&process.seccomp);
        let limit = |l: Option<u64>| l.map_or_else(|| "unlimited".to_owned(), |l| l.to_string());
        for (at, l) in process.rlimits.iter().enumerate() {
            let text = format!("{} {}, at most {}", l.name, limit(l.soft), limit(l.hard));
            self.item(at, "rlimits", &text);
        }
        if let Some(ms) = process.timeout_ms {
            let text = format!("after {}.{:03} s", ms / 1000, ms % 1000);
            self.fact("ends", &text);
        }
    }

    fn hardening(&mut self, hardening: &Hardening) {
        if hardening.proc != ProcView::Default {
            self.fact("/proc", &hardening.proc.word());
        }
        for (at, sysctl) in hardening.sysctls.iter().enumerate() {
            self.item(at, "settings", &format_args!("{} = {}", sysctl.key, sysctl.value));
        }
        if hardening.no_new_code {
            self.fact("code", &"nothing that was written in the world is executed");
        }
        if hardening.verify {
            self.fact("walls", &"tried before the program starts");
        }
    }

    fn seccomp(&mut self, seccomp: &Seccomp) {
        let name = match &seccomp.profile {
            SeccompProfile::Default => "the profile default".to_owned(),
            SeccompProfile::Strict => "the profile strict".to_owned(),
            SeccompProfile::None => "all of them".to_owned(),
            SeccompProfile::Given { profile, origin } => {
                format!("{} rules{}", profile.syscalls.len(), asked(origin))
            }
        };
        self.fact("system calls", &name);
        if seccomp.log {
            self.fact("", &"what it does not allow is logged and made");
        }
    }
}

fn kinds(set: NamespaceSet) -> String {
    if set.is_empty() {
        return "none".to_owned();
    }
    set.iter().map(|k| k.word()).collect::<Vec<_>>().join(", ")
}

fn asked(origin: &Origin) -> String {
    format!("  ({origin})")
}

/// A word as a shell would have to read it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
