use super::*;

fn of(limits: &Limits, version: Version) -> Result<Vec<String>, String> {
    with(limits, version, &Now::default())
}

fn with(limits: &Limits, version: Version, now: &Now) -> Result<Vec<String>, String> {
    let writes = limits.writes(version, &limits.controllers(), now).map_err(|r| r.sentence)?;
    let text = |w: &Write| match &w.value {
        Value::Text(text) => format!("{}={text}", w.file),
        Value::OfParent => format!("{} of the parent", w.file),
    };
    Ok(writes.iter().map(text).collect())
}

fn memory(memory: Memory) -> Limits {
    Limits { memory, ..Limits::default() }
}

fn cpu(cpu: Cpu) -> Limits {
    Limits { cpu, ..Limits::default() }
}

#[test]
fn weights_and_shares() {
    for (shares, weight) in [(0, 1), (2, 1), (1024, 100), (262_144, 10_000), (u64::MAX, 10_000)] {
        assert_eq!(weight_of_shares(shares), weight, "{shares}");
    }
    for (weight, shares) in [(1, 2), (100, 1024), (10_000, 262_144), (u64::MAX, 262_144)] {
        assert_eq!(shares_of_weight(weight), shares, "{weight}");
    }
    let mut last = 0;
    for weight in 1..=10_000 {
        let shares = shares_of_weight(weight);
        assert!(shares >= last && weight_of_shares(shares).abs_diff(weight) <= 1 + weight / 50);
        last = shares;
    }
    assert_eq!((units::io_weight_of_blkio(10), units::io_weight_of_blkio(1000)), (1, 10_000));
    assert_eq!((units::blkio_of_io_weight(1), units::blkio_of_io_weight(10_000)), (10, 1000));
}

#[test]
fn memory_in_both_versions() {
    let of_max = |swap| memory(Memory { max: Some(Amount::Of(64)), swap, ..Memory::default() });
    let v2 = |swap| of(&of_max(swap), Version::V2);
    let v1 = |swap| of(&of_max(swap), Version::V1);
    assert_eq!(v2(None).unwrap(), ["memory.max=64"]);
    assert_eq!(v1(None).unwrap(), ["memory.limit_in_bytes=64"]);
    let alone = Some(Swap::Alone(Amount::Of(16)));
    assert_eq!(v2(alone).unwrap(), ["memory.swap.max=16", "memory.max=64"]);
    assert_eq!(v1(alone).unwrap(), ["memory.limit_in_bytes=64", "memory.memsw.limit_in_bytes=80"]);
    let together = Some(Swap::WithMemory(Amount::Of(80)));
    assert_eq!(v2(together), v2(alone));
    assert_eq!(v1(together), v1(alone));
    let less = Some(Swap::WithMemory(Amount::Of(63)));
    assert!(v1(less).is_err() && v2(less).is_err());
    let none = Some(Swap::Alone(Amount::Max));
    assert_eq!(v1(none).unwrap()[1], "memory.memsw.limit_in_bytes=-1");
    assert_eq!(v2(none).unwrap()[0], "memory.swap.max=max");
}

#[test]
fn swap_without_memory() {
    let swap = |swap| memory(Memory { swap: Some(swap), ..Memory::default() });
    let alone = swap(Swap::Alone(Amount::Of(0)));
    assert_eq!(of(&alone, Version::V2).unwrap(), ["memory.swap.max=0"]);
    assert!(of(&alone, Version::V1).unwrap_err().contains("without a limit on memory"));
    let now = Now { memory_max: Some(Amount::Of(5)), exists: true, ..Now::default() };
    assert_eq!(with(&alone, Version::V1, &now).unwrap(), ["memory.memsw.limit_in_bytes=5"]);
    let together = swap(Swap::WithMemory(Amount::Of(7)));
    assert!(of(&together, Version::V2).is_err());
    assert_eq!(with(&together, Version::V2, &now).unwrap(), ["memory.swap.max=2"]);
}

/// In no order of the two may memory be above memory and swap, not even between the writes.
#[test]
fn memory_limits_never_cross() {
    for (old, new) in [((10, 20), (30, 40)), ((30, 40), (10, 20)), ((10, 40), (20, 30))] {
        let now = Now {
            memory: Some(MemoryNow { limit: old.0, with_swap: old.1 }),
            exists: true,
            ..Now::default()
        };
        let wanted = memory(Memory {
            max: Some(Amount::Of(new.0)),
            swap: Some(Swap::WithMemory(Amount::Of(new.1))),
            ..Memory::default()
        });
        let (mut limit, mut both) = old;
        for write in with(&wanted, Version::V1, &now).unwrap() {
            let (file, value) = write.split_once('=').unwrap();
            let value = value.parse().unwrap();
            if file.contains("memsw") {
                both = value;
            } else {
                limit = value;
            }
            assert!(limit <= both, "{old:?} to {new:?}: {write}");
        }
        assert_eq!((limit, both), new);
    }
}

#[test]
fn protection() {
    let low = memory(Memory { low: Some(Amount::Of(1)), ..Memory::default() });
    assert_eq!(of(&low, Version::V1).unwrap(), ["memory.soft_limit_in_bytes=1"]);
    assert_eq!(of(&low, Version::V2).unwrap(), ["memory.low=1"]);
    let high = memory(Memory { high: Some(Amount::Of(1)), ..Memory::default() });
    assert_eq!(of(&high, Version::V2).unwrap(), ["memory.high=1"]);
    assert!(of(&high, Version::V1).unwrap_err().starts_with("memory.high cannot be set here"));
    let never = memory(Memory { oom_kill_disable: Some(true), ..Memory::default() });
    assert_eq!(of(&never, Version::V1).unwrap(), ["memory.oom_control=1"]);
    assert!(of(&never, Version::V2).is_err());
}

#[test]
fn processor_time() {
    let quota = cpu(Cpu { quota: Some(Amount::Of(150_000)), ..Cpu::default() });
    assert_eq!(of(&quota, Version::V1).unwrap(), ["cpu.cfs_quota_us=150000"]);
    assert_eq!(of(&quota, Version::V2).unwrap(), ["cpu.max=150000"]);
    let all = cpu(Cpu {
        quota: Some(Amount::Max),
        period: Some(50_000),
        burst: Some(5),
        weight: Some(Weight::Shares(1024)),
        ..Cpu::default()
    });
    assert_eq!(
        of(&all, Version::V1).unwrap(),
        [
            "cpu.shares=1024",
            "cpu.cfs_burst_us=0",
            "cpu.cfs_period_us=50000",
            "cpu.cfs_quota_us=-1",
            "cpu.cfs_burst_us=5"
        ]
    );
    assert_eq!(
        of(&all, Version::V2).unwrap(),
        ["cpu.weight=100", "cpu.max.burst=0", "cpu.max=max 50000", "cpu.max.burst=5"]
    );
    let idle = Cpu { idle: Some(true), weight: Some(Weight::Weight(7)), ..Cpu::default() };
    for version in [Version::V1, Version::V2] {
        assert_eq!(of(&cpu(idle.clone()), version).unwrap(), ["cpu.idle=1"]);
    }
}

/// In version 1 a group without processors or memory nodes takes no process.
#[test]
fn processors() {
    let set = cpu(Cpu { cpus: Some("0-1".into()), ..Cpu::default() });
    assert_eq!(set.controllers(), [Controller::Cpuset]);
    assert_eq!(of(&set, Version::V1).unwrap(), ["cpuset.cpus=0-1", "cpuset.mems of the parent"]);
    let now = Now { exists: true, ..Now::default() };
    assert_eq!(with(&set, Version::V1, &now).unwrap(), ["cpuset.cpus=0-1"]);
    assert_eq!(of(&set, Version::V2).unwrap(), ["cpuset.cpus=0-1"]);
}

#[test]
fn block_devices() {
    let device = IoDevice {
        major: 8,
        minor: 16,
        rbps: Some(Amount::Of(1000)),
        wbps: None,
        riops: Some(Amount::Max),
        wiops: Some(Amount::Of(3)),
        weight: None,
    };
    let io = Io { weight: Some(IoWeight::Weight(10_000)), devices: vec![device] };
    let limits = Limits { io, ..Limits::default() };
    assert_eq!(
        of(&limits, Version::V1).unwrap(),
        [
            "blkio.weight=1000",
            "blkio.throttle.read_bps_device=8:16 1000",
            "blkio.throttle.read_iops_device=8:16 0",
            "blkio.throttle.write_iops_device=8:16 3"
        ]
    );
    assert_eq!(
        of(&limits, Version::V2).unwrap(),
        ["io.weight=default 10000", "io.max=8:16 rbps=1000 riops=max wiops=3"]
    );
}

#[test]
fn the_rest() {
    let limits = Limits {
        pids: Some(Amount::Of(7)),
        hugetlb: vec![HugePages {
            size: "2MB".into(),
            max: Some(Amount::Of(4)),
            reserved: Some(Amount::Max),
        }],
        rdma: vec![Rdma { device: "mlx".into(), handles: Some(Amount::Of(2)), objects: None }],
        misc: BTreeMap::from([("sev".into(), Amount::Of(1))]),
        ..Limits::default()
    };
    assert_eq!(
        of(&limits, Version::V1).unwrap(),
        [
            "pids.max=7",
            "hugetlb.2MB.rsvd.limit_in_bytes=-1",
            "hugetlb.2MB.limit_in_bytes=4",
            "rdma.max=mlx hca_handle=2",
            "misc.max=sev 1"
        ]
    );
    assert_eq!(
        of(&limits, Version::V2).unwrap()[..3],
        ["pids.max=7", "hugetlb.2MB.rsvd.max=max", "hugetlb.2MB.max=4"]
    );
}

#[test]
fn unified_keys() {
    let keys = |pairs: &[(&str, &str)]| Limits {
        unified: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..Limits::default()
    };
    let some = keys(&[("memory.high", "5"), ("cgroup.max.depth", "1")]);
    assert_eq!(some.controllers(), [Controller::Memory]);
    assert_eq!(of(&some, Version::V2).unwrap(), ["cgroup.max.depth=1", "memory.high=5"]);
    assert!(of(&some, Version::V1).is_err());
    for bad in ["../memory.max", "", "tasks"] {
        assert!(of(&keys(&[(bad, "1")]), Version::V2).is_err(), "{bad}");
    }
}

#[test]
fn device_rules_of_version_1() {
    let rule = |allow, kind, major, access| DeviceRule {
        allow,
        kind,
        major,
        minor: None,
        access: DeviceAccess::parse(access).unwrap(),
    };
    let limits = Limits {
        devices: vec![
            rule(false, DeviceKind::All, None, "rwm"),
            rule(true, DeviceKind::Char, Some(1), "rw"),
            rule(true, DeviceKind::All, None, "m"),
        ],
        ..Limits::default()
    };
    assert_eq!(
        of(&limits, Version::V1).unwrap(),
        [
            "devices.deny=a",
            "devices.allow=c 1:* rw",
            "devices.allow=c *:* m",
            "devices.allow=b *:* m"
        ]
    );
    assert_eq!(of(&limits, Version::V2).unwrap(), [""; 0]);
    assert_eq!(DeviceAccess::parse("rx"), None);
}

#[test]
fn json_both_ways() {
    let limits = Limits {
        memory: Memory { max: Some(Amount::Of(5)), high: Some(Amount::Max), ..Memory::default() },
        pids: Some(Amount::Max),
        ..Limits::default()
    };
    let json = serde_json::to_string(&limits).unwrap();
    assert_eq!(json, r#"{"memory":{"max":5,"high":"max"},"pids":"max"}"#);
    assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
    assert!(serde_json::from_str::<Limits>(r#"{"memory":{"max":"lots"}}"#).is_err());
}
