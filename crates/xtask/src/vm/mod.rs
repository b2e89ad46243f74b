//! `cargo xtask vm`: a virtual machine of Debian's packages, to run one command or the tests in.
//!
//! It has what this machine may lack: another kernel, systemd as process 1, control groups of
//! version 2 alone, AppArmor, and root that can break nothing.

mod accel;
mod archive;
mod cpio;
mod guest;
mod host;
mod image;
mod initramfs;
mod kernel;
mod outcome;
mod rootfs;
mod run;
mod share;
mod suite;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use accel::Accel;
use guest::{End, Guest};
use outcome::{BROKEN, TIMED_OUT};
use share::Share;

use crate::build;

const HELP: &str = "\
Usage: cargo xtask vm [OPTION]... -- COMMAND [ARGUMENT]...
       cargo xtask vm [OPTION]... --suite WHAT

Runs COMMAND, or the workspace's tests, in a virtual machine: Debian 12 with systemd, users alice, bob and dwelltest, and this
workspace's `dwell` in /t/bin. Output comes as it is made; the exit code is the command's, or
77 when this machine cannot have a guest, 124 when the time was up, 125 when the guest failed.

      --kernel NAME   bookworm (default), or another of --list. Given again: all of them at the same
                      time, each with its name before its lines
      --list          The kernels that Debian's archive has, with their versions
      --suite WHAT    Run tests: of a crate (`suite`, `guide`, `cgroup` ...), `all` (of those crates that
                      call the kernel), or cases of the suite whose names contain WHAT; may be
                      given again
      --without TEXT  But no cases of the suite whose names contain TEXT; may be given again
      --budget S      Tests that have not begun so long after the guest is up are skipped
      --user NAME     Run COMMAND as this user of the guest, in a session of their own; default:
                      root. Tests: as this user; default: as root, then as dwelltest
      --root KIND     `disk` (default), or `initramfs`: the machine has nothing but the kernel's first
                      file system, in which pivot_root fails, and busybox; --suite then runs the
                      few tests that are for it
      --share PATH    A file or directory to find in /t/share; may be given again
      --dwell FILE    Use this binary and build none
      --with PACKAGE  Have this package of Debian in the guest; may be given again
      --timeout S     Stop the guest when the command takes longer; default: 600, for
                      tests 3600
      --memory MIB    Default: 2048
      --cpus N        Default: all, up to 4
      --accel NAME    kvm or tcg; default: what works here
      --install       As root: let apt install what this machine lacks
      --update        Fetch the kernel anew
      --cache DIR     Default: $DWELL_VM_CACHE, or vm in Cargo's target directory
";

/// Where the guest's root file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    Disk,
    Initramfs,
}

/// What was asked for.
#[derive(Debug)]
struct Options {
    kernels: Vec<String>,
    list: bool,
    suite: Vec<String>,
    without: Vec<String>,
    budget: Option<u64>,
    user: Option<String>,
    root: Root,
    share: Vec<PathBuf>,
    dwell: Option<PathBuf>,
    with: Vec<String>,
    timeout: Option<Duration>,
    memory: u64,
    cpus: usize,
    accel: Option<Accel>,
    install: bool,
    update: bool,
    cache: PathBuf,
    command: Vec<String>,
}

impl Options {
    fn accelerator(&self) -> Accel {
        self.accel.unwrap_or_else(Accel::probe)
    }

    fn limit(&self) -> Duration {
        let usual = if self.suite.is_empty() { 600 } else { 3600 };
        self.timeout.unwrap_or(Duration::from_secs(usual))
    }
}

pub(crate) fn main(parser: Parser) -> ExitCode {
    run(parser).unwrap_or_else(|error| outcome::report(&error))
}

fn run(parser: Parser) -> Result<ExitCode> {
    let Some(options) = parse(parser)? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(&options.cache).with_context(|| options.cache.display().to_string())?;
    let cache = options.cache.canonicalize()?;
    if options.list {
        kernel::list(&cache)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.command.is_empty() == options.suite.is_empty() {
        bail!("either a command or --suite; see --help");
    }
    host::prepare(options.install, &cache)?;
    sweep(&cache);
    let share = Share::new(cache.join(format!("share-{}", std::process::id())))?;
    fill(&share, &options)?;
    let results: Vec<Result<u8>> = std::thread::scope(|scope| {
        let (share, options, cache) = (&share.dir, &options, &cache);
        let one = |name: &'_ str| run_on(name, share, options, cache);
        let names = options.kernels.iter();
        let running: Vec<_> = names.map(|name| scope.spawn(move || one(name))).collect();
        let joined = |thread: std::thread::ScopedJoinHandle<'_, Result<u8>>| {
            thread.join().unwrap_or_else(|_| bail!("it panicked"))
        };
        running.into_iter().map(joined).collect()
    });
    let codes = results.into_iter().collect::<Result<Vec<u8>>>()?;
    Ok(ExitCode::from(codes.into_iter().max().unwrap_or(0)))
}

/// Removes what calls that were killed have left: its name has the number of a process, `given-1.sid`.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((kind, pid)) = name.split_once('-') else { continue };
        let pid = pid.split_once('.').map_or(pid, |(pid, _)| pid);
        let lives = Path::new("/proc").join(pid).exists();
        if ["share", "given"].contains(&kind) && !lives {
            // Another call may do the same.
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

/// A file that is gone with its holder.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing is lost when it stays.
        let _ = fs::remove_file(&self.0);
    }
}

fn fill(share: &Share, options: &Options) -> Result<()> {
    match &options.dwell {
        Some(file) => share.program("bin", "dwell", file)?,
        None => {
            for built in build::shipped("release", "dwell-cli")? {
                share.program("bin", &built.target, &built.file)?;
            }
        }
    }
    for file in &options.share {
        share.tree(file, "share")?;
    }
    let user = options.user.clone();
    match options.root {
        _ if options.suite.is_empty() => {
            let user = user.as_deref().unwrap_or("root");
            share.script(&share::command_script(&options.command, user, options.root == Root::Disk))
        }
        Root::Initramfs => suite::share_for_initramfs(share),
        Root::Disk => {
            let pace = options.accelerator().slowness();
            let (what, without) = (options.suite.clone(), options.without.clone());
            let budget = options.budget;
            suite::share(&suite::Choice { what, without, user, pace, budget }, share)
        }
    }
}

/// Starts the guest on one kernel; the exit code.
fn run_on(name: &str, share: &Path, options: &Options, cache: &Path) -> Result<u8> {
    let one = lock(cache)?;
    let kernel = kernel::get(name, cache, options.update)?;
    let called = format!("{}.{name}", std::process::id());
    let given = Temporary(cache.join(format!("given-{called}")));
    let prefix = if options.kernels.len() > 1 { format!("{name}: ") } else { String::new() };
    let mut guest = Guest {
        accel: options.accelerator(),
        kernel: kernel.vmlinuz.clone(),
        initramfs: None,
        append: "mitigations=off apparmor=1 lsm=landlock,yama,apparmor,bpf".to_owned(),
        disks: Vec::new(),
        cpus: options.cpus,
        memory: options.memory,
        limit: options.limit(),
        console: cache.join(format!("console-{called}.log")),
        prefix,
    };
    match options.root {
        Root::Disk => {
            image::of_tree(share, "share", &given.0, 256)?;
            let root = rootfs::get(cache, &options.with)?;
            guest.disks = vec![root, kernel.modules, given.0.clone()];
            guest.append +=
                &format!(" root={} rootfstype=ext4 rw rootwait", image::root_partition());
            guest.append += " systemd.unified_cgroup_hierarchy=1";
        }
        Root::Initramfs => {
            initramfs::make(&kernel, share, cache, &given.0)?;
            guest.initramfs = Some(given.0.clone());
        }
    }
    drop(one);
    eprintln!("starting Linux {} ({:?})", kernel.release, guest.accel);
    let mut end = guest.run()?;
    if end == End::NotUp && guest.accel == Accel::Kvm && options.accel.is_none() {
        eprintln!("the guest does not come up under KVM; once more without");
        guest.accel = Accel::Tcg;
        end = guest.run()?;
    }
    let code = match end {
        End::Code(code) => {
            eprintln!("exit code {code} on Linux {}", kernel.release);
            let _ = fs::remove_file(&guest.console);
            let _ = fs::remove_file(guest.console.with_extension("qemu"));
            return Ok(code);
        }
        End::TimedOut => {
            eprintln!("xtask: not ended after {} s on {name}", guest.limit.as_secs());
            TIMED_OUT
        }
        End::NotUp => {
            eprintln!("xtask: the guest on {name} does not come up");
            BROKEN
        }
        End::Broken(why) => {
            eprintln!("xtask: the guest on {name}: {why}");
            BROKEN
        }
    };
    eprintln!("the console's text: {}", guest.console.display());
    Ok(code)
}

/// One at a time fills the cache.
fn lock(cache: &Path) -> Result<File> {
    let file = File::create(cache.join("lock"))?;
    file.lock()?;
    Ok(file)
}

fn parse(mut parser: Parser) -> Result<Option<Options>> {
    let mut options = Options {
        kernels: Vec::new(),
        list: false,
        suite: Vec::new(),
        without: Vec::new(),
        budget: None,
        user: None,
        root: Root::Disk,
        share: Vec::new(),
        dwell: None,
        with: Vec::new(),
        timeout: None,
        memory: 2048,
        cpus: std::thread::available_parallelism().map_or(1, usize::from).min(4),
        accel: None,
        install: false,
        update: false,
        cache: default_cache()?,
        command: Vec::new(),
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("kernel") => options.kernels.push(parser.value()?.string()?),
            Arg::Long("list") => options.list = true,
            Arg::Long("suite") => options.suite.push(parser.value()?.string()?),
            Arg::Long("without") => options.without.push(parser.value()?.string()?),
            Arg::Long("budget") => options.budget = Some(parser.value()?.parse()?),
            Arg::Long("user") => options.user = Some(parser.value()?.string()?),
            Arg::Long("root") => options.root = parser.value()?.parse_with(root_named)?,
            Arg::Long("share") => options.share.push(parser.value()?.into()),
            Arg::Long("dwell") => options.dwell = Some(parser.value()?.into()),
            Arg::Long("with") => options.with.push(parser.value()?.string()?),
            Arg::Long("timeout") => {
                options.timeout = Some(Duration::from_secs(parser.value()?.parse()?));
            }
            Arg::Long("memory") => options.memory = parser.value()?.parse()?,
            Arg::Long("cpus") => options.cpus = parser.value()?.parse()?,
            Arg::Long("accel") => options.accel = Some(parser.value()?.parse_with(accel_named)?),
            Arg::Long("install") => options.install = true,
            Arg::Long("update") => options.update = true,
            Arg::Long("cache") => options.cache = parser.value()?.into(),
            Arg::Value(word) => {
                options.command.push(word.string()?);
                for word in parser.raw_args()? {
                    options.command.push(word.string()?);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.kernels.is_empty() {
        options.kernels.push("bookworm".to_owned());
    }
    Ok(Some(options))
}

fn root_named(name: &str) -> Result<Root, &'static str> {
    match name {
        "disk" => Ok(Root::Disk),
        "initramfs" => Ok(Root::Initramfs),
        _ => Err("disk or initramfs"),
    }
}

fn accel_named(name: &str) -> Result<Accel, &'static str> {
    match name {
        "kvm" => Ok(Accel::Kvm),
        "tcg" => Ok(Accel::Tcg),
        _ => Err("kvm or tcg"),
    }
}

/// Beside what Cargo builds: this program lies in TARGET/TRIPLE/PROFILE.
fn default_cache() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("DWELL_VM_CACHE") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    Ok(own.ancestors().nth(3).context("xtask is in no target directory")?.join("vm"))
}
