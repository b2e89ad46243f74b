//! From words to [`LowArgs`].

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use dwell_plan::hardening::ProcView;
use dwell_plan::limits::{Amount, Swap, Weight};
use dwell_plan::plan::{CapabilityChange, GroupManager, Pty};
use lexopt::Arg;

use super::low::{LowArgs, LowGrant, Net, PlanForm, Typed};
use super::{Category, Detail, EnvSource, FOREIGN, Id, Opt, RUN, suggestion, value};
use crate::message::Failure;

/// Reads everything that follows `dwell run`. Options end at the first operand, or at `--`.
///
/// # Errors
/// The first word that is not understood.
pub fn parse(args: Vec<OsString>) -> Result<LowArgs, Failure> {
    let mut low = LowArgs::default();
    let mut words = lexopt::Parser::from_args(args);
    loop {
        let (option, long) = match words.next().map_err(malformed)? {
            None => break,
            Some(Arg::Value(program)) => {
                let rest = words.raw_args().map_err(malformed)?;
                low.program.push(program);
                low.program.extend(rest);
                break;
            }
            Some(Arg::Long(name)) => (Opt::long(name).ok_or_else(|| unknown_long(name))?, true),
            Some(Arg::Short(name)) => (Opt::short(name).ok_or_else(|| unknown_short(name))?, false),
        };
        let given = Given::read(option, long, &mut words)?;
        if option.category != Category::Inspection && low.shaping.is_none() {
            low.shaping = Some(given.words.clone());
        }
        set(&mut low, option, given, long)?;
        if low.help.is_some() {
            break;
        }
    }
    Ok(low)
}

/// An option's value, and all its words as they were typed.
struct Given {
    value: OsString,
    words: String,
}

impl Given {
    fn read(option: &Opt, long: bool, words: &mut lexopt::Parser) -> Result<Given, Failure> {
        let name = match (long, option.short) {
            (false, Some(short)) => format!("-{short}"),
            _ => format!("--{}", option.name),
        };
        let Some(metavar) = option.value else {
            // A short switch may be followed by others: `-rh`.
            return match if long { words.optional_value() } else { None } {
                None => Ok(Given { value: OsString::new(), words: name }),
                Some(_) => Err(Failure::new(format!("`{name}` takes no value"))),
            };
        };
        let (value, between) = match words.optional_value() {
            Some(value) => (value, if long { "=" } else { "" }),
            None => match words.value() {
                Ok(value) => (value, " "),
                Err(_) => {
                    return Err(Failure::new(format!("`{name}` needs a value: {metavar}")));
                }
            },
        };
        let words = format!("{name}{between}{}", value.to_string_lossy());
        Ok(Given { value, words })
    }

    fn bytes(&self) -> &[u8] {
        self.value.as_bytes()
    }

    /// The value as `read` understands it.
    fn of<T>(&self, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Failure> {
        read(self.bytes()).map_err(|reason| Failure::cannot_use(&self.words, &reason))
    }

    /// The same for values that are text.
    fn text<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Failure> {
        self.of(|bytes| read(std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?))
    }

    /// The value as one of the option's words.
    fn choice<T: Copy>(&self, option: &Opt, meanings: &[(&str, T)]) -> Result<T, Failure> {
        self.text(|text| {
            meanings
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, meaning)| *meaning)
                .ok_or_else(|| format!("'{text}' is not one of {}", option.choices.join(", ")))
        })
    }

    fn typed<T>(self, value: T) -> Typed<T> {
        Typed { value, words: self.words }
    }
}

/// Writes down one option.
fn set(low: &mut LowArgs, option: &Opt, given: Given, long: bool) -> Result<(), Failure> {
    match option.id {
        Id::Rw => {
            let (path, dest) = given.of(value::path_and_dest)?;
            low.grants.push(given.typed(LowGrant::ReadWrite { path, dest }));
        }
        Id::Ro => {
            let (path, dest) = given.of(value::path_and_dest)?;
            low.grants.push(given.typed(LowGrant::ReadOnly { path, dest }));
        }
        Id::Cow => {
            let (path, dest) = given.of(value::path_and_dest)?;
            low.grants.push(given.typed(LowGrant::CopyOnWrite { path, dest }));
        }
        Id::Hide => {
            let path = given.of(value::path)?;
            low.grants.push(given.typed(LowGrant::Hide { path }));
        }
        Id::Tmpfs => {
            let (dest, size) = given.of(value::tmpfs)?;
            low.grants.push(given.typed(LowGrant::Tmpfs { dest, size }));
        }
        Id::Dev => {
            let path = given.of(value::path)?;
            low.grants.push(given.typed(LowGrant::Device { path }));
        }
        Id::Socket => {
            let path = given.of(value::path)?;
            low.grants.push(given.typed(LowGrant::Socket { path }));
        }
        Id::Home => low.home = Some(given.typed(())),
        Id::ReadOnly => low.read_only = Some(given.typed(())),
        Id::Scratch => {
            let size = given.text(value::size)?;
            low.scratch = Some(given.typed(size));
        }
        Id::From => {
            let path = given.of(value::file)?;
            low.from = Some(given.typed(path));
        }
        Id::Writable => low.writable = Some(given.typed(())),
        Id::Unshare => {
            let kinds = given.text(value::kinds)?;
            low.unshare.push(given.typed(kinds));
        }
        Id::Share => {
            let kinds = given.text(value::kinds)?;
            low.share.push(given.typed(kinds));
        }
        Id::Join => {
            let join = given.of(value::join)?;
            low.join.push(given.typed(join));
        }
        Id::Net => {
            let net = given.choice(option, &[("none", Net::None), ("host", Net::Host)])?;
            low.net = Some(given.typed(net));
        }
        Id::Hostname => {
            let name = given.text(value::hostname)?;
            low.hostname = Some(given.typed(name));
        }
        Id::TimeOffset => {
            let offset = given.text(value::clock_offset)?;
            low.time_offsets.retain(|o| o.value.clock != offset.clock);
            low.time_offsets.push(given.typed(offset));
        }
        Id::User => {
            let user = given.text(value::user)?;
            low.user = Some(given.typed(user));
        }
        Id::Root => low.root = Some(given.typed(())),
        Id::MapUsers => {
            let map = given.text(value::map)?;
            low.map_users.push(given.typed(map));
        }
        Id::MapGroups => {
            let map = given.text(value::map)?;
            low.map_groups.push(given.typed(map));
        }
        Id::CapAdd => {
            let names = given.text(value::capabilities)?;
            low.capabilities.extend(names.into_iter().map(CapabilityChange::Add));
        }
        Id::CapDrop => {
            let names = given.text(value::capabilities)?;
            low.capabilities.extend(names.into_iter().map(CapabilityChange::Drop));
        }
        Id::Env => {
            let source = given.of(value::variable)?;
            low.env.push(given.typed(source));
        }
        Id::EnvFile => {
            let path = given.of(value::file)?;
            low.env.push(given.typed(EnvSource::File(path)));
        }
        Id::EnvAll => low.env.push(given.typed(EnvSource::All)),
        Id::Workdir => {
            let path = given.of(value::file)?;
            low.workdir = Some(given.typed(path));
        }
        Id::Timeout => low.timeout_ms = Some(given.text(value::duration_ms)?),
        Id::Ulimit => {
            let limit = given.text(value::rlimit)?;
            low.rlimits.retain(|l| l.name != limit.name);
            low.rlimits.push(limit);
        }
        Id::Memory => low.limits.memory.max = Some(Amount::Of(given.text(value::size)?)),
        Id::Swap => low.limits.memory.swap = Some(Swap::Alone(given.text(value::swap)?)),
        Id::Cpus => {
            low.limits.cpu.quota = Some(Amount::Of(given.text(value::cpus)?));
            low.limits.cpu.period = Some(value::CPU_PERIOD);
        }
        Id::CpuWeight => {
            let weight = given.text(|text| value::within(text, 1, 10_000))?;
            low.limits.cpu.weight = u64::try_from(weight).ok().map(Weight::Weight);
        }
        Id::Cpuset => low.limits.cpu.cpus = Some(given.text(value::cpu_list)?),
        Id::Pids => {
            let n = given.text(|text| value::within(text, 1, 4_194_304))?;
            low.limits.pids = u64::try_from(n).ok().map(Amount::Of);
        }
        Id::Io => {
            let io = given.of(value::io)?;
            low.io.push(given.typed(io));
        }
        Id::RlimitFallback => low.cgroup.rlimit_fallback = true,
        Id::CgroupManager => {
            let meanings = [
                ("auto", GroupManager::Auto),
                ("fs", GroupManager::Fs),
                ("systemd", GroupManager::Systemd),
            ];
            low.cgroup.manager = given.choice(option, &meanings)?;
        }
        Id::CgroupWritable => low.cgroup.writable = true,
        Id::Stats => low.cgroup.stats = true,
        Id::StatsFile => {
            let path = given.of(value::file)?;
            low.stats_file = Some(given.typed(path));
        }
        Id::Nice => low.nice = Some(given.text(|text| value::within(text, -20, 19))?),
        Id::OomScore => low.oom_score = Some(given.text(|text| value::within(text, -1000, 1000))?),
        Id::Pty => {
            let meanings = [("auto", Pty::Auto), ("always", Pty::Always), ("never", Pty::Never)];
            low.pty = given.choice(option, &meanings)?;
        }
        Id::KeepFd => {
            let fd = given.text(value::descriptor)?;
            // 0, 1 and 2 are handed on anyway.
            if fd > 2 && !low.keep_fds.contains(&fd) {
                low.keep_fds.push(fd);
            }
        }
        Id::Seccomp => {
            let profile = given.of(value::seccomp)?;
            low.seccomp = Some(given.typed(profile));
        }
        Id::SeccompLog => low.seccomp_log = Some(given.typed(())),
        Id::Walls => {
            let walls = given.text(value::walls)?;
            low.walls = Some(given.typed(walls));
        }
        Id::AllowDegraded => {
            let walls = given.text(value::degraded)?;
            low.allow_degraded.push(given.typed(walls));
        }
        Id::AsPid1 => low.as_pid_1 = Some(given.typed(())),
        Id::NoNewCode => low.hardening.no_new_code = true,
        Id::Proc => {
            let views = [ProcView::Pids, ProcView::Tools, ProcView::Full];
            low.hardening.proc = given.choice(option, &views.map(|view| (view.word(), view)))?;
        }
        Id::Sysctl => {
            let sysctl = given.of(value::sysctl)?;
            low.hardening.sysctls.retain(|other| other.key != sysctl.key);
            low.hardening.sysctls.push(sysctl);
        }
        Id::Verify => low.hardening.verify = true,
        Id::Explain => low.explain = Some(given.typed(())),
        Id::Plan => {
            let form =
                given.choice(option, &[("json", PlanForm::Json), ("text", PlanForm::Text)])?;
            low.plan = Some(given.typed(form));
        }
        Id::FromPlan => {
            let path = given.of(value::file)?;
            low.from_plan = Some(given.typed(path));
        }
        Id::Help => low.help = Some(if long { Detail::Long } else { Detail::Short }),
    }
    Ok(())
}

fn unknown_long(name: &str) -> Failure {
    let failure = Failure::new(format!("there is no option `--{name}`"));
    let elsewhere = FOREIGN.iter().find(|(foreign, _)| *foreign == name);
    let hint = match elsewhere {
        Some((_, hint)) => Some((*hint).to_owned()),
        None => suggestion(name, RUN.iter().map(|o| o.name), "--"),
    };
    failure.hint(hint.unwrap_or_else(|| "`dwell run -h` lists the options".to_owned()))
}

fn unknown_short(name: char) -> Failure {
    let hint = match name {
        'v' => "a path is shown with `--rw PATH:DEST`",
        'i' | 't' => "a terminal is handed on without an option; see `--pty`",
        'n' => "without an option there is no network; `--net host` brings the machine's",
        _ => "`dwell run -h` lists the options",
    };
    Failure::new(format!("there is no option `-{name}`")).hint(hint)
}

fn malformed(error: lexopt::Error) -> Failure {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => {
            Failure::new(format!("`{option}` takes no value"))
        }
        other => Failure::new(format!("cannot read the options: {other}")),
    }
}
