//! The error numbers that fallbacks are written for; `errno(3)`. The same on every architecture
//! that dwell runs on.

/// Operation not permitted.
pub const EPERM: i32 = 1;
/// No such file or directory.
pub const ENOENT: i32 = 2;
/// Permission denied.
pub const EACCES: i32 = 13;
/// No such device.
pub const ENODEV: i32 = 19;
/// Not a directory.
pub const ENOTDIR: i32 = 20;
/// Invalid argument.
pub const EINVAL: i32 = 22;
/// Too many levels of symbolic links.
pub const ELOOP: i32 = 40;
/// Operation not supported.
pub const EOPNOTSUPP: i32 = 95;
