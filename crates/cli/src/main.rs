//! The binary `dwell`; everything is in the library beside it.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

#[global_allocator]
static MEMORY: dwell_sys::arena::Arena = dwell_sys::arena::Arena;

#[cfg(not(test))]
dwell_sys::entry!(start);

#[cfg(not(test))]
fn start(arguments: Vec<std::ffi::OsString>) -> u8 {
    dwell_cli::main(arguments.into_iter())
}
