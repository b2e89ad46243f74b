//! The files of `--env-file`.

use super::environment::lines;

pub(crate) fn env_file(bytes: &[u8]) {
    for line in lines(bytes) {
        match line {
            Ok((name, value)) => {
                assert!(!name.is_empty() && !name.contains(&b'=') && !name.contains(&0));
                assert!(!name.iter().any(u8::is_ascii_whitespace));
                assert!(value.is_none_or(|value| !value.contains(&0) && !value.contains(&b'\n')));
            }
            Err(why) => assert!(why.starts_with("line "), "{why}"),
        }
    }
}
