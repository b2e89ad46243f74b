//! What root can read and a world started by root has no business with.
//!
//! An ordinary user is kept from these files by their permissions. Root is not: a world that shows
//! root the machine's own files shows their keys and password hashes as well, unless they are
//! taken out.

use std::os::fd::OwnedFd;

use dwell_plan::facts::{Caller, Secret, Shown};
use dwell_plan::{Text, WorldPath};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

use crate::bytes::lines;
use crate::error::ProbeError;
use crate::file::{self, PATH, READ};
use crate::{look, passwd, shadow};

/// How a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A directory is shown empty, a file not at all.
    Hidden,
    /// A file is shown without the passwords in its second field, see [`shadow::redact`].
    Redacted,
}

/// One row of [`SECRETS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// An absolute path; the last component may have one `*`, for any run of characters.
    pub pattern: &'static str,
    /// What it holds.
    pub what: &'static str,
    /// How it is kept.
    pub keep: Keep,
}

const fn hidden(pattern: &'static str, what: &'static str) -> Row {
    Row { pattern, what, keep: Keep::Hidden }
}

const fn redacted(pattern: &'static str, what: &'static str) -> Row {
    Row { pattern, what, keep: Keep::Redacted }
}

/// The secrets of a machine, by where common distributions and programs keep them.
pub const SECRETS: &[Row] = &[
    redacted("/etc/shadow", "password hashes"),
    redacted("/etc/shadow-", "password hashes, backup"),
    redacted("/etc/gshadow", "group password hashes"),
    redacted("/etc/gshadow-", "group password hashes, backup"),
    hidden("/etc/security/opasswd", "old password hashes"),
    hidden("/etc/ssh/ssh_host_*_key", "SSH host keys"),
    hidden("/etc/ssl/private", "TLS keys"),
    hidden("/etc/pki/tls/private", "TLS keys"),
    hidden("/etc/letsencrypt", "TLS keys and account keys"),
    hidden("/etc/krb5.keytab", "Kerberos keys"),
    hidden("/etc/wireguard", "VPN keys"),
    hidden("/etc/openvpn", "VPN keys"),
    hidden("/etc/ipsec.secrets", "VPN keys"),
    hidden("/etc/ppp/chap-secrets", "dial-in passwords"),
    hidden("/etc/ppp/pap-secrets", "dial-in passwords"),
    hidden("/etc/NetworkManager/system-connections", "network passwords"),
    hidden("/etc/wpa_supplicant", "network passwords"),
    hidden("/var/lib/iwd", "network passwords"),
    hidden("/var/lib/bluetooth", "pairing keys"),
    hidden("/etc/credstore", "credentials of services"),
    hidden("/etc/credstore.encrypted", "credentials of services"),
    hidden("/var/lib/systemd/credential.secret", "the key of encrypted credentials"),
    hidden("/var/lib/private", "state of services with dynamic users"),
    hidden("/var/lib/tpm*", "TPM keys"),
    hidden("/etc/docker/key.json", "the Docker engine's key"),
    hidden("/var/lib/docker", "containers, images and volumes"),
    hidden("/var/lib/containers", "containers, images and volumes"),
    hidden("/var/lib/containerd", "containers and images"),
    hidden("/var/lib/crio", "containers"),
    hidden("/etc/kubernetes", "cluster keys"),
    hidden("/var/lib/kubelet", "cluster keys and volumes of pods"),
    hidden("/etc/rancher", "cluster keys"),
    hidden("/var/lib/rancher", "cluster keys, containers and volumes"),
    hidden("/var/lib/libvirt", "virtual machines"),
    hidden("/var/lib/lxc", "containers"),
    hidden("/var/lib/lxd", "containers and virtual machines"),
    hidden("/var/lib/incus", "containers and virtual machines"),
    hidden("/var/lib/machines", "containers"),
    hidden("/var/lib/postgresql", "a database"),
    hidden("/var/lib/mysql", "a database"),
    hidden("/var/lib/redis", "a database"),
    hidden("/var/lib/vault", "a store of secrets"),
    hidden("/etc/vault.d", "the configuration of a store of secrets"),
    hidden("/var/lib/sss/secrets", "a store of secrets"),
    hidden("/var/lib/samba/private", "password hashes"),
    hidden("/var/spool/cron/crontabs", "users' jobs"),
    hidden("/var/mail", "users' mail"),
    hidden("/var/spool/mail", "users' mail"),
];

const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;

/// Whether permissions do not keep the caller from reading other users' files.
pub(crate) fn sees_through(caller: &Caller) -> bool {
    let has = |capability: u32| caller.capabilities & (1 << capability) != 0;
    caller.uid == 0 || has(CAP_DAC_OVERRIDE) || has(CAP_DAC_READ_SEARCH)
}

/// The secrets that exist, and the homes of other users outside `/home`: by path, links resolved,
/// without those that lie below a hidden one.
///
/// # Errors
/// The kernel does not tell whether there is one: it would be shown.
pub(crate) fn present(callers_home: &Text) -> Result<Vec<Secret>, ProbeError> {
    let mut all = Vec::new();
    for row in SECRETS {
        expand(row.pattern, |path| {
            all.extend(secret(path, row.keep)?);
            Ok(())
        })
        .map_err(|no| unknown(row.pattern, no))?;
    }
    let passwd = match file::read(b"/etc/passwd") {
        Err(no) if !look::is_answer(no) => return Err(unknown("/etc/passwd", no)),
        read => read.unwrap_or_default(),
    };
    let callers_home = WorldPath::new(callers_home.as_bytes(), b"/");
    for path in other_homes(&passwd, &callers_home) {
        let found = home(&path, &callers_home);
        all.extend(found.map_err(|no| unknown(&path.to_string(), no))?);
    }
    Ok(without_nested(all))
}

fn unknown(path: &str, no: Errno) -> ProbeError {
    ProbeError::kernel("look for secrets at", path, "openat2", no)
}

fn without_nested(mut all: Vec<Secret>) -> Vec<Secret> {
    all.sort_by(|a, b| a.path.cmp(&b.path));
    let mut out: Vec<Secret> = Vec::with_capacity(all.len());
    for secret in all {
        if !out.last().is_some_and(|last| last.path.contains(&secret.path)) {
            out.push(secret);
        }
    }
    out
}

/// Calls `each` with the paths that a pattern stands for; without `*` that is itself.
fn expand(pattern: &str, mut each: impl FnMut(&[u8]) -> Result<(), Errno>) -> Result<(), Errno> {
    let Some((head, tail)) = pattern.split_once('*') else { return each(pattern.as_bytes()) };
    let (dir, head) = head.rsplit_once('/').unwrap_or(("", head));
    let opened = rustix::fs::openat(CWD, dir, look::LIST, Mode::empty());
    let Some(fd) = look::known(opened)? else { return Ok(()) };
    let mut buffer = Vec::with_capacity(8 << 10);
    let mut entries = RawDir::new(&fd, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let middle = name.strip_prefix(head.as_bytes());
        if !look::is_dot(name) && middle.is_some_and(|rest| rest.ends_with(tail.as_bytes())) {
            each(&[dir.as_bytes(), b"/", name].concat())?;
        }
    }
    Ok(())
}

fn secret(path: &[u8], keep: Keep) -> Result<Option<Secret>, Errno> {
    let flags = if keep == Keep::Redacted { READ } else { PATH };
    let Some((path, fd)) = resolve(path, flags)? else { return Ok(None) };
    let stat = look::stat_open(&fd)?;
    let shown = match (look::file_type(&stat), keep) {
        (FileType::Directory, _) => Shown::EmptyDirectory,
        (FileType::RegularFile, Keep::Redacted) => match file::read_all(&fd) {
            Ok(text) => Shown::Redacted(shadow::redact(&text)),
            Err(_) => Shown::Nothing,
        },
        _ => Shown::Nothing,
    };
    Ok(Some(Secret { path, shown }))
}

/// Opens a path and tells where it leads, links resolved. None when there is nothing.
fn resolve(path: &[u8], flags: OFlags) -> Result<Option<(WorldPath, OwnedFd)>, Errno> {
    let open = |path: &[u8]| {
        rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
    };
    // Most are missing, and a failing stat(2) costs a third of a failing open(2).
    if look::known(look::stat(CWD, path, AtFlags::SYMLINK_NOFOLLOW))?.is_none() {
        return Ok(None);
    }
    match open(path) {
        Err(Errno::LOOP) => {
            let real = std::fs::canonicalize(Text::from(path).as_path());
            let real = real.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO));
            let Some(real) = look::known(real)? else { return Ok(None) };
            let real = real.as_os_str().as_encoded_bytes();
            Ok(look::known(open(real))?.map(|fd| (WorldPath::new(real, b"/"), fd)))
        }
        opened => Ok(look::known(opened)?.map(|fd| (WorldPath::new(path, b"/"), fd))),
    }
}

fn home(path: &WorldPath, callers_home: &WorldPath) -> Result<Option<Secret>, Errno> {
    let found = resolve(path.as_bytes(), PATH | OFlags::DIRECTORY)?;
    let hide = found.filter(|(path, _)| is_foreign_home(path, callers_home));
    Ok(hide.map(|(path, _)| Secret { path, shown: Shown::EmptyDirectory }))
}

/// Homes of people (not of services) in a `passwd(5)` text.
fn other_homes(passwd: &[u8], callers_home: &WorldPath) -> impl Iterator<Item = WorldPath> {
    lines(passwd)
        .filter_map(passwd::parse_user)
        .filter(|user| (1000..65534).contains(&user.uid))
        .filter(|user| user.home.as_bytes().first() == Some(&b'/'))
        .map(|user| WorldPath::from(user.home))
        .filter(|home| is_foreign_home(home, callers_home))
}

/// Trees that are nobody's home even when an entry of `passwd(5)` says so.
const SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr"];

/// Directories that are shared even when an entry of `passwd(5)` names them.
const SHARED: &[&str] = &[
    "/etc", "/media", "/mnt", "/opt", "/run", "/srv", "/tmp", "/var", "/var/lib", "/var/tmp",
    "/root",
];

/// Whether `home` is to be hidden as somebody else's: `/home` itself is dealt with elsewhere.
fn is_foreign_home(home: &WorldPath, callers_home: &WorldPath) -> bool {
    let below = |dir: &&str| WorldPath::abs(dir).contains(home);
    let is = |dir: &&str| home.as_bytes() == dir.as_bytes();
    !(home.contains(callers_home)
        || home.contains(&WorldPath::abs("/home"))
        || below(&"/home")
        || SYSTEM.iter().any(below)
        || SHARED.iter().any(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sound() {
        for row in SECRETS {
            let path = WorldPath::abs(row.pattern);
            assert_eq!(path.as_bytes(), row.pattern.as_bytes());
            assert!(path.components().count() > 1, "{}", row.pattern);
            let stars = row.pattern.matches('*').count();
            assert!(stars == 0 || (stars == 1 && path.name().contains(&b'*')), "{}", row.pattern);
            let same = SECRETS.iter().filter(|other| other.pattern == row.pattern).count();
            assert_eq!(same, 1, "{}", row.pattern);
        }
    }

    #[test]
    fn patterns() {
        let dir = std::env::temp_dir().join(format!("dwell-probe-glob-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["ssh_host_rsa_key", "ssh_host_rsa_key.pub", "ssh_host_x_key", "other_key"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let mut found = Vec::new();
        let pattern = format!("{}/ssh_host_*_key", dir.display());
        let add = |path: &[u8]| {
            found.push(Text::from(path));
            Ok(())
        };
        expand(&pattern, add).unwrap();
        found.sort();
        let names: Vec<_> = found.iter().map(|p| p.as_path().file_name().unwrap()).collect();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(names, ["ssh_host_rsa_key", "ssh_host_x_key"]);
    }

    #[test]
    fn links_are_resolved() {
        let dir = std::env::temp_dir().join(format!("dwell-probe-links-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("real/private")).unwrap();
        std::os::unix::fs::symlink("real", dir.join("link")).unwrap();
        let at = |tail: &str| dir.join(tail).into_os_string().into_encoded_bytes();
        let real = WorldPath::new(&at("real/private"), b"/");
        let want = Ok(Some(Secret { path: real, shown: Shown::EmptyDirectory }));
        assert_eq!(secret(&at("link/private"), Keep::Hidden), want);
        assert_eq!(secret(&at("real/private"), Keep::Hidden), want);
        assert_eq!(secret(&at("link/nothing"), Keep::Hidden), Ok(None));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn homes_of_others() {
        let passwd = b"root:x:0:0::/root:\nsvc:x:999:1::/opt/svc:\na:x:1000:1::/home/a:\n\
            b:x:1001:1::/data/b:\nc:x:1002:1::/:\nd:x:1003:1::/data/me:\ne:x:1004:1::/data:\n\
            f:x:1005:1::/usr/src/f:\ng:x:1006:1::/srv:\nh:x:1007:1::/srv/h/:\ni:x:1008:1::rel:\n\
            nobody:x:65534:1::/none:\nj:x:1009:1::/home:\nk:x:1010:1::/data/me/k:";
        let homes: Vec<_> =
            other_homes(passwd, &WorldPath::abs("/data/me")).map(|h| h.to_string()).collect();
        assert_eq!(homes, ["/data/b", "/srv/h", "/data/me/k"]);
    }

    #[test]
    fn nested_ones_are_left_out() {
        let at = |p: &str| Secret { path: WorldPath::abs(p), shown: Shown::EmptyDirectory };
        let all = vec![at("/b/c"), at("/b"), at("/a"), at("/a"), at("/b-c"), at("/b/c/d")];
        assert_eq!(without_nested(all), [at("/a"), at("/b"), at("/b-c")]);
    }
}
