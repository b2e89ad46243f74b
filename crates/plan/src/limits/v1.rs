//! Version 1: one file a limit, each in the hierarchy of its controller.

use super::units::blkio_of_io_weight;
use super::{
    Amount, Controller, Cpu, DeviceRule, Io, IoDevice, IoWeight, Limits, Memory, Now, Swap, Weight,
    Write, shares_of_weight, what,
};
use crate::refusal::Refusal;

/// The two limits on memory that a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNow {
    /// `memory.limit_in_bytes`; the kernel shows no limit as a number that nothing reaches.
    pub limit: u64,
    /// `memory.memsw.limit_in_bytes`.
    pub with_swap: u64,
}

pub(super) fn writes(
    limits: &Limits,
    controllers: &[Controller],
    now: &Now,
) -> Result<Vec<Write>, Refusal> {
    let mut out = Vec::new();
    for controller in controllers {
        match controller {
            Controller::Memory => memory(&limits.memory, now, &mut out)?,
            Controller::Cpu => cpu(&limits.cpu, &mut out),
            Controller::Cpuset => cpuset(&limits.cpu, now, &mut out),
            Controller::Io => io(&limits.io, &mut out),
            Controller::Pids => {
                out.extend(limits.pids.map(|n| Write::new(what::PIDS, "pids.max", n)));
            }
            Controller::Hugetlb => {
                for pages in &limits.hugetlb {
                    let file = |part: &str| format!("hugetlb.{}.{part}limit_in_bytes", pages.size);
                    let write = |part, n: Amount| Write::new(what::HUGETLB, file(part), n.v1());
                    out.extend(pages.reserved.map(|n| write("rsvd.", n)));
                    out.extend(pages.max.map(|n| write("", n)));
                }
            }
            Controller::Rdma => out.extend(limits.rdma.iter().map(super::v2::rdma)),
            Controller::Misc => out.extend(super::v2::misc(limits)),
            Controller::Devices => devices(&limits.devices, &mut out),
        }
    }
    let here = |file: &&String| Controller::of_file(file).is_some_and(|c| controllers.contains(&c));
    if let Some(file) = limits.unified.keys().find(here) {
        return Err(no_counterpart(file));
    }
    Ok(out)
}

fn no_counterpart(file: &str) -> Refusal {
    Refusal::with_hint(
        format!(
            "{file} cannot be set here: it belongs to version 2 of control groups, and this machine has its controller in version 1"
        ),
        "the kernel's command line chooses: systemd.unified_cgroup_hierarchy=1, or cgroup_no_v1=all",
    )
}

fn memory(memory: &Memory, now: &Now, out: &mut Vec<Write>) -> Result<(), Refusal> {
    for (given, file) in [(memory.high, "memory.high"), (memory.min, "memory.min")] {
        if given.is_some() {
            return Err(no_counterpart(file));
        }
    }
    let limit = memory.max.map(|n| Write::new(what::MEMORY, "memory.limit_in_bytes", n.v1()));
    let together = with_swap(memory, now)?;
    let swap = together.map(|n| Write::new(what::SWAP, "memory.memsw.limit_in_bytes", n.v1()));
    // KERNEL: at no time may the limit on memory be above the one on memory and swap (EINVAL). So when
    // both rise, the latter goes first.
    let rises = match (now.memory, together) {
        (Some(_), Some(Amount::Max)) => true,
        (Some(now), Some(Amount::Of(n))) => n > now.with_swap,
        _ => false,
    };
    if rises {
        out.extend(swap);
        out.extend(limit);
    } else {
        out.extend(limit);
        out.extend(swap);
    }
    let soft = "memory.soft_limit_in_bytes";
    out.extend(memory.low.map(|n| Write::new(what::PROTECTION, soft, n.v1())));
    out.extend(memory.swappiness.map(|n| Write::new(what::SWAPPINESS, "memory.swappiness", n)));
    out.extend(
        memory
            .oom_kill_disable
            .map(|off| Write::new(what::OOM, "memory.oom_control", u8::from(off))),
    );
    Ok(())
}

/// The limit on memory and swap together.
fn with_swap(memory: &Memory, now: &Now) -> Result<Option<Amount>, Refusal> {
    let max = memory.max.or(now.memory_max);
    let alone = match memory.swap {
        // What rises without end takes the sum with it.
        None if memory.max == Some(Amount::Max) && now.memory.is_some() => {
            return Ok(Some(Amount::Max));
        }
        None => return Ok(None),
        Some(Swap::WithMemory(together)) => {
            super::v2::swap_alone(together, max)?;
            return Ok(Some(together));
        }
        Some(Swap::Alone(alone)) => alone,
    };
    match (alone, max) {
        (Amount::Max, _) => Ok(Some(Amount::Max)),
        (Amount::Of(swap), Some(Amount::Of(max))) => Ok(Some(Amount::Of(max.saturating_add(swap)))),
        (Amount::Of(_), _) => Err(Refusal::with_hint(
            "swap cannot be limited here without a limit on memory: version 1 of control groups knows the sum of both only",
            "add --memory",
        )),
    }
}

fn cpu(cpu: &Cpu, out: &mut Vec<Write>) {
    let weight = cpu.weight.map(|weight| match weight {
        Weight::Shares(shares) => shares,
        Weight::Weight(weight) => shares_of_weight(weight),
    });
    out.extend(cpu.idle.map(|on| Write::new(what::IDLE, "cpu.idle", u8::from(on))));
    if cpu.idle != Some(true) {
        // KERNEL: an idle group has no weight (EINVAL).
        out.extend(weight.map(|n| Write::new(what::WEIGHT, "cpu.shares", n)));
    }
    let burst = |n: u64| Write::new(what::QUOTA, "cpu.cfs_burst_us", n);
    if cpu.quota.is_some() && cpu.burst.is_some() {
        // KERNEL: a quota below the burst is refused (EINVAL), and so is a burst above the quota.
        out.push(burst(0));
    }
    out.extend(cpu.period.map(|n| Write::new(what::QUOTA, "cpu.cfs_period_us", n)));
    out.extend(cpu.quota.map(|n| Write::new(what::QUOTA, "cpu.cfs_quota_us", n.v1())));
    out.extend(cpu.burst.map(burst));
    let realtime = |file| move |n: i64| Write::new(what::REALTIME, file, n);
    let period = cpu.realtime_period.and_then(|n| i64::try_from(n).ok());
    out.extend(period.map(realtime("cpu.rt_period_us")));
    out.extend(cpu.realtime_runtime.map(realtime("cpu.rt_runtime_us")));
}

/// KERNEL: a new group has neither processors nor memory nodes, and takes no process (ENOSPC) until it
/// has both.
fn cpuset(cpu: &Cpu, now: &Now, out: &mut Vec<Write>) {
    let parts = [(what::CPUS, "cpuset.cpus", &cpu.cpus), (what::MEMS, "cpuset.mems", &cpu.mems)];
    for (what, file, given) in parts {
        match given {
            Some(list) => out.push(Write::new(what, file, list)),
            None if !now.exists => out.push(Write::of_parent(what, file)),
            None => {}
        }
    }
}

fn io(io: &Io, out: &mut Vec<Write>) {
    let weight = |weight| match weight {
        IoWeight::Blkio(n) => n,
        IoWeight::Weight(n) => blkio_of_io_weight(n),
    };
    if let Some(n) = io.weight.map(weight) {
        out.push(Write::new(what::IO_WEIGHT, "blkio.weight", n).or("blkio.bfq.weight", n));
    }
    for device in &io.devices {
        let id = format!("{}:{}", device.major, device.minor);
        if let Some(n) = device.weight.map(weight) {
            let text = format!("{id} {n}");
            let write = Write::new(what::IO_WEIGHT, "blkio.weight_device", &text);
            out.push(write.or("blkio.bfq.weight_device", &text));
        }
        out.extend(throttles(device).into_iter().filter_map(|(file, n)| {
            // KERNEL: here 0 takes the limit away.
            let n = n?.number().unwrap_or(0);
            Some(Write::new(what::IO, format!("blkio.throttle.{file}_device"), format!("{id} {n}")))
        }));
    }
}

fn throttles(device: &IoDevice) -> [(&'static str, Option<Amount>); 4] {
    [
        ("read_bps", device.rbps),
        ("write_bps", device.wbps),
        ("read_iops", device.riops),
        ("write_iops", device.wiops),
    ]
}

/// KERNEL: a group begins with the rules of the one above. Denying everything also forgets all rules.
fn devices(rules: &[DeviceRule], out: &mut Vec<Write>) {
    for rule in rules {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        if rule.kind == super::DeviceKind::All && !rule.is_everything() {
            for kind in [super::DeviceKind::Char, super::DeviceKind::Block] {
                let part = DeviceRule { kind, ..*rule };
                out.push(Write::new(what::DEVICES, file, part.text()));
            }
        } else {
            out.push(Write::new(what::DEVICES, file, rule.text()));
        }
    }
}
