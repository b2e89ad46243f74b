//! What is written below `/proc` while the world is made: settings of its namespaces, and id maps where
//! its own `/proc` cannot be written.

use super::Context;
use super::builder::Builder;
use crate::errno::{EACCES, ENOENT, EPERM};
use crate::namespace::NamespaceKind;
use crate::plan::Origin;
use crate::program::{Attrs, Op, OpenFor, Slot, Topic};

/// A procfs to write to. It hangs nowhere, so nothing in the world covers it or makes it read-only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    proc: Slot,
    /// Whether it is the machine's, by its path.
    machines: bool,
}

/// Opens one where something is to be written.
pub(super) fn open(cx: &Context<'_>, b: &mut Builder) -> Option<Settings> {
    if !cx.no_new_code() && cx.plan.hardening.sysctls.is_empty() {
        return None;
    }
    let own = cx.owns(NamespaceKind::Pid) && cx.owns(NamespaceKind::Mount);
    b.step("mount", "/proc to write settings", None);
    let proc = if own { b.new_filesystem("proc", &[], Attrs::KERNEL) } else { Slot::CWD };
    Some(Settings { proc, machines: !own })
}

impl Settings {
    /// Settings of the world's namespaces, once all of these have been made.
    pub(super) fn write_sysctls(self, cx: &Context<'_>, b: &mut Builder) {
        self.set(cx, |kind| kind != Some(NamespaceKind::User), b);
        if cx.no_new_code() {
            self.refuse_executable_memory_files(b);
        }
    }

    /// Settings of the user namespace that the program's process is in, which may be a second one.
    ///
    /// KERNEL: they are those of the writer's user namespace, and raising them takes `CAP_SYS_RESOURCE`
    /// there.
    pub(super) fn limit_namespaces(self, cx: &Context<'_>, b: &mut Builder) {
        self.set(cx, |kind| kind == Some(NamespaceKind::User), b);
        if cx.no_new_code() {
            self.refuse_user_namespaces(b);
        }
    }

    fn set(self, cx: &Context<'_>, wanted: fn(Option<NamespaceKind>) -> bool, b: &mut Builder) {
        let sysctls = cx.plan.hardening.sysctls.iter();
        for sysctl in sysctls.filter(|sysctl| wanted(sysctl.namespace())) {
            let origin = Origin::Option(format!("--sysctl {}={}", sysctl.key, sysctl.value));
            b.step("set", sysctl.key.clone(), Some(&origin));
            self.write(b, &sysctl.path(), sysctl.value.as_bytes());
        }
    }

    /// KERNEL: 2 refuses memory files that can be executed (Linux 6.3). The file belongs to the machine's
    /// root, so an ordinary user's world has the filter of system calls alone for this.
    fn refuse_executable_memory_files(self, b: &mut Builder) {
        b.step("set", "vm.memfd_noexec", None);
        let from = b.mark();
        self.write(b, "sys/vm/memfd_noexec", b"2");
        b.rescue_since(from, &[ENOENT, EACCES, EPERM]);
    }

    /// No user namespace can be made below the one that the process is in.
    fn refuse_user_namespaces(self, b: &mut Builder) {
        b.step("refuse", "further user namespaces", None);
        self.write(b, "sys/user/max_user_namespaces", b"0");
        b.decide(
            Topic::Process,
            "no user namespace can be made inside (user.max_user_namespaces)",
            "a program could mount there what it writes and executes",
        );
    }

    /// Opens, writes and closes a file.
    pub(super) fn write(self, b: &mut Builder, path: &str, data: &[u8]) {
        let path = b.str(if self.machines { format!("/proc/{path}") } else { path.to_owned() });
        let data = b.str(data);
        let file = b.slot();
        b.op(Op::Open { at: self.proc, path, how: OpenFor::Writing, into: file });
        b.op(Op::Write { to: file, data });
        b.close(file);
    }

    pub(super) fn close(self, b: &mut Builder) {
        if !self.machines {
            b.close(self.proc);
        }
    }
}
