//! Whether the machine's own processor can run the guest.

use std::fs;
use std::path::Path;

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accel {
    /// The processor, through `/dev/kvm`.
    Kvm,
    /// qemu's translator: works everywhere, and is five to ten times slower.
    Tcg,
}

impl Accel {
    /// Looks, without trusting `/dev/kvm` alone: where KVM has a back end in software (`kvm_pvm`)
    /// the device opens and answers, but an ordinary kernel does not get through its start. qemu's
    /// own choice (`-accel kvm -accel tcg`) falls for that.
    pub(super) fn probe() -> Accel {
        let writable = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let software = Path::new("/sys/module/kvm_pvm").exists();
        if writable && has_virtualisation(&cpuinfo) && !software { Accel::Kvm } else { Accel::Tcg }
    }

    /// qemu's options for it.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Accel::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Accel::Tcg => &["-accel", "tcg,thread=multi"],
        }
    }

    /// How many times longer than on the machine itself things take, roughly.
    pub(super) fn slowness(self) -> u32 {
        match self {
            Accel::Kvm => 2,
            Accel::Tcg => 5,
        }
    }
}

/// Whether the flags name Intel's or AMD's extension.
fn has_virtualisation(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags.flat_map(str::split_whitespace).any(|flag| flag == "vmx" || flag == "svm")
}

#[cfg(test)]
mod tests {
    use super::has_virtualisation;

    #[test]
    fn only_a_flag_of_its_own_counts() {
        assert!(has_virtualisation("flags\t\t: fpu vmx sse"));
        assert!(has_virtualisation("model name: x\nflags : svm\n"));
        assert!(!has_virtualisation("flags\t\t: fpu vmx_something svm_lock"));
        assert!(!has_virtualisation("vmx flags\t: vnmi\nbugs\t: svm"));
    }
}
