//! Programs in the kernel that decide about devices of a control group: `bpf(2)`.

use std::os::fd::{AsFd, OwnedFd};

use crate::raw::Fd;
use crate::raw::call::{syscall, to_fd};
use crate::{Errno, adopt};

/// One instruction, eight bytes; `struct bpf_insn`.
pub type Insn = [u8; 8];

const BPF_PROG_LOAD: u32 = 5;
const BPF_PROG_ATTACH: u32 = 8;
const BPF_PROG_DETACH: u32 = 9;
const BPF_PROG_GET_FD_BY_ID: u32 = 13;
const BPF_PROG_QUERY: u32 = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 2;
const BPF_F_REPLACE: u32 = 4;

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` reads.
#[repr(C)]
#[derive(Default)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// The part that the others read.
#[repr(C)]
#[derive(Default)]
struct Attach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
}

#[repr(C)]
#[derive(Default)]
struct Query {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Default)]
struct ById {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

/// Calls `bpf(2)` with a structure of ours.
fn bpf<T>(command: u32, attr: &mut T) -> Result<usize, Errno> {
    // SAFETY: the kernel reads, and for a query writes, no more than the size it is given; the pointers
    // in the structure are to memory that lives until the call returns.
    unsafe { syscall!(__NR_bpf, command, &raw mut *attr, size_of::<T>()) }
}

fn number(fd: &impl AsFd) -> u32 {
    Fd::of(fd).0.cast_unsigned()
}

/// Loads a program that decides about devices (`BPF_PROG_LOAD`, Linux 4.15). `EPERM` without
/// `CAP_BPF` and `CAP_NET_ADMIN` (before Linux 5.8: `CAP_SYS_ADMIN`), and before 5.11 also where
/// `RLIMIT_MEMLOCK` is reached; `EINVAL` for a program that the verifier refuses.
pub fn load_device_program(program: &[Insn]) -> Result<OwnedFd, Errno> {
    let license = c"GPL";
    let mut name = [0u8; 16];
    for (to, from) in name.iter_mut().zip(b"dwell_devices") {
        *to = *from;
    }
    let mut attr = Load {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).map_err(|_| Errno::TOOBIG)?,
        insns: program.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
        prog_name: name,
        ..Load::default()
    };
    bpf(BPF_PROG_LOAD, &mut attr).map(|answer| adopt(to_fd(answer)))
}

/// Attaches a program to a group of version 2, beside those that are there, or in the place of one
/// (`BPF_PROG_ATTACH` with `BPF_F_ALLOW_MULTI` and `BPF_F_REPLACE`, Linux 5.6).
pub fn attach_device_program(
    group: &impl AsFd,
    program: &impl AsFd,
    replaces: Option<&OwnedFd>,
) -> Result<(), Errno> {
    let replace = if replaces.is_some() { BPF_F_REPLACE } else { 0 };
    let mut attr = Attach {
        target_fd: number(group),
        attach_bpf_fd: number(program),
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: BPF_F_ALLOW_MULTI | replace,
        replace_bpf_fd: replaces.map_or(0, number),
    };
    bpf(BPF_PROG_ATTACH, &mut attr).map(drop)
}

/// Takes a program from a group (`BPF_PROG_DETACH`).
pub fn detach_device_program(group: &impl AsFd, program: &impl AsFd) -> Result<(), Errno> {
    let mut attr = Attach {
        target_fd: number(group),
        attach_bpf_fd: number(program),
        attach_type: BPF_CGROUP_DEVICE,
        ..Attach::default()
    };
    bpf(BPF_PROG_DETACH, &mut attr).map(drop)
}

/// The programs that a group has itself (`BPF_PROG_QUERY`, `BPF_PROG_GET_FD_BY_ID`).
pub fn device_programs(group: &impl AsFd) -> Result<Vec<OwnedFd>, Errno> {
    // KERNEL: a group takes 64 of a kind.
    let mut ids = [0u32; 64];
    let mut attr = Query {
        target_fd: number(group),
        attach_type: BPF_CGROUP_DEVICE,
        prog_ids: ids.as_mut_ptr().expose_provenance() as u64,
        prog_cnt: 64,
        ..Query::default()
    };
    bpf(BPF_PROG_QUERY, &mut attr)?;
    let open = |id: &u32| {
        let mut attr = ById { id: *id, ..ById::default() };
        bpf(BPF_PROG_GET_FD_BY_ID, &mut attr).map(|answer| adopt(to_fd(answer)))
    };
    ids.iter().take(attr.prog_cnt as usize).map(open).collect()
}
