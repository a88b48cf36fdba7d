//! A child fills a queue, the parent empties it: when is it done?
//!
//! Watch how soon `is_empty` says so. It is true for the moment in which it is asked: the child may
//! be about to put the next value. (Nor does "not empty" help if there are two consumers: the other
//! may take the value, and `get` waits.) So do not ask. Take what comes until the queue says that
//! it is closed, or count, if you know how many there are.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Error, Process, Queue, Result};

const VALUES: u64 = 10_000;

fn fill(queue: Queue<u64>) {
    for value in 1..=VALUES {
        if value % 1000 == 0 {
            // Every producer has something else to do now and then.
            thread::sleep(Duration::from_millis(10));
        }
        queue.put(value).expect("the queue is open");
    }
    queue.close().expect("the queue can be closed");
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let queue = Queue::new()?;
    let child = Process::new(fill, (queue.clone(),)).start()?;

    // ANCHOR: is_empty
    let mut taken = vec![queue.get()?];
    while !queue.is_empty() {
        taken.push(queue.get()?);
    }
    // ANCHOR_END: is_empty
    println!("until is_empty: {} of {VALUES} values", taken.len());

    // ANCHOR: closed
    loop {
        match queue.get() {
            Ok(value) => taken.push(value),
            Err(Error::Closed) => break,
            Err(error) => return Err(error),
        }
    }
    // ANCHOR_END: closed
    println!("until closed: {} of {VALUES} values", taken.len());
    child.join()
}
// ANCHOR_END: program
