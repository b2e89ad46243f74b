//! The table of secrets in `docs/security.md` is the one of the program.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::collections::BTreeSet;

use dwell_probe::secrets::{Keep, SECRETS};

#[test]
fn table_is_the_programs() {
    let docs = std::env::var("DWELL_DOCS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs").to_owned());
    let text = std::fs::read_to_string(format!("{docs}/security.md")).unwrap();
    let mut documented = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, paths, keep @ ("hidden" | "redacted")] = cells[..] else { continue };
        documented.extend(paths.split(", ").map(|path| (path.trim_matches('`'), keep)));
    }
    let word = |keep| if keep == Keep::Hidden { "hidden" } else { "redacted" };
    let actual: BTreeSet<_> = SECRETS.iter().map(|row| (row.pattern, word(row.keep))).collect();
    assert_eq!(documented, actual);
}
