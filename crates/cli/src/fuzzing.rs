//! What holds for the readers of words, whatever the bytes; see `dwell_plan::fuzzing`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use dwell_plan::fuzzing::Body;

use crate::options::value;
use crate::table::Type;
use crate::table::filter::Filter;
use crate::{applets, options, world};

/// The readers of this crate.
pub const BODIES: &[Body] = &[
    Body {
        name: "env_file",
        words: &["A=1\n", "# c\n", "\u{feff}", "B= x\r\n", "=x", "A B=1", "\0"],
        run: world::fuzzing::env_file,
    },
    Body {
        name: "run_options",
        words: &[
            "--ro\0/etc:/x\0",
            "--rw=.\0",
            "--tmpfs\0/a:1M\0",
            "-re\0A=1\0",
            "--unshare\0pid,net\0",
            "--memory\0",
            "64M\0",
            "--user\0",
            "7:7\0",
            "--\0",
            "true\0",
            "-",
            "--",
            "=",
        ],
        run: run_options,
    },
    Body {
        name: "applet_options",
        words: &[
            "--map-root-user\0",
            "-rmuinpC\0",
            "--map-users=0,1000,1\0",
            "-t\0",
            "1\0",
            "--mount=/f\0",
            "-a\0",
            "-S0\0",
            "-o\0NS,TYPE\0",
            "-Q\0type == \"net\"\0",
            "--\0",
            "-",
            "--",
        ],
        run: applets::fuzzing::read,
    },
    Body {
        name: "values",
        words: &[
            "1.5G",
            "512",
            "K",
            ".",
            "0",
            "10ms",
            "1h",
            "max",
            "0-3,6",
            "pid",
            "none",
            ",",
            "=",
            ":",
            "+2",
            "boot=",
            "nofile=",
            "unlimited",
            "-1",
            "cap_",
            "sys_admin",
            "0:100000:65536",
            "auto",
            "/dev/sda:rbps=10M",
            "\\:",
            "net=",
            "99999999999999999999",
        ],
        run: values,
    },
    Body {
        name: "filter",
        words: &[
            "NS",
            "TYPE",
            " == ",
            " != ",
            " && ",
            " || ",
            "!",
            "(",
            ")",
            "\"net\"",
            "=~",
            "1.5",
            "'x'",
            "((((((((((((((((((((((((((((((((",
            "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
            "true",
            "[a-z]+",
        ],
        run: filter,
    },
];

/// Arguments with NULs between them, as `/proc/PID/cmdline` has them.
pub(crate) fn arguments(bytes: &[u8]) -> Vec<OsString> {
    bytes.split(|b| *b == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
}

fn run_options(bytes: &[u8]) {
    let words = arguments(bytes);
    match options::parse(words.clone()) {
        // What is not an option is the program, word for word.
        Ok(low) => assert!(words.ends_with(&low.program), "{low:?}"),
        Err(failure) => {
            assert!(
                !failure.sentence.is_empty() && !failure.sentence.ends_with('.'),
                "{failure:?}"
            );
        }
    }
}

fn values(bytes: &[u8]) {
    paths(bytes);
    let text = &*String::from_utf8_lossy(bytes);
    if let Ok(size) = value::size(text) {
        assert!(size > 0);
        assert_eq!(value::size(&size.to_string()), Ok(size));
    }
    if let Ok(ms) = value::duration_ms(text) {
        assert!(ms > 0);
        assert_eq!(value::duration_ms(&format!("{ms}ms")), Ok(ms));
    }
    assert!(value::cpus(text).is_ok_and(|quota| quota >= 1000) || value::cpus(text).is_err());
    if let Ok(list) = value::cpu_list(text) {
        assert!(list.bytes().all(|b| b.is_ascii_digit() || b == b',' || b == b'-'), "{list}");
    }
    if let Ok(name) = value::hostname(text) {
        assert!((1..=64).contains(&name.len()));
    }
    if let Ok(limit) = value::rlimit(text) {
        assert!(limit.soft.unwrap_or(u64::MAX) <= limit.hard.unwrap_or(u64::MAX));
    }
    assert!(value::descriptor(text).is_ok_and(|fd| fd >= 0) || value::descriptor(text).is_err());
    let _ = (value::kinds(text), value::user(text), value::map(text), value::swap(text));
    let _ = (value::capabilities(text), value::clock_offset(text), value::within(text, -5, 5));
    let _ = (value::join(bytes), value::io(bytes), value::variable(bytes), value::seccomp(bytes));
}

fn paths(bytes: &[u8]) {
    if let Ok((path, dest)) = value::path_and_dest(bytes) {
        assert!(!path.is_empty());
        assert!(dest.is_none_or(|dest| matches!(dest.first(), Some(b'/' | b'~'))));
    }
    // A path whose colons are escaped is itself.
    let escaped: Vec<u8> =
        bytes.iter().flat_map(|b| if *b == b':' { vec![b'\\', b':'] } else { vec![*b] }).collect();
    if !bytes.is_empty() && !bytes.contains(&b'\\') {
        assert_eq!(value::halves(&escaped), Ok((bytes.to_vec(), None)));
        assert_eq!(value::path(&escaped), Ok(bytes.to_vec()));
    }
}

fn filter(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(filter) = Filter::parse(&text) {
        let cell = |at: usize| (Type::Text, Some(at.to_string().into_bytes()));
        let _ = filter.accepts(cell);
        assert!(filter.columns().iter().all(|column| text.contains(column.as_str())));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes() {
        dwell_plan::fuzzing::bounded(super::BODIES);
    }

    #[test]
    fn deep_filters() {
        for deep in ["(", "!", "! ("] {
            let text = deep.repeat(200_000);
            assert!(super::Filter::parse(&text).is_err());
        }
    }
}
