//! What strace has written.

use std::collections::BTreeMap;

/// The calls of one start, of each process, up to its program.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The process that was started.
    pub(super) first: u32,
    /// For each process the names of its calls, in order.
    pub(super) calls: BTreeMap<u32, Vec<String>>,
    /// Lines of calls that were made to fail.
    pub(super) injected: Vec<String>,
}

impl Trace {
    pub(super) fn parse(text: &str) -> Trace {
        let mut trace = Trace::default();
        for line in text.lines() {
            // Where one process alone is traced lines have no number.
            let numbered = line.split_once(' ').and_then(|(n, rest)| Some((n.parse().ok()?, rest)));
            let (pid, rest) = numbered.unwrap_or((0, line));
            let rest = rest.trim_start();
            if trace.calls.is_empty() {
                trace.first = pid;
            }
            if line.contains("(INJECTED)") {
                trace.injected.push(rest.to_owned());
            }
            if let Some(name) = name(rest) {
                trace.calls.entry(pid).or_default().push(name.to_owned());
            }
        }
        trace
    }
}

/// The name of the call that a line begins.
fn name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('(')?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}
