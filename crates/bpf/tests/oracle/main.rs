//! Filters beside those of libseccomp: what they say about every number of a call, on every ABI.
//!
//! The library is asked through Python's ctypes, so that nothing needs its headers; without either the
//! tests print why they are skipped.

#![allow(missing_docs, clippy::print_stderr, reason = "a test")]

mod compare;
mod library;
mod profiles;
mod random;

use dwell_bpf::seccomp::Machine;
use library::Library;

const MACHINES: [Machine; 3] = [Machine::X86_64, Machine::Aarch64, Machine::Riscv64];

#[test]
fn numbers_are_the_same() {
    let Some(mut library) = Library::start() else { return };
    let mut compared = 0;
    for (name, numbers) in library.numbers() {
        let call = dwell_bpf::seccomp::Call::named(&name).expect("a name of ours");
        for (abi, number) in numbers {
            // Negative: the library, which may be older, does not know it.
            if let Ok(number) = u32::try_from(number) {
                assert_eq!(call.number(abi), Some(number), "{name} on {abi:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1500, "only {compared} numbers were compared");
}

#[test]
fn profiles_in_use() {
    let Some(mut library) = Library::start() else { return };
    for (name, text) in profiles::in_use() {
        for machine in MACHINES {
            // Which rules count does not depend on the machine: one is enough for that.
            let sets = if machine == Machine::X86_64 { 5 } else { 1 };
            for capabilities in profiles::CAPABILITIES.iter().take(sets) {
                compare::profile(&mut library, &name, &text, machine, *capabilities);
            }
        }
    }
}

#[test]
fn random_profiles() {
    let Some(library) = Library::start() else { return };
    random::run(library);
}
