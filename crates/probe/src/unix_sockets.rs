//! `/proc/net/unix`: the paths that Unix sockets are bound to; `proc_pid_net(5)`.

use dwell_plan::WorldPath;

use crate::bytes::{lines, words};

/// The absolute paths of the text of `/proc/net/unix`, each once, sorted.
///
/// Abstract names (shown with a leading `@`) belong to the network namespace and are no files.
// KERNEL: a name is shown as it was given to bind(2). A relative one does not tell of which
// directory, so such sockets are not in the list; only sock_diag(7) has their device and inode.
// KERNEL: a newline in a name is shown as it is; the name is then cut there.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<WorldPath> {
    let mut paths: Vec<&[u8]> = lines(text).filter_map(path).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut paths: Vec<_> = paths.into_iter().map(|p| WorldPath::new(p, b"/")).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/x`
fn path(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|b| *b == b':')?;
    let (number, rest) = (line.get(..colon)?, line.get(colon + 1..)?);
    let hex = !number.is_empty() && number.iter().all(u8::is_ascii_hexdigit);
    let start = rest.windows(2).position(|pair| pair == b" /")?;
    let (fields, path) = (rest.get(..start)?, rest.get(start + 1..)?);
    (hex && words(fields).count() == 6 && !path.contains(&0)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::noise;

    const TEXT: &[u8] = b"Num       RefCount Protocol Flags    Type St Inode Path
00000000843636a2: 00000003 00000000 00000000 0001 03  1127
00000000843636a3: 00000002 00000000 00010000 0001 01 21127 /run/systemd/private
0000000000000000: 00000002 00000000 00010000 0005 01    17 /run/a b /c
ffff: 00000002 00000000 00010000 0001 01 21128 @/tmp/.X11-unix/X0
00000000843636a5: 00000002 00000000 00010000 0001 01 21129 relative/x /y
00000000843636a6: 00000003 00000000 00000000 0001 03 21130 /run/systemd/private
00000000843636a7: 00000003 00000000 00000000 0001 03 21130 //run/./systemd/private
0000000000000000: 00000002 00000000 00010000 0001 01    19 @
";

    #[test]
    fn absolute_paths_once() {
        let paths: Vec<_> = parse(TEXT).iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["/run/a b /c", "/run/systemd/private"]);
    }

    #[test]
    fn malformed() {
        for bad in ["", ":", ": /x", "zz: 1 2 3 4 5 6 /x", "ff: 1 2 3 4 5 /x", "ff /x"] {
            assert!(parse(bad.as_bytes()).is_empty(), "{bad}");
        }
        for seed in 0..3000 {
            let _ = parse(&noise(seed, b"0f: /@\n1 2"));
        }
        for end in 0..TEXT.len() {
            let _ = parse(&TEXT[..end]);
        }
    }
}
