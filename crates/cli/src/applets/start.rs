//! From the actions of an applet to the program, or to an exit code.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use dwell_exec::Cause;
use dwell_plan::action::Action;
use dwell_plan::plan::{Command, EnvVar, Namespaces, Plan};
use dwell_plan::{NamespaceKind, NamespaceSet, Text, explain, lower, lower_explained};

use super::{Door, FAILURE};
use crate::options::PlanForm;
use crate::{message, show};

/// What is to be started.
pub(super) struct Start {
    pub(super) actions: Vec<Action>,
    /// The program and its arguments; none for a shell.
    pub(super) program: Vec<OsString>,
    pub(super) env: Vec<EnvVar>,
    /// Whose shell it would be, where that is not the caller.
    pub(super) uid: Option<u32>,
    /// What is told of it.
    pub(super) told: Told,
}

/// What is told of what will be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Told {
    #[default]
    Nothing,
    /// Each action in words, before it is done.
    Actions,
    /// The Plan, and nothing is done.
    Plan(PlanForm),
}

impl Told {
    /// The value of `--plan`.
    pub(super) fn plan(form: &OsStr) -> Result<Told, String> {
        match form.to_str() {
            Some("json") => Ok(Told::Plan(PlanForm::Json)),
            Some("text") => Ok(Told::Plan(PlanForm::Text)),
            _ => Err(format!(
                "unsupported --plan argument '{}': json or text",
                form.to_string_lossy()
            )),
        }
    }
}

/// Does what `start` says and becomes the program; returns only with an exit code.
pub(super) fn start(door: &Door, start: Start) -> u8 {
    let told = start.told;
    let plan = plan(start);
    if let Told::Plan(form) = told {
        return print_plan(door, &plan, form);
    }
    let facts = match dwell_probe::facts(&plan) {
        Ok(facts) => facts,
        Err(error) => return door.fail(error),
    };
    let lowered = match told {
        Told::Actions => lower_explained(&plan, &facts),
        _ => lower(&plan, &facts),
    };
    let program = match lowered {
        Ok(program) => Arc::new(program),
        Err(refusal) => {
            let code = door.fail(&refusal.sentence);
            refusal.hint.iter().for_each(|hint| door.hint(hint));
            return code;
        }
    };
    if told == Told::Actions {
        message::say(&explain::text(&program));
    }
    let own = unshared(&plan.actions);
    dwell_exec::become_program(&program, &|failure| {
        door.fail(&failure.sentence);
        let hint = failure.hint.clone().or_else(|| known_cause(own, failure));
        hint.iter().for_each(|hint| door.hint(hint));
        match failure.cause {
            Cause::ProgramMissing | Cause::ProgramRefused => failure.code(),
            _ => FAILURE,
        }
    })
}

fn print_plan(door: &Door, plan: &Plan, form: PlanForm) -> u8 {
    match form {
        PlanForm::Text => message::print(&show::plan(plan)),
        PlanForm::Json => match show::json(plan) {
            Ok(json) => message::print(&json),
            Err(error) => door.fail(format!("cannot write the plan as JSON: {error}")),
        },
    }
}

fn plan(start: Start) -> Plan {
    let Start { mut actions, program, env, uid, told: _ } = start;
    let mut argv: Vec<Text> = program.into_iter().map(Text::from).collect();
    if argv.is_empty() {
        argv.push(shell(&env, uid));
        actions.push(Action::LoginShell);
    }
    let command = Command { argv, env, workdir: None };
    let namespaces = Namespaces { own: NamespaceSet::EMPTY, join: Vec::new() };
    Plan { actions, ..Plan::new(command, namespaces) }
}

/// `$SHELL`, else the shell of the user database, else `/bin/sh`.
fn shell(env: &[EnvVar], uid: Option<u32>) -> Text {
    let named = env.iter().find(|var| var.name == *"SHELL").map(|var| var.value.clone());
    let of_user = || {
        let uid = uid.unwrap_or_else(|| rustix::process::getuid().as_raw());
        dwell_probe::user_by_uid(Path::new("/etc/passwd"), uid).map(|user| user.shell)
    };
    let usable = |shell: &Text| !shell.is_empty();
    named.or_else(of_user).filter(usable).unwrap_or_else(|| Text::from("/bin/sh"))
}

/// The caller's environment, but for what has no name.
pub(super) fn environment() -> Vec<EnvVar> {
    std::env::vars_os()
        .map(|(name, value)| EnvVar { name: Text::from(name), value: Text::from(value) })
        .filter(|var| !var.name.as_bytes().contains(&b'='))
        .collect()
}

fn unshared(actions: &[Action]) -> NamespaceSet {
    actions.iter().fold(NamespaceSet::EMPTY, |all, action| match action {
        Action::Unshare(set) => all.union(*set),
        _ => all,
    })
}

/// Why the kernel refuses, where that can be told.
fn known_cause(own: NamespaceSet, failure: &dwell_exec::Failure) -> Option<String> {
    const EPERM: i32 = dwell_plan::errno::EPERM;
    let user = own.has(NamespaceKind::User);
    match failure.cause {
        Cause::Clone(EPERM) if !user => Some(
            "only root may do this without a user namespace: --map-root-user (-r) makes one".to_owned(),
        ),
        Cause::Clone(errno) => dwell_probe::why_no_namespaces(own, user, errno),
        Cause::Step(EPERM) if failure.sentence.starts_with("setgroups failed") => Some(
            "groups cannot be dropped in this user namespace: --preserve-credentials leaves them and \
             the ids as they are"
                .to_owned(),
        ),
        Cause::Step(EPERM) if failure.sentence.starts_with("reassociate to") => Some(
            "a namespace can be entered by root of the user namespace that owns it: --user (-U) enters \
             that first"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use dwell_plan::action::{Fork, Id, IdBlock, Join, Parent, Place, Source, Target};
    use dwell_plan::idmap::IdRange;

    use super::*;

    /// A plan with actions can be stored as any other.
    #[test]
    fn stored_and_read_again() {
        let actions = vec![
            Action::Unshare(NamespaceSet::DEFAULT),
            Action::MapFromOutside {
                users: vec![IdBlock::Own(0), IdBlock::Range(IdRange::one(1, 2)), IdBlock::All],
                groups: vec![IdBlock::Subordinate],
            },
            Action::Fork(Fork { parent: Parent::PassesOn, kill_child: Some(9) }),
            Action::Join(Join {
                target: Some(Target { pid: 7, inode: Some(8) }),
                of_target: NamespaceSet::ALL,
                from: vec![(NamespaceKind::Net, Source::Socket(3))],
            }),
            Action::Chroot { to: Place::Held(Text::from("/x")), stay: true },
            Action::SetUid(Id::OwnerOf(Text::from("/proc/7/"))),
        ];
        let plan = plan(Start {
            actions,
            program: vec!["true".into()],
            env: Vec::new(),
            uid: None,
            told: Told::Nothing,
        });
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}
