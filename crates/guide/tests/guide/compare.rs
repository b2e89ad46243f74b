//! Whether an output is the expected one.

const ANY: char = '…';

/// Whether `found` is what the lines of the guide describe.
pub(crate) fn fits(expected: &[String], found: &[String]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return found.is_empty() };
    if first.trim() == "…" {
        return (0..=found.len()).any(|n| fits(rest, found.get(n..).unwrap_or_default()));
    }
    match found.split_first() {
        Some((line, others)) => line_fits(first, line) && fits(rest, others),
        None => false,
    }
}

fn line_fits(expected: &str, found: &str) -> bool {
    let (expected, found) = (one_blank(expected), one_blank(found));
    let mut parts = expected.split(ANY);
    let Some(rest) = parts.next().and_then(|head| found.strip_prefix(head)) else { return false };
    let middle: Vec<&str> = parts.collect();
    let Some((tail, middle)) = middle.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(tail)
}

fn one_blank(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
