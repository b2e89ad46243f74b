//! What went wrong, as a sentence that names what was asked for, the kernel's reason and the call.

use std::fmt;

use dwell_plan::plan::Origin;
use dwell_plan::program::{Block, Op, Program, Step};
use dwell_plan::render;

/// What kind of failure it was, for whoever knows more about its causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The first clone was refused: namespaces cannot be made.
    Clone(i32),
    /// Id maps were refused.
    IdMap,
    /// A file on the machine could not be opened.
    HostFile(i32),
    /// A new procfs was refused.
    Procfs(i32),
    /// A new sysfs was refused.
    Sysfs(i32),
    /// A step inside the world failed.
    Step(i32),
    /// The program is not there: exit code 127.
    ProgramMissing,
    /// The program cannot be run: exit code 126.
    ProgramRefused,
    /// A wall does not hold, or could not be tried.
    Wall,
    /// The world's process vanished.
    Lost,
}

/// A run that did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence, without a full stop.
    pub sentence: String,
    /// What helps.
    pub hint: Option<String>,
    /// Its kind.
    pub cause: Cause,
}

impl Failure {
    pub(crate) fn host(sentence: String, cause: Cause) -> Self {
        Failure { sentence, hint: None, cause }
    }

    /// The exit code: 125, 126 or 127.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self.cause {
            Cause::ProgramMissing => 127,
            Cause::ProgramRefused => 126,
            _ => 125,
        }
    }

    /// A failed op.
    pub(crate) fn of_op(
        program: &Program,
        block: &Block,
        op: u32,
        errno: i32,
        head: &[u8],
    ) -> Self {
        let Some(failed) = block.ops.get(op as usize) else {
            return Failure::host(
                format!("step {op} of the world failed: {}", reason(errno)),
                Cause::Step(errno),
            );
        };
        if matches!(failed, Op::Exec) {
            return of_exec(program, errno, head);
        }
        if let Op::Prove(act) = failed {
            return Failure::host(act.sentence(errno, &reason(errno)), Cause::Wall);
        }
        let step = program.step(block, op);
        let what = step.map_or_else(
            || "cannot build the world".to_owned(),
            |s| format!("cannot {} {}", s.verb, s.object),
        );
        let sentence = format!("{what}: {} ({})", reason(errno), render::call(program, *failed));
        let cause = match failed {
            Op::EnterAside { .. } | Op::Unshare(_) => Cause::Clone(errno),
            Op::FsMount { .. } if step.is_some_and(|s| s.object == "/proc") => Cause::Procfs(errno),
            Op::FsMount { .. } if step.is_some_and(|s| s.object == "/sys") => Cause::Sysfs(errno),
            _ => Cause::Step(errno),
        };
        Failure { sentence, hint: step.and_then(|s| hint(s, *failed, errno)), cause }
    }
}

impl Failure {
    /// A failed op of a Program that starts in place; `subject` is the process that it is about.
    pub(crate) fn in_place(
        program: &Program,
        block: &Block,
        op: u32,
        errno: i32,
        head: &[u8],
        subject: i32,
    ) -> Self {
        let failed = block.ops.get(op as usize).copied();
        let says = program.step(block, op).and_then(|step| step.says.as_deref());
        let words = match failed {
            Some(Op::BindNamespace { kind, on }) => {
                let on = String::from_utf8_lossy(program.bytes(on));
                format!("mount /proc/{subject}/ns/{} on {on} failed", kind.children_name())
            }
            _ => says.unwrap_or("cannot start the program").to_owned(),
        };
        let cause = match (failed, errno) {
            (Some(Op::Exec), dwell_plan::errno::ENOENT) => Cause::ProgramMissing,
            (Some(Op::Exec), _) => Cause::ProgramRefused,
            (Some(Op::Unshare(_)), _) => Cause::Clone(errno),
            _ => Cause::Step(errno),
        };
        let hint = match cause {
            Cause::ProgramMissing => {
                render::interpreter(head).map(|i| format!("its {i} is missing"))
            }
            _ => None,
        };
        Failure { sentence: format!("{words}: {}", reason(errno)), hint, cause }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// The kernel's words for an error number.
pub(crate) fn reason(errno: i32) -> String {
    dwell_sys::words::of_number(errno).into_owned()
}

fn hint(step: &Step, op: Op, errno: i32) -> Option<String> {
    use dwell_plan::errno::{EACCES, EINVAL, ENOENT, ENOTDIR, EPERM};
    let asked = match &step.origin {
        Some(origin @ Origin::Option(_)) => Some(origin.to_string()),
        _ => None,
    };
    match (op, errno, asked) {
        (Op::CloneTree { .. } | Op::Chdir(_) | Op::AllowPath { .. }, ENOENT, Some(asked)) => {
            Some(format!("{asked} names a path that does not exist on this machine"))
        }
        (Op::CloneTree { .. } | Op::Chdir(_) | Op::AllowPath { .. }, EACCES, Some(asked)) => {
            Some(format!("{asked} names a path that you cannot reach yourself"))
        }
        (Op::Chdir(_), ENOENT | ENOTDIR, None) => Some("name a directory that exists in the world with --workdir".to_owned()),
        (Op::Attach { .. }, ENOTDIR, Some(asked)) => {
            Some(format!("{asked} puts a directory on a file, or a file on a directory"))
        }
        (Op::FsCreate { .. }, EINVAL | EPERM, Some(asked)) => {
            Some(format!("the file system below {asked} cannot carry a layer; grant it with --ro or --rw"))
        }
        (Op::SetIds { .. }, EINVAL, _) => Some("that user or group does not exist in the user namespace: its uid_map and gid_map have no such number".to_owned()),
        (Op::Rlimit { .. }, EPERM, _) => Some("only root may raise a hard limit".to_owned()),
        (Op::Enter { .. }, EPERM, _) => Some("a namespace can be joined by root of its user namespace: join that first, or run as root".to_owned()),
        (Op::WriteFile { .. }, _, None) if step.object == "the offsets of the clocks" => Some(
            "asked for by --time-offset: a clock can neither go below zero nor beyond 146 years".to_owned(),
        ),
        (_, _, Some(asked)) => Some(format!("asked for by {asked}")),
        _ => None,
    }
}

/// Which file is missing: the program, the interpreter in its first line, or its ELF loader.
fn of_exec(program: &Program, errno: i32, head: &[u8]) -> Failure {
    use dwell_plan::errno::{EACCES, ENOENT};
    let name = program.argv.first().map(ToString::to_string).unwrap_or_default();
    match (errno, render::interpreter(head)) {
        (ENOENT, Some(interpreter)) => Failure {
            sentence: format!("cannot run {name}: its {} is missing in the world", interpreter),
            hint: Some("grant it with --ro, or choose a root that has it".to_owned()),
            cause: Cause::ProgramMissing,
        },
        (ENOENT, None) => {
            let place = if name.contains('/') {
                "there is no such file in the world"
            } else {
                "no such program in the world's PATH"
            };
            Failure {
                sentence: format!("cannot run {name}: {place}"),
                hint: None,
                cause: Cause::ProgramMissing,
            }
        }
        (EACCES, _) => Failure {
            sentence: format!("cannot run {name}: {} (execve)", reason(errno)),
            hint: Some(
                "it is not executable, not a file, or its mount forbids programs".to_owned(),
            ),
            cause: Cause::ProgramRefused,
        },
        _ => Failure {
            sentence: format!("cannot run {name}: {} (execve)", reason(errno)),
            hint: None,
            cause: Cause::ProgramRefused,
        },
    }
}
