//! What holds for the parsers, whatever the bytes; see `dwell_plan::fuzzing`.

use dwell_plan::fuzzing::Body;

use crate::files;
use crate::systemd::fuzzing::{message, message_of, rest};

/// The parsers of this crate.
pub const BODIES: &[Body] = &[
    Body {
        name: "dbus_message",
        words: &[
            "l\x02\x01\x01\x08\0\0\0\x01\0\0\0\x0f\0\0\0\x05\x01u\0\x01\0\0\0\x08\x01g\0\x01o\0\0",
            "\x04\0\0\0/a/b\0",
            "l\x04\x01\x01",
            "\x03\x01s\0\x0a\0\0\0JobRemoved\0",
            "\x08\x01g\0\x04uoss\0",
            "\0\0\0\0",
            "\x7f\0\0\0",
        ],
        run: message,
    },
    Body {
        name: "dbus_fixed_part",
        words: &["l\x02\x01\x01", "\0\0\0\0", "\x01\0\0\0"],
        run: rest,
    },
    Body { name: "dbus_written", words: &["JobRemoved", "/org/x", "done", "\0"], run: message_of },
    Body {
        name: "cgroup_counters",
        words: &["usage_usec 5\n", "oom_kill 1\n", "max 3\n", "usage_usec", " "],
        run: counters,
    },
];

fn counters(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(n) = files::value(&text, "usage_usec") {
        assert!(text.contains("usage_usec "), "{n}");
        let again = format!("{text}\nusage_usec 1\n");
        // The first one counts.
        assert_eq!(files::value(&again, "usage_usec"), Some(n));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes() {
        dwell_plan::fuzzing::bounded(super::BODIES);
    }
}
