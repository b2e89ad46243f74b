//! The options of the tools that are stood in for.

use crate::fuzzing::arguments;

/// Reads the same words as options of each.
pub(crate) fn read(bytes: &[u8]) {
    super::unshare::try_options(arguments(bytes));
    super::nsenter::try_options(arguments(bytes));
    super::lsns::try_options(arguments(bytes));
}
