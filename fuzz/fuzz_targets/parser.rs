//! The parser that this target is named after, on any bytes. What has to hold stands beside the parser, in
//! `src/fuzzing.rs` of its crate.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let bodies = [
        dwell_bpf::fuzzing::BODIES,
        dwell_cgroup::fuzzing::BODIES,
        dwell_cli::fuzzing::BODIES,
        dwell_plan::fuzzing::BODIES,
        dwell_probe::fuzzing::BODIES,
    ];
    for body in bodies.into_iter().flatten() {
        if body.name == env!("CARGO_BIN_NAME") {
            return (body.run)(bytes);
        }
    }
    panic!("no parser is called {}", env!("CARGO_BIN_NAME"));
});
