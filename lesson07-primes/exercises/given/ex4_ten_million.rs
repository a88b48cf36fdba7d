//! Exercise 4, what is given: the sequential program.

/// Counts the primes from `first` on and below `end`.
pub fn count_primes(first: u64, end: u64) -> u64 {
    let has_no_divisor = |n: u64, among: &[u64]| {
        let root = n.isqrt();
        among.iter().take_while(|d| **d <= root).all(|d| !n.is_multiple_of(*d))
    };
    // A number that is not prime has a prime divisor up to its root.
    let mut divisors = Vec::new();
    for n in 2..=end.isqrt() {
        if has_no_divisor(n, &divisors) {
            divisors.push(n);
        }
    }
    (first.max(2)..end).filter(|n| has_no_divisor(*n, &divisors)).count() as u64
}
