//! Two filters, number by number.

use std::collections::BTreeSet;

use dwell_bpf::seccomp::emulate::{self, Data};
use dwell_bpf::seccomp::{self, Abi, Call, Machine, Setting, X32_BIT};
use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::Profile;
use serde_json::Value;

use crate::library::{Compiled, Library, word};

const ENOSYS: u32 = 0x0005_0000 | 38;

/// Compares what both make of a profile of Docker's or Podman's kind.
pub(crate) fn profile(
    library: &mut Library,
    name: &str,
    text: &str,
    machine: Machine,
    capabilities: CapSet,
) {
    let mut plain = select(&serde_json::from_str(text).expect("JSON"), machine, capabilities);
    forget_unknown(library, &mut plain);
    let compared = oci(library, &plain, machine).expect("libseccomp takes it");
    assert!(compared > 1000, "{name} on {machine:?}: {compared}");
    // The conditions are ours to read, too: the whole file gives the same filter.
    let whole: Profile<'_> = serde_json::from_str(text).expect("a profile");
    let setting = Setting { machine, kernel: KERNEL, capabilities, log: false };
    let ours = seccomp::compile(&whole, &setting).expect("a filter");
    assert!(ours.instructions.len() < seccomp::MAX_INSTRUCTIONS);
}

const KERNEL: Kernel = Kernel { major: 6, minor: 1 };

/// The profile as an engine hands it to its runtime: only rules that count.
fn select(profile: &Value, machine: Machine, capabilities: CapSet) -> Value {
    let mut plain = profile.clone();
    let (own, go) = match machine {
        Machine::X86_64 => ("SCMP_ARCH_X86_64", "amd64"),
        Machine::Aarch64 => ("SCMP_ARCH_AARCH64", "arm64"),
        Machine::Riscv64 => ("SCMP_ARCH_RISCV64", "riscv64"),
    };
    let maps = profile["archMap"].as_array().cloned().unwrap_or_default();
    let subs = maps.iter().find(|m| m["architecture"] == own).map(|m| &m["subArchitectures"]);
    let mut arches = vec![Value::from(own)];
    arches.extend(subs.and_then(Value::as_array).cloned().unwrap_or_default());
    plain["architectures"] = arches.into();
    let object = plain.as_object_mut().expect("an object");
    object.remove("archMap");
    let holds = |cap: &Value| {
        let named = CapSet::named(cap.as_str().expect("a name")).expect("a capability");
        named.without(capabilities).0 == 0
    };
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let keep = |rule: &Value| {
        let (yes, no) = (&rule["includes"], &rule["excludes"]);
        let arches = list(&yes["arches"]);
        (arches.is_empty() || arches.iter().any(|a| a == go))
            && list(&yes["caps"]).iter().all(holds)
            && !list(&no["arches"]).iter().any(|a| a == go)
            && !list(&no["caps"]).iter().any(holds)
    };
    let rules = list(&profile["syscalls"]).into_iter().filter(keep).map(|mut rule| {
        let rule_object = rule.as_object_mut().expect("an object");
        rule_object.retain(|key, value| {
            !matches!(key.as_str(), "includes" | "excludes" | "comment") && !value.is_null()
        });
        rule
    });
    plain["syscalls"] = rules.collect::<Vec<_>>().into();
    plain
}

/// Takes out the names that the library, which may be older, does not know everywhere.
fn forget_unknown(library: &mut Library, profile: &mut Value) {
    let numbers = library.numbers();
    let known = |name: &Value| {
        let name = name.as_str().expect("a name");
        numbers.get(name).is_some_and(|numbers| {
            let call = Call::named(name).expect("from our table");
            numbers.iter().all(|(abi, n)| call.number(*abi) == u32::try_from(*n).ok())
        })
    };
    for rule in profile["syscalls"].as_array_mut().expect("rules") {
        rule["names"].as_array_mut().expect("names").retain(known);
    }
    let rules = profile["syscalls"].as_array_mut().expect("rules");
    rules.retain(|rule| rule["names"].as_array().is_some_and(|names| !names.is_empty()));
}

/// Compares what both make of a profile without conditions on its surroundings, and says how often.
pub(crate) fn oci(
    library: &mut Library,
    profile: &Value,
    machine: Machine,
) -> Result<usize, String> {
    let text = profile.to_string();
    let parsed: Profile<'_> = serde_json::from_str(&text).expect("a profile");
    let setting = Setting { machine, kernel: KERNEL, capabilities: CapSet::EMPTY, log: false };
    let ours = seccomp::compile(&parsed, &setting).expect("a filter").instructions;
    let arches: Vec<Abi> = machine.abis().to_vec();
    let named = |abi: &Abi| *abi == arches[0] || text.contains(&format!("\"{}\"", word(*abi)));
    let chosen: Vec<&str> = arches.iter().filter(|abi| named(abi)).map(|abi| word(*abi)).collect();
    let theirs = library.compile(profile, &chosen)?;
    if forgets_number(&theirs, &arches, &chosen) {
        return Err("it compares the architecture with numbers of calls".to_owned());
    }
    let samples = samples(profile);
    let conditional = conditional(profile);
    let mut compared = 0;
    // x32 is asked about with x86-64, by its larger numbers.
    for abi in arches.iter().filter(|abi| **abi != Abi::X32) {
        for number in numbers(*abi) {
            let asked = conditional.contains(&number);
            for args in samples.iter().take(if asked { usize::MAX } else { 2 }) {
                let data = Data {
                    number,
                    arch: abi.audit(),
                    instruction_pointer: 0,
                    args: cut(*abi, *args),
                };
                let want = expected(&theirs, profile, &chosen, *abi, &data);
                let got = emulate::verdict(&ours, &data).expect("a filter of ours runs");
                assert_eq!(
                    got, want,
                    "{abi:?} {number:#x} {args:x?}: {got:#x}, libseccomp {want:#x}\n{profile}"
                );
                compared += 1;
            }
        }
    }
    let alien = Data { arch: 0x1234, ..Data::default() };
    assert_eq!(emulate::verdict(&ours, &alien), emulate::verdict(&theirs.code, &alien));
    Ok(compared)
}

/// Whether the library has met an error of its own (seen in 2.5.4): where the first call of its list is one
/// that the architecture does not have, as `fcntl64` on those with 64 bits, it leaves that call out together
/// with the instruction that loads the number. What is compared with the numbers is then still the
/// architecture, and no rule ever counts.
fn forgets_number(theirs: &Compiled, arches: &[Abi], chosen: &[&str]) -> bool {
    // BPF_LD | BPF_W | BPF_ABS, of `seccomp_data.nr`.
    let loads = theirs.code.iter().filter(|i| (i.code, i.k) == (0x20, 0)).count();
    // x32 shares an architecture with x86-64.
    let own = |abi: &&Abi| **abi != Abi::X32 && chosen.contains(&word(**abi));
    loads < arches.iter().filter(own).count()
}

/// What libseccomp says, with what runc puts before it.
fn expected(theirs: &Compiled, profile: &Value, chosen: &[&str], abi: Abi, data: &Data) -> u32 {
    let permits = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"];
    let stub = !permits.contains(&profile["defaultAction"].as_str().expect("an action"))
        && profile["defaultErrnoRet"] != 38;
    let largest = |abi: Abi| theirs.largest.get(word(abi)).copied().filter(|n| *n > 0);
    let abi = match abi {
        Abi::X86_64 | Abi::X32 => {
            let x32 = data.number >= X32_BIT && chosen.contains(&word(Abi::X32));
            if x32 { Abi::X32 } else { Abi::X86_64 }
        }
        other => other,
    };
    // ARM's private calls are not counted here; runc counts them.
    let ordinary = abi != Abi::Arm;
    if stub && ordinary && largest(abi).is_some_and(|n| i64::from(data.number) > n) {
        return ENOSYS;
    }
    let verdict = emulate::verdict(&theirs.code, data).expect("a filter of libseccomp runs");
    let last = i64::from(last_on_arm(profile));
    let newer = i64::from(data.number) > last && data.number < 0xf_0000;
    if stub && abi == Abi::Arm && chosen.contains(&word(Abi::Arm)) && last > 0 && newer {
        return ENOSYS;
    }
    verdict
}

fn last_on_arm(profile: &Value) -> u32 {
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    let names = rules.flat_map(|rule| rule["names"].as_array().expect("names"));
    let numbers = names.filter_map(|name| Call::named(name.as_str()?)?.number(Abi::Arm));
    numbers.filter(|n| *n < 0xf_0000).max().unwrap_or(0)
}

/// Arguments of ABIs with 32 bits arrive without upper halves.
fn cut(abi: Abi, args: [u64; 6]) -> [u64; 6] {
    match abi {
        Abi::X86 | Abi::Arm => args.map(|arg| arg & 0xffff_ffff),
        _ => args,
    }
}

/// Every number that means something, and some that do not.
fn numbers(abi: Abi) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..600).chain([0x3fff_ffff, 0x7fff_ffff, 0x8000_0000]).collect();
    numbers.extend(0xe_fffe..0xf_0008);
    if matches!(abi, Abi::X86_64 | Abi::X32) {
        numbers.extend(X32_BIT..X32_BIT + 600);
    }
    numbers
}

/// The numbers of the calls that have conditions, and of those that make them on x86.
fn conditional(profile: &Value) -> BTreeSet<u32> {
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    let rules = rules.filter(|rule| rule["args"].as_array().is_some_and(|args| !args.is_empty()));
    let names = rules.flat_map(|rule| rule["names"].as_array().expect("names"));
    let calls = names.filter_map(|name| Call::named(name.as_str()?));
    let abis = [Abi::X86_64, Abi::X32, Abi::X86, Abi::Aarch64, Abi::Arm, Abi::Riscv64];
    let numbers = calls.flat_map(|call| abis.into_iter().filter_map(move |abi| call.number(abi)));
    numbers.chain([102, 117]).collect()
}

/// Arguments near to what the conditions compare with.
fn samples(profile: &Value) -> Vec<[u64; 6]> {
    let mut pool = vec![0, 1, 2, 11, 24, u64::MAX, 1 << 32, 0xffff_ffff];
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    for arg in rules.flat_map(|rule| rule["args"].as_array().cloned().unwrap_or_default()) {
        for value in [&arg["value"], &arg["valueTwo"]].into_iter().filter_map(Value::as_u64) {
            let near = [value, value.wrapping_add(1), value.wrapping_sub(1), !value];
            pool.extend(near);
            pool.extend([value | 1 << 32, value ^ 1 << 63, value & 0xffff_ffff]);
        }
    }
    pool.sort_unstable();
    pool.dedup();
    let mut samples: Vec<[u64; 6]> = pool.iter().map(|value| [*value; 6]).collect();
    // A fixed sequence (xorshift), so that a failure comes again.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits")
    };
    for _ in 0..200 {
        samples.push(std::array::from_fn(|_| pool[next() % pool.len()]));
    }
    samples
}
