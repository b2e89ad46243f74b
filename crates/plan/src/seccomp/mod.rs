//! Seccomp profiles as data: what `config.json` of the OCI runtime specification calls
//! `linux.seccomp`, with what Docker and Podman write beside it in their own profile files (conditions
//! on capabilities, architecture and kernel; `archMap`; errors by name).
//!
//! Texts are borrowed from the JSON where they can be: a profile has some hundred names of calls. The
//! filter itself is compiled by the crate `bpf`.

pub mod builtin;
mod calls;
mod name;
pub mod no_new_code;
mod refuse;
pub mod tcp;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

pub use name::Name;

/// A profile: what is done about each system call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile<'a> {
    /// What is done about a call that no rule is for.
    pub default_action: Action,
    /// With which error, where the action has one; `EPERM` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// The same by name (Podman); it wins.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub default_errno: Option<Name<'a>>,
    /// The ABIs that are answered by rules, besides the machine's own.
    #[serde(default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<Architecture>,
    /// The same, for several machines (Docker, Podman): that of the own machine counts.
    #[serde(default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub arch_map: Vec<ArchMap>,
    /// Flags of `seccomp(2)`.
    #[serde(default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The Unix socket of who answers calls for which the action is [`Action::Notify`].
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<Name<'a>>,
    /// What is sent there along with the descriptor.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<Name<'a>>,
    /// The rules.
    #[serde(borrow, default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<Rule<'a>>,
}

/// A rule for some calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule<'a> {
    /// The calls.
    #[serde(borrow, default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name<'a>>,
    /// One call more (Docker's first form).
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name<'a>>,
    /// What is done about them.
    pub action: Action,
    /// With which error, where the action has one; `EPERM` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// The same by name (Podman); it wins.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<Name<'a>>,
    /// Conditions on the arguments: all must hold. Of conditions on the same argument one is enough, as
    /// the runtimes in use read it.
    #[serde(default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
    /// The rule counts where all of this is so.
    #[serde(borrow, default, deserialize_with = "null", skip_serializing_if = "Where::is_empty")]
    pub includes: Where<'a>,
    /// The rule does not count where any of this is so.
    #[serde(borrow, default, deserialize_with = "null", skip_serializing_if = "Where::is_empty")]
    pub excludes: Where<'a>,
}

/// On which worlds a rule depends (Docker, Podman).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Where<'a> {
    /// Capabilities of the bounding set, as `CAP_SYS_ADMIN`.
    #[serde(borrow, default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Name<'a>>,
    /// Machines in Go's words, as `amd64`.
    #[serde(borrow, default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub arches: Vec<Name<'a>>,
    /// The oldest kernel, as `4.8`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub min_kernel: Option<Name<'a>>,
}

impl Where<'_> {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.caps.is_empty() && self.arches.is_empty() && self.min_kernel.is_none()
    }
}

/// A condition on an argument, 64 bits wide and without sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Arg {
    /// Which: 0 to 5.
    pub index: u32,
    /// What it is compared with; for [`Compare::MaskedEqual`] the mask.
    pub value: u64,
    /// For [`Compare::MaskedEqual`] what it is compared with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub value_two: u64,
    /// How.
    pub op: Compare,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// How an argument is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compare {
    /// Not equal.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Less.
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// Less or equal.
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// Equal.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Greater or equal.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// Greater.
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// The bits of the mask are equal.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// What is done about a call; `seccomp(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The thread ends with SIGSYS.
    #[default]
    #[serde(rename = "SCMP_ACT_KILL_THREAD", alias = "SCMP_ACT_KILL")]
    KillThread,
    /// The process ends with SIGSYS. Linux 4.14.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The thread gets SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// The call fails.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A process outside is asked. Linux 5.0.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
    /// The tracer is told; the call fails with ENOSYS when there is none.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// The call is made and logged. Linux 4.14.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// The call is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
}

/// A flag of `seccomp(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    /// All threads of the process get the filter.
    #[serde(rename = "SECCOMP_FILTER_FLAG_TSYNC")]
    Tsync,
    /// What is not allowed is logged. Linux 4.14.
    #[serde(rename = "SECCOMP_FILTER_FLAG_LOG")]
    Log,
    /// Speculative store bypass is not turned off. Linux 4.17.
    #[serde(rename = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    SpecAllow,
    /// Who waits for an answer can only be interrupted by what kills it. Linux 5.19.
    #[serde(rename = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
    WaitKillableRecv,
}

/// For one machine, the ABIs that are answered by rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchMap {
    /// The machine's own.
    pub architecture: Architecture,
    /// The others that it has.
    #[serde(default, deserialize_with = "null", skip_serializing_if = "Vec::is_empty")]
    pub sub_architectures: Vec<Architecture>,
}

/// An ABI of the kernel, in the words of the OCI specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the machines'")]
pub enum Architecture {
    #[serde(rename = "SCMP_ARCH_X86_64")]
    X86_64,
    #[serde(rename = "SCMP_ARCH_X86")]
    X86,
    #[serde(rename = "SCMP_ARCH_X32")]
    X32,
    #[serde(rename = "SCMP_ARCH_AARCH64")]
    Aarch64,
    #[serde(rename = "SCMP_ARCH_ARM")]
    Arm,
    #[serde(rename = "SCMP_ARCH_RISCV64")]
    Riscv64,
    /// One that none of the machines which dwell runs on has.
    #[serde(
        rename = "other",
        alias = "SCMP_ARCH_LOONGARCH64",
        alias = "SCMP_ARCH_M68K",
        alias = "SCMP_ARCH_MIPS",
        alias = "SCMP_ARCH_MIPS64",
        alias = "SCMP_ARCH_MIPS64N32",
        alias = "SCMP_ARCH_MIPSEL",
        alias = "SCMP_ARCH_MIPSEL64",
        alias = "SCMP_ARCH_MIPSEL64N32",
        alias = "SCMP_ARCH_PARISC",
        alias = "SCMP_ARCH_PARISC64",
        alias = "SCMP_ARCH_PPC",
        alias = "SCMP_ARCH_PPC64",
        alias = "SCMP_ARCH_PPC64LE",
        alias = "SCMP_ARCH_S390",
        alias = "SCMP_ARCH_S390X",
        alias = "SCMP_ARCH_SH",
        alias = "SCMP_ARCH_SHEB"
    )]
    Other,
}

/// `null` is as good as nothing: Go writes it for an empty list.
fn null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Profile<'_> {
    /// The same profile with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Profile<'static> {
        Profile {
            default_action: self.default_action,
            default_errno_ret: self.default_errno_ret,
            default_errno: self.default_errno.map(Name::into_owned),
            architectures: self.architectures,
            arch_map: self.arch_map,
            flags: self.flags,
            listener_path: self.listener_path.map(Name::into_owned),
            listener_metadata: self.listener_metadata.map(Name::into_owned),
            syscalls: self.syscalls.into_iter().map(Rule::into_owned).collect(),
        }
    }
}

impl Rule<'_> {
    fn into_owned(self) -> Rule<'static> {
        Rule {
            names: owned(self.names),
            name: self.name.map(Name::into_owned),
            action: self.action,
            errno_ret: self.errno_ret,
            errno: self.errno.map(Name::into_owned),
            args: self.args,
            includes: self.includes.into_owned(),
            excludes: self.excludes.into_owned(),
        }
    }
}

impl Where<'_> {
    fn into_owned(self) -> Where<'static> {
        Where {
            caps: owned(self.caps),
            arches: owned(self.arches),
            min_kernel: self.min_kernel.map(Name::into_owned),
        }
    }
}

fn owned(names: Vec<Name<'_>>) -> Vec<Name<'static>> {
    names.into_iter().map(Name::into_owned).collect()
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(text: &'a str) -> Self {
        Name(Cow::Borrowed(text))
    }
}
