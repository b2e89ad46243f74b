//! The kernel's ABIs: each has numbers of its own for the system calls.

use dwell_plan::seccomp::{Architecture, Profile};

/// A machine that dwell runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// ARM, 64 bit.
    Aarch64,
    /// RISC-V, 64 bit.
    Riscv64,
}

impl Machine {
    /// The one that this code was compiled for.
    pub const OWN: Machine = if cfg!(target_arch = "aarch64") {
        Machine::Aarch64
    } else if cfg!(target_arch = "riscv64") {
        Machine::Riscv64
    } else {
        Machine::X86_64
    };

    /// All ABIs that its kernel may have; its own first.
    #[must_use]
    pub fn abis(self) -> &'static [Abi] {
        match self {
            Machine::X86_64 => &[Abi::X86_64, Abi::X32, Abi::X86],
            Machine::Aarch64 => &[Abi::Aarch64, Abi::Arm],
            Machine::Riscv64 => &[Abi::Riscv64],
        }
    }

    /// What Go calls it.
    pub(super) fn go_name(self) -> &'static str {
        match self {
            Machine::X86_64 => "amd64",
            Machine::Aarch64 => "arm64",
            Machine::Riscv64 => "riscv64",
        }
    }

    /// Its ABIs that a profile has rules for. Its own always belongs to them.
    pub(super) fn chosen(self, profile: &Profile<'_>) -> impl Iterator<Item = Abi> {
        let own = self.abis()[0].architecture();
        let map = profile.arch_map.iter().filter(move |map| map.architecture == own);
        let named = move |abi: Abi| {
            let named = abi.architecture();
            named == own
                || profile.architectures.contains(&named)
                || map.clone().any(|map| map.sub_architectures.contains(&named))
        };
        self.abis().iter().copied().filter(move |abi| named(*abi))
    }
}

/// An ABI. The order is that of the columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the machines'")]
pub enum Abi {
    X86_64,
    X32,
    X86,
    Aarch64,
    Arm,
    Riscv64,
}

/// What distinguishes the numbers of x32 from those of x86-64.
pub const X32_BIT: u32 = 0x4000_0000;

impl Abi {
    /// `seccomp_data.arch`: `AUDIT_ARCH_…` of `linux/audit.h`.
    #[must_use]
    pub fn audit(self) -> u32 {
        match self {
            Abi::X86_64 | Abi::X32 => 0xc000_003e,
            Abi::X86 => 0x4000_0003,
            Abi::Aarch64 => 0xc000_00b7,
            Abi::Arm => 0x4000_0028,
            Abi::Riscv64 => 0xc000_00f3,
        }
    }

    /// Whether its calls take arguments of 32 bits.
    pub(super) fn is_narrow(self) -> bool {
        matches!(self, Abi::X32 | Abi::X86 | Abi::Arm)
    }

    pub(super) fn architecture(self) -> Architecture {
        match self {
            Abi::X86_64 => Architecture::X86_64,
            Abi::X32 => Architecture::X32,
            Abi::X86 => Architecture::X86,
            Abi::Aarch64 => Architecture::Aarch64,
            Abi::Arm => Architecture::Arm,
            Abi::Riscv64 => Architecture::Riscv64,
        }
    }
}
