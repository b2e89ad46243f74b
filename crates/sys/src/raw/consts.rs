//! The kernel's constants that callers of [`raw`](super) need, in the type the calls take.
//!
//! Values differ between architectures (`O_DIRECTORY` does), so they come from `linux-raw-sys`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_lossless,
    reason = "the macro below checks at compile time that each value survives"
)]

use linux_raw_sys::general;

/// `$name` of type `u32`, `u64`, `i32` or `i16`, with the kernel's value.
macro_rules! constants {
    ($type:ty: $($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            pub const $name: $type = {
                let value = general::$name as $type;
                assert!(value as i128 == general::$name as i128);
                value
            };
        )*
    };
}
// clone(2), unshare(2), setns(2)
constants! { u64:
    /// New mount namespace.
    CLONE_NEWNS;
    /// New cgroup namespace.
    CLONE_NEWCGROUP;
    /// New UTS namespace.
    CLONE_NEWUTS;
    /// New IPC namespace.
    CLONE_NEWIPC;
    /// New user namespace.
    CLONE_NEWUSER;
    /// New pid namespace.
    CLONE_NEWPID;
    /// New network namespace.
    CLONE_NEWNET;
    /// New time namespace (Linux 5.6).
    CLONE_NEWTIME;
    /// Share the memory.
    CLONE_VM;
    /// Share root, current directory and umask.
    CLONE_FS;
    /// Share the descriptor table.
    CLONE_FILES;
    /// Share the undo list of semaphores.
    CLONE_SYSVSEM;
    /// Suspend the parent until the child execs or ends.
    CLONE_VFORK;
    /// The child has the same parent as its caller.
    CLONE_PARENT;
    /// A tracer cannot force itself upon the child.
    CLONE_UNTRACED;
    /// Start the child in a given cgroup (clone3 only, Linux 5.7).
    CLONE_INTO_CGROUP;
    /// Caught signals are back at their default in the child (clone3 only, Linux 5.5).
    CLONE_CLEAR_SIGHAND;
}

// open(2)
constants! { u32:
    /// Read.
    O_RDONLY;
    /// Write.
    O_WRONLY;
    /// Read and write.
    O_RDWR;
    /// The bits of these three.
    O_ACCMODE;
    /// Create what is missing.
    O_CREAT;
    /// Only create.
    O_EXCL;
    /// Do not become the controlling terminal.
    O_NOCTTY;
    /// Empty the file.
    O_TRUNC;
    /// Write at the end.
    O_APPEND;
    /// Answer `EAGAIN` rather than wait.
    O_NONBLOCK;
    /// Only a directory.
    O_DIRECTORY;
    /// Not through a symbolic link at the end.
    O_NOFOLLOW;
    /// Close on exec.
    O_CLOEXEC;
    /// Only a place in the tree: neither reading nor writing.
    O_PATH;
    /// A file without a name.
    O_TMPFILE;
}

// openat2(2)
constants! { u64:
    /// Do not cross mounts.
    RESOLVE_NO_XDEV;
    /// Not through links like those of `/proc/PID/fd`.
    RESOLVE_NO_MAGICLINKS;
    /// Through no symbolic link.
    RESOLVE_NO_SYMLINKS;
    /// Never leave the directory: `EXDEV`.
    RESOLVE_BENEATH;
    /// The directory is the root.
    RESOLVE_IN_ROOT;
    /// Only what needs no waiting (Linux 5.12).
    RESOLVE_CACHED;
}

// Calls that end in `at`
constants! { u32:
    /// The link, not what it leads to.
    AT_SYMLINK_NOFOLLOW;
    /// What the link leads to.
    AT_SYMLINK_FOLLOW;
    /// Trigger no automount.
    AT_NO_AUTOMOUNT;
    /// An empty path means the descriptor itself.
    AT_EMPTY_PATH;
    /// The whole tree of mounts.
    AT_RECURSIVE;
    /// Remove a directory.
    AT_REMOVEDIR;
}

// open_tree(2), move_mount(2), fspick(2), umount2(2)
constants! { u32:
    /// A detached copy.
    OPEN_TREE_CLONE;
    /// Close on exec.
    OPEN_TREE_CLOEXEC;
    /// From: follow symbolic links.
    MOVE_MOUNT_F_SYMLINKS;
    /// From: follow automounts.
    MOVE_MOUNT_F_AUTOMOUNTS;
    /// From: the descriptor itself.
    MOVE_MOUNT_F_EMPTY_PATH;
    /// To: follow symbolic links.
    MOVE_MOUNT_T_SYMLINKS;
    /// To: follow automounts.
    MOVE_MOUNT_T_AUTOMOUNTS;
    /// To: the descriptor itself.
    MOVE_MOUNT_T_EMPTY_PATH;
    /// Join the peer group instead (Linux 5.15).
    MOVE_MOUNT_SET_GROUP;
    /// Mount below what is mounted there (Linux 6.5).
    MOVE_MOUNT_BENEATH;
    /// `fspick`: the link, not what it leads to.
    FSPICK_SYMLINK_NOFOLLOW;
    /// `fspick`: trigger no automount.
    FSPICK_NO_AUTOMOUNT;
    /// `fspick`: the descriptor itself.
    FSPICK_EMPTY_PATH;
    /// Unmount by force.
    MNT_FORCE;
    /// Unmount now, clean up when unused.
    MNT_DETACH;
}

// mount_setattr(2), fsmount(2)
constants! { u64:
    /// Read-only.
    MOUNT_ATTR_RDONLY;
    /// No set-user-ID.
    MOUNT_ATTR_NOSUID;
    /// No devices.
    MOUNT_ATTR_NODEV;
    /// No execution.
    MOUNT_ATTR_NOEXEC;
    /// All bits of the access-time setting: clear these to set one of the next three.
    MOUNT_ATTR__ATIME;
    /// Access times now and then; the value is 0.
    MOUNT_ATTR_RELATIME;
    /// No access times.
    MOUNT_ATTR_NOATIME;
    /// All access times.
    MOUNT_ATTR_STRICTATIME;
    /// No access times of directories.
    MOUNT_ATTR_NODIRATIME;
    /// Map ids as a user namespace does.
    MOUNT_ATTR_IDMAP;
    /// Follow no symbolic links (Linux 5.14).
    MOUNT_ATTR_NOSYMFOLLOW;
}

// mount(2)
constants! { u64:
    /// Read-only.
    MS_RDONLY;
    /// No set-user-ID.
    MS_NOSUID;
    /// No devices.
    MS_NODEV;
    /// No execution.
    MS_NOEXEC;
    /// Writes wait for the disk.
    MS_SYNCHRONOUS;
    /// Change a mount.
    MS_REMOUNT;
    /// Mandatory locks.
    MS_MANDLOCK;
    /// Changes of directories wait for the disk.
    MS_DIRSYNC;
    /// Follow no symbolic links (Linux 5.10).
    MS_NOSYMFOLLOW;
    /// No access times.
    MS_NOATIME;
    /// No access times of directories.
    MS_NODIRATIME;
    /// Another place for the same tree.
    MS_BIND;
    /// Move a mount.
    MS_MOVE;
    /// The whole tree.
    MS_REC;
    /// No messages to the kernel log.
    MS_SILENT;
    /// Propagation: private and not to be bound.
    MS_UNBINDABLE;
    /// Propagation: none.
    MS_PRIVATE;
    /// Propagation: receive only.
    MS_SLAVE;
    /// Propagation: both ways.
    MS_SHARED;
    /// Access times now and then.
    MS_RELATIME;
    /// Count changes of inodes.
    MS_I_VERSION;
    /// All access times.
    MS_STRICTATIME;
    /// Write times out late.
    MS_LAZYTIME;
}

// inode(7)
constants! { u32:
    /// All bits of the type.
    S_IFMT;
    /// Socket.
    S_IFSOCK;
    /// Symbolic link.
    S_IFLNK;
    /// Regular file.
    S_IFREG;
    /// Block device.
    S_IFBLK;
    /// Directory.
    S_IFDIR;
    /// Character device.
    S_IFCHR;
    /// FIFO.
    S_IFIFO;
}

// Types in directory entries are one byte: getdents64(2).
constants! { u8:
    /// Not known: ask `statx`.
    DT_UNKNOWN;
    /// FIFO.
    DT_FIFO;
    /// Character device.
    DT_CHR;
    /// Directory.
    DT_DIR;
    /// Block device.
    DT_BLK;
    /// Regular file.
    DT_REG;
    /// Symbolic link.
    DT_LNK;
    /// Socket.
    DT_SOCK;
}

// close_range(2); linux-raw-sys does not have these.

/// Stop sharing the descriptor table first.
pub const CLOSE_RANGE_UNSHARE: u32 = 1 << 1;
/// Mark close-on-exec instead (Linux 5.11).
pub const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

// memfd_create(2), fcntl(2)
constants! { u32:
    /// Close on exec.
    MFD_CLOEXEC;
    /// Seals may be set.
    MFD_ALLOW_SEALING;
    /// No more seals.
    F_SEAL_SEAL;
    /// No truncation.
    F_SEAL_SHRINK;
    /// No growth.
    F_SEAL_GROW;
    /// No writing.
    F_SEAL_WRITE;
}

// wait4(2), waitid(2)
constants! { u32:
    /// Do not wait.
    WNOHANG;
    /// Stops too (`wait4`).
    WUNTRACED;
    /// Stops (`waitid`).
    WSTOPPED;
    /// Ends (`waitid`).
    WEXITED;
    /// Continuations.
    WCONTINUED;
    /// Leave it to be collected again (`waitid`).
    WNOWAIT;
    /// Whatever their exit signal.
    __WALL;
}

// signal(7)
constants! { i32:
    /// Hang-up.
    SIGHUP;
    /// Interrupt from the keyboard.
    SIGINT;
    /// Quit from the keyboard.
    SIGQUIT;
    /// Illegal instruction.
    SIGILL;
    /// Trap.
    SIGTRAP;
    /// Abort.
    SIGABRT;
    /// Bad memory access.
    SIGBUS;
    /// Arithmetic error.
    SIGFPE;
    /// Kill.
    SIGKILL;
    /// User-defined.
    SIGUSR1;
    /// Invalid memory reference.
    SIGSEGV;
    /// User-defined.
    SIGUSR2;
    /// Nobody reads.
    SIGPIPE;
    /// Timer.
    SIGALRM;
    /// Terminate.
    SIGTERM;
    /// A child has changed.
    SIGCHLD;
    /// Continue.
    SIGCONT;
    /// Stop.
    SIGSTOP;
    /// Stop from the keyboard.
    SIGTSTP;
    /// Read in the background.
    SIGTTIN;
    /// Write in the background.
    SIGTTOU;
    /// Urgent data.
    SIGURG;
    /// CPU time used up.
    SIGXCPU;
    /// File too large.
    SIGXFSZ;
    /// Virtual timer.
    SIGVTALRM;
    /// Profiling timer.
    SIGPROF;
    /// The window has another size.
    SIGWINCH;
    /// I/O is possible.
    SIGIO;
    /// Power failure.
    SIGPWR;
    /// Bad system call.
    SIGSYS;
}

// poll(2)
constants! { i16:
    /// There is something to read.
    POLLIN;
    /// Something exceptional.
    POLLPRI;
    /// Writing will not wait.
    POLLOUT;
    /// Error; always reported.
    POLLERR;
    /// Hung up; always reported.
    POLLHUP;
    /// Not open; always reported.
    POLLNVAL;
    /// The other end stopped writing.
    POLLRDHUP;
}

// getrlimit(2)
constants! { u32:
    /// Seconds of CPU time.
    RLIMIT_CPU;
    /// Size of files.
    RLIMIT_FSIZE;
    /// Data segment.
    RLIMIT_DATA;
    /// Stack.
    RLIMIT_STACK;
    /// Core dumps.
    RLIMIT_CORE;
    /// Without effect since Linux 2.4.
    RLIMIT_RSS;
    /// Processes of the user.
    RLIMIT_NPROC;
    /// Descriptors.
    RLIMIT_NOFILE;
    /// Locked memory.
    RLIMIT_MEMLOCK;
    /// Address space.
    RLIMIT_AS;
    /// Without effect.
    RLIMIT_LOCKS;
    /// Pending signals.
    RLIMIT_SIGPENDING;
    /// POSIX message queues.
    RLIMIT_MSGQUEUE;
    /// Highest niceness, as 20 minus it.
    RLIMIT_NICE;
    /// Realtime priority.
    RLIMIT_RTPRIO;
    /// Microseconds of realtime work.
    RLIMIT_RTTIME;
}
