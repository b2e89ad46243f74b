//! The name that was probably meant.

/// The name among `names` nearest to `typed`, when one is near enough to be a slip.
#[must_use]
pub(crate) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.as_bytes();
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let cut_short = typed.len() >= 3 && name.as_bytes().starts_with(typed);
        let away = if cut_short { 1 } else { distance(typed, name.as_bytes()) };
        let most = (typed.len().max(name.len()) / 3).clamp(1, 3);
        if away <= most && best.is_none_or(|(b, _)| away < b) {
            best = Some((away, name));
        }
    }
    best.map(|(_, name)| name)
}

/// `did you mean …`, when a name is near.
pub(crate) fn suggestion<'a>(
    typed: &str,
    names: impl Iterator<Item = &'a str>,
    prefix: &str,
) -> Option<String> {
    nearest(typed, names).map(|name| format!("did you mean `{prefix}{name}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let width = b.len() + 1;
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..width).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(width);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let replace = above[j] + usize::from(x != y);
            let mut least = replace.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_slips() {
        for (a, b, want) in [
            ("", "", 0),
            ("", "ab", 2),
            ("hiden", "hide", 1),
            ("rnu", "run", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), want, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes()), want, "{b} {a}");
        }
    }

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let names = ["rw", "ro", "hide", "hostname", "workdir", "time-offset", "timeout"];
        let near = |typed| nearest(typed, names.into_iter());
        assert_eq!(near("hostnam"), Some("hostname"));
        assert_eq!(near("wrokdir"), Some("workdir"));
        assert_eq!(near("work"), Some("workdir"));
        assert_eq!(near("rx"), Some("rw"));
        assert_eq!(near("timeuot"), Some("timeout"));
        assert_eq!(near("privileged"), None);
        assert_eq!(near(""), None);
    }
}
