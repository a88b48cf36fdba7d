//! Exercise 3, what is given: a short task.

use std::process;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The divisors of a number, counted by a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divisors {
    /// The number of divisors.
    pub divisors: usize,
    /// The pid of the process.
    pub pid: u32,
}

/// Counts the divisors of a number: a short task.
pub fn count_divisors(number: u32) -> Divisors {
    // The tests see by this which process runs it, and when.
    let _call = witness(number);
    Divisors { divisors: (1..=number).filter(|n| number.is_multiple_of(*n)).count(), pid: process::id() }
}
