//! Profiles that nobody would write.

use std::cell::RefCell;

use dwell_bpf::seccomp::{Call, Machine};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::library::Library;
use crate::{MACHINES, compare};

/// How many.
const CASES: u32 = 60;

const ACTIONS: [&str; 7] = [
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_LOG",
    "SCMP_ACT_ALLOW",
];

const OPS: [&str; 7] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];

pub(crate) fn run(mut library: Library) {
    let numbers = library.numbers();
    let known: Vec<&'static str> = Call::all()
        .filter(|call| {
            let numbers = numbers.get(call.name());
            numbers.is_some_and(|numbers| {
                numbers.iter().all(|(abi, n)| call.number(*abi) == u32::try_from(*n).ok())
            })
        })
        .map(Call::name)
        .collect();
    assert!(known.len() > 300, "{} names in common", known.len());
    let library = RefCell::new(library);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        // The same profiles in every run.
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let taken = RefCell::new(0);
    let result = runner.run(&(profile(known), machine()), |(profile, machine)| {
        // What libseccomp refuses has no other opinion to compare with.
        if compare::oci(&mut library.borrow_mut(), &profile, machine).is_ok() {
            *taken.borrow_mut() += 1;
        }
        Ok(())
    });
    result.expect("both say the same");
    assert!(*taken.borrow() > CASES / 2, "libseccomp took {} of {CASES}", taken.borrow());
}

fn machine() -> impl Strategy<Value = Machine> {
    proptest::sample::select(MACHINES.to_vec())
}

fn profile(known: Vec<&'static str>) -> impl Strategy<Value = Value> {
    let arches = proptest::sample::subsequence(
        vec!["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"],
        0..=3,
    );
    let rules = proptest::collection::vec(rule(known.clone()), 0..40);
    let plain = proptest::sample::subsequence(known, 0..200);
    (action(), 0u32..200, arches, rules, plain, action()).prop_map(
        |(default, errno, arches, rules, plain, most)| {
            let mut seen: Vec<Value> = Vec::new();
            let mut rules: Vec<Value> = rules;
            // Where several rules with conditions give different answers libseccomp decides by the
            // order of its tree, not by that of the profile. So each call has one answer here.
            for rule in &mut rules {
                let names = rule["names"].as_array_mut().expect("names");
                names.retain(|name| !seen.contains(name));
                seen.extend(names.iter().cloned());
            }
            rules.retain(|rule| !rule["names"].as_array().expect("names").is_empty());
            if !plain.is_empty() {
                rules.push(json!({"names": plain, "action": most}));
            }
            let mut profile =
                json!({"defaultAction": default, "architectures": arches, "syscalls": rules});
            if default == "SCMP_ACT_ERRNO" {
                profile["defaultErrnoRet"] = errno.into();
            }
            profile
        },
    )
}

fn action() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(ACTIONS.to_vec())
}

fn rule(known: Vec<&'static str>) -> impl Strategy<Value = Value> {
    let names = proptest::sample::subsequence(known, 1..4);
    let args = proptest::collection::vec(arg(), 0..4);
    (names, action(), 0u32..200, args).prop_map(|(names, action, errno, args)| {
        let mut rule = json!({"names": names, "action": action, "args": args});
        if matches!(action, "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE") {
            rule["errnoRet"] = errno.into();
        }
        rule
    })
}

fn arg() -> impl Strategy<Value = Value> {
    // What is larger than 32 bits means something else to libseccomp where arguments have 32.
    let value = prop_oneof![
        0u64..40,
        Just(0x7e02_0000),
        Just(0xffff_ffff),
        any::<u32>().prop_map(u64::from)
    ];
    (0u32..6, proptest::sample::select(OPS.to_vec()), value.clone(), value).prop_map(
        |(index, op, value, two)| {
            let two = if op == "SCMP_CMP_MASKED_EQ" { two & value } else { 0 };
            json!({"index": index, "op": op, "value": value, "valueTwo": two})
        },
    )
}
