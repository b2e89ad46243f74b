//! Device rules of version 2: a program that is attached to the group.

use std::fs::File;
use std::io;
use std::path::Path;

use dwell_bpf::devices::{Insn, compile};
use dwell_plan::limits::DeviceRule;
use dwell_sys::bpf;

use crate::error::{Error, reason};

/// Has the rules hold for the group at `dir`. What was set by an earlier call is replaced, at no time
/// without either; programs of others stay.
pub(crate) fn set(dir: &Path, rules: &[DeviceRule]) -> Result<(), Error> {
    let failed = |call: &str, errno: rustix::io::Errno| {
        let why = reason(&io::Error::from_raw_os_error(errno.raw_os_error()));
        let error = Error::new(format!("cannot set the device rules: {why} ({call})"));
        match errno {
            rustix::io::Errno::PERM => {
                error.hint("loading programs into the kernel takes root of the machine (CAP_BPF)")
            }
            _ => error,
        }
    };
    let group =
        File::open(dir).map_err(|e| Error::of_call("set the device rules", "open", dir, &e))?;
    let program: Vec<bpf::Insn> = compile(rules).into_iter().map(bytes).collect();
    let program =
        bpf::load_device_program(&program).map_err(|e| failed("bpf(BPF_PROG_LOAD)", e))?;
    let before = bpf::device_programs(&group).map_err(|e| failed("bpf(BPF_PROG_QUERY)", e))?;
    let attached = bpf::attach_device_program(&group, &program, before.first());
    match attached {
        Err(rustix::io::Errno::INVAL) if !before.is_empty() => {
            // Before Linux 5.6 nothing can be replaced: for a moment both hold.
            bpf::attach_device_program(&group, &program, None)
                .map_err(|e| failed("bpf(BPF_PROG_ATTACH)", e))?;
            let detached =
                before.iter().take(1).try_for_each(|old| bpf::detach_device_program(&group, old));
            detached.map_err(|e| failed("bpf(BPF_PROG_DETACH)", e))
        }
        other => other.map_err(|e| failed("bpf(BPF_PROG_ATTACH)", e)),
    }
}

/// As the kernel has it in memory.
fn bytes(insn: Insn) -> bpf::Insn {
    let [a, b] = insn.offset.to_ne_bytes();
    let [c, d, e, f] = insn.immediate.to_ne_bytes();
    [insn.code, insn.registers, a, b, c, d, e, f]
}
