//! What the doctor's children do between clone and their end, under an allocator that ends every child
//! that uses it: one that allocates gives no answer.

use std::path::Path;

use dwell_probe::doctor::{Outcome, observe};
use dwell_sys::guard::GuardAllocator;

#[global_allocator]
static ALLOCATOR: GuardAllocator = GuardAllocator::new();

#[test]
fn acts_do_not_allocate() {
    ALLOCATOR.guard();
    let seen = observe(Path::new("/nonexistent"));
    assert!(seen.acts.len() > 40, "{} acts", seen.acts.len());
    for (name, outcome) in &seen.acts {
        assert!(!matches!(outcome, Outcome::Stuck(_)), "{name}: {outcome:?}");
    }
    assert!(seen.places.values().all(|place| !place.silent), "{:?}", seen.places);
}
