//! Limits as properties of a unit; `systemd.resource-control(5)` and `org.freedesktop.systemd1(5)`.

use dwell_plan::limits::{
    Amount, Cpu, Io, IoDevice, IoWeight, Limits, Memory, Swap, Weight, weight_of_shares,
};

use super::wire::Value;

type Property = (&'static str, Value);

/// The properties of a scope around `pids`. What has none (bursts, huge pages, `memory.swap.max` with
/// memory taken off …) is written into the files of the group afterwards, as are the others: exactly,
/// where systemd rounds.
pub(super) fn properties(slice: Option<&str>, limits: &Limits, pids: &[i32]) -> Vec<Property> {
    let mut list = vec![
        ("Description", Value::Str("a world of dwell".to_owned())),
        ("PIDs", Value::U32s(pids.iter().map(|pid| pid.cast_unsigned()).collect())),
        // The groups inside are ours: systemd gives all its controllers and leaves them alone.
        ("Delegate", Value::Bool(true)),
        ("DefaultDependencies", Value::Bool(false)),
        ("CollectMode", Value::Str("inactive-or-failed".to_owned())),
    ];
    list.extend(slice.map(|slice| ("Slice", Value::Str(slice.to_owned()))));
    memory(&limits.memory, &mut list);
    cpu(&limits.cpu, &mut list);
    list.extend(limits.pids.map(|n| ("TasksMax", amount(n))));
    io(&limits.io, &mut list);
    list
}

fn amount(n: Amount) -> Value {
    Value::U64(n.number().unwrap_or(u64::MAX))
}

fn memory(memory: &Memory, list: &mut Vec<Property>) {
    let swap = match (memory.swap, memory.max) {
        (Some(Swap::Alone(n)), _) => Some(n),
        (Some(Swap::WithMemory(Amount::Max)), _) => Some(Amount::Max),
        (Some(Swap::WithMemory(Amount::Of(both))), Some(Amount::Of(max))) => {
            Some(Amount::Of(both.saturating_sub(max)))
        }
        _ => None,
    };
    let named = [
        ("MemoryMin", memory.min),
        ("MemoryLow", memory.low),
        ("MemoryHigh", memory.high),
        ("MemoryMax", memory.max),
        ("MemorySwapMax", swap),
    ];
    list.extend(named.into_iter().filter_map(|(name, n)| Some((name, amount(n?)))));
}

fn cpu(cpu: &Cpu, list: &mut Vec<Property>) {
    if let Some(quota) = cpu.quota {
        let period = cpu.period.unwrap_or(100_000).max(1);
        // In microseconds of each second; systemd takes whole hundredths of a processor.
        let per_second = match quota {
            Amount::Max => u64::MAX,
            Amount::Of(quota) => {
                quota.saturating_mul(1_000_000).div_ceil(period).next_multiple_of(10_000)
            }
        };
        list.push(("CPUQuotaPerSecUSec", Value::U64(per_second)));
        list.extend(cpu.period.map(|n| ("CPUQuotaPeriodUSec", Value::U64(n))));
    }
    if cpu.idle != Some(true) {
        list.extend(cpu.weight.map(|weight| match weight {
            Weight::Weight(n) => ("CPUWeight", Value::U64(n)),
            Weight::Shares(n) => ("CPUWeight", Value::U64(weight_of_shares(n))),
        }));
    }
    let sets = [("AllowedCPUs", &cpu.cpus), ("AllowedMemoryNodes", &cpu.mems)];
    for (name, set) in sets {
        if let Some(mask) = set.as_deref().and_then(mask) {
            list.push((name, Value::Bytes(mask)));
        }
    }
}

/// `0-1,9` as bits, the first byte having the lowest; none where it is no such list.
fn mask(list: &str) -> Option<Vec<u8>> {
    /// More processors than any kernel has.
    const MOST: usize = 8192;
    let mut mask = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        for n in first..=last.min(MOST) {
            if mask.len() <= n / 8 {
                mask.resize(n / 8 + 1, 0);
            }
            if let Some(byte) = mask.get_mut(n / 8) {
                *byte |= 1u8 << (n % 8);
            }
        }
    }
    Some(mask)
}

fn io(io: &Io, list: &mut Vec<Property>) {
    if let Some(IoWeight::Weight(n)) = io.weight {
        list.push(("IOWeight", Value::U64(n)));
    }
    type Rate = fn(&IoDevice) -> Option<Amount>;
    let named: [(&'static str, Rate); 4] = [
        ("IOReadBandwidthMax", |d| d.rbps),
        ("IOWriteBandwidthMax", |d| d.wbps),
        ("IOReadIOPSMax", |d| d.riops),
        ("IOWriteIOPSMax", |d| d.wiops),
    ];
    for (name, of) in named {
        let rates: Vec<(String, u64)> = io
            .devices
            .iter()
            .filter_map(|d| {
                let rate = of(d)?.number().unwrap_or(u64::MAX);
                Some((format!("/dev/block/{}:{}", d.major, d.minor), rate))
            })
            .collect();
        if !rates.is_empty() {
            list.push((name, Value::Rates(rates)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(limits: &Limits) -> Vec<Property> {
        let basic = properties(None, &Limits::default(), &[7, 8]).len();
        properties(None, limits, &[7, 8]).split_off(basic)
    }

    #[test]
    fn what_every_scope_has() {
        let list = properties(Some("x.slice"), &Limits::default(), &[7, 8]);
        assert!(list.contains(&("PIDs", Value::U32s(vec![7, 8]))));
        assert!(list.contains(&("Delegate", Value::Bool(true))));
        assert!(list.contains(&("Slice", Value::Str("x.slice".into()))));
        assert!(
            !properties(None, &Limits::default(), &[7, 8]).iter().any(|(name, _)| *name == "Slice")
        );
    }

    #[test]
    fn memory_and_tasks() {
        let memory = Memory {
            max: Some(Amount::Of(64)),
            high: Some(Amount::Max),
            low: Some(Amount::Of(3)),
            min: Some(Amount::Of(1)),
            swap: Some(Swap::WithMemory(Amount::Of(80))),
            ..Memory::default()
        };
        let limits = Limits { memory, pids: Some(Amount::Of(9)), ..Limits::default() };
        let n = Value::U64;
        assert_eq!(
            of(&limits),
            [
                ("MemoryMin", n(1)),
                ("MemoryLow", n(3)),
                ("MemoryHigh", n(u64::MAX)),
                ("MemoryMax", n(64)),
                ("MemorySwapMax", n(16)),
                ("TasksMax", n(9)),
            ]
        );
    }

    #[test]
    fn processors() {
        let quota = |quota, period| {
            let cpu = Cpu { quota: Some(quota), period, ..Cpu::default() };
            of(&Limits { cpu, ..Limits::default() }).remove(0)
        };
        let per_second = |n| ("CPUQuotaPerSecUSec", Value::U64(n));
        assert_eq!(quota(Amount::Of(150_000), None), per_second(1_500_000));
        assert_eq!(quota(Amount::Of(12_345), Some(100_000)), per_second(130_000));
        assert_eq!(quota(Amount::Max, Some(50_000)), per_second(u64::MAX));
        let cpu = Cpu {
            weight: Some(Weight::Shares(1024)),
            cpus: Some("0-1,9".into()),
            mems: Some("0".into()),
            ..Cpu::default()
        };
        assert_eq!(
            of(&Limits { cpu, ..Limits::default() }),
            [
                ("CPUWeight", Value::U64(100)),
                ("AllowedCPUs", Value::Bytes(vec![3, 2])),
                ("AllowedMemoryNodes", Value::Bytes(vec![1])),
            ]
        );
        assert_eq!(mask("3-"), None);
    }

    #[test]
    fn block_devices() {
        let device = IoDevice {
            major: 8,
            minor: 16,
            rbps: Some(Amount::Of(1000)),
            wbps: None,
            riops: None,
            wiops: Some(Amount::Max),
            weight: None,
        };
        let io = Io { weight: Some(IoWeight::Weight(50)), devices: vec![device] };
        let rate = |n| Value::Rates(vec![("/dev/block/8:16".to_owned(), n)]);
        assert_eq!(
            of(&Limits { io, ..Limits::default() }),
            [
                ("IOWeight", Value::U64(50)),
                ("IOReadBandwidthMax", rate(1000)),
                ("IOWriteIOPSMax", rate(u64::MAX)),
            ]
        );
    }
}
