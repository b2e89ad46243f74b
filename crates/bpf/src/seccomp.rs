//! Seccomp profiles, as classic BPF.
