//! What holds for profiles, whatever the bytes; see `dwell_plan::fuzzing`.

use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::fuzzing::Body;
use dwell_plan::seccomp::Profile;

use crate::seccomp::emulate::{self, Data};
use crate::seccomp::{self, Machine, Setting};

/// The compiler of this crate.
pub const BODIES: &[Body] = &[Body {
    name: "seccomp_filter",
    words: &[
        r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":["#,
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":["#,
        r#"{"names":["read","write","no_such_call"],"action":"SCMP_ACT_ALLOW"}"#,
        r#"{"names":["clone"],"action":"SCMP_ACT_KILL","args":[{"index":5,"value":18446744073709551615,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"}]}"#,
        r#"{"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":97,"args":[{"index":0,"value":16,"op":"SCMP_CMP_GT"},{"index":0,"value":3,"op":"SCMP_CMP_LE"}]}"#,
        ",",
        "]}",
    ],
    run: filter,
}];

/// A filter that comes out is one that the kernel takes: not too long, and every way through it ends.
fn filter(bytes: &[u8]) {
    let Ok(profile) = serde_json::from_slice::<Profile<'_>>(bytes) else { return };
    for machine in [Machine::X86_64, Machine::Aarch64, Machine::Riscv64] {
        let kernel = Kernel { major: 6, minor: 1 };
        let setting = Setting { machine, kernel, capabilities: CapSet::EMPTY, log: false };
        let Ok(filter) = seccomp::compile(&profile, &setting) else { continue };
        assert!(filter.instructions.len() <= seccomp::MAX_INSTRUCTIONS);
        for abi in machine.abis() {
            for number in [0, 1, 41, 56, 220, 500, u32::MAX] {
                let arch = abi.audit();
                let args = [u64::from(number), 0, 16, 1 << 40, u64::MAX, 3];
                let data = Data { number, arch, instruction_pointer: 0, args };
                assert!(emulate::verdict(&filter.instructions, &data).is_ok());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes() {
        dwell_plan::fuzzing::bounded(super::BODIES);
    }
}
