//! What makes a Plan impossible everywhere, whatever the machine.

use crate::caps::CapSet;
use crate::landlock::Wall;
use crate::lower::check_actions;
use crate::namespace::NamespaceKind;
use crate::plan::{CapabilityChange, Mapping, PLAN_VERSION, Plan, RootSource};
use crate::refusal::Refusal;

impl Plan {
    /// Looks for contradictions within the Plan.
    ///
    /// # Errors
    /// The first one found.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_command()?;
        if !self.actions.is_empty() {
            return check_actions(self);
        }
        self.check_files()?;
        self.check_namespaces()?;
        self.check_ids()?;
        self.check_hardening()?;
        self.check_process()
    }

    fn check_command(&self) -> Result<(), Refusal> {
        if self.version != PLAN_VERSION {
            return Err(Refusal::new(format!(
                "cannot read plan version {}: this dwell knows version {PLAN_VERSION}",
                self.version
            )));
        }
        match self.command.argv.first() {
            Some(program) if !program.is_empty() => {}
            // That there is none of this name is told when it is to be run.
            Some(_) if !self.actions.is_empty() => {}
            Some(_) => return Err(Refusal::new("the program's name is empty")),
            None => return Err(Refusal::new("the plan names no program")),
        }
        match self
            .command
            .env
            .iter()
            .find(|v| v.name.is_empty() || v.name.as_bytes().contains(&b'='))
        {
            Some(var) => Err(Refusal::new(format!("'{}' is not a name for a variable", var.name))),
            None => Ok(()),
        }
    }

    fn check_files(&self) -> Result<(), Refusal> {
        if self.namespaces.owns(NamespaceKind::Mount) {
            return Ok(());
        }
        // Landlock says of each grant whether it can be kept.
        let confined = self.landlock.as_ref().is_some_and(|asked| asked.wants(Wall::Files));
        let why = "needs a mount namespace: without one nothing about files can change";
        if let Some(grant) = self.grants.first().filter(|_| !confined) {
            return Err(Refusal::new(format!("{} {why}", grant.origin)));
        }
        match &self.root {
            RootSource::Directory { origin, .. } => Err(Refusal::new(format!("{origin} {why}"))),
            RootSource::Host { home: true } => {
                Err(Refusal::new(format!("showing the home directory {why}")))
            }
            RootSource::Host { .. } if self.read_only && !confined => {
                Err(Refusal::new(format!("a read-only world {why}")))
            }
            RootSource::Host { .. } => Ok(()),
        }
    }

    fn check_namespaces(&self) -> Result<(), Refusal> {
        let owns = |kind| self.namespaces.owns(kind);
        if let Some(join) = self.namespaces.join.iter().find(|j| owns(j.kind)) {
            return Err(Refusal::new(format!(
                "{} joins a {} namespace that the plan also makes new",
                join.origin, join.kind
            )));
        }
        if self.hostname.is_some() && !owns(NamespaceKind::Uts) {
            return Err(Refusal::new("a host name needs a uts namespace of the world's own"));
        }
        if self.hostname.as_ref().is_some_and(|n| n.is_empty() || n.as_bytes().len() > 64) {
            return Err(Refusal::new("a host name has 1 to 64 bytes"));
        }
        if !self.clocks.is_empty() && !owns(NamespaceKind::Time) {
            return Err(Refusal::new("a clock offset needs a time namespace of the world's own"));
        }
        if self.process.as_pid_1 && !owns(NamespaceKind::Pid) {
            return Err(Refusal::new(
                "a program can only be process 1 of a pid namespace of its own",
            ));
        }
        Ok(())
    }

    fn check_ids(&self) -> Result<(), Refusal> {
        for (what, mapping) in [("users", &self.identity.users), ("groups", &self.identity.groups)]
        {
            if *mapping != Mapping::Default && !self.namespaces.owns(NamespaceKind::User) {
                return Err(Refusal::new(format!(
                    "mapping {what} needs a user namespace of the world's own"
                )));
            }
            let Mapping::Ranges(map) = mapping else { continue };
            if let Some((a, b)) = map.overlap() {
                return Err(Refusal::new(format!(
                    "the ranges '{a}' and '{b}' of the map of {what} overlap"
                )));
            }
            if map.0.len() > 340 {
                return Err(Refusal::new(format!("a map of {what} has at most 340 ranges")));
            }
        }
        Ok(())
    }

    fn check_process(&self) -> Result<(), Refusal> {
        for change in &self.process.capabilities {
            let (CapabilityChange::Add(name) | CapabilityChange::Drop(name)) = change;
            if CapSet::named(name).is_none() {
                return Err(Refusal::new(format!("'{name}' is not a capability")));
            }
        }
        for limit in &self.process.rlimits {
            if crate::rlimit::resource(&limit.name).is_none() {
                return Err(Refusal::new(format!("'{}' is not a resource limit", limit.name)));
            }
        }
        if self.process.nice.is_some_and(|n| !(-20..=19).contains(&n)) {
            return Err(Refusal::new("a nice value is a number from -20 to 19"));
        }
        if self.process.oom_score_adj.is_some_and(|n| !(-1000..=1000).contains(&n)) {
            return Err(Refusal::new("an OOM score is a number from -1000 to 1000"));
        }
        match self.process.keep_fds.iter().find(|fd| **fd < 3) {
            Some(fd) => {
                Err(Refusal::new(format!("descriptor {fd} is always kept: name 3 or higher")))
            }
            None => Ok(()),
        }
    }
}
