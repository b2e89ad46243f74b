//! The rows: every option of `dwell run`, in the order in which help lists them.
//!
//! House style: `help` starts with a capital and has no period; `long` is whole sentences; both
//! are ASCII, because help must be readable on any terminal.

use super::{Category, Id, Opt};

/// What most rows have in common; never a row itself.
const ROW: Opt = Opt {
    id: Id::Help,
    name: "",
    short: None,
    value: None,
    choices: &[],
    repeatable: false,
    category: Category::Inspection,
    help: "",
    long: &[],
};

const FILES: Opt = Opt { category: Category::Files, ..ROW };
const NAMESPACES: Opt = Opt { category: Category::Namespaces, ..ROW };
const IDENTITY: Opt = Opt { category: Category::Identity, ..ROW };
const ENVIRONMENT: Opt = Opt { category: Category::Environment, ..ROW };
const LIMITS: Opt = Opt { category: Category::Limits, ..ROW };
const PROCESS: Opt = Opt { category: Category::Process, ..ROW };

const KINDS: &[&str] =
    &["pid", "mount", "net", "uts", "ipc", "user", "cgroup", "time", "all", "none"];

/// The options of `dwell run`.
pub static RUN: &[Opt] = &[
    // Files
    Opt {
        id: Id::Rw,
        name: "rw",
        value: Some("PATH[:DEST]"),
        repeatable: true,
        help: "Show a path, its changes are real",
        long: &[
            "What the program changes below PATH is changed on the machine.",
            "PATH is a path of the machine, relative to the current directory; `~` is the home \
             directory. DEST is its place in the world: absolute, or below `~`; without it the \
             place is the same as on the machine. A colon that belongs to a path is written `\\:`. \
             A more specific path wins over a less specific one, whatever their order: \
             `--ro ~ --rw ~/src` does what it looks like. Unix sockets that are bound below PATH at the start stay closed; \
             see --socket.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Ro,
        name: "ro",
        value: Some("PATH[:DEST]"),
        repeatable: true,
        help: "Show a path, not to be changed",
        long: &["Paths are written as for --rw. A change fails with \"Read-only file system\"."],
        ..FILES
    },
    Opt {
        id: Id::Cow,
        name: "cow",
        value: Some("PATH[:DEST]"),
        repeatable: true,
        help: "Show a path, throw its changes away",
        long: &[
            "Paths are written as for --rw. Changes go to a layer that is gone with the world \
             (copy-on-write). This is how the machine's own files are there by default, wherever \
             you could change them at all; the system's own directories (/usr and the like) are \
             read-only for an ordinary user unless this option asks for more.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Hide,
        name: "hide",
        value: Some("PATH"),
        repeatable: true,
        help: "Hide a path, whether it exists or not",
        long: &[
            "A directory is empty in the world; a file is empty and cannot be read. PATH may name \
             what does not exist on the machine; nothing is made there. In a directory that is \
             shown as it is (--rw, --ro) that covers what is there at the start, and not what is \
             made at PATH later.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Tmpfs,
        name: "tmpfs",
        value: Some("DEST[:SIZE]"),
        repeatable: true,
        help: "Put an empty directory in memory there",
        long: &["SIZE is the most it may hold, written as for --scratch."],
        ..FILES
    },
    Opt {
        id: Id::Dev,
        name: "dev",
        value: Some("PATH"),
        repeatable: true,
        help: "Let a device be used, e.g. /dev/kvm",
        long: &[
            "A world's /dev holds null, zero, full, random, urandom, tty and its own terminals; \
             device nodes elsewhere do not work. This adds one, with the rights you have on it.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Proc,
        name: "proc",
        value: Some("VIEW"),
        choices: &["pids", "tools", "full"],
        help: "What /proc shows: pids, tools or full",
        long: &[
            "`pids` are the program's own processes and nothing else (Linux 5.8). `tools` is what \
             programs like ps, top and free read. `full` is everything but what acts on the whole \
             machine: what container engines cover, and settings read-only. Without this option a \
             world started by root has `full`; that of a user, whose program can change nothing \
             there, has nothing covered, so that worlds can be made inside.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Socket,
        name: "socket",
        value: Some("PATH"),
        repeatable: true,
        help: "Let a Unix socket be connected to",
        long: &[
            "Who listens on a socket acts outside of the world, so sockets of the machine are \
             closed even below a path that was granted: a read-only mount does not stop \
             connect(2). Grant only what you would let the program do itself.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Home,
        name: "home",
        help: "Show the home directory, throw its changes away",
        long: &[
            "Without it the home directory is empty but for the current directory and what other \
             options show.",
        ],
        ..FILES
    },
    Opt {
        id: Id::ReadOnly,
        name: "read-only",
        help: "Let only --rw and --tmpfs be written to",
        long: &["There is then no throw-away layer: a change fails where it is tried."],
        ..FILES
    },
    Opt {
        id: Id::Scratch,
        name: "scratch",
        value: Some("SIZE"),
        help: "Limit the size of what is thrown away",
        long: &[
            "A number of bytes, or of K, M, G or T: 512M, 1.5G. Beyond it the program sees \"No \
             space left on device\". Files without content count too: there may be one for each \
             4K, and some 16000 more. Without it the limit is half of the machine's memory.",
        ],
        ..FILES
    },
    Opt {
        id: Id::From,
        name: "from",
        value: Some("SOURCE"),
        help: "Take the files from a root filesystem directory",
        long: &[
            "SOURCE is `host`, the machine's own files (the default), or a directory that holds a \
             whole root filesystem, as debootstrap or `busybox --install` make one. It is shown \
             copy-on-write, with /dev, /proc, /sys, /tmp and the network's configuration provided. \
             The program is root there unless --user says otherwise. A directory called `host` is \
             written `./host`.",
        ],
        ..FILES
    },
    Opt {
        id: Id::Writable,
        name: "writable",
        help: "Let changes go into the directory of --from",
        ..FILES
    },
    // Namespaces
    Opt {
        id: Id::Unshare,
        name: "unshare",
        value: Some("KIND,..."),
        choices: KINDS,
        repeatable: true,
        help: "Make exactly these namespaces new",
        long: &[
            "KIND is pid, mount, net, uts, ipc, user, cgroup, time, all or none. Given more than \
             once, the lists add up. Without this option all are new but time.",
            "Without a mount namespace of its own a program sees the machine's files as they are, \
             so options that show or hide files are refused.",
        ],
        ..NAMESPACES
    },
    Opt {
        id: Id::Share,
        name: "share",
        value: Some("KIND,..."),
        choices: KINDS,
        repeatable: true,
        help: "Leave these namespaces shared with the machine",
        long: &["It takes away from what --unshare, or its absence, makes new."],
        ..NAMESPACES
    },
    Opt {
        id: Id::Join,
        name: "join",
        value: Some("KIND=PID|PATH"),
        repeatable: true,
        help: "Enter a namespace that exists",
        long: &["That of a process, or one that is bound on a file, e.g. \
             `--join net=/run/netns/blue`. Joining needs the rights that setns(2) asks for."],
        ..NAMESPACES
    },
    Opt {
        id: Id::Net,
        name: "net",
        value: Some("MODE"),
        choices: &["none", "host"],
        help: "Choose the network: none (default) or host",
        long: &[
            "`none` is a network namespace with a loopback interface and nothing else. `host` is \
             the machine's network, abstract Unix sockets included: the same as --share net.",
        ],
        ..NAMESPACES
    },
    Opt {
        id: Id::Hostname,
        name: "hostname",
        value: Some("NAME"),
        help: "Name the box; `hostname` prints it",
        long: &["At most 64 bytes. Without it the name is dwell."],
        ..NAMESPACES
    },
    Opt {
        id: Id::Sysctl,
        name: "sysctl",
        value: Some("KEY=VALUE"),
        repeatable: true,
        help: "Set a kernel setting of the world's own",
        long: &[
            "Those of the network, of System V and POSIX queues, of the world's names and of how \
             many namespaces can be made inside: net.*, kernel.shm*, kernel.msg*, kernel.sem, \
             fs.mqueue.*, kernel.hostname, kernel.domainname and user.max_*. Others are the whole \
             machine's and refused. An ordinary user may set what the kernel leaves to root of the \
             namespace.",
        ],
        ..NAMESPACES
    },
    Opt {
        id: Id::TimeOffset,
        name: "time-offset",
        value: Some("CLOCK=SECS"),
        repeatable: true,
        help: "Set a clock of the world ahead (or back)",
        long: &[
            "CLOCK is boot (what `uptime` reads) or monotonic; SECS may be negative as long as \
             the clock stays above zero. The time of day is not in any namespace.",
        ],
        ..NAMESPACES
    },
    Opt {
        id: Id::Walls,
        name: "walls",
        value: Some("LIST"),
        choices: &[
            "namespaces",
            "landlock",
            "landlock-files",
            "landlock-tcp",
            "landlock-signals",
            "landlock-abstract",
            "all",
        ],
        help: "Choose the walls: namespaces, landlock, all",
        long: &[
            "Without it there are namespaces. `all` adds Landlock as a second wall around them: files \
             that are not in the world, TCP ports (unless the network is the machine's), signals to \
             processes outside and abstract sockets outside are refused by it too. Parts of it are \
             landlock-files, landlock-tcp, landlock-signals and landlock-abstract; landlock-tcp is \
             about the world's own loopback interface as well. Nothing can be mounted inside.",
            "`landlock` alone makes no namespaces, for where they are refused. The files are the \
             machine's own: the system's can be read, the current directory too, and --ro, --rw and \
             --dev grant more; whatever else shows or hides files is refused. No sockets but TCP ones \
             can be made, and these need --net host. Processes and their arguments can be seen, \
             permissions and times of your own files can be changed: --explain says what is not hidden.",
            "A wall that this kernel cannot put up is an error; see --allow-degraded. System calls are \
             filtered whichever walls there are; see --seccomp.",
        ],
        ..NAMESPACES
    },
    Opt {
        id: Id::AllowDegraded,
        name: "allow-degraded",
        value: Some("WALL,..."),
        choices: &[
            "landlock",
            "landlock-files",
            "landlock-tcp",
            "landlock-signals",
            "landlock-abstract",
            "sockets",
        ],
        repeatable: true,
        help: "Go on without this wall where it cannot be",
        long: &[
            "WALL is landlock, a part of it as in --walls, or sockets: what the filter of system calls \
             does for --walls landlock. What is missing is said on standard error.",
        ],
        ..NAMESPACES
    },
    // Users and capabilities
    Opt {
        id: Id::User,
        name: "user",
        short: Some('u'),
        value: Some("UID[:GID]|NAME"),
        help: "Run the program as this user of the world",
        long: &[
            "A NAME is looked up in the machine's /etc/passwd, or in that of the directory with \
             --from DIR. HOME, USER and LOGNAME follow it. Without GID the group is the user's \
             own. The id must exist in the world; see --map-users.",
        ],
        ..IDENTITY
    },
    Opt {
        id: Id::Root,
        name: "root",
        short: Some('r'),
        help: "Run the program as the world's root",
        long: &[
            "Its power ends at the walls: for the machine it is still you. It has the capabilities that container engines give, so it can change owners and listen on any port, but not set up interfaces: --cap-add net_admin. HOME stays what it is.",
        ],
        ..IDENTITY
    },
    Opt {
        id: Id::MapUsers,
        name: "map-users",
        value: Some("IDS|auto"),
        repeatable: true,
        help: "Choose the user ids that exist",
        long: &[
            "IDS is INNER:OUTER:COUNT: COUNT ids from INNER in the world are those from OUTER on \
             the machine. `auto` is your \
             own id and, around it, your subordinate ids (/etc/subuid). Without it an ordinary \
             user has their own id alone (with --from DIR: as auto), and root has all.",
        ],
        ..IDENTITY
    },
    Opt {
        id: Id::MapGroups,
        name: "map-groups",
        value: Some("IDS|auto"),
        repeatable: true,
        help: "Choose the group ids that exist",
        long: &["As --map-users, with /etc/subgid."],
        ..IDENTITY
    },
    Opt {
        id: Id::CapAdd,
        name: "cap-add",
        value: Some("NAME,..."),
        repeatable: true,
        help: "Add capabilities to the program's set",
        long: &[
            "Names as in capabilities(7), with or without CAP_, or `all`. --cap-add and --cap-drop \
             act in the order in which they are written: `--cap-drop all --cap-add chown` leaves \
             one. They hold in the world's user namespace only.",
        ],
        ..IDENTITY
    },
    Opt {
        id: Id::CapDrop,
        name: "cap-drop",
        value: Some("NAME,..."),
        repeatable: true,
        help: "Take capabilities from the program's set",
        long: &["Names are written as for --cap-add."],
        ..IDENTITY
    },
    // Environment
    Opt {
        id: Id::Env,
        name: "env",
        short: Some('e'),
        value: Some("NAME[=VALUE]"),
        repeatable: true,
        help: "Set a variable, or let yours through",
        long: &[
            "Without VALUE the variable has the value it has outside, and is not set when it is \
             not set there. By default only PATH, HOME, USER, LOGNAME, SHELL, TERM, COLORTERM, \
             LANG, LC_* and TZ are let through. Of --env, --env-file and --env-all the later one \
             wins.",
        ],
        ..ENVIRONMENT
    },
    Opt {
        id: Id::EnvFile,
        name: "env-file",
        value: Some("FILE"),
        repeatable: true,
        help: "Set variables from a file of NAME=VALUE lines",
        long: &[
            "Blank lines and lines that start with `#` do not count; quotes are not special; a \
             NAME alone lets yours through. This is the format of `docker run --env-file`.",
        ],
        ..ENVIRONMENT
    },
    Opt {
        id: Id::EnvAll,
        name: "env-all",
        help: "Let all of your variables through",
        long: &["But for PATH, HOME, USER, LOGNAME and SHELL, which stay what fits the world. \
             Variables often hold passwords and keys; see --env for letting single ones through."],
        ..ENVIRONMENT
    },
    // Limits
    Opt {
        id: Id::Memory,
        name: "memory",
        value: Some("SIZE"),
        help: "Limit memory, that of all processes together",
        long: &[
            "Written as for --scratch. What the program keeps in files of memory (the throw-away \
             layer, /tmp, /dev/shm) counts too. When it needs more, the kernel kills the process \
             that holds most.",
            "This and the following options make a control group for the world; no program in it \
             can leave it or change its limits. Root can always have one; anybody else where their \
             session has a service manager (systemd) or a control group that was given to them. \
             Where it cannot be had the world is not started; see --rlimit-fallback.",
        ],
        ..LIMITS
    },
    Opt {
        id: Id::Swap,
        name: "swap",
        value: Some("SIZE"),
        help: "Limit swap space beside that; 0 for none",
        long: &[
            "Without it, memory that is not in use goes to swap as far as the machine has any.",
        ],
        ..LIMITS
    },
    Opt {
        id: Id::Cpus,
        name: "cpus",
        value: Some("N"),
        help: "Limit processor time, in processors: 1.5",
        long: &["Of each tenth of a second the world may use so much of all processors together."],
        ..LIMITS
    },
    Opt {
        id: Id::CpuWeight,
        name: "cpu-weight",
        value: Some("N"),
        help: "Set the share of processors: 1 to 10000",
        long: &["It counts where others want the processors too; 100 is usual."],
        ..LIMITS
    },
    Opt {
        id: Id::Cpuset,
        name: "cpuset",
        value: Some("LIST"),
        help: "Run on these processors only, e.g. 0-3,6",
        ..LIMITS
    },
    Opt {
        id: Id::Pids,
        name: "pids",
        value: Some("N"),
        help: "Limit the number of processes and threads",
        long: &["The world's own process 1 does not count."],
        ..LIMITS
    },
    Opt {
        id: Id::Io,
        name: "io",
        value: Some("DEVICE:KEY=N,..."),
        repeatable: true,
        help: "Limit a block device, e.g. /dev/sda:rbps=10M",
        long: &[
            "KEY is rbps or wbps, bytes read or written in a second, or riops or wiops, reads or \
             writes in a second. DEVICE is a whole disk; partitions have no limits of their own.",
        ],
        ..LIMITS
    },
    Opt {
        id: Id::RlimitFallback,
        name: "rlimit-fallback",
        help: "Limit single processes where no group can be",
        long: &[
            "For --memory and --pids only, and weaker: RLIMIT_AS limits the address space of each \
             process and not the memory of all; RLIMIT_NPROC counts by user id. What is used is \
             said on standard error.",
        ],
        ..LIMITS
    },
    Opt {
        id: Id::CgroupManager,
        name: "cgroup-manager",
        value: Some("WHO"),
        choices: &["auto", "fs", "systemd"],
        help: "Choose who makes the group: auto, fs, systemd",
        long: &[
            "`fs` makes it by files, below the own control group or the nearest one that allows it. \
             `systemd` has it made as a transient scope, by the system's manager for root and by \
             the user's for anybody else. `auto` takes systemd where it runs, unless the own group \
             was delegated to the caller.",
        ],
        ..LIMITS
    },
    Opt {
        id: Id::CgroupWritable,
        name: "cgroup-writable",
        help: "Let the world make control groups in its own",
        long: &[
            "They show in /sys/fs/cgroup. The limits of the world are outside of what it sees.",
        ],
        ..LIMITS
    },
    Opt {
        id: Id::Stats,
        name: "stats",
        help: "Say at the end what was used",
        long: &["Memory, processor time, input and output, and how long was waited for them."],
        ..LIMITS
    },
    Opt {
        id: Id::StatsFile,
        name: "stats-file",
        value: Some("FILE"),
        help: "Write what was used to a file, as JSON",
        ..LIMITS
    },
    Opt {
        id: Id::Nice,
        name: "nice",
        value: Some("N"),
        help: "Set the nice value: -20 (first) to 19 (last)",
        ..LIMITS
    },
    Opt {
        id: Id::OomScore,
        name: "oom-score",
        value: Some("N"),
        help: "Be killed sooner or later when memory is out",
        long: &["-1000 (never) to 1000 (first), as in /proc/PID/oom_score_adj. Less than the \
             caller's own takes CAP_SYS_RESOURCE."],
        ..LIMITS
    },
    // Program
    Opt {
        id: Id::Workdir,
        name: "workdir",
        short: Some('w'),
        value: Some("DIR"),
        help: "Start in this directory of the world",
        long: &["Without it the program starts in the current directory, which is shown \
             copy-on-write; or in the home directory when that is the current one or lies below \
             it, and with --from DIR."],
        ..PROCESS
    },
    Opt {
        id: Id::Timeout,
        name: "timeout",
        value: Some("DURATION"),
        help: "End the world after this time",
        long: &[
            "Seconds, or a number of ms, s, m, h or d: 10, 1.5m, 500ms. The program gets SIGTERM, \
             and SIGKILL when it is still there after a grace.",
        ],
        ..PROCESS
    },
    Opt {
        id: Id::Ulimit,
        name: "ulimit",
        value: Some("NAME=SOFT[:HARD]"),
        repeatable: true,
        help: "Set a resource limit, e.g. nofile=1024",
        long: &[
            "NAME is as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, \
             rss, rtprio, rttime, sigpending or stack, in the units of getrlimit(2); a limit is a \
             number or `unlimited`. Without HARD both limits are set.",
        ],
        ..PROCESS
    },
    Opt {
        id: Id::Pty,
        name: "pty",
        value: Some("WHEN"),
        choices: &["auto", "always", "never"],
        help: "Give it a terminal: auto, always or never",
        long: &[
            "`auto` does so when standard input and output are a terminal. With `never` the \
             descriptors are handed on as they are.",
            "Whatever is chosen, the program has a session and a process group of its own, so \
             that it can neither signal yours nor type into your terminal (what other tools call \
             --new-session is always in force).",
        ],
        ..PROCESS
    },
    Opt {
        id: Id::KeepFd,
        name: "keep-fd",
        value: Some("N"),
        repeatable: true,
        help: "Hand on descriptor N besides 0, 1 and 2",
        long: &["A descriptor of a directory opens everything below it to the program."],
        ..PROCESS
    },
    Opt {
        id: Id::AsPid1,
        name: "as-pid-1",
        help: "Make the program process 1, without a reaper",
        long: &[
            "For programs that are an init. Signals that process 1 does not handle do nothing, \
             and orphans are its to reap.",
        ],
        ..PROCESS
    },
    Opt {
        id: Id::Seccomp,
        name: "seccomp",
        value: Some("PROFILE"),
        help: "Filter calls: default, strict, none or FILE",
        long: &[
            "`default` refuses what nearly no program needs: what the container engines refuse, but \
             not the making of namespaces and mounts. `strict` refuses these too, and io controls, \
             socket families and calls that few programs need; 32-bit programs do not run. `none` \
             lets every call through, the kernel's key store included. FILE is a profile in the \
             JSON form of the OCI specification, of Docker or of Podman; one called `none` is \
             written `./none`.",
        ],
        ..PROCESS
    },
    Opt {
        id: Id::SeccompLog,
        name: "seccomp-log",
        help: "Log calls that would be refused, and make them",
        long: &["The kernel's log (or its audit log) then names each of them: \
             `type=1326 ... syscall=N`. For finding out what a program needs."],
        ..PROCESS
    },
    Opt {
        id: Id::NoNewCode,
        name: "no-new-code",
        help: "Refuse to execute what the world has written",
        long: &[
            "No file and no memory that can be written can be executed, and what can be executed \
             cannot be written. Writable layers, grants and directories in memory are noexec, /usr, \
             /opt and the like and /proc are read-only; the kernel refuses memory that is written \
             and executed (Linux 6.3), memory files, tracing, and user namespaces inside. Programs \
             that translate code while they run (Java, JavaScript) do not work.",
            "Scripts are data: an interpreter that the world has reads them. A file that comes as \
             an open descriptor is on a mount of the machine's.",
        ],
        ..PROCESS
    },
    Opt {
        id: Id::Verify,
        name: "verify",
        help: "Try each wall before the program starts",
        long: &["Just before the program is executed its process tries one forbidden act at each \
             wall, and the world is not started where one succeeds. `dwell doctor` always does so."],
        ..PROCESS
    },
    // Plan and help
    Opt {
        id: Id::Explain,
        name: "explain",
        help: "Say what will be done and why, then do it",
        ..ROW
    },
    Opt {
        id: Id::Plan,
        name: "plan",
        value: Some("FORM"),
        choices: &["json", "text"],
        help: "Print the plan (json or text), run nothing",
        long: &["The json form is what --from-plan reads."],
        ..ROW
    },
    Opt {
        id: Id::FromPlan,
        name: "from-plan",
        value: Some("FILE"),
        help: "Run a plan that --plan json has printed",
        long: &[
            "`-` is standard input. The plan is the whole description: options that would change \
             it, and a program, are refused beside it.",
        ],
        ..ROW
    },
    Opt {
        id: Id::Help,
        name: "help",
        short: Some('h'),
        help: "Print help; -h is the short form",
        ..ROW
    },
];

/// Options of other tools that people will try, and what they are called here.
pub static FOREIGN: &[(&str, &str)] = &[
    ("bind", "it is called `--rw PATH:DEST` here"),
    ("cap", "capabilities are changed with `--cap-add` and `--cap-drop`"),
    ("chdir", "it is called `--workdir` here"),
    ("cgroup-parent", "a world's group is made in your own; see `--cgroup-manager`"),
    ("clearenv", "the environment is clean by default; `--env` lets variables through"),
    ("dev-bind", "it is called `--dev` here"),
    ("die-with-parent", "a world always ends with dwell"),
    ("fork", "the program is always process 2 (or 1, with `--as-pid-1`) of its own tree"),
    ("gid", "it is called `--user UID:GID` here"),
    ("ipc", "it is `--unshare ipc` or `--share ipc` here"),
    ("kill-child", "a world always ends with dwell"),
    ("io-max", "it is called `--io DEVICE:KEY=N` here"),
    ("map-root-user", "it is called `--root` here"),
    ("mount-proc", "a world always has its own /proc"),
    ("network", "it is called `--net` here"),
    ("memory-swap", "swap alone is limited with `--swap`"),
    ("new-session", "the program always has a session of its own"),
    ("pids-limit", "it is called `--pids` here"),
    ("privileged", "capabilities are added with `--cap-add`, devices with `--dev`"),
    ("ro-bind", "it is called `--ro PATH:DEST` here"),
    ("security-opt", "a seccomp profile is chosen with `--seccomp`"),
    ("rm", "nothing of a world is kept by default"),
    ("rootfs", "it is called `--from` here"),
    ("setenv", "it is called `--env NAME=VALUE` here"),
    ("share-net", "it is called `--net host` here"),
    ("tty", "it is called `--pty` here"),
    ("uid", "it is called `--user` here"),
    ("unshare-all", "everything is unshared by default"),
    ("unshare-net", "everything is unshared by default"),
    ("volume", "it is called `--rw PATH:DEST` here"),
    ("wd", "it is called `--workdir` here"),
];
