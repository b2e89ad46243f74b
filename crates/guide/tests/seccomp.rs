//! The table of system calls in `docs/security.md` is the one of the program.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use dwell_plan::seccomp::builtin::{Answer, FAMILIES_OF_CALLS};

#[test]
fn table_is_the_programs() {
    let docs = std::env::var("DWELL_DOCS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs").to_owned());
    let text = std::fs::read_to_string(format!("{docs}/security.md")).unwrap();
    let (_, section) = text.split_once("\n## System calls\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    for family in FAMILIES_OF_CALLS {
        // A row may have several families, and a family words of explanation.
        let named =
            |cell: &str| cell.split("; ").any(|part| part.split(" (").next() == Some(family.title));
        let row = rows.iter().find(|row| row.first().is_some_and(|cell| named(cell)));
        let row = row.unwrap_or_else(|| panic!("{} is not in the table", family.title));
        let [_, default, strict, _] = row[..] else { panic!("{row:?}") };
        for (cell, answer) in [(default, family.default), (strict, family.strict)] {
            let want = match answer {
                Answer::Allow => "allowed",
                Answer::Refuse => "fails",
                Answer::Missing => "missing",
                _ => continue,
            };
            assert_eq!(cell, want, "{}", family.title);
        }
    }
}
