//! The work that every side does. CPython does the same in `peers/cpython.py`.

use std::collections::BTreeSet;
use std::hint::black_box;

/// The seventeen numbers of lesson 7; fourteen are prime.
pub(crate) const NUMBERS: [u64; 17] = [
    17977,
    10619863,
    106198,
    6620830889,
    80630964769,
    228204732751,
    1171432692373,
    1398341745571,
    10963707205259,
    15285151248481,
    99999199999,
    304250263527209,
    30425026352720,
    10657331232548839,
    10657331232548830,
    44560482149,
    1746860020068409,
];

const PRIMES: usize = 14;

/// How many odd divisors a piece has: about half a millisecond of divisions, so that the last piece
/// to end keeps the other processors waiting no longer than that.
const PIECE: u64 = 1 << 18;

/// Some divisors of a number: the number, the first of them and the last.
pub(crate) type Piece = (u64, u64, u64);

/// Nothing: what remains is the price of the trip.
pub(crate) fn identity(n: u64) -> u64 {
    black_box(n)
}

/// Whether `n` is prime, by trial division up to the square root.
pub(crate) fn is_prime(n: u64) -> bool {
    if n < 3 || n.is_multiple_of(2) {
        return n == 2;
    }
    !has_divisor(n, 3, n.isqrt())
}

/// Whether an odd divisor of `n` lies in `first..=last`; `first` is odd.
fn has_divisor(n: u64, first: u64, last: u64) -> bool {
    let mut divisor = first;
    while divisor <= last {
        if n.is_multiple_of(divisor) {
            return true;
        }
        divisor += 2;
    }
    false
}

/// The odd numbers among [`NUMBERS`], each with the divisors to try, in pieces.
pub(crate) fn pieces() -> impl Iterator<Item = Piece> {
    NUMBERS.into_iter().filter(|n| !n.is_multiple_of(2)).flat_map(|n| {
        let root = n.isqrt();
        (3..=root).step_by(2 * PIECE as usize).map(move |first| (n, first, root.min(first + 2 * PIECE - 1)))
    })
}

/// The number, if a divisor lies in the piece.
pub(crate) fn composite((n, first, last): Piece) -> Option<u64> {
    has_divisor(n, first, last).then_some(n)
}

/// How the tasks of different length follow each other.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Mixed,
    Rising,
    Falling,
}

impl Order {
    /// The name that CPython's side has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "skewed",
            Self::Rising => "skewed_rising",
            Self::Falling => "skewed_falling",
        }
    }
}

/// How many tasks of different length there are.
const SKEWED: u64 = 10_000;

/// The times of tasks in nanoseconds, distributed by a power law: from 5 µs to 3.7 ms.
pub(crate) fn skewed_times(order: Order) -> Vec<u64> {
    /// Has no common factor with the number of tasks, so that its multiples lead to each of them.
    const STRIDE: u64 = 7919;
    let place = |task: u64| match order {
        Order::Mixed => task * STRIDE % SKEWED,
        Order::Rising => SKEWED - 1 - task,
        Order::Falling => task,
    };
    let time = |place: u64| 5_000.0 * ((place as f64 + 0.5) / SKEWED as f64).powf(-2.0 / 3.0);
    (0..SKEWED).map(|task| time(place(task)) as u64).collect()
}

/// Checks the answers for [`skewed_times`].
pub(crate) fn check_times(answers: &[u64], order: Order) -> Result<(), String> {
    if answers == skewed_times(order) { Ok(()) } else { Err("a wrong result".into()) }
}

/// Computes for so long. The time is the thread's own, so that who shares a processor does not get
/// the work for nothing.
pub(crate) fn burn(nanoseconds: u64) -> u64 {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    };
    let end = now() + nanoseconds;
    while now() < end {}
    nanoseconds
}

/// Checks the answers for [`NUMBERS`].
pub(crate) fn check_primes(answers: impl IntoIterator<Item = bool>) -> Result<(), String> {
    check_count(answers.into_iter().filter(|prime| *prime).count())
}

/// Checks the answers for [`pieces`].
pub(crate) fn check_pieces(answers: impl IntoIterator<Item = Option<u64>>) -> Result<(), String> {
    let composites: BTreeSet<u64> = answers.into_iter().flatten().collect();
    let odd = NUMBERS.iter().filter(|n| !n.is_multiple_of(2)).count();
    check_count(odd - composites.len())
}

fn check_count(primes: usize) -> Result<(), String> {
    match primes {
        PRIMES => Ok(()),
        other => Err(format!("found {other} primes, not {PRIMES}")),
    }
}
