//! Facts for a Plan: each only where the Plan makes it necessary.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use dwell_plan::facts::{Facts, Kernel};
use dwell_plan::plan::{Grant, GrantKind, Origin, Plan, RootSource};
use dwell_plan::{NamespaceKind, Text, WorldPath};
use rustix::fs::{Access, CWD};

use crate::bytes::number;
use crate::error::ProbeError;
use crate::file::Proc;
use crate::places::{self, World};
use crate::{
    caller, cgroups, in_place, listing, look, mountinfo, resolv_conf, secrets, unix_sockets,
};

/// Reads what [`lower`](dwell_plan) has to know about the machine to build the world of `plan`.
///
/// # Errors
/// When the kernel does not tell something without which a world cannot be built, or could be
/// built only with a hole in it: procfs, the caller's ids, the mounts, the bound sockets,
/// which secrets there are.
pub fn facts(plan: &Plan) -> Result<Facts, ProbeError> {
    if plan.actions.is_empty() { of_world(plan) } else { in_place::facts(plan) }
}

/// Apart, so that its stack is not touched in vain.
#[inline(never)]
fn of_world(plan: &Plan) -> Result<Facts, ProbeError> {
    let proc = Proc::open()?;
    let mut facts = Facts {
        kernel: kernel(rustix::system::uname().release().to_bytes()),
        caller: caller::caller(plan, &proc)?,
        terminals: terminals(),
        any_processor: any_processor(),
        sources: places::sources(plan),
        ..Facts::default()
    };
    caller::add_subids(plan, &mut facts)?;
    facts.cgroups = cgroups::cgroups(plan, &proc, facts.caller.uid)?;
    let own_mounts = plan.namespaces.owns(NamespaceKind::Mount);
    if plan.landlock.is_some() {
        crate::landlock::add(plan, &mut facts)?;
    }
    if own_mounts {
        facts.spot = spot();
        if !facts.kernel.since(6, 6) && plan.namespaces.owns(NamespaceKind::User) {
            facts.disk_layer = disk_layer(facts.caller.uid);
        }
        add_files(plan, &proc, &mut facts)?;
    }
    if !plan.namespaces.joins(NamespaceKind::Mount) {
        let top = facts.directories.get(&WorldPath::root()).map_or(&[][..], Vec::as_slice);
        let world = World::open(plan, top)?;
        if matches!(plan.root, RootSource::Host { .. }) && own_mounts {
            facts.real_places = places::real_places(plan)?;
        }
        let look = |world: World<'_>| {
            world.places(plan, &facts.caller.homes, &facts.real_places, own_mounts)
        };
        facts.places = world.map(look).transpose()?.unwrap_or_default();
    }
    Ok(facts)
}

/// What a world with its own mounts has to know.
fn add_files(plan: &Plan, proc: &Proc, facts: &mut Facts) -> Result<(), ProbeError> {
    if shows_live_trees(plan) {
        // Not /proc/net: a procfs mounted with subset=pid has none.
        let sockets = proc.read("self/net/unix")?.unwrap_or_default();
        facts.sockets = at_real_places(unix_sockets::parse(&sockets));
    }
    facts.real_paths = places::real_paths(plan)?;
    // A grant of the whole machine leaves nothing of the default view.
    let covered = is_covered(plan);
    if matches!(plan.root, RootSource::Host { .. }) && !covered {
        let text = proc.read("self/mountinfo")?.unwrap_or_default();
        facts.mounts = mountinfo::parse(&text);
        let asked = copied_trees(plan, &facts.real_paths);
        let points = listing::check_mounts(&mut facts.mounts, &asked);
        // Root has one layer over it all.
        if !facts.caller.is_admin() || facts.caller.uid_map.len() < u64::from(u32::MAX) {
            facts.directories = listing::survey(&facts.mounts, &points, &asked)?;
        }
        facts.writable_files = listing::writable_files(&points, &facts.directories);
    }
    if matches!(plan.root, RootSource::Host { .. }) && secrets::sees_through(&facts.caller) {
        facts.secrets = secrets::present(&facts.caller.home)?;
    }
    if !plan.namespaces.owns(NamespaceKind::Net) {
        facts.resolv_conf =
            resolv_conf::resolv_conf(matches!(plan.root, RootSource::Directory { .. }));
    }
    Ok(())
}

/// Whether a grant shows the whole machine as it is, and nothing of it is asked for copy-on-write.
fn is_covered(plan: &Plan) -> bool {
    let whole = |grant: &Grant| {
        grant.dest.is_root() && grant.what.source().is_some_and(|source| *source == *"/")
    };
    let copied = |grant: &Grant| {
        matches!((&grant.what, &grant.origin), (GrantKind::CopyOnWrite { .. }, Origin::Option(_)))
    };
    plan.grants.iter().any(whole) && !plan.grants.iter().any(copied)
}

/// The trees that the Plan wants copy-on-write, whatever is mounted in them.
fn copied_trees(plan: &Plan, real: &BTreeMap<Text, WorldPath>) -> Vec<WorldPath> {
    let source = |grant: &Grant| match &grant.what {
        GrantKind::CopyOnWrite { source } => {
            let real = real.get(source).cloned();
            Some(real.unwrap_or_else(|| WorldPath::from(source.clone())))
        }
        _ => None,
    };
    plan.grants.iter().filter_map(source).collect()
}

/// Whether the world shows trees of the machine in which sockets may be bound, other than through
/// layers, which close them, and the operating system's own, where there are none.
fn shows_live_trees(plan: &Plan) -> bool {
    let live = |grant: &Grant| {
        matches!(grant.what, GrantKind::ReadOnly { .. } | GrantKind::ReadWrite { .. })
    };
    plan.read_only
        || plan.hardening.no_new_code
        || matches!(plan.root, RootSource::Directory { writable: true, .. })
        || plan.grants.iter().any(live)
}

/// Sockets bound below `/var/run`, where that is the usual link to `/run`, are found there.
// Other links in the names of sockets are not followed: it would take longer than all the rest.
fn at_real_places(mut sockets: Vec<WorldPath>) -> Vec<WorldPath> {
    let (link, real) = (WorldPath::abs("/var/run"), WorldPath::abs("/run"));
    if !sockets.iter().any(|path| link.contains(path)) {
        return sockets;
    }
    let target = rustix::fs::readlinkat(CWD, link.as_bytes(), Vec::new());
    if target.is_ok_and(|target| WorldPath::new(target.as_bytes(), b"/var") == real) {
        for path in &mut sockets {
            if let Some(tail) = link.remainder(path) {
                *path = real.join(tail);
            }
        }
        sockets.sort();
        sockets.dedup();
    }
    sockets
}

/// A name for a directory of layers, on the first disk that takes them. Threads may ask within one tick of
/// the clock.
fn disk_layer(uid: u32) -> Option<Text> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let carries = |dir: &&str| {
        let usable = rustix::fs::access(*dir, Access::WRITE_OK | Access::EXEC_OK).is_ok();
        usable && rustix::fs::statfs(*dir).is_ok_and(|fs| DISKS.contains(&fs.f_type))
    };
    let dir = LAYER_DIRECTORIES.into_iter().find(carries)?;
    let pid = rustix::process::getpid().as_raw_nonzero();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{LAYER_PREFIX}{uid}-{pid}-{}{:09}.{n}", now.tv_sec, now.tv_nsec);
    Some(Text::from(format!("{dir}/{name}")))
}

/// Where layers lie that go to disk.
pub const LAYER_DIRECTORIES: [&str; 2] = ["/tmp", "/var/tmp"];

/// How directories of layers are called; the number of their owner follows.
pub const LAYER_PREFIX: &str = "dwell-layer-";

/// Magic numbers of filesystems that can be the upper one of an overlay: ext4, xfs, btrfs, f2fs.
const DISKS: [rustix::fs::FsWord; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

fn spot() -> WorldPath {
    let sys = WorldPath::abs("/sys");
    if look::follow(sys.as_bytes()).is_dir() { sys } else { WorldPath::root() }
}

/// `6.18.44-fc` is 6.18.
pub(crate) fn kernel(release: &[u8]) -> Kernel {
    let mut numbers = release.split(|b| !b.is_ascii_digit()).map(|n| number(n).unwrap_or(0));
    Kernel { major: numbers.next().unwrap_or(0), minor: numbers.next().unwrap_or(0) }
}

/// Whether this thread may run on every processor that is online.
fn any_processor() -> bool {
    const ONLINE: &str = "/sys/devices/system/cpu/online";
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else { return false };
    let online = crate::file::read(ONLINE.as_bytes()).ok();
    online.and_then(|text| count(text.trim_ascii())) == Some(allowed.count())
}

/// How many numbers a list like `0-3,5` has.
fn count(list: &[u8]) -> Option<u32> {
    let of = |range: &[u8]| {
        let mut ends = range.splitn(2, |b| *b == b'-').map(number::<u32>);
        let from = ends.next()??;
        let to = ends.next().unwrap_or(Some(from))?;
        to.checked_sub(from)?.checked_add(1)
    };
    list.split(|b| *b == b',').map(of).try_fold(0u32, |all, n| all.checked_add(n?))
}

fn terminals() -> [bool; 3] {
    let is_terminal = |fd: BorrowedFd<'_>| rustix::termios::isatty(fd);
    [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()].map(is_terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        let of = |text: &str| (kernel(text.as_bytes()).major, kernel(text.as_bytes()).minor);
        assert_eq!(of("6.18.44-fc-v669"), (6, 18));
        assert_eq!(of("5.10"), (5, 10));
        assert_eq!(of("6.19-rc1+"), (6, 19));
        assert_eq!((of("7"), of(""), of("x.y")), ((7, 0), (0, 0), (0, 0)));
    }

    #[test]
    fn lists_of_processors() {
        let counted = [("0", 1), ("0-3", 4), ("0,2-3,7", 4), ("0-1023", 1024)];
        for (list, n) in counted {
            assert_eq!(count(list.as_bytes()), Some(n), "{list}");
        }
        for bad in ["", "-", "0-", "3-0", "0,", "x", "0-4294967295,0"] {
            assert_eq!(count(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn no_two_layers_have_one_name() {
        let names: std::collections::BTreeSet<_> = (0..1000).map(|_| disk_layer(7)).collect();
        // Here no disk takes layers.
        if names.first() != Some(&None) {
            assert_eq!(names.len(), 1000);
        }
    }

    #[test]
    fn sockets_below_the_link() {
        let sockets = ["/run/a", "/var/run/a", "/var/run/b", "/var/runner"].map(WorldPath::abs);
        let real = at_real_places(sockets.to_vec());
        if std::fs::read_link("/var/run").is_ok_and(|to| to.ends_with("run")) {
            assert_eq!(real, ["/run/a", "/run/b", "/var/runner"].map(WorldPath::abs));
        } else {
            assert_eq!(real, sockets);
        }
    }
}
