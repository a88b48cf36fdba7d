//! Trial division: a number is prime if nothing from 2 up to its square root divides it.
//!
//! In a project of your own, put a list of yours in place of `numbers()`.

// ANCHOR: program
use crate::numbers::numbers;

// ANCHOR: task
/// Whether `n` is prime: tries 2, then the odd numbers up to the root.
pub fn is_prime(n: u64) -> bool {
    if n < 2 || n.is_multiple_of(2) {
        return n == 2;
    }
    // `isqrt` is exact for every u64. A root taken as a float is not, and `d * d <= n` can
    // overflow.
    (3..=n.isqrt()).step_by(2).all(|d| !n.is_multiple_of(d))
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    for n in numbers() {
        println!("{n} is {}", if is_prime(n) { "prime" } else { "not prime" });
    }

    println!();
    // ANCHOR: traps
    for n in [4503599761588224, u64::MAX] {
        let float = (n as f64).sqrt() as u64;
        println!("the root of {n} is {}, but {float} if taken as a float", n.isqrt());
    }
    let d = 4294967297_u64;
    println!("{d} squared is more than a u64 holds: {} is what remains", d.wrapping_mul(d));
    // ANCHOR_END: traps
    Ok(())
}
// ANCHOR_END: program
