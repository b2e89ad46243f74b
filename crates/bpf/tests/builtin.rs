//! dwell's own profiles: every call belongs to a family, and gets what the family is answered.

#![allow(missing_docs, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeMap;

use dwell_bpf::seccomp::emulate::{self, Data};
use dwell_bpf::seccomp::{self, Abi, Call, Instruction, Machine, Setting, X32_BIT};
use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::Profile;
use dwell_plan::seccomp::builtin::{self, Answer, FAMILIES_OF_CALLS, Family, Strictness, World};

const ALLOW: u32 = 0x7fff_0000;
const ENOSYS: u32 = 0x0005_0026;
const EPERM: u32 = 0x0005_0001;

const MACHINES: [Machine; 3] = [Machine::X86_64, Machine::Aarch64, Machine::Riscv64];
const OWN: World = World { own_users: true, capabilities: CapSet::WORLD_ROOT };
const SHARED: World = World { own_users: false, capabilities: CapSet::EMPTY };

fn families() -> BTreeMap<&'static str, &'static Family> {
    let each = |family: &'static Family| family.calls.split_whitespace().map(move |c| (c, family));
    FAMILIES_OF_CALLS.iter().flat_map(each).collect()
}

fn compile(profile: &Profile<'_>, machine: Machine, capabilities: CapSet) -> Vec<Instruction> {
    let kernel = Kernel { major: 6, minor: 1 };
    let setting = Setting { machine, kernel, capabilities, log: false };
    let filter = seccomp::compile(profile, &setting).expect("a filter");
    assert_eq!(filter.flags, 0);
    filter.instructions
}

fn ask(code: &[Instruction], abi: Abi, number: u32, args: [u64; 6]) -> u32 {
    let data = Data { number, arch: abi.audit(), instruction_pointer: 0, args };
    emulate::verdict(code, &data).expect("it runs")
}

#[test]
fn every_call_is_in_a_family() {
    let families = families();
    for call in Call::all() {
        assert!(families.contains_key(call.name()), "{} is in no family", call.name());
    }
    for name in families.keys() {
        assert!(Call::named(name).is_some(), "there is no call {name}");
    }
}

#[test]
fn every_call_gets_its_answer() {
    for machine in MACHINES {
        for strictness in [Strictness::Default, Strictness::Strict] {
            for world in [OWN, SHARED] {
                let profile = builtin::profile(strictness, world);
                let code = compile(&profile, machine, world.capabilities);
                assert!(code.len() < 300, "{}", code.len());
                check(&code, machine, strictness, world);
            }
        }
    }
}

fn check(code: &[Instruction], machine: Machine, strictness: Strictness, world: World) {
    for (name, family) in families() {
        let answer = family.answer(strictness, world);
        for abi in machine.abis() {
            let Some(number) = Call::named(name).and_then(|call| call.number(*abi)) else {
                continue;
            };
            let foreign = strictness == Strictness::Strict && *abi != machine.abis()[0];
            if *abi == Abi::X32 {
                assert_eq!(ask(code, *abi, number, [0; 6]), ENOSYS, "{name} by x32");
                continue;
            }
            if foreign {
                assert_eq!(ask(code, *abi, number, [0; 6]), 0, "{name} by {abi:?}");
                continue;
            }
            for (args, want) in expected(answer) {
                let got = ask(code, *abi, number, args);
                assert_eq!(got, want, "{name} {args:x?} by {abi:?} under {strictness:?}: {got:#x}");
            }
        }
    }
    let own = machine.abis()[0];
    for newer in [600, 100_000, X32_BIT - 1, X32_BIT, X32_BIT + 39, u32::MAX] {
        assert_eq!(ask(code, own, newer, [0; 6]), ENOSYS, "{newer:#x}");
    }
}

/// Arguments and what they are answered.
fn expected(answer: Answer) -> Vec<([u64; 6], u32)> {
    let with = |index: u32, value: u64| {
        let mut args = [0xdead_beef_u64; 6];
        args[index as usize] = value;
        args
    };
    // The upper half of an `int` does not matter.
    let both = move |index, values: &[u32], verdict| {
        let values = values.iter().copied().map(u64::from);
        let each = values.flat_map(move |v| [v, v | 1 << 32, v | 0xffff_ffff << 32]);
        each.map(move |v| (with(index, v), verdict)).collect::<Vec<_>>()
    };
    match answer {
        Answer::Allow => vec![([0; 6], ALLOW), ([u64::MAX; 6], ALLOW)],
        Answer::Refuse => vec![([0; 6], EPERM), ([u64::MAX; 6], EPERM)],
        Answer::Missing => vec![([0; 6], ENOSYS), ([u64::MAX; 6], ENOSYS)],
        Answer::Only(index, values) => {
            let others: Vec<u32> =
                (0..300).chain([0x4_0000, u32::MAX - 1]).filter(|v| !values.contains(v)).collect();
            [both(index, values, ALLOW), both(index, &others, EPERM)].concat()
        }
        Answer::Without(index, values, errno) => {
            let others: Vec<u32> = (0..0x9000).filter(|v| !values.contains(v)).collect();
            [both(index, values, 0x0005_0000 | errno), both(index, &others, ALLOW)].concat()
        }
        Answer::Bits(bits) => {
            let single: Vec<u32> = (0..32).map(|n| 1 << n).collect();
            let (set, free): (Vec<u32>, Vec<u32>) = single.iter().partition(|b| **b & bits != 0);
            [both(0, &set, EPERM), both(0, &free, ALLOW), both(0, &[0, !bits], ALLOW)].concat()
        }
        Answer::OwnUsers(..) => unreachable!("it is decided by the world"),
    }
}

/// Where Docker's profile is installed: what it refuses is refused here, but for what has power only over
/// the world's own namespaces.
#[test]
fn no_laxer_than_docker() {
    const PLACE: &str =
        "/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json";
    let named = std::env::var("DWELL_DOCKER_PROFILE").unwrap_or_else(|_| PLACE.to_owned());
    let Ok(text) = std::fs::read_to_string(&named) else {
        eprintln!("skipped: there is no {named}");
        return;
    };
    let docker: Profile<'_> = serde_json::from_str(&text).expect("a profile");
    // Those that came to Docker's after the version that Debian has.
    let newer = ["mseal", "listmount", "statmount", "uretprobe", "riscv_hwprobe"];
    let own = ["namespaces and mounts", "new processes in namespaces", "another root directory"];
    for machine in MACHINES {
        for world in [OWN, SHARED] {
            let theirs = compile(&docker, machine, world.capabilities);
            let ours =
                compile(&builtin::profile(Strictness::Default, world), machine, world.capabilities);
            for (name, family) in families() {
                let known = name.ends_with("xattrat") || newer.contains(&name);
                let namespaces =
                    world.own_users && (own.contains(&family.title) || name == "clone3");
                if known || namespaces {
                    continue;
                }
                for abi in machine.abis() {
                    let Some(number) = Call::named(name).and_then(|c| c.number(*abi)) else {
                        continue;
                    };
                    for value in (0..300).chain([0x4_0000, 0x1000_0000, 0x7e02_0000]) {
                        let args = [value; 6];
                        let allowed = |code| ask(code, *abi, number, args) == ALLOW;
                        assert!(
                            !allowed(&ours) || allowed(&theirs),
                            "{name} {value:#x} by {abi:?} on {machine:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Without namespaces: only what Landlock keeps apart can be made.
#[test]
fn sockets_that_landlock_does_not_know_are_closed() {
    const STREAM: u64 = 1;
    const DATAGRAM: u64 = 2;
    const SEQUENCED: u64 = 5;
    const CLOEXEC: u64 = 0o2_000_000;
    const FASTOPEN: u64 = 0x2000_0000;
    let call = |network: bool, unix: bool, name: &str, args: [u64; 6]| {
        let mut profile = builtin::profile(Strictness::Default, SHARED);
        builtin::close_sockets(&mut profile, network, unix);
        let code = compile(&profile, Machine::X86_64, SHARED.capabilities);
        let number = Call::named(name).and_then(|call| call.number(Abi::X86_64)).expect("a number");
        ask(&code, Abi::X86_64, number, args) == ALLOW
    };
    let socket = |family, kind, protocol| [family, kind, protocol, 0, 0, 0];
    for (args, bare, network, unix) in [
        (socket(2, STREAM, 0), true, true, true),
        (socket(2, STREAM | CLOEXEC, 6), true, true, true),
        (socket(10, STREAM, 0), true, true, true),
        (socket(2, DATAGRAM, 0), false, true, false),
        (socket(2, STREAM, 262), false, true, false),
        (socket(2, 3, 1), false, true, false),
        (socket(16, 3, 0), false, true, false),
        (socket(17, 3, 0), false, false, false),
        (socket(1, STREAM, 0), false, false, true),
        (socket(1, DATAGRAM, 0), false, false, true),
    ] {
        assert_eq!(call(false, false, "socket", args), bare, "{args:?}");
        assert_eq!(call(true, false, "socket", args), network, "{args:?} with the network");
        assert_eq!(call(false, true, "socket", args), unix, "{args:?} with Unix sockets");
    }
    for (kind, pairs) in [(STREAM, true), (SEQUENCED | CLOEXEC, true), (DATAGRAM, false)] {
        assert_eq!(call(false, false, "socketpair", socket(1, kind, 0)), pairs);
        assert!(call(false, true, "socketpair", socket(1, kind, 0)));
    }
    for (name, args) in [
        ("sendto", [3, 0, 0, FASTOPEN, 0, 0]),
        ("sendmsg", [3, 0, FASTOPEN, 0, 0, 0]),
        ("sendmmsg", [3, 0, 1, FASTOPEN, 0, 0]),
        ("listen", [3, 1, 0, 0, 0, 0]),
    ] {
        assert!(!call(false, false, name, args), "{name}");
        assert!(call(true, false, name, args), "{name} with the network");
        assert!(name == "listen" || call(false, false, name, [3, 0, 0, 0, 0, 0]), "{name}");
    }
}

/// Beside Landlock's wall around ports: what becomes TCP on the wire, and connections made by sending.
#[test]
fn what_leads_around_ports_is_closed() {
    use dwell_plan::seccomp::tcp::harden;
    let profiles = [
        builtin::everything(),
        builtin::profile(Strictness::Default, OWN),
        builtin::profile(Strictness::Default, SHARED),
    ];
    for profile in profiles {
        let ask_for = |listening, abi: Abi, name: &str, args| {
            let code = compile(&harden(profile.clone(), listening), Machine::X86_64, CapSet::EMPTY);
            let number = Call::named(name).and_then(|call| call.number(abi)).expect("a number");
            ask(&code, abi, number, args)
        };
        let own = |name: &str, args| ask_for(true, Abi::X86_64, name, args);
        let errno = |number: u32| 0x0005_0000 | number;
        let high = 7 << 32;
        for (name, args, want) in [
            ("socket", [2, 1, 0, 0, 0, 0], ALLOW),
            ("socket", [1, 1, 0, 0, 0, 0], ALLOW),
            ("socket", [2, 1, 6, 0, 0, 0], ALLOW),
            ("socket", [2, 1, 262, 0, 0, 0], errno(93)),
            ("socket", [high | 10, 1, high | 262, 0, 0, 0], errno(93)),
            ("socket", [10, 1, 256, 0, 0, 0], errno(93)),
            ("socket", [43, 1, 0, 0, 0, 0], errno(97)),
            ("socket", [high | 21, 5, 0, 0, 0, 0], errno(97)),
            ("setsockopt", [3, 6, 31, 0, 0, 0], errno(2)),
            ("setsockopt", [3, high | 6, high | 31, 0, 0, 0], errno(2)),
            ("setsockopt", [3, 6, 30, 0, 0, 0], ALLOW),
            ("setsockopt", [3, 1, 31, 0, 0, 0], ALLOW),
            ("sendto", [3, 0, 0, 0x2000_4000, 0, 0], errno(95)),
            ("sendto", [3, 0, 0, 0x4000, 0, 0], ALLOW),
            ("sendmsg", [3, 0, 0x2000_0000, 0, 0, 0], errno(95)),
            ("sendmsg", [3, 0, 0, 0x2000_0000, 0, 0], ALLOW),
            ("sendmmsg", [3, 0, 1, high | 0x2000_0000, 0, 0], errno(95)),
            ("sendmmsg", [3, 0, 1, 0x40, 0, 0], ALLOW),
            ("io_uring_setup", [1, 0, 0, 0, 0, 0], ENOSYS),
            ("listen", [3, 1, 0, 0, 0, 0], ALLOW),
        ] {
            assert_eq!(own(name, args), want, "{name} {args:x?}");
        }
        assert_eq!(ask_for(false, Abi::X86_64, "listen", [3, 1, 0, 0, 0, 0]), EPERM);
        for call in 1..=20 {
            let answer = ask_for(true, Abi::X86, "socketcall", [call, 0, 0, 0, 0, 0]);
            assert_eq!(answer, ENOSYS, "socketcall {call}");
        }
        assert_eq!(ask_for(true, Abi::X86, "socket", [2, 1, 262, 0, 0, 0]), errno(93));
    }
}

#[test]
fn what_is_compiled_beforehand_is_what_would_be_compiled() {
    use dwell_bpf::seccomp::ready::{WORLD, pack, ready};
    let words = |list: &[Instruction]| list.iter().copied().map(pack).collect::<Vec<_>>();
    let held = WORLD.capabilities.0;
    let each = (0..64).map(|bit| held & (1 << bit)).filter(|set| *set != 0);
    for set in each.chain([0, held]) {
        let world = World { capabilities: CapSet(set), ..WORLD };
        let found = ready(Strictness::Default, world);
        assert_eq!(found.is_some(), Machine::OWN == Machine::X86_64);
        for (major, minor) in [(5, 4), (5, 12), (6, 1), (6, 18), (99, 0)] {
            let kernel = Kernel { major, minor };
            let capabilities = world.capabilities;
            let setting = Setting { machine: Machine::X86_64, kernel, capabilities, log: false };
            let filter = seccomp::compile(&builtin::profile(Strictness::Default, world), &setting);
            let filter = filter.expect("a filter");
            assert_eq!((filter.flags, filter.listener), (0, None));
            let Some(found) = &found else { continue };
            assert_eq!(
                words(found),
                words(&filter.instructions),
                "{world:?} on {major}.{minor}: `cargo xtask filter` writes the table anew"
            );
        }
    }
    assert_eq!(ready(Strictness::Strict, WORLD), None);
    assert_eq!(ready(Strictness::Default, World { own_users: false, ..WORLD }), None);
    let more = World { capabilities: WORLD.capabilities.with(CapSet(1 << 21)), ..WORLD };
    assert_eq!(ready(Strictness::Default, more), None);
}
