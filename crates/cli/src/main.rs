//! The binary `dwell`; everything is in the library beside it.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
dwell_sys::entry!(start);

#[cfg(not(test))]
fn start() -> u8 {
    dwell_cli::main(std::env::args_os())
}
