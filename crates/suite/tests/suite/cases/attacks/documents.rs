//! The table of attacks in `docs/security.md` names the cases that there are.

use std::collections::BTreeSet;

use crate::cases::ALL;
use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: table_is_complete;
}

const TEXT: &str = include_str!("../../../../../../docs/security.md");

fn table_is_complete(_ctx: &Ctx) -> Outcome {
    let names = ALL.iter().flat_map(|g| g.cases.iter().map(|c| format!("{}::{}", g.name, c.name)));
    let there: BTreeSet<String> = names.collect();
    let section =
        TEXT.split("\n## ").find(|part| part.starts_with("Attacks\n")).unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let tests = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let words = tests.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let named: BTreeSet<String> = words.map(str::to_owned).collect();
    ensure!(!named.is_empty(), "docs/security.md has no table of attacks");
    let unknown: Vec<_> = named.difference(&there).collect();
    ensure!(unknown.is_empty(), "docs/security.md names cases that do not exist: {unknown:?}");
    // All but this one.
    let attacks = there.iter().filter(|name| name.starts_with("attacks::"));
    let attacks = attacks.filter(|name| name.matches("::").count() == 2);
    let untold: Vec<_> = attacks.filter(|name| !named.contains(*name)).collect();
    ensure!(untold.is_empty(), "cases without a row in docs/security.md: {untold:?}");
    Ok(())
}
