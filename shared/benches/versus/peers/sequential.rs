//! Plain Rust on one thread.

use crate::case::Repetition;
use crate::measure::timed;
use crate::work::{NUMBERS, check_primes, is_prime};

/// The 17 numbers, one after another.
pub(crate) fn primes() -> Result<Repetition, String> {
    let work = || Ok(std::hint::black_box(NUMBERS).map(is_prime));
    Ok(timed(1, work, check_primes))
}
