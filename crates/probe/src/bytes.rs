//! Small pieces of the parsers.

/// A decimal number of nothing but digits.
pub(crate) fn number<T: TryFrom<u64>>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|d| *d < 10)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    T::try_from(value).ok()
}

/// The lines, without their ends; an empty line is none.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').filter(|line| !line.is_empty())
}

/// The words between blanks.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Undoes the kernel's `mangle_path`: `\040` is a blank. What is no such escape stays.
pub(crate) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if let Some((byte, after)) = octal(rest) {
            out.push(byte);
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

fn octal(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] = text else {
        return None;
    };
    Some((((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), rest))
}

#[cfg(test)]
pub(crate) use tests::noise;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number::<u32>(b"4294967295"), Some(u32::MAX));
        for bad in ["", "+1", "-1", " 1", "1x", "4294967296", "99999999999999999999999"] {
            assert_eq!(number::<u32>(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(br"/a\040b\011\012\134c"), b"/a b\t\n\\c");
        for same in [&br"\"[..], br"\04", br"\088", br"\400", b"", b"plain"] {
            assert_eq!(unescape(same), same);
        }
        assert_eq!(unescape(br"\377\000"), [0xff, 0]);
    }

    #[test]
    fn any_bytes_are_taken() {
        for seed in 0..2000u64 {
            let text = noise(seed, b"\\0123789 \n:\xff");
            assert!(unescape(&text).len() <= text.len());
            let _ = number::<u32>(&text);
        }
    }

    /// Bytes of `alphabet` that differ by `seed`, and are the same at every run.
    pub(crate) fn noise(seed: u64, alphabet: &[u8]) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap()
        };
        let length = next() % 120;
        (0..length).map(|_| alphabet[next() % alphabet.len()]).collect()
    }
}
