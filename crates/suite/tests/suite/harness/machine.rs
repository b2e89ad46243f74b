//! What the machine is like: how fast (one that is emulated takes several times as long for
//! everything), and which kernel it runs.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

/// What `DWELL_TEST_PACE` says: how many times longer than usual things take here.
static PACE: LazyLock<u32> = LazyLock::new(|| {
    let told = std::env::var("DWELL_TEST_PACE").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(1).max(1)
});

/// What `DWELL_TEST_UNTIL` says: no case begins after it, in seconds since 1970.
static UNTIL: LazyLock<Option<u64>> =
    LazyLock::new(|| std::env::var("DWELL_TEST_UNTIL").ok()?.parse().ok());

/// Whether the time that there is for tests is up.
pub(crate) fn time_is_up() -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UNTIL.is_some_and(|until| now.is_ok_and(|now| now.as_secs() >= until))
}

/// Whether `DWELL_TEST_AGAIN` asks for failed cases to be tried a second time, with nothing else beside them.
pub(crate) fn tries_again() -> bool {
    std::env::var_os("DWELL_TEST_AGAIN").is_some_and(|told| told == "1")
}

/// How long something may take that takes at most `usual` on an ordinary machine.
pub(crate) fn patience(usual: Duration) -> Duration {
    usual * *PACE
}

/// How often something is tried that is tried `usual` times on an ordinary machine.
pub(crate) fn rounds(usual: u32) -> u32 {
    usual.div_ceil(*PACE)
}

/// Whether the nth of many alike is tried: on a slow machine a part of them is, spread over all.
pub(crate) fn is_tried(n: usize) -> bool {
    u32::try_from(n).is_ok_and(|n| n.is_multiple_of(*PACE))
}

/// Whether the kernel's release is older than this one.
pub(crate) fn older_than(major: u32, minor: u32) -> bool {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (major, minor)
}
