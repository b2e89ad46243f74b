//! Control groups.
#![forbid(unsafe_code)]
