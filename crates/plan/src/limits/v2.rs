//! Version 2: one hierarchy, and files that are called after their controller.

use super::units::io_weight_of_blkio;
use super::{
    Amount, Controller, Cpu, Io, IoDevice, IoWeight, Limits, Memory, Now, Rdma, Swap, Weight,
    Write, weight_of_shares, what,
};
use crate::refusal::Refusal;

pub(super) fn writes(
    limits: &Limits,
    controllers: &[Controller],
    now: &Now,
) -> Result<Vec<Write>, Refusal> {
    let mut out = Vec::new();
    for controller in controllers {
        match controller {
            Controller::Memory => memory(&limits.memory, now, &mut out)?,
            Controller::Cpu => cpu(&limits.cpu, &mut out)?,
            Controller::Cpuset => {
                let cpus = limits.cpu.cpus.iter();
                out.extend(cpus.map(|list| Write::new(what::CPUS, "cpuset.cpus", list)));
                let mems = limits.cpu.mems.iter();
                out.extend(mems.map(|list| Write::new(what::MEMS, "cpuset.mems", list)));
            }
            Controller::Io => io(&limits.io, &mut out),
            Controller::Pids => {
                out.extend(limits.pids.map(|n| Write::new(what::PIDS, "pids.max", n)));
            }
            Controller::Hugetlb => {
                for pages in &limits.hugetlb {
                    let file = |part: &str| format!("hugetlb.{}.{part}max", pages.size);
                    let write = |part, n: Amount| Write::new(what::HUGETLB, file(part), n);
                    out.extend(pages.reserved.map(|n| write("rsvd.", n)));
                    out.extend(pages.max.map(|n| write("", n)));
                }
            }
            Controller::Rdma => out.extend(limits.rdma.iter().map(rdma)),
            Controller::Misc => out.extend(misc(limits)),
            // A program that is attached to the group.
            Controller::Devices => {}
        }
    }
    for (file, value) in &limits.unified {
        unified(file, value, controllers, &mut out)?;
    }
    Ok(out)
}

fn memory(memory: &Memory, now: &Now, out: &mut Vec<Write>) -> Result<(), Refusal> {
    if memory.swappiness.is_some() || memory.oom_kill_disable == Some(true) {
        return Err(Refusal::new(
            "neither swappiness nor a memory limit that kills nobody can be set here: version 2 of control groups has no such thing",
        ));
    }
    let swap = match memory.swap {
        None => None,
        Some(Swap::Alone(n)) => Some(n),
        Some(Swap::WithMemory(together)) => {
            Some(swap_alone(together, memory.max.or(now.memory_max))?)
        }
    };
    // Protection first: a limit that is reached at once takes from what is not protected.
    for (file, amount) in [("memory.min", memory.min), ("memory.low", memory.low)] {
        out.extend(amount.map(|n| Write::new(what::PROTECTION, file, n)));
    }
    // Swap first: where it is to be less, what is there is not pushed into it.
    out.extend(swap.map(|n| Write::new(what::SWAP, "memory.swap.max", n)));
    for (file, amount) in [("memory.high", memory.high), ("memory.max", memory.max)] {
        out.extend(amount.map(|n| Write::new(what::MEMORY, file, n)));
    }
    Ok(())
}

/// The limit on swap alone, from one on memory and swap together.
pub(super) fn swap_alone(together: Amount, max: Option<Amount>) -> Result<Amount, Refusal> {
    match (together, max) {
        (Amount::Max, _) => Ok(Amount::Max),
        (Amount::Of(together), Some(Amount::Of(max))) => {
            together.checked_sub(max).map(Amount::Of).ok_or_else(|| {
                Refusal::new(format!(
                    "memory and swap together ({together} bytes) are less than memory alone ({max} bytes)"
                ))
            })
        }
        (Amount::Of(_), _) => Err(Refusal::new(
            "memory and swap together cannot be limited without a limit on memory",
        )),
    }
}

fn cpu(cpu: &Cpu, out: &mut Vec<Write>) -> Result<(), Refusal> {
    if cpu.realtime_runtime.is_some_and(|n| n > 0) {
        return Err(Refusal::new(
            "realtime scheduling cannot be granted here: version 2 of control groups has no quota for it",
        ));
    }
    let weight = cpu.weight.map(|weight| match weight {
        Weight::Weight(weight) => weight,
        Weight::Shares(shares) => weight_of_shares(shares),
    });
    out.extend(cpu.idle.map(|on| Write::new(what::IDLE, "cpu.idle", u8::from(on))));
    if cpu.idle != Some(true) {
        // KERNEL: an idle group has no weight (EINVAL).
        out.extend(weight.map(|n| Write::new(what::WEIGHT, "cpu.weight", n)));
    }
    if cpu.quota.is_some() && cpu.burst.is_some() {
        // KERNEL: a quota below the burst is refused (EINVAL), and so is a burst above the quota.
        out.push(Write::new(what::QUOTA, "cpu.max.burst", 0));
    }
    if cpu.quota.is_some() || cpu.period.is_some() {
        let quota = cpu.quota.unwrap_or(Amount::Max);
        // KERNEL: a quota alone leaves the period as it is.
        let text = match cpu.period {
            Some(period) => format!("{quota} {period}"),
            None => quota.to_string(),
        };
        out.push(Write::new(what::QUOTA, "cpu.max", text));
    }
    out.extend(cpu.burst.map(|n| Write::new(what::QUOTA, "cpu.max.burst", n)));
    Ok(())
}

fn io(io: &Io, out: &mut Vec<Write>) {
    let weight = |weight| match weight {
        IoWeight::Weight(n) => n,
        IoWeight::Blkio(n) => io_weight_of_blkio(n),
    };
    if let Some(n) = io.weight.map(weight) {
        // KERNEL: BFQ has a weight of its own, 1 to 1000.
        let write = Write::new(what::IO_WEIGHT, "io.weight", format!("default {n}"));
        out.push(write.or("io.bfq.weight", n.min(1000)));
    }
    for device in &io.devices {
        let id = format!("{}:{}", device.major, device.minor);
        if let Some(n) = device.weight.map(weight) {
            let write = Write::new(what::IO_WEIGHT, "io.weight", format!("{id} {n}"));
            out.push(write.or("io.bfq.weight", format!("{id} {}", n.min(1000))));
        }
        let rates = rates(device);
        if !rates.is_empty() {
            out.push(Write::new(what::IO, "io.max", format!("{id}{rates}")));
        }
    }
}

fn rates(device: &IoDevice) -> String {
    let rates = [
        ("rbps", device.rbps),
        ("wbps", device.wbps),
        ("riops", device.riops),
        ("wiops", device.wiops),
    ];
    rates.into_iter().filter_map(|(name, n)| Some(format!(" {name}={}", n?))).collect()
}

pub(super) fn rdma(rdma: &Rdma) -> Write {
    let part =
        |name: &str, n: Option<Amount>| n.map(|n| format!(" {name}={n}")).unwrap_or_default();
    let (handles, objects) = (part("hca_handle", rdma.handles), part("hca_object", rdma.objects));
    Write::new(what::RDMA, "rdma.max", format!("{}{handles}{objects}", rdma.device))
}

pub(super) fn misc(limits: &Limits) -> impl Iterator<Item = Write> + '_ {
    let misc = limits.misc.iter();
    misc.map(|(name, n)| Write::new(what::MISC, "misc.max", format!("{name} {n}")))
}

fn unified(
    file: &str,
    value: &str,
    controllers: &[Controller],
    out: &mut Vec<Write>,
) -> Result<(), Refusal> {
    if file.is_empty() || file.contains('/') || !file.contains('.') {
        return Err(Refusal::new(format!("'{file}' is not a file of a control group")));
    }
    // One of a controller that has its hierarchy in version 1 belongs to no group here.
    match Controller::of_file(file) {
        Some(controller) if !controllers.contains(&controller) => Err(Refusal::new(format!(
            "{file} cannot be set here: the {} controller is not in version 2 of control groups",
            controller.name()
        ))),
        _ => {
            out.push(Write::new(what::UNIFIED, file, value));
            Ok(())
        }
    }
}
