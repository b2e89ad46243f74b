//! Words of the list.

use dwell_plan::{NamespaceKind, NamespaceSet};

use super::rows::{duration, walls};
use super::{Asked, parse};

#[test]
fn durations() {
    for (seconds, text) in [
        (0, "0s"),
        (1, "1s"),
        (119, "119s"),
        (120, "2m"),
        (7199, "119m"),
        (7200, "2h"),
        (200_000, "2d"),
    ] {
        assert_eq!(duration(seconds), text);
    }
}

#[test]
fn sets() {
    let of = |kinds: &[NamespaceKind]| walls(kinds.iter().copied().collect());
    assert_eq!(walls(NamespaceSet::DEFAULT), "all");
    assert_eq!(walls(NamespaceSet::ALL), "all and time");
    assert_eq!(walls(NamespaceSet::EMPTY), "none");
    assert_eq!(of(&[NamespaceKind::Mount]), "mount");
    assert_eq!(of(&[NamespaceKind::Mount, NamespaceKind::Net]), "mount,net");
    let mut most = NamespaceSet::DEFAULT;
    most.remove(NamespaceKind::Net);
    assert_eq!(walls(most), "all but net");
}

#[test]
fn options() {
    let of = |line: &str| parse(line.split_whitespace().map(Into::into).collect());
    assert_eq!(of("-a --json"), Ok(Asked { all: true, json: true, help: false }));
    assert_eq!(of("--xyz").unwrap_err().sentence, "there is no option `--xyz`");
    assert_eq!(of("web").unwrap_err().hint.as_deref(), Some("`dwell enter web` enters a world"));
}
