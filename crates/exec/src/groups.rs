//! The world's control group, on the host side.

use std::os::fd::OwnedFd;

use dwell_cgroup::{Group, Reached};
use dwell_plan::group::{Maker, Told};
use dwell_plan::program::Program;

use crate::failure::{Cause, Failure};
use crate::host::internal;
use crate::keeper::Keeper;
use crate::{Ended, How, Stats, Usage};

/// The group, where the Program has one.
#[derive(Debug, Default)]
pub(crate) struct WorldGroup {
    group: Option<Group>,
    /// Who is in it too where it would be gone before it could tell anything.
    keeper: Option<Keeper>,
    /// What it had to tell while it was there.
    stock: Option<(Stats, Reached)>,
}

impl WorldGroup {
    /// Makes it, where that is the host side's business.
    pub(crate) fn make(program: &Program) -> Result<Self, Failure> {
        match &program.group {
            Some(spec) if spec.maker == Maker::Caller => {
                let group = Group::create(spec).map_err(failed)?;
                Ok(WorldGroup { group: Some(group), ..WorldGroup::default() })
            }
            _ => Ok(WorldGroup::default()),
        }
    }

    /// The directory that the first process is cloned into.
    pub(crate) fn directory(&self) -> Result<Option<OwnedFd>, Failure> {
        self.group.as_ref().map_or(Ok(None), |group| group.directory().map_err(failed))
    }

    /// Has the first process, which waits, put into a group that somebody else makes.
    pub(crate) fn take(&mut self, program: &Program, pid: i32) -> Result<(), Failure> {
        if let Some(spec) = &program.group {
            if spec.is_kept {
                let keeper = Keeper::start().map_err(|e| internal("start a helper", e))?;
                self.keeper = Some(keeper);
            }
            let keeper = self.keeper.as_ref().map(Keeper::pid);
            self.group = Some(Group::adopt(spec, pid, keeper).map_err(failed)?);
        }
        Ok(())
    }

    /// What the world has used, to be read while the group is there.
    pub(crate) fn usage(&self, program: &Program) -> Option<Usage> {
        let told = program.group.as_ref().map_or(Told::default(), |spec| spec.told);
        match self.stock.or_else(|| self.look()) {
            Some((stats, reached)) => Some(Usage {
                stats: without(stats, told.own_processes),
                of_processes: false,
                reached,
                told,
            }),
            None => program.wants_usage.then(|| Usage {
                stats: of_processes(),
                of_processes: true,
                reached: Reached::default(),
                told,
            }),
        }
    }

    /// Reads what there is to tell, for later.
    pub(crate) fn take_stock(&mut self) {
        self.stock = self.look();
    }

    /// None where there is no group, or not any more.
    fn look(&self) -> Option<(Stats, Reached)> {
        let group = self.group.as_ref()?;
        let stats = group.stats();
        (stats != Stats::default()).then(|| (stats, group.reached()))
    }

    /// The end of a world whose first process was among those that were killed when memory ran out.
    pub(crate) fn explains(&mut self, failure: Failure) -> Result<Ended, Failure> {
        // Once: the group may be gone when it is looked at again.
        self.stock = self.stock.or_else(|| self.look());
        let killed = self.stock.is_some_and(|(_, reached)| reached.oom_kills > 0);
        if failure.cause != Cause::Lost || !killed {
            return Err(failure);
        }
        let how = How::Signaled(dwell_sys::raw::consts::SIGKILL);
        Ok(Ended {
            how,
            changed: None,
            timed_out: false,
            usage: None,
            left: Vec::new(),
            lost: None,
        })
    }

    /// Removes it; what is left, a sentence each.
    pub(crate) fn remove(self) -> Vec<String> {
        drop(self.keeper);
        let removed = self.group.map_or(Ok(()), Group::remove);
        removed.err().map(|error| error.sentence).into_iter().collect()
    }
}

/// The peak of processes is told as its limit was asked for.
fn without(stats: Stats, own: u64) -> Stats {
    Stats { processes_peak: stats.processes_peak.map(|n| n.saturating_sub(own)), ..stats }
}

/// What the kernel counts for children that have been waited for; `getrusage(2)`.
fn of_processes() -> Stats {
    let used = dwell_sys::raw::children_usage();
    Stats {
        memory_peak: Some(used.max_rss),
        cpu: Some(dwell_cgroup::CpuTime {
            total_us: used.user_us + used.system_us,
            user_us: used.user_us,
            system_us: used.system_us,
            throttled_us: None,
        }),
        ..Stats::default()
    }
}

fn failed(error: dwell_cgroup::Error) -> Failure {
    Failure { sentence: error.sentence, hint: error.hint, cause: Cause::HostFile(0) }
}
