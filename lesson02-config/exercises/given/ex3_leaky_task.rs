//! Exercise 3, what is given: a task that leaks.

use std::hint::black_box;
use std::mem;
use std::process;
use std::thread;
use std::time::Duration;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The number of bytes that one call of [`leaky`] leaks.
pub const LEAK: u64 = 2 << 20;

/// A sum of digits, with the process that computed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digits {
    /// The sum.
    pub sum: u64,
    /// The pid of the process.
    pub pid: u32,
}

/// Adds the digits of a number, takes its time, and leaks [`LEAK`] bytes. It stands for a function
/// of a library, which we cannot mend.
pub fn leaky(mut number: u64) -> Digits {
    // The tests see by this which process runs it, and when.
    let _call = witness(number);
    mem::forget(black_box(vec![1u8; LEAK as usize]));
    thread::sleep(Duration::from_millis(3));
    let mut sum = 0;
    while number > 0 {
        sum += number % 10;
        number /= 10;
    }
    Digits { sum, pid: process::id() }
}
