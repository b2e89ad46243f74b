//! The least program that puts up given walls and runs a program behind them: what no tool that does
//! the same can go below.
//!
//! `floor [--walls LIST] PROGRAM [ARGUMENT…]`. Without a list these are all the walls of
//! `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev`, mounts and reaper included. No options
//! are weighed, nothing is explained, nothing hardened: neither capabilities nor signals nor
//! descriptors are touched.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use dwell_sys::raw::{self, CloneArgs, Errno, ExecTable, Fd, Stack, WaitStatus, consts};

/// Which call was refused, and why.
type Step = Result<(), (&'static str, Errno)>;

/// Everything made before the clone.
struct World {
    flags: u64,
    outer: Maps,
    inner: Option<Maps>,
    path: std::ffi::CString,
    argv: ExecTable,
    env: ExecTable,
    stack: Option<Stack>,
}

struct Maps {
    users: String,
    groups: String,
}

fn main() -> ExitCode {
    let Some(mut world) = prepare() else {
        let _ = raw::write(Fd(2), b"usage: floor [--walls LIST] PROGRAM [ARGUMENT...]\n");
        return ExitCode::from(2);
    };
    let args = CloneArgs { flags: world.flags, exit_signal: consts::SIGCHLD, ..Default::default() };
    let Ok(child) = raw::clone_child(&args, || first(&mut world)) else {
        return complain("clone3");
    };
    match raw::wait(child.pid, 0) {
        Ok(WaitStatus::Exited { code, .. }) => ExitCode::from(u8::try_from(code).unwrap_or(125)),
        _ => ExitCode::from(125),
    }
}

fn complain(what: &str) -> ExitCode {
    let _ = raw::write(Fd(2), what.as_bytes());
    let _ = raw::write(Fd(2), b" was refused\n");
    ExitCode::from(125)
}

fn prepare() -> Option<World> {
    let mut args: Vec<_> = std::env::args_os().skip(1).collect();
    let mut walls = "user,mount,pid,net,uts,ipc,cgroup".to_owned();
    if args.first()? == "--walls" {
        walls = args.get(1)?.to_str()?.to_owned();
        args.drain(..2);
    }
    let mut flags = 0;
    for wall in walls.split(',') {
        flags |= match wall {
            "user" => consts::CLONE_NEWUSER,
            "mount" => consts::CLONE_NEWNS,
            "pid" => consts::CLONE_NEWPID,
            "net" => consts::CLONE_NEWNET,
            "uts" => consts::CLONE_NEWUTS,
            "ipc" => consts::CLONE_NEWIPC,
            "cgroup" => consts::CLONE_NEWCGROUP,
            "none" => 0,
            _ => return None,
        };
    }
    let (uid, gid) = (raw::getuid(), raw::getgid());
    let map = |inner: u32, outer: u32| format!("{inner} {outer} 1\n");
    // Mounting a devpts takes an id 0; the program gets its own id back in a second user namespace.
    let mounts = flags & consts::CLONE_NEWNS != 0;
    let outer = if mounts {
        Maps { users: map(0, uid), groups: map(0, gid) }
    } else {
        Maps { users: map(uid, uid), groups: map(gid, gid) }
    };
    let inner = mounts.then(|| Maps { users: map(uid, 0), groups: map(gid, 0) });
    let env = std::env::vars_os().map(|(k, v)| [k.as_bytes(), b"=", v.as_bytes()].concat());
    Some(World {
        flags,
        outer,
        inner,
        path: std::ffi::CString::new(args.first()?.as_bytes()).ok()?,
        argv: ExecTable::new(args.iter().map(|a| a.as_bytes())).ok()?,
        env: ExecTable::new(env).ok()?,
        stack: Some(Stack::new(64 * 1024).ok()?),
    })
}

/// Process 1.
fn first(world: &mut World) -> i32 {
    if let Err((call, _)) = build(world) {
        complain(call);
        return 125;
    }
    let Some(mut stack) = world.stack.take() else { return 125 };
    let Ok(program) = raw::vfork_child(&mut stack, 0, exec, world) else {
        complain("vfork");
        return 125;
    };
    loop {
        match raw::wait(-1, 0) {
            Ok(WaitStatus::Exited { pid, code }) if pid == program => return code,
            Ok(WaitStatus::Signaled { pid, sig, .. }) if pid == program => {
                return 128i32.wrapping_add(sig);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return 125,
        }
    }
}

fn exec(world: &mut World) -> i32 {
    raw::execve(&world.path, &world.argv, &world.env);
    127
}

fn build(world: &World) -> Step {
    if world.flags & consts::CLONE_NEWUSER != 0 {
        write_file(c"/proc/self/setgroups", "deny")?;
        write_maps(&world.outer)?;
    }
    if world.flags & consts::CLONE_NEWNET != 0 {
        raw::interface_up(c"lo").map_err(|e| ("SIOCSIFFLAGS", e))?;
    }
    if world.flags & consts::CLONE_NEWNS != 0 {
        mounts()?;
    }
    if let Some(inner) = &world.inner {
        raw::unshare(consts::CLONE_NEWUSER).map_err(|e| ("unshare", e))?;
        write_maps(inner)?;
    }
    Ok(())
}

fn write_maps(maps: &Maps) -> Step {
    write_file(c"/proc/self/uid_map", &maps.users)?;
    write_file(c"/proc/self/gid_map", &maps.groups)
}

fn write_file(path: &CStr, text: &str) -> Step {
    let name = "a write to /proc/self";
    let flags = consts::O_WRONLY | consts::O_CLOEXEC;
    let fd = raw::openat(Fd::CWD, path, flags, 0).map_err(|e| (name, e))?;
    raw::write(fd, text.as_bytes()).map_err(|e| (name, e))?;
    raw::close(fd).map_err(|e| (name, e))
}

const SAFE: u64 = consts::MOUNT_ATTR_NOSUID | consts::MOUNT_ATTR_NODEV;

fn mounts() -> Step {
    let root = clone_tree(c"/", consts::AT_RECURSIVE, SAFE | consts::MOUNT_ATTR_RDONLY)?;
    attach(root, Fd::CWD, c"/")?;
    attach(filesystem(c"proc", &[], SAFE | consts::MOUNT_ATTR_NOEXEC)?, root, c"proc")?;
    let dev = filesystem(c"tmpfs", &[(c"mode", c"0755")], SAFE)?;
    attach(dev, root, c"dev")?;
    devices(dev)?;
    raw::fchdir(root).map_err(|e| ("fchdir", e))?;
    raw::pivot_root(c".", c".").map_err(|e| ("pivot_root", e))?;
    raw::umount2(c".", consts::MNT_DETACH).map_err(|e| ("umount2", e))?;
    raw::chdir(c"/").map_err(|e| ("chdir", e))
}

fn devices(dev: Fd) -> Step {
    let nodes = [
        (c"/dev/null", c"null"),
        (c"/dev/zero", c"zero"),
        (c"/dev/full", c"full"),
        (c"/dev/random", c"random"),
        (c"/dev/urandom", c"urandom"),
        (c"/dev/tty", c"tty"),
    ];
    for (node, name) in nodes {
        raw::mknodat(dev, name, consts::S_IFREG | 0o444, 0).map_err(|e| ("mknodat", e))?;
        let tree = clone_tree(node, 0, consts::MOUNT_ATTR_NOSUID)?;
        attach(tree, dev, name)?;
    }
    let links = [
        (c"/proc/self/fd/0", c"stdin"),
        (c"/proc/self/fd/1", c"stdout"),
        (c"/proc/self/fd/2", c"stderr"),
        (c"/proc/self/fd", c"fd"),
        (c"/proc/kcore", c"core"),
        (c"pts/ptmx", c"ptmx"),
    ];
    for (target, name) in links {
        raw::symlinkat(target, dev, name).map_err(|e| ("symlinkat", e))?;
    }
    for name in [c"shm", c"pts"] {
        raw::mkdirat(dev, name, 0o755).map_err(|e| ("mkdirat", e))?;
    }
    let options = [(c"ptmxmode", c"0666"), (c"mode", c"0620")];
    let attrs = consts::MOUNT_ATTR_NOSUID | consts::MOUNT_ATTR_NOEXEC;
    attach(filesystem(c"devpts", &options, attrs)?, dev, c"pts")
}

fn clone_tree(path: &CStr, recursive: u32, attrs: u64) -> Result<Fd, (&'static str, Errno)> {
    let flags = consts::OPEN_TREE_CLONE | consts::OPEN_TREE_CLOEXEC | recursive;
    let tree = raw::open_tree(Fd::CWD, path, flags).map_err(|e| ("open_tree", e))?;
    let at = consts::AT_EMPTY_PATH | recursive;
    raw::mount_setattr(tree, c"", at, attrs, 0, 0, 0).map_err(|e| ("mount_setattr", e))?;
    Ok(tree)
}

fn filesystem(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attrs: u64,
) -> Result<Fd, (&'static str, Errno)> {
    let fs = raw::fsopen(kind).map_err(|e| ("fsopen", e))?;
    for (key, value) in options {
        raw::fsconfig_string(fs, key, value).map_err(|e| ("fsconfig", e))?;
    }
    raw::fsconfig_create(fs).map_err(|e| ("fsconfig", e))?;
    raw::fsmount(fs, attrs).map_err(|e| ("fsmount", e))
}

fn attach(tree: Fd, to: Fd, path: &CStr) -> Step {
    let flags = consts::MOVE_MOUNT_F_EMPTY_PATH;
    raw::move_mount(tree, c"", to, path, flags).map_err(|e| ("move_mount", e))
}
