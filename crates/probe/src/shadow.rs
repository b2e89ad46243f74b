//! `shadow(5)` and `gshadow(5)` without their passwords.

use dwell_plan::Text;

use crate::bytes::lines;

/// The text of a `shadow` or `gshadow` file in which nobody has a password: `*` stays, everything
/// else (hashes, locked hashes, and the empty field that lets anybody in) becomes `!`. The other
/// fields stay, so that programs which add users go on working. What is not a line is left out.
#[must_use]
pub fn redact(text: &[u8]) -> Text {
    let mut out = Vec::with_capacity(text.len());
    for line in lines(text).filter(|line| !line.contains(&0)) {
        let mut fields = line.splitn(3, |b| *b == b':');
        let (Some(name), Some(password), Some(rest)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        out.extend_from_slice(name);
        out.extend_from_slice(if password == b"*" { b":*:" } else { b":!:" });
        out.extend_from_slice(rest);
        out.push(b'\n');
    }
    Text::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::noise;

    #[test]
    fn nobody_has_a_password() {
        let text = b"root:$y$j9T$abc$def:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n\
                     sys:!*:19000::::::\nguest::19000::::::\nold:!$6$x$y:1::::::\n\
                     hash-without-a-line\ntwo:$6$fields\nwheel:$5$g:root:alice,bob\nlast:*LK*:::::::";
        let want = "root:!:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n\
                    sys:!:19000::::::\nguest:!:19000::::::\nold:!:1::::::\n\
                    wheel:!:root:alice,bob\nlast:!:::::::\n";
        assert_eq!(redact(text).to_string(), want);
    }

    #[test]
    fn no_hash_passes() {
        for seed in 0..5000 {
            let text = redact(&noise(seed, b"a:*!$\n\0"));
            for line in lines(text.as_bytes()) {
                let password = line.split(|b| *b == b':').nth(1).unwrap();
                assert!(password == b"*" || password == b"!");
            }
        }
    }
}
