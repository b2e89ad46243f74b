//! Who makes what: pieces of work that the first process and its helper both have in their lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One side's part in that. Numbers of pieces are below 64.
#[derive(Debug, Default)]
pub(crate) enum Claims {
    /// The other makes all.
    #[default]
    None,
    /// This one makes all.
    All,
    /// Whoever comes first; what both have claimed, in memory that they share, and what of it is this side's.
    Shared(Arc<AtomicU64>, u64),
}

impl Claims {
    /// Those of both sides.
    pub(crate) fn shared() -> (Claims, Claims) {
        let claimed = Arc::new(AtomicU64::new(0));
        (Claims::Shared(Arc::clone(&claimed), 0), Claims::Shared(claimed, 0))
    }

    /// Claims a piece; whether it is this side's now.
    pub(crate) fn claim(&mut self, piece: u8) -> bool {
        match self {
            Claims::None => false,
            Claims::All => true,
            Claims::Shared(claimed, own) => {
                let bit = 1 << (piece & 63);
                if claimed.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
                    *own |= bit;
                }
                *own & bit != 0
            }
        }
    }

    /// Whether a piece is this side's.
    pub(crate) fn has(&self, piece: u8) -> bool {
        match self {
            Claims::None => false,
            Claims::All => true,
            Claims::Shared(_, own) => own >> (piece & 63) & 1 == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_has_one_maker() {
        let (mut one, mut two) = Claims::shared();
        assert!(one.claim(0) && one.claim(0) && !two.claim(0));
        assert!(two.claim(63) && !one.claim(63));
        assert!(one.has(0) && !one.has(63) && two.has(63) && !two.has(0) && !two.has(5));
        assert!(!Claims::None.claim(1) && !Claims::None.has(1));
        assert!(Claims::All.claim(1) && Claims::All.has(1));

        let (mut one, mut two) = Claims::shared();
        let other = std::thread::spawn(move || (0..64).filter(|n| two.claim(*n)).count());
        let own = (0..64).rev().filter(|n| one.claim(*n)).count();
        assert_eq!(own + other.join().unwrap_or_default(), 64);
    }
}
