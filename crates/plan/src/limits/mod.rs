//! Limits on what a world may use, as data; and what has to be written into the files of its control
//! group for them.
//!
//! The terms are those of the kernel's `Documentation/admin-guide/cgroup-v2.rst`. What one of the two
//! versions of control groups cannot express is a [`Refusal`](crate::Refusal) there, never left out.

mod devices;
mod units;
mod v1;
mod v2;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cgroups::Version;
use crate::refusal::Refusal;

pub use devices::{DeviceAccess, DeviceKind, DeviceRule};
pub use units::{Amount, shares_of_weight, weight_of_shares};
pub use v1::MemoryNow;

/// What a world may use. What is not named is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory.
    #[serde(skip_serializing_if = "Memory::is_none")]
    pub memory: Memory,
    /// Processor time.
    #[serde(skip_serializing_if = "Cpu::is_none")]
    pub cpu: Cpu,
    /// Processes and threads (`pids.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<Amount>,
    /// Block devices.
    #[serde(skip_serializing_if = "Io::is_none")]
    pub io: Io,
    /// Huge pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hugetlb: Vec<HugePages>,
    /// RDMA devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rdma: Vec<Rdma>,
    /// Countable things by name: `sev`, `sev_es`, `tdx` … (`misc.max`, Linux 5.13).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub misc: BTreeMap<String, Amount>,
    /// Which devices may be opened and made. Of several rules about the same access the last decides;
    /// what no rule is about is as it is in the group above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceRule>,
    /// Files of version 2 by name, with what is written into them after all else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unified: BTreeMap<String, String>,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Beyond it processes are killed (`memory.max`; `memory.limit_in_bytes`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Amount>,
    /// Beyond it allocations are slowed down (`memory.high`); version 2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<Amount>,
    /// Up to it memory is taken from others first (`memory.low`; `memory.soft_limit_in_bytes`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<Amount>,
    /// Up to it memory is never taken (`memory.min`); version 2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Amount>,
    /// Swap space beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<Swap>,
    /// How readily pages go to swap, 0 to 100 (`memory.swappiness`); version 1 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swappiness: Option<u64>,
    /// Whoever needs more than the limit waits instead of being killed (`memory.oom_control`); version
    /// 1 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kill_disable: Option<bool>,
}

/// A limit on swap space, in either of the two ways in which it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swap {
    /// Swap alone, as version 2 counts it (`memory.swap.max`).
    Alone(Amount),
    /// Memory and swap together, as version 1 (`memory.memsw.limit_in_bytes`) and the OCI runtime
    /// specification do (`linux.resources.memory.swap`).
    WithMemory(Amount),
}

/// Processor time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cpu {
    /// Microseconds of processor time in each period (`cpu.max`; `cpu.cfs_quota_us`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Amount>,
    /// The period in microseconds, 1 ms to 1 s; the kernel's default is 100 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// Microseconds that may be saved up from periods in which less was used (`cpu.max.burst`, Linux
    /// 5.14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// The share where processors are wanted by several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// Runs only where nobody else wants to (`cpu.idle`, Linux 5.15).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<bool>,
    /// Which processors, as in `0-3,6` (`cpuset.cpus`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<String>,
    /// Which memory nodes (`cpuset.mems`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mems: Option<String>,
    /// Microseconds of realtime scheduling in each realtime period (`cpu.rt_runtime_us`); version 1
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_runtime: Option<i64>,
    /// That period (`cpu.rt_period_us`); version 1 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_period: Option<u64>,
}

/// A share of the processors, in either of the two scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// 1 to 10000, of which 100 is usual (`cpu.weight`).
    Weight(u64),
    /// 2 to 262144, of which 1024 is usual (`cpu.shares`).
    Shares(u64),
}

/// Block devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Io {
    /// The share of every device, 1 to 10000 (`io.weight`, `io.bfq.weight`; `blkio.weight`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<IoWeight>,
    /// Limits of single devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<IoDevice>,
}

/// A share of a block device, in either of the two scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IoWeight {
    /// 1 to 10000, of which 100 is usual (`io.weight`).
    Weight(u64),
    /// 10 to 1000, of which 500 is usual (`blkio.weight`).
    Blkio(u64),
}

/// The limits of one block device (`io.max`; `blkio.throttle.*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoDevice {
    /// Major number of the device.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Bytes read in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rbps: Option<Amount>,
    /// Bytes written in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wbps: Option<Amount>,
    /// Reads in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub riops: Option<Amount>,
    /// Writes in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wiops: Option<Amount>,
    /// The share of this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<IoWeight>,
}

/// A limit on huge pages of one size (`hugetlb.SIZE.max`; `hugetlb.SIZE.limit_in_bytes`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HugePages {
    /// As the kernel calls it: `2MB`, `1GB`.
    pub size: String,
    /// Bytes that may be in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Amount>,
    /// Bytes that may be reserved (`hugetlb.SIZE.rsvd.max`, Linux 5.7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Amount>,
}

/// A limit on an RDMA device (`rdma.max`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rdma {
    /// The device, as in `mlx5_0`.
    pub device: String,
    /// Open handles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles: Option<Amount>,
    /// Objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Amount>,
}

impl Memory {
    fn is_none(&self) -> bool {
        *self == Memory::default()
    }
}

impl Cpu {
    fn is_none(&self) -> bool {
        *self == Cpu::default()
    }

    fn has_set(&self) -> bool {
        self.cpus.is_some() || self.mems.is_some()
    }

    fn has_time(&self) -> bool {
        *self != Cpu { cpus: self.cpus.clone(), mems: self.mems.clone(), ..Cpu::default() }
    }
}

impl Io {
    fn is_none(&self) -> bool {
        *self == Io::default()
    }
}

/// A controller, as version 2 calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    /// Memory.
    Memory,
    /// Processor time.
    Cpu,
    /// Which processors and memory nodes.
    Cpuset,
    /// Block devices.
    Io,
    /// Number of processes.
    Pids,
    /// Huge pages.
    Hugetlb,
    /// RDMA devices.
    Rdma,
    /// Countable things.
    Misc,
    /// Access to devices: in version 2 no controller but a program of the group's.
    Devices,
}

impl Controller {
    /// All of them, in the order in which their groups are made.
    pub const ALL: [Controller; 9] = [
        Controller::Memory,
        Controller::Cpu,
        Controller::Cpuset,
        Controller::Io,
        Controller::Pids,
        Controller::Hugetlb,
        Controller::Rdma,
        Controller::Misc,
        Controller::Devices,
    ];

    /// The name in `cgroup.controllers`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Controller::Memory => "memory",
            Controller::Cpu => "cpu",
            Controller::Cpuset => "cpuset",
            Controller::Io => "io",
            Controller::Pids => "pids",
            Controller::Hugetlb => "hugetlb",
            Controller::Rdma => "rdma",
            Controller::Misc => "misc",
            Controller::Devices => "devices",
        }
    }

    /// The name in `/proc/self/cgroup` and the mount options of version 1.
    #[must_use]
    pub fn v1_name(self) -> &'static str {
        match self {
            Controller::Io => "blkio",
            other => other.name(),
        }
    }

    /// The controller of a file of version 2: the part of its name before the first point.
    #[must_use]
    pub fn of_file(file: &str) -> Option<Controller> {
        let prefix = file.split('.').next()?;
        Controller::ALL.into_iter().find(|c| c.name() == prefix && *c != Controller::Devices)
    }
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// The controllers that it takes.
    #[must_use]
    pub fn controllers(&self) -> Vec<Controller> {
        let needs = |controller: Controller| match controller {
            Controller::Memory => !self.memory.is_none(),
            Controller::Cpu => self.cpu.has_time(),
            Controller::Cpuset => self.cpu.has_set(),
            Controller::Io => !self.io.is_none(),
            Controller::Pids => self.pids.is_some(),
            Controller::Hugetlb => !self.hugetlb.is_empty(),
            Controller::Rdma => !self.rdma.is_empty(),
            Controller::Misc => !self.misc.is_empty(),
            Controller::Devices => !self.devices.is_empty(),
        };
        let named =
            |c: &Controller| self.unified.keys().any(|f| Controller::of_file(f) == Some(*c));
        Controller::ALL.into_iter().filter(|c| needs(*c) || named(c)).collect()
    }

    /// What is written into a group of one hierarchy, in order, for those of the limits that belong to
    /// `controllers`; `now` is what a group that exists already has.
    ///
    /// # Errors
    /// A limit that this version of control groups cannot express, or that contradicts another.
    pub fn writes(
        &self,
        version: Version,
        controllers: &[Controller],
        now: &Now,
    ) -> Result<Vec<Write>, Refusal> {
        match version {
            Version::V1 => v1::writes(self, controllers, now),
            Version::V2 => v2::writes(self, controllers, now),
        }
    }
}

/// What a group that is to be changed has now; nothing, for a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Version 1: the limits on memory, which must not cross when they change.
    pub memory: Option<MemoryNow>,
    /// The limit on memory in bytes, to take it away from one on both together.
    pub memory_max: Option<Amount>,
    /// Whether the group exists and its processors are set already.
    pub exists: bool,
}

/// What is written into a file of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The file's name; of several, the first one that exists.
    pub file: String,
    /// Another name for it, with what is written there.
    pub otherwise: Option<(String, String)>,
    /// What is written.
    pub value: Value,
    /// What it is for, as in "cannot set WHAT".
    pub what: &'static str,
}

/// The value of a [`Write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This.
    Text(String),
    /// What the same file of the group above says.
    OfParent,
}

impl Write {
    #[expect(clippy::needless_pass_by_value, reason = "numbers as well as text")]
    fn new(what: &'static str, file: impl Into<String>, value: impl ToString) -> Self {
        let value = Value::Text(value.to_string());
        Write { file: file.into(), otherwise: None, value, what }
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers as well as text")]
    fn or(mut self, file: &str, value: impl ToString) -> Self {
        self.otherwise = Some((file.to_owned(), value.to_string()));
        self
    }

    /// Whether it is a device rule of version 1.
    #[must_use]
    pub fn is_about_devices(&self) -> bool {
        self.what == what::DEVICES
    }

    /// Version 1: the processors and memory nodes of the group above, without which a group takes no
    /// process.
    #[must_use]
    pub fn whole_set() -> [Write; 2] {
        [Write::of_parent(what::CPUS, "cpuset.cpus"), Write::of_parent(what::MEMS, "cpuset.mems")]
    }

    fn of_parent(what: &'static str, file: &str) -> Self {
        Write { file: file.to_owned(), otherwise: None, value: Value::OfParent, what }
    }
}

/// The words for what a limit is about.
pub(crate) mod what {
    pub(crate) const MEMORY: &str = "the memory limit";
    pub(crate) const PROTECTION: &str = "the protection of memory";
    pub(crate) const SWAP: &str = "the swap limit";
    pub(crate) const SWAPPINESS: &str = "the swappiness";
    pub(crate) const OOM: &str = "what happens at the memory limit";
    pub(crate) const QUOTA: &str = "the processor quota";
    pub(crate) const WEIGHT: &str = "the processor weight";
    pub(crate) const IDLE: &str = "the idle class";
    pub(crate) const REALTIME: &str = "the realtime quota";
    pub(crate) const CPUS: &str = "the processors";
    pub(crate) const MEMS: &str = "the memory nodes";
    pub(crate) const PIDS: &str = "the limit of processes";
    pub(crate) const IO: &str = "the limit of a block device";
    pub(crate) const IO_WEIGHT: &str = "the weight of block devices";
    pub(crate) const HUGETLB: &str = "the limit of huge pages";
    pub(crate) const RDMA: &str = "the limit of an RDMA device";
    pub(crate) const MISC: &str = "the limit";
    pub(crate) const DEVICES: &str = "the device rules";
    pub(crate) const UNIFIED: &str = "the control file";
}

#[cfg(test)]
mod tests;
