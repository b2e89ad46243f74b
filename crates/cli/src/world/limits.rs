//! What the world may use.

use dwell_plan::Text;
use dwell_plan::limits::Limits;
use dwell_plan::plan::ControlGroup;

use super::paths::Paths;
use crate::invocation::Invocation;
use crate::message::{Failure, reason};
use crate::options::LowArgs;

/// The limits, devices looked up.
pub(super) fn decide(
    low: &LowArgs,
    paths: &Paths<'_>,
    invocation: &Invocation<'_>,
) -> Result<Limits, Failure> {
    let mut limits = low.limits.clone();
    for typed in &low.io {
        let path = paths.source(&typed.value.path, &typed.words)?;
        let numbers = invocation.machine.block_device(path.as_path()).map_err(|e| {
            Failure::new(format!("cannot look at {path}: {} (`{}`)", reason(&e), typed.words))
        })?;
        let Some((major, minor)) = numbers else {
            return Err(Failure::cannot_use(&typed.words, &format!("{path} is no block device")));
        };
        let mut device = typed.value.limits.clone();
        (device.major, device.minor) = (major, minor);
        limits.io.devices.retain(|d| (d.major, d.minor) != (major, minor));
        limits.io.devices.push(device);
    }
    Ok(limits)
}

/// How they are enforced.
pub(super) fn group(low: &LowArgs, paths: &Paths<'_>) -> Result<ControlGroup, Failure> {
    let file = low.stats_file.as_ref();
    let stats_file: Option<Text> =
        file.map(|typed| paths.source(&typed.value, &typed.words)).transpose()?;
    Ok(ControlGroup { stats_file, ..low.cgroup.clone() })
}
