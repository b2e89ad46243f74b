//! What Landlock has to know: its version, and what lies beside the secrets where it is the only wall.

use dwell_plan::facts::Facts;
use dwell_plan::landlock::Wall;
use dwell_plan::{NamespaceKind, Plan, WorldPath};

use crate::error::ProbeError;
use crate::{listing, places, resolv_conf, secrets};

/// The version of Landlock's interface; 0 where it does not answer.
#[must_use]
pub fn version() -> u32 {
    let abi = dwell_sys::raw::landlock_abi().unwrap_or(0);
    u32::try_from(abi).unwrap_or(0)
}

pub(crate) fn add(plan: &Plan, facts: &mut Facts) -> Result<(), ProbeError> {
    facts.landlock = version();
    let wants = |wall| plan.landlock.as_ref().is_some_and(|asked| asked.wants(wall));
    if plan.namespaces.owns(NamespaceKind::Mount) || !wants(Wall::Files) {
        return Ok(());
    }
    facts.real_paths = places::real_paths(plan)?;
    if !wants(Wall::Tcp) {
        facts.resolv_conf = resolv_conf::resolv_conf(false);
    }
    if secrets::sees_through(&facts.caller) {
        facts.secrets = secrets::present(&facts.caller.home)?;
        add_what_is_beside(facts);
    }
    Ok(())
}

/// A rule holds for all that lies below its path, so the directories above a secret are allowed by their
/// entries.
fn add_what_is_beside(facts: &mut Facts) {
    for secret in &facts.secrets {
        let mut above = secret.path.parent();
        while let Some(dir) = above.filter(|dir: &WorldPath| !dir.is_root()) {
            above = dir.parent();
            facts.directories.entry(dir).or_insert_with_key(listing::entries);
        }
    }
}
