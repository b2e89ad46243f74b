//! The calls of the families that have many.

pub(super) const FILES: &str = "\
    _llseek access arm_fadvise64_64 arm_sync_file_range cachestat chdir chmod chown chown32 \
    close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 \
    fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 \
    fchownat fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 \
    fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents \
    getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 \
    inotify_rm_watch lchown lchown32 lgetxattr link linkat listmount listxattr listxattrat \
    llistxattr lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat \
    newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read \
    readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 \
    rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statmount \
    statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs tee truncate \
    truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes write writev";

pub(super) const PIPES: &str = "\
    _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 \
    epoll_wait epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents \
    io_pgetevents_time64 io_setup io_submit pipe pipe2 poll ppoll ppoll_time64 pselect6 \
    pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 \
    timerfd_settime timerfd_settime64";

pub(super) const MEMORY: &str = "\
    brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 \
    mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc \
    pkey_free pkey_mprotect process_mrelease remap_file_pages";

pub(super) const PROCESSES: &str = "\
    alarm arch_prctl breakpoint cacheflush capget capset execve execveat exit exit_group fork \
    futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list \
    get_thread_area getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups \
    getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid getresgid32 \
    getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get \
    ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self pause \
    pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall riscv_flush_icache \
    riscv_hwprobe rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn \
    rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo \
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr \
    sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 \
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp \
    set_robust_list set_thread_area set_tid_address set_tls setfsgid setfsgid32 setfsuid \
    setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid \
    setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit \
    setsid setuid setuid32 sigaltstack sigprocmask sigreturn tgkill tkill ugetrlimit uretprobe \
    vfork wait4 waitid waitpid";

pub(super) const TIME: &str = "\
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime \
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 getrandom gettimeofday nanosleep \
    sysinfo time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 \
    timer_settime timer_settime64 times uname";

pub(super) const SOCKETS: &str = "\
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom \
    recvmmsg recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown \
    socketcall";

pub(super) const IPC: &str = "\
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend \
    mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop \
    semtimedop_time64 shmat shmctl shmdt shmget";

pub(super) const NAMESPACES: &str = "\
    fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr \
    pivot_root setdomainname sethostname setns umount umount2 unshare";

pub(super) const NEVER: &str = "\
    kexec_file_load kexec_load migrate_pages move_pages pciconfig_iobase pciconfig_read \
    pciconfig_write swapoff swapon";

pub(super) const NEW: &str = "\
    file_getattr file_setattr listns lsm_get_self_attr lsm_list_modules lsm_set_self_attr \
    rseq_slice_yield uprobe";

pub(super) const OLD: &str = "\
    _sysctl afs_syscall bdflush break create_module ftime get_kernel_syms get_tls getpmsg gtty \
    idle lock mpx nfsservctl nice oldfstat oldlstat oldolduname oldstat olduname prof profil \
    putpmsg query_module readdir security sgetmask sigaction signal sigpending sigsuspend \
    ssetmask stty sysfs tuxcall ulimit uselib usr26 usr32 ustat vm86 vm86old vserver";
