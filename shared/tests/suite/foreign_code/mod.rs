//! Code of others under the pool's feet, and waits that end: what a waker, a drop, a callback, a
//! source or a task does costs who made it.

mod ending_threads;
mod panics;
mod streams;
mod waits;

use std::sync::mpsc::channel;
use std::time::Duration;

use multiproc::{Executor, Pool, Result};

use crate::support::{Named, square, squares};

pub(crate) const TESTS: &[&[Named]] = &[ending_threads::TESTS, panics::TESTS, streams::TESTS, waits::TESTS];

pub(crate) const PROGRAMS: &[&[Named]] = &[waits::PROGRAMS];

/// Far more than anything here takes, and less than a test may.
const LONG: Duration = Duration::from_secs(60);

/// Checks that calls of every kind work.
fn is_well(pool: &Pool) -> Result<()> {
    let (sender, receiver) = channel();
    let mut later = pool.apply_async(square, (5,)).callback(move |value| sender.send(*value).unwrap());
    assert_eq!(receiver.recv_timeout(LONG), Ok(25));
    assert_eq!(later.get_timeout(LONG)?, 25);
    assert_eq!(pollster::block_on(pool.apply_async(square, (6,)))?, 36);
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    assert_eq!(pool.imap(square, 0..50).collect::<Result<Vec<_>>>()?, squares(50));
    Ok(())
}
