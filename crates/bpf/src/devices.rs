//! Device rules of a control group, as an eBPF program for `BPF_PROG_TYPE_CGROUP_DEVICE`.
