//! `/etc/resolv.conf` where it is a link into `/run`, as systemd-resolved and others make it.

use dwell_plan::{Text, WorldPath};
use rustix::fs::{CWD, FileType, Mode};

use crate::file::{self, READ};
use crate::look;

const FILE: &str = "/etc/resolv.conf";

/// Where the file really is and what it says; for a world of the machine's own files only when it is a
/// link that leads out of `/etc`.
pub(crate) fn resolv_conf(always: bool) -> Option<(WorldPath, Text)> {
    if !always {
        // Fails with EINVAL for what is no link.
        rustix::fs::readlinkat(CWD, FILE, Vec::new()).ok()?;
    }
    let fd = rustix::fs::openat(CWD, FILE, READ, Mode::empty()).ok()?;
    let stat = look::stat_open(&fd).ok()?;
    if look::file_type(&stat) != FileType::RegularFile {
        return None;
    }
    let real = std::fs::canonicalize(FILE).ok()?;
    let real = WorldPath::new(real.as_os_str().as_encoded_bytes(), b"/");
    if WorldPath::abs("/etc").contains(&real) && !always {
        return None;
    }
    let mut text = file::read_all(&fd).ok()?;
    text.retain(|byte| *byte != 0);
    Some((real, Text::from(text)))
}
