//! What the machine allows at best: the bare work, memory, or the system calls that every library
//! stands on.

pub(crate) mod exchange;
pub(crate) mod processes;

use std::hint::black_box;

use crate::case::Repetition;
use crate::measure::timed;
use crate::work::{NUMBERS, is_prime};

/// The items copied in memory twice: into a buffer that is there already, as a ring is, and out of
/// it.
pub(crate) fn two_copies(items: u64) -> Result<Repetition, String> {
    let source: Vec<u64> = (0..items).collect();
    let mut buffer = source.clone();
    let work = move || {
        buffer.copy_from_slice(black_box(&source));
        Ok(black_box(&buffer).clone())
    };
    Ok(timed(items, work, move |copy| equal(copy.len() as u64, items)))
}

/// `len` bytes copied twice, so many times: into a buffer that is there already, and out of it into
/// a new one.
pub(crate) fn copies_of(len: usize, items: u64) -> Result<Repetition, String> {
    let source = vec![1u8; len];
    let mut buffer = source.clone();
    let work = move || {
        let copy = |_| {
            buffer.copy_from_slice(black_box(&source));
            black_box(&buffer).clone().len()
        };
        Ok((0..items).map(copy).sum::<usize>())
    };
    Ok(timed(items, work, move |bytes| equal(bytes as u64, len as u64 * items)))
}

/// `bytes` copied four times, as on their way to another process through memory and back: into a
/// buffer and out of it, twice.
pub(crate) fn four_copies(bytes: u64) -> Result<Repetition, String> {
    let bytes = bytes as usize;
    let mut twice = copies_of(bytes, 2)?;
    // It gives the time of one of the two.
    Ok(Box::new(move || Ok(twice()? * 2.0)))
}

/// The number that takes longest, alone: what a side cannot beat as long as a number is a task.
pub(crate) fn longest_number() -> Result<Repetition, String> {
    let longest = NUMBERS.into_iter().filter(|n| is_prime(*n)).max().unwrap_or(0);
    Ok(timed(1, move || Ok(is_prime(black_box(longest))), |prime| equal(prime.into(), 1)))
}

fn equal(found: u64, expected: u64) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("expected {expected}, found {found}")),
    }
}
