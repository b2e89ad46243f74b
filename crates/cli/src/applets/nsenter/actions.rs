//! From what is asked for to the actions, in the order in which `nsenter(1)` does them.

use dwell_plan::action::{Action, Demand, Fork, Id, Join, Parent, Place, Source};
use dwell_plan::{NamespaceKind, NamespaceSet, Text};

use super::options::{Dir, Wanted, Who};

/// Questions about the target.
pub(super) trait Look {
    /// The namespaces that can be entered.
    fn joinable(&self, pid: i32) -> Result<NamespaceSet, String>;
    /// The `cgroup.procs` of its control group.
    fn cgroup_procs(&self, pid: i32) -> Result<Text, String>;
    /// Its SELinux context, where that is in use.
    fn context(&self, pid: i32) -> Result<Option<Text>, String>;
}

/// Whether the actions lead into a user namespace.
pub(super) fn enters_user(actions: &[Action]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Join(join) if joins(join, NamespaceKind::User)))
}

fn joins(join: &Join, kind: NamespaceKind) -> bool {
    join.of_target.has(kind) || join.from.iter().any(|(other, _)| *other == kind)
}

pub(super) fn actions(wanted: &Wanted, look: &impl Look) -> Result<Vec<Action>, String> {
    let join = join(wanted, look)?;
    let enters_user = joins(&join, NamespaceKind::User);
    let drops = enters_user && !wanted.preserve;
    let forks = joins(&join, NamespaceKind::Pid) && !wanted.no_fork;
    let mut list = Vec::with_capacity(12);
    if wanted.context
        && let Some(context) = context(wanted, look)?
    {
        list.push(Action::ExecContext(context));
    }
    if drops {
        list.push(Action::DropGroups(Demand::Try));
    }
    list.push(Action::Join(join));
    directories(wanted, &mut list)?;
    if wanted.cgroup {
        list.push(Action::JoinCgroup(look.cgroup_procs(wanted.target_for("cgroup")?)?));
    }
    if forks {
        list.push(Action::DefaultSigchld);
        list.push(Action::Fork(Fork { parent: Parent::StopsToo, kill_child: None }));
    }
    let default = drops.then_some(Who::Number(0));
    if let Some(gid) = wanted.gid.or(default) {
        list.push(Action::DropGroups(Demand::MustOnce));
        list.push(Action::SetGid(id(gid, wanted)?));
    }
    if let Some(uid) = wanted.uid.or(default) {
        list.push(Action::SetUid(id(uid, wanted)?));
    }
    if wanted.keep_caps && enters_user {
        list.push(Action::KeepCapabilities);
    }
    Ok(list)
}

/// Which namespaces, and where each of them is found. A socket's network wins over another one.
fn join(wanted: &Wanted, look: &impl Look) -> Result<Join, String> {
    let mut join = Join { target: wanted.target, ..Join::default() };
    if wanted.all {
        let no_target = || "no target PID specified for --all".to_owned();
        join.of_target = look.joinable(wanted.target.ok_or_else(no_target)?.pid)?;
    }
    for (kind, source) in &wanted.kinds {
        match source {
            Some(source) => {
                join.of_target.remove(*kind);
                join.from.push((*kind, source.clone()));
            }
            None => join.of_target.insert(*kind),
        }
    }
    let needs_target = !join.of_target.is_empty() || wanted.socket.is_some() || wanted.user_parent;
    if needs_target && wanted.target.is_none() {
        return Err("no target PID specified".to_owned());
    }
    if wanted.user_parent {
        user_parent(wanted, &mut join);
    }
    if let Some(fd) = wanted.socket {
        join.of_target.remove(NamespaceKind::Net);
        join.from.retain(|(kind, _)| *kind != NamespaceKind::Net);
        join.from.push((NamespaceKind::Net, Source::Socket(fd)));
    }
    if join.of_target.is_empty() && join.from.is_empty() {
        return Err("no namespace specified".to_owned());
    }
    Ok(join)
}

/// The user namespace above the one that was named, or above the target's.
fn user_parent(wanted: &Wanted, join: &mut Join) {
    let pid = wanted.target.map_or(0, |target| target.pid);
    let of_target = || Text::from(format!("/proc/{pid}/ns/user"));
    let named = join.from.iter().position(|(kind, _)| *kind == NamespaceKind::User);
    let of = match named.map(|at| join.from.remove(at).1) {
        Some(Source::File(path)) => path,
        _ => of_target(),
    };
    join.of_target.remove(NamespaceKind::User);
    join.from.push((NamespaceKind::User, Source::ParentOf(of)));
}

fn directories(wanted: &Wanted, list: &mut Vec<Action>) -> Result<(), String> {
    let held = |dir: &Dir, name: &str| match dir {
        Dir::Named(path) => Ok(Place::Held(path.clone())),
        Dir::OfTarget => {
            let pid = wanted.target_for(name)?;
            Ok::<_, String>(Place::Held(Text::from(format!("/proc/{pid}/{name}"))))
        }
    };
    if let Some(root) = &wanted.root {
        let stay = wanted.workdir.is_none() && wanted.workdir_inside.is_none();
        list.push(Action::Chroot { to: held(root, "root")?, stay });
    }
    if let Some(path) = &wanted.workdir_inside {
        list.push(Action::Chdir(Place::Opened(path.clone())));
    } else if let Some(workdir) = &wanted.workdir {
        list.push(Action::Chdir(held(workdir, "cwd")?));
    }
    Ok(())
}

fn context(wanted: &Wanted, look: &impl Look) -> Result<Option<Text>, String> {
    match wanted.target {
        Some(target) => look.context(target.pid),
        // It only counts where SELinux is in use, which any process can tell.
        None => match look.context(1) {
            Ok(None) => Ok(None),
            _ => Err("no target PID specified for --follow-context".to_owned()),
        },
    }
}

fn id(who: Who, wanted: &Wanted) -> Result<Id, String> {
    match who {
        Who::Number(id) => Ok(Id::Number(id)),
        Who::Follow => {
            let pid = wanted.target_for("")?;
            Ok(Id::OwnerOf(Text::from(format!("/proc/{pid}/"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use dwell_plan::action::Target;

    use super::*;

    struct Fake;

    impl Look for Fake {
        fn joinable(&self, _: i32) -> Result<NamespaceSet, String> {
            let mut set = NamespaceSet::ALL;
            set.remove(NamespaceKind::User);
            Ok(set)
        }

        fn cgroup_procs(&self, pid: i32) -> Result<Text, String> {
            Ok(Text::from(format!("/cg/{pid}")))
        }

        fn context(&self, _: i32) -> Result<Option<Text>, String> {
            Ok(None)
        }
    }

    fn list(wanted: &Wanted) -> String {
        let actions = actions(wanted, &Fake).unwrap();
        let word = |action: &Action| {
            let text = format!("{action:?}");
            let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
            text[..end].to_owned()
        };
        actions.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn aimed() -> Wanted {
        Wanted { target: Some(Target { pid: 7, inode: None }), ..Wanted::default() }
    }

    #[test]
    fn order() {
        let all = Wanted { all: true, ..aimed() };
        assert_eq!(list(&all), "Join DefaultSigchld Fork");
        assert_eq!(list(&Wanted { no_fork: true, ..all.clone() }), "Join");
        let user = Wanted { kinds: vec![(NamespaceKind::User, None)], ..aimed() };
        assert_eq!(list(&user), "DropGroups Join DropGroups SetGid SetUid");
        assert_eq!(list(&Wanted { preserve: true, ..user.clone() }), "Join");
        let preserved = Wanted { preserve: true, uid: Some(Who::Number(5)), ..user.clone() };
        assert_eq!(list(&preserved), "Join SetUid");
        let much = Wanted {
            root: Some(Dir::OfTarget),
            workdir_inside: Some(Text::from("/x")),
            cgroup: true,
            keep_caps: true,
            kinds: vec![(NamespaceKind::User, None), (NamespaceKind::Pid, None)],
            ..aimed()
        };
        assert_eq!(
            list(&much),
            "DropGroups Join Chroot Chdir JoinCgroup DefaultSigchld Fork DropGroups SetGid SetUid \
             KeepCapabilities"
        );
    }

    #[test]
    fn sources() {
        let join = |wanted: Wanted| super::join(&wanted, &Fake);
        let file = Source::File(Text::from("/f"));
        let net = (NamespaceKind::Net, Some(file.clone()));
        let named = join(Wanted { all: true, kinds: vec![net.clone()], ..aimed() }).unwrap();
        assert!(
            !named.of_target.has(NamespaceKind::Net) && named.of_target.has(NamespaceKind::Uts)
        );
        assert_eq!(named.from, [(NamespaceKind::Net, file)]);
        let socket = join(Wanted { socket: Some(3), kinds: vec![net], ..aimed() }).unwrap();
        assert_eq!(socket.from, [(NamespaceKind::Net, Source::Socket(3))]);
        let parent = join(Wanted { user_parent: true, ..aimed() }).unwrap();
        let of = Source::ParentOf(Text::from("/proc/7/ns/user"));
        assert_eq!(parent.from, [(NamespaceKind::User, of)]);
    }

    #[test]
    fn what_is_missing() {
        let refusal = |wanted: Wanted| actions(&wanted, &Fake).unwrap_err();
        let uts = vec![(NamespaceKind::Uts, None)];
        assert_eq!(refusal(aimed()), "no namespace specified");
        assert_eq!(refusal(Wanted::default()), "no namespace specified");
        let nobodys = Wanted { kinds: uts.clone(), ..Wanted::default() };
        assert_eq!(refusal(nobodys), "no target PID specified");
        let all = Wanted { all: true, ..Wanted::default() };
        assert_eq!(refusal(all), "no target PID specified for --all");
        let file = Some(Source::File(Text::from("/f")));
        let root = Wanted {
            kinds: vec![(NamespaceKind::Uts, file)],
            root: Some(Dir::OfTarget),
            ..Wanted::default()
        };
        assert_eq!(refusal(root), "neither filename nor target pid supplied for root");
    }
}
