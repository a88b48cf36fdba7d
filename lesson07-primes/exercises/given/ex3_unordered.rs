//! Exercise 3, what is given: the answer for a number.

use serde::{Deserialize, Serialize};

/// A number, and whether it is prime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number.
    pub number: u64,
    /// `true` if it is prime.
    pub prime: bool,
}
