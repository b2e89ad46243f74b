//! Device rules, as the OCI runtime specification and `devices.allow` have them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which devices a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Both kinds. The numbers then mean nothing: it is every device.
    All,
    /// Character devices.
    Char,
    /// Block devices.
    Block,
}

/// What may be done with a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceAccess {
    /// Opened for reading.
    pub read: bool,
    /// Opened for writing.
    pub write: bool,
    /// Made, with `mknod(2)`.
    pub mknod: bool,
}

impl DeviceAccess {
    /// All of it.
    pub const ALL: DeviceAccess = DeviceAccess { read: true, write: true, mknod: true };

    /// From letters: `r`, `w` and `m`, in any order.
    #[must_use]
    pub fn parse(letters: &str) -> Option<DeviceAccess> {
        let mut access = DeviceAccess::default();
        for letter in letters.chars() {
            match letter {
                'r' => access.read = true,
                'w' => access.write = true,
                'm' => access.mknod = true,
                _ => return None,
            }
        }
        Some(access)
    }
}

impl fmt::Display for DeviceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(self.read, 'r'), (self.write, 'w'), (self.mknod, 'm')];
        letters.into_iter().filter(|(on, _)| *on).try_for_each(|(_, c)| write!(f, "{c}"))
    }
}

/// One rule. Of several that are about the same access, the last decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRule {
    /// Whether it allows or denies.
    pub allow: bool,
    /// Which devices.
    pub kind: DeviceKind,
    /// Their major number; any without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
    /// Their minor number; any without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
    /// Which access.
    pub access: DeviceAccess,
}

impl DeviceRule {
    /// Whether it is about every access to every device.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let numbers =
            self.kind == DeviceKind::All || (self.major.is_none() && self.minor.is_none());
        self.kind == DeviceKind::All && numbers && self.access == DeviceAccess::ALL
    }

    /// As `devices.allow` and `devices.deny` take it: `c 1:3 rwm`.
    #[must_use]
    pub fn text(&self) -> String {
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        match self.kind {
            DeviceKind::All => "a".to_owned(),
            kind => {
                let letter = if kind == DeviceKind::Char { 'c' } else { 'b' };
                let (major, minor) = (number(self.major), number(self.minor));
                format!("{letter} {major}:{minor} {}", self.access)
            }
        }
    }
}
