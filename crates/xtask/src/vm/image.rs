//! Disks, made without mounting anything.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::host;
use super::run::quietly;

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;
/// The disk's signature in its partition table; with the partition's number it makes a `PARTUUID`.
const SIGNATURE: u32 = 0x6477_656c;

/// How the kernel finds the root file system, in whatever order it found the disks.
pub(super) fn root_partition() -> String {
    format!("PARTUUID={SIGNATURE:08x}-01")
}

/// An ext4 file system with what is in `tree`, and `spare` MiB beside.
pub(super) fn of_tree(tree: &Path, label: &str, image: &Path, spare: u64) -> Result<()> {
    // Each inode, directory and half-filled block beside the data itself.
    let mib = size(tree)? * 5 / 4 / MIB + spare;
    let mut mke2fs = host::program("mke2fs")?;
    mke2fs.args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-L", label]);
    mke2fs.args(["-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", "-d"]).arg(tree);
    quietly(mke2fs.arg(image).arg(format!("{mib}M"))).map(drop)
}

fn size(tree: &Path) -> Result<u64> {
    let mut all = 0;
    for entry in fs::read_dir(tree).with_context(|| tree.display().to_string())? {
        let entry = entry?;
        let data = entry.metadata()?;
        all += if data.is_dir() { size(&entry.path())? } else { data.len() };
        all += 4096;
    }
    Ok(all)
}

/// An empty file for a disk with one partition of `mib` MiB, which begins at the first MiB.
pub(super) fn partitioned(image: &Path, mib: u32) -> Result<()> {
    let file = File::create(image)?;
    file.set_len(MIB * (u64::from(mib) + 1))?;
    file.write_all_at(&partition_table(mib), 0)?;
    Ok(())
}

/// A master boot record with one entry: signature at 440, entries of 16 bytes from 446 on, and the
/// two bytes that make it one.
fn partition_table(mib: u32) -> [u8; 512] {
    let sectors = |mib: u32| mib * u32::try_from(MIB / SECTOR).unwrap_or(0);
    let mut entry = Vec::with_capacity(16);
    // Not bootable, no cylinders, Linux (0x83), no cylinders.
    entry.extend([0, 0, 0, 0, 0x83, 0, 0, 0]);
    entry.extend(sectors(1).to_le_bytes());
    entry.extend(sectors(mib).to_le_bytes());
    let mut table = [0; 512];
    for (at, bytes) in [(440, &SIGNATURE.to_le_bytes()[..]), (446, &entry), (510, &[0x55, 0xaa])] {
        let mut room = table.get_mut(at..).unwrap_or_default();
        // It is long enough for each of them.
        let _ = room.write_all(bytes);
    }
    table
}
