//! What profiles mean, case by case; and that nothing in a profile can do harm.

#![allow(missing_docs, reason = "a test")]

use dwell_bpf::seccomp::emulate::{self, Data};
use dwell_bpf::seccomp::{self, Abi, Call, Filter, MAX_INSTRUCTIONS, Machine, Setting};
use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::Profile;
use proptest::prelude::*;
use serde_json::{Value, json};

const ALLOW: u32 = 0x7fff_0000;
const LOG: u32 = 0x7ffc_0000;
const KILL_THREAD: u32 = 0;

const SETTING: Setting = Setting {
    machine: Machine::X86_64,
    kernel: Kernel { major: 5, minor: 10 },
    capabilities: CapSet(1 << 18),
    log: false,
};

fn errno(n: u32) -> u32 {
    0x0005_0000 | n
}

fn compile_with(profile: &Value, setting: &Setting) -> Result<Filter, String> {
    let text = profile.to_string();
    let profile: Profile<'_> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    seccomp::compile(&profile, setting).map_err(|e| e.to_string())
}

fn compile(profile: &Value) -> Filter {
    compile_with(profile, &SETTING).expect("a filter")
}

fn ask(filter: &Filter, abi: Abi, name: &str, args: [u64; 6]) -> u32 {
    let number = Call::named(name).and_then(|call| call.number(abi)).expect("a call");
    ask_number(filter, abi, number, args)
}

fn ask_number(filter: &Filter, abi: Abi, number: u32, args: [u64; 6]) -> u32 {
    let data = Data { number, arch: abi.audit(), instruction_pointer: 0, args };
    emulate::verdict(&filter.instructions, &data).expect("it runs")
}

fn rules(rules: &Value) -> Value {
    json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules})
}

fn when(index: u32, op: &str, value: u64) -> Value {
    json!({"index": index, "op": op, "value": value})
}

#[test]
fn the_first_rule_that_holds_decides() {
    let filter = compile(&rules(&json!([
        {"names": ["kill"], "action": "SCMP_ACT_LOG", "args": [when(1, "SCMP_CMP_LT", 5)]},
        {"names": ["kill"], "action": "SCMP_ACT_ALLOW", "args": [when(1, "SCMP_CMP_LT", 10)]},
        {"names": ["read"], "action": "SCMP_ACT_LOG", "args": [when(0, "SCMP_CMP_EQ", 5)]},
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["read"], "action": "SCMP_ACT_TRAP"},
    ])));
    let kill = |n| ask(&filter, Abi::X86_64, "kill", [0, n, 0, 0, 0, 0]);
    assert_eq!([kill(4), kill(5), kill(9), kill(10)], [LOG, ALLOW, ALLOW, errno(1)]);
    assert_eq!(kill(1 << 32), errno(1));
    // A rule without conditions wins over those with some, the first one over a later one.
    assert_eq!(ask(&filter, Abi::X86_64, "read", [5; 6]), ALLOW);
}

#[test]
fn conditions_on_one_argument_are_alternatives() {
    let filter = compile(&rules(&json!([
        {"names": ["kill"], "action": "SCMP_ACT_ALLOW",
         "args": [when(1, "SCMP_CMP_EQ", 5), when(1, "SCMP_CMP_EQ", 7), when(0, "SCMP_CMP_EQ", 1)]},
        {"names": ["tkill"], "action": "SCMP_ACT_ALLOW",
         "args": [when(1, "SCMP_CMP_EQ", 5), when(0, "SCMP_CMP_EQ", 1)]},
    ])));
    let call = |name, a, b| ask(&filter, Abi::X86_64, name, [a, b, 0, 0, 0, 0]);
    assert_eq!([call("kill", 0, 5), call("kill", 0, 7), call("kill", 1, 9)], [ALLOW; 3]);
    assert_eq!(call("kill", 0, 6), errno(1));
    assert_eq!([call("tkill", 1, 5), call("tkill", 0, 5)], [ALLOW, errno(1)]);
}

#[test]
fn both_halves_are_compared() {
    let values = [0u64, 1, 5, 0xffff_ffff, 1 << 32, (5 << 32) | 5, u64::MAX - 1, u64::MAX];
    for (op, holds) in [
        ("SCMP_CMP_NE", (|a, b| a != b) as fn(u64, u64) -> bool),
        ("SCMP_CMP_LT", |a, b| a < b),
        ("SCMP_CMP_LE", |a, b| a <= b),
        ("SCMP_CMP_EQ", |a, b| a == b),
        ("SCMP_CMP_GE", |a, b| a >= b),
        ("SCMP_CMP_GT", |a, b| a > b),
        // The mask is the value.
        ("SCMP_CMP_MASKED_EQ", |a, b| a & b == 0),
    ] {
        for value in values {
            let rule = json!([{"names": ["kill"], "action": "SCMP_ACT_ALLOW", "args": [when(3, op, value)]}]);
            let filter = compile(&rules(&rule));
            for arg in values {
                let got = ask(&filter, Abi::X86_64, "kill", [9, 9, 9, arg, 9, 9]);
                let want = if holds(arg, value) { ALLOW } else { errno(1) };
                assert_eq!(got, want, "{arg:#x} {op} {value:#x}");
            }
        }
    }
}

#[test]
fn unknown_names_are_counted_and_newer_calls_are_missing() {
    let some = json!([{"names": ["read", "no_such_call", "openat"], "action": "SCMP_ACT_ALLOW"}]);
    let filter = compile(&rules(&some));
    assert_eq!(filter.unknown, 1);
    let number = |n| ask_number(&filter, Abi::X86_64, n, [0; 6]);
    assert_eq!(
        [number(0), number(1), number(256), number(257)],
        [ALLOW, errno(1), errno(1), ALLOW]
    );
    assert_eq!([number(258), number(5000)], [errno(38); 2]);
    // Nothing is hidden where the default permits, or says so itself.
    for (default, want) in [("SCMP_ACT_ALLOW", ALLOW), ("SCMP_ACT_LOG", LOG)] {
        let rule = json!([{"names": ["read"], "action": "SCMP_ACT_TRAP"}]);
        let filter = compile(&json!({"defaultAction": default, "syscalls": rule}));
        assert_eq!(ask_number(&filter, Abi::X86_64, 300, [0; 6]), want);
    }
    // Other ABIs are not for this program.
    assert_eq!(ask(&filter, Abi::X86, "read", [0; 6]), KILL_THREAD);
}

#[test]
fn conditions_on_the_surroundings() {
    let rule = |name: &str, part: Value| {
        let mut rule = part;
        rule["names"] = json!([name]);
        rule["action"] = "SCMP_ACT_ALLOW".into();
        rule
    };
    let profile = rules(&json!([
        rule("chroot", json!({"includes": {"caps": ["CAP_SYS_CHROOT"]}})),
        rule("mount", json!({"includes": {"caps": ["CAP_SYS_CHROOT", "CAP_SYS_ADMIN"]}})),
        rule("umount2", json!({"excludes": {"caps": ["CAP_SYS_CHROOT", "CAP_SYS_ADMIN"]}})),
        rule("setns", json!({"excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_NO_SUCH"]}})),
        rule("ptrace", json!({"includes": {"minKernel": "5.10"}})),
        rule("bpf", json!({"includes": {"minKernel": "5.11"}})),
        rule("acct", json!({"excludes": {"minKernel": "4.8"}})),
        rule("sync", json!({"includes": {"arches": ["arm64", "amd64"]}})),
        rule("swapon", json!({"includes": {"arches": ["arm64"]}})),
        rule("swapoff", json!({"excludes": {"arches": ["amd64"]}})),
    ]));
    let filter = compile(&profile);
    let allowed = |name| ask(&filter, Abi::X86_64, name, [0; 6]) == ALLOW;
    for name in ["chroot", "setns", "ptrace", "sync"] {
        assert!(allowed(name), "{name}");
    }
    for name in ["mount", "umount2", "bpf", "acct", "swapon", "swapoff"] {
        assert!(!allowed(name), "{name}");
    }
}

#[test]
fn flags_and_listener() {
    let notify = json!([{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]);
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": notify,
        "flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                  "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
        "listenerPath": "/run/agent", "listenerMetadata": "x y",
    });
    let filter = compile(&profile);
    assert_eq!(filter.flags, 0b11_1111);
    let listener = filter.listener.as_ref().expect("a listener");
    assert_eq!((listener.path.as_str(), listener.metadata.as_str()), ("/run/agent", "x y"));
    assert_eq!(ask(&filter, Abi::X86_64, "mkdir", [0; 6]), 0x7fc0_0000);
    // With the log alone nobody is asked.
    let logged = compile_with(
        &json!({"defaultAction": "SCMP_ACT_KILL", "syscalls": notify}),
        &Setting { log: true, ..SETTING },
    );
    let logged = logged.expect("a filter");
    assert_eq!(logged.listener, None);
    for (abi, number) in
        [(Abi::X86_64, 0), (Abi::X86_64, 83), (Abi::X86_64, 1 << 30), (Abi::X86, 1)]
    {
        assert_eq!(ask_number(&logged, abi, number, [0; 6]), LOG);
    }
    for (change, want) in [
        (json!({"defaultAction": "SCMP_ACT_NOTIFY"}), "/defaultAction: "),
        (json!({"listenerPath": null}), "/listenerPath: "),
        (json!({"syscalls": null, "listenerPath": null}), "/listenerMetadata: "),
        (json!({"syscalls": null, "listenerMetadata": ""}), "/flags: "),
        (json!({"defaultErrnoRet": 1}), "/defaultErrnoRet: "),
        (json!({"defaultErrno": "EWHAT"}), "/defaultErrno: "),
        (json!({"syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]}), "/syscalls/0/names: "),
        (json!({"syscalls": [{"names": [""], "action": "SCMP_ACT_LOG"}]}), "/syscalls/0/names/0: "),
        (
            json!({"syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "x"}}]}),
            "/syscalls/0/includes/minKernel: ",
        ),
    ] {
        let mut changed = profile.clone();
        for (key, value) in change.as_object().expect("an object") {
            changed[key] = value.clone();
        }
        let error = compile_with(&changed, &SETTING).expect_err(want);
        assert!(error.starts_with(want), "{want}: {error}");
    }
}

/// Every call ends otherwise than its neighbour: no jump of 8 bits reaches over that.
#[test]
fn far_jumps() {
    let mut rules = Vec::new();
    for (n, call) in (1u32..).zip(Call::all()) {
        let conditions = if n % 3 == 0 { json!([when(2, "SCMP_CMP_GT", 5)]) } else { json!([]) };
        rules.push(json!({"names": [call.name()], "action": "SCMP_ACT_ERRNO", "errnoRet": n + 100, "args": conditions}));
    }
    let mut profile = self::rules(&rules.into());
    profile["architectures"] = json!(["SCMP_ARCH_X86"]);
    let filter = compile(&profile);
    assert!(filter.instructions.len() > 1000);
    for abi in [Abi::X86_64, Abi::X86] {
        for (n, call) in (1u32..).zip(Call::all()) {
            // Those that make others have their alternatives, too.
            if call.number(abi).is_none() || matches!(call.name(), "socketcall" | "ipc") {
                continue;
            }
            let got = ask(&filter, abi, call.name(), [7, 7, u64::MAX >> 1, 7, 7, 7]);
            assert_eq!(got, errno(n + 100), "{}", call.name());
        }
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let condition =
        |n: u64| json!([when(0, "SCMP_CMP_MASKED_EQ", n << 20 | 1), when(1, "SCMP_CMP_EQ", n)]);
    let many = |names: &Value, n: u64| -> Value {
        (0..n)
            .map(|n| json!({"names": names, "action": "SCMP_ACT_ALLOW", "args": condition(n)}))
            .collect()
    };
    let error = compile_with(&rules(&many(&json!(["read"]), 2000)), &SETTING).expect_err("long");
    assert!(error.contains("4096 instructions"), "{error}");
    let names: Vec<&str> = Call::all().map(Call::name).collect();
    let error = compile_with(&rules(&many(&json!(names), 2000)), &SETTING).expect_err("long");
    assert!(error.contains("too many conditions"), "{error}");
}

/// JSON of the right shape with anything in it.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "SCMP_ACT_ALLOW",
            "SCMP_ACT_ERRNO",
            "SCMP_ACT_NOTIFY",
            "SCMP_ACT_TRACE",
            "SCMP_CMP_EQ",
            "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_GE",
            "SCMP_ARCH_X86",
            "SCMP_ARCH_X32",
            "read",
            "socket",
            "EPERM",
            "CAP_KILL",
            "amd64",
            "4.8",
            "99999999999.1",
            "",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0u64..8).prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = proptest::sample::select(vec![
        "defaultAction",
        "defaultErrnoRet",
        "defaultErrno",
        "architectures",
        "archMap",
        "architecture",
        "subArchitectures",
        "flags",
        "listenerPath",
        "listenerMetadata",
        "syscalls",
        "names",
        "name",
        "action",
        "errnoRet",
        "errno",
        "args",
        "index",
        "value",
        "valueTwo",
        "op",
        "includes",
        "excludes",
        "caps",
        "arches",
        "minKernel",
        "comment",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A profile with parts of it replaced by anything.
fn disturbed() -> impl Strategy<Value = String> {
    let rule = (anything(), anything(), anything()).prop_map(|(a, b, c)| {
        json!({"names": ["read", "socket", a], "action": "SCMP_ACT_ALLOW", "errnoRet": null,
               "args": [{"index": 0, "value": b, "op": "SCMP_CMP_EQ"}], "includes": c})
    });
    (proptest::collection::vec(rule, 0..4), anything(), anything(), any::<u8>()).prop_map(
        |(rules, one, two, which)| {
            let mut profile = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules});
            match which % 4 {
                0 => profile["architectures"] = one,
                1 => profile["syscalls"] = one,
                2 => profile = one,
                _ => profile["flags"] = json!([one]),
            }
            if which & 16 != 0 && profile.is_object() {
                profile["listenerPath"] = two;
            }
            profile.to_string()
        },
    )
}

/// Reads and compiles; whatever comes out must run and must not be longer than the kernel takes.
fn survive(text: &[u8]) {
    let Ok(profile) = serde_json::from_slice::<Profile<'_>>(text) else { return };
    for machine in [Machine::X86_64, Machine::Aarch64, Machine::Riscv64] {
        let Ok(filter) = seccomp::compile(&profile, &Setting { machine, ..SETTING }) else {
            continue;
        };
        assert!((1..=MAX_INSTRUCTIONS).contains(&filter.instructions.len()));
        assert_eq!(
            Ok(&filter),
            seccomp::compile(&profile, &Setting { machine, ..SETTING }).as_ref()
        );
        for abi in machine.abis() {
            for number in [0, 41, 198, 359, 500, 0xf_0002, 0x4000_0029, u32::MAX] {
                ask_number(&filter, *abi, number, [1 << 32; 6]);
            }
        }
    }
    let again = serde_json::to_string(&profile).expect("JSON");
    assert_eq!(serde_json::from_str::<Profile<'_>>(&again).ok(), Some(profile.into_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json(text in disturbed()) {
        survive(text.as_bytes());
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn any_cut(text in disturbed(), cut in 0usize..400, byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        if let Some(place) = bytes.get_mut(cut) {
            *place = byte;
        }
        survive(&bytes);
        bytes.truncate(cut);
        survive(&bytes);
    }
}
