//! Wrong: a hard limit keeps the bound, at the price of the task that would break it.
//!
//! The tests say: a hard limit

use std::hint::black_box;
use std::mem;
use std::process;
use std::thread;
use std::time::Duration;

use multiproc::{Pool, Result};
use serde::{Deserialize, Serialize};

/// What one call leaks, in bytes.
pub const LEAK: u64 = 2 << 20;

/// A sum of digits, and which process has computed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digits {
    /// The sum.
    pub sum: u64,
    /// The process.
    pub pid: u32,
}

/// Somebody else's function, and we cannot mend it: adds the digits of a number, takes its time, and leaks
/// [`LEAK`] bytes.
pub fn leaky(mut number: u64) -> Digits {
    mem::forget(black_box(vec![1u8; LEAK as usize]));
    thread::sleep(Duration::from_millis(3));
    let mut sum = 0;
    while number > 0 {
        sum += number % 10;
        number /= 10;
    }
    Digits { sum, pid: process::id() }
}

/// Calls [`leaky`] with each of the numbers, by two workers. None of them ever takes more than `most_memory` bytes.
pub fn in_bounds(numbers: Vec<u64>, most_memory: u64) -> Result<Vec<Digits>> {
    let pool = Pool::builder().processes(2).memory_limit(most_memory).build()?;
    pool.map(leaky, numbers)
}
