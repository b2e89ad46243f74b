//! Who calls.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dwell_plan::facts::{Caller, Facts, Found};
use dwell_plan::idmap::{IdMap, IdRange};
use dwell_plan::plan::{Mapping, Plan, RootSource};
use dwell_plan::{Text, WorldPath};
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;

use crate::error::ProbeError;
use crate::file::{self, Proc};
use crate::{look, passwd, subid};

/// The caller as the kernel and `/etc/passwd` know them. Subordinate ids are not read.
pub(crate) fn caller(plan: &Plan, proc: &Proc) -> Result<Caller, ProbeError> {
    let fail = |object, call| move |no| ProbeError::kernel("read", object, call, no);
    let uid = rustix::process::geteuid().as_raw();
    let capabilities =
        rustix::thread::capabilities(None).map_err(fail("the caller's capabilities", "capget"))?;
    let capable = !capabilities.effective.is_empty();
    let entry = passwd::read_user_by_uid(Path::new("/etc/passwd"), uid);
    let entry = entry.map_err(fail("/etc/passwd", "read"))?.unwrap_or_default();
    let home = home(plan, entry.home.clone());
    let homes = homes([&home, &entry.home])?;
    let name = if entry.name.is_empty() { Text::from(uid.to_string()) } else { entry.name };
    Ok(Caller {
        uid,
        gid: rustix::process::getegid().as_raw(),
        name,
        home,
        homes,
        capabilities: capabilities.effective.bits(),
        uid_map: if capable { id_map(proc, "self/uid_map")? } else { IdMap::default() },
        gid_map: if capable { id_map(proc, "self/gid_map")? } else { IdMap::default() },
        ..Caller::default()
    })
}

/// `HOME` of the Plan's environment, else the one of the user database, else `/`.
fn home(plan: &Plan, of_passwd: Text) -> Text {
    let absolute = |home: &Text| home.as_bytes().first() == Some(&b'/');
    let variable = plan.command.env.iter().find(|var| var.name == *"HOME").map(|var| &var.value);
    match variable.filter(|home| absolute(home)) {
        Some(home) => home.clone(),
        None if absolute(&of_passwd) => of_passwd,
        None => Text::from("/"),
    }
}

/// Every name of the caller's home directories, `/` aside.
fn homes(names: [&Text; 2]) -> Result<Vec<WorldPath>, ProbeError> {
    let mut homes = Vec::with_capacity(4);
    let names = if names[0] == names[1] { &names[..1] } else { &names[..] };
    for name in names.iter().filter(|name| name.as_bytes().first() == Some(&b'/')) {
        let failed = |no| ProbeError::kernel("look at", &name.to_string(), "openat", no);
        let real = look::real_path(name.as_bytes()).map_err(failed)?;
        homes.extend([Some(WorldPath::new(name.as_bytes(), b"/")), real].into_iter().flatten());
    }
    homes.retain(|home| !home.is_root());
    homes.sort();
    homes.dedup();
    Ok(homes)
}

fn id_map(proc: &Proc, path: &str) -> Result<IdMap, ProbeError> {
    let whole = IdRange { inner: 0, outer: 0, count: u32::MAX };
    // KERNEL: without CONFIG_USER_NS there is no such file, and every id is what it is.
    Ok(proc.read(path)?.map_or_else(|| IdMap(vec![whole]), |text| subid::parse_map(&text)))
}

/// Whether the Plan may need the caller's subordinate ids.
fn wants_subids(plan: &Plan, uid: u32) -> bool {
    let directory = matches!(plan.root, RootSource::Directory { .. });
    [&plan.identity.users, &plan.identity.groups].into_iter().any(|mapping| match mapping {
        Mapping::Subids => true,
        Mapping::Default => directory && uid != 0,
        // Not the lines, but the programs.
        Mapping::Ranges(_) => uid != 0,
    })
}

/// Adds the caller's subordinate ids and the programs that map them, where the Plan wants them.
pub(crate) fn add_subids(plan: &Plan, facts: &mut Facts) -> Result<(), ProbeError> {
    let caller = &mut facts.caller;
    if !wants_subids(plan, caller.uid) {
        return Ok(());
    }
    let (subuids, subgids) =
        (subordinates("/etc/subuid", caller)?, subordinates("/etc/subgid", caller)?);
    (caller.subuids, caller.subgids) = (subuids, subgids);
    facts.newuidmap = program(b"newuidmap");
    facts.newgidmap = program(b"newgidmap");
    Ok(())
}

/// The lines of a file like `/etc/subuid` that are the caller's; none where there is no file.
pub(crate) fn subordinates(path: &str, caller: &Caller) -> Result<Vec<(u32, u32)>, ProbeError> {
    match file::read(path.as_bytes()) {
        Ok(text) => Ok(subid::parse_subids(&text, caller.name.as_bytes(), caller.uid)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(Vec::new()),
        Err(no) => Err(ProbeError::kernel("read", path, "open", no)),
    }
}

/// The first file called `name` in `PATH`, or in the usual places, that can be executed.
pub(crate) fn program(name: &[u8]) -> Option<Text> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = [&b"/usr/bin"[..], b"/bin", b"/usr/sbin", b"/sbin"];
    path.as_bytes()
        .split(|b| *b == b':')
        .filter(|dir| dir.first() == Some(&b'/'))
        .chain(usual)
        .map(|dir| WorldPath::new(name, dir))
        .find(|file| is_program(file.as_bytes()))
        .map(Text::from)
}

fn is_program(path: &[u8]) -> bool {
    let runs = rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok();
    runs && look::follow(path) == Found::File
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_files() {
        assert!(program(b"sh").is_some());
        assert_eq!(program(b"no-such-program-anywhere"), None);
        assert!(!is_program(b"/usr"));
    }
}
