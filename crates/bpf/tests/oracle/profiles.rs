//! The profiles that engines use, where they are installed.

use std::path::Path;

use dwell_plan::caps::CapSet;

/// Sets of capabilities with and without what the profiles ask about.
pub(crate) const CAPABILITIES: &[CapSet] =
    &[CapSet::WORLD_ROOT, CapSet::EMPTY, CapSet::ALL, CapSet(1 << 21), CapSet(1 << 29 | 1 << 19)];

/// Where Podman and Docker (Debian's golang-github-containers-common and golang-github-docker-docker-dev)
/// have them. `DWELL_SECCOMP_PROFILES` names more files, separated by colons.
const PLACES: [&str; 2] = [
    "/usr/share/containers/seccomp.json",
    "/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json",
];

/// Names and texts: one in Docker's form that comes with the test, and those that are installed.
pub(crate) fn in_use() -> Vec<(String, String)> {
    let mut found = vec![("likeness".to_owned(), include_str!("likeness.json").to_owned())];
    let more = std::env::var("DWELL_SECCOMP_PROFILES").unwrap_or_default();
    let places = PLACES.into_iter().chain(more.split(':').filter(|path| !path.is_empty()));
    for place in places {
        match std::fs::read_to_string(Path::new(place)) {
            Ok(text) => found.push((place.to_owned(), text)),
            Err(_) => eprintln!("skipped: there is no {place}"),
        }
    }
    found
}
