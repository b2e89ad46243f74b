//! The archive that a kernel unpacks into its first file system: cpio in the form `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

/// An archive in the making.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: usize,
}

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

impl Archive {
    pub(super) fn directory(&mut self, name: &str, mode: u32, owner: u32) {
        self.entry(name, DIRECTORY | mode, owner, b"");
    }

    pub(super) fn file(&mut self, name: &str, mode: u32, owner: u32, data: &[u8]) {
        self.entry(name, FILE | mode, owner, data);
    }

    pub(super) fn link(&mut self, name: &str, target: &[u8]) {
        self.entry(name, LINK | 0o777, 0, target);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, 0, b"");
        self.bytes
    }

    /// A header of thirteen numbers in hexadecimal, the name with its NUL, the data; the latter two
    /// filled up to a multiple of four.
    fn entry(&mut self, name: &str, mode: u32, owner: u32, data: &[u8]) {
        self.entries += 1;
        let (owner, mode) = (owner as usize, mode as usize);
        // inode, mode, uid, gid, links, time, size, device (2), its device (2), name, checksum
        let numbers =
            [self.entries, mode, owner, owner, 1, 0, data.len(), 0, 0, 0, 0, name.len() + 1, 0];
        self.bytes.extend(b"070701");
        for number in numbers {
            self.bytes.extend(format!("{number:08x}").as_bytes());
        }
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.fill();
        self.bytes.extend(data);
        self.fill();
    }

    fn fill(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    #[test]
    fn names_and_data_begin_where_they_have_to() {
        let mut archive = Archive::default();
        archive.file("abc", 0o644, 7, b"hello");
        let bytes = archive.finish();
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000081a4", "a file with mode 0644");
        assert_eq!(&bytes[22..30], b"00000007", "its owner");
        assert_eq!(&bytes[54..62], b"00000005", "its size");
        assert_eq!(&bytes[110..116], b"abc\0\0\0", "the name and what fills it up");
        assert_eq!(&bytes[116..124], b"hello\0\0\0", "five bytes of data, three to fill");
        assert_eq!(&bytes[124..130], b"070701");
        assert_eq!(bytes.len() % 4, 0);
    }
}
