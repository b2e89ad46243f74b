//! Resource limits by name; `getrlimit(2)`.

/// Names in the kernel's order on all architectures that dwell runs on.
pub const NAMES: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// The number of the resource called `name`.
#[must_use]
pub fn resource(name: &str) -> Option<u32> {
    NAMES.iter().position(|n| *n == name).and_then(|n| u32::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers() {
        assert_eq!(super::resource("nofile"), Some(7));
        assert_eq!(super::resource("core"), Some(4));
        assert_eq!(super::resource("NOFILE"), None);
    }
}
