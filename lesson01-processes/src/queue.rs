//! Two producers, one consumer, and a queue between them.
//!
//! Watch the end. The consumer would wait for ever: nothing shows it that no more will come. The
//! parent can end it by force, and hope that it was idle; or close the queue: then the consumer
//! takes what is left, and `get` returns an error. (A closing message of your own does the same, if
//! you put one for each consumer.)

// ANCHOR: program
use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Process, Queue, Result};

// ANCHOR: produce
fn produce(name: String, numbers: RangeInclusive<u32>, queue: Queue<String>) {
    for number in numbers {
        thread::sleep(Duration::from_millis(fastrand::u64(0..=100)));
        println!("{name} puts url{number}");
        queue.put(format!("url{number}")).expect("the queue is open");
    }
}
// ANCHOR_END: produce

// ANCHOR: consume
fn consume(queue: Queue<String>) -> usize {
    let mut count = 0;
    // Calls `get` until the queue is closed and empty.
    for url in queue.iter() {
        println!("consumer: {}", url.expect("a url"));
        count += 1;
    }
    count
}
// ANCHOR_END: consume

/// A daemon: should the parent fail half-way, dropping the handle ends the process. Without that,
/// the drop would wait for the consumer, and the consumer for urls.
fn start_consumer(queue: &Queue<String>) -> Result<Process<usize>> {
    Process::new(consume, (queue.clone(),)).daemon(true).start()
}

/// Starts the producers, and waits until they are done.
fn produce_all(queue: &Queue<String>) -> Result<()> {
    let first = Process::new(produce, ("first producer".to_string(), 1..=3, queue.clone())).start()?;
    let second = Process::new(produce, ("second producer".to_string(), 4..=5, queue.clone())).start()?;
    first.join()?;
    second.join()
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();

    println!("By force:");
    let queue = Queue::new()?;
    let consumer = start_consumer(&queue)?;
    produce_all(&queue)?;
    // Time for the last url. Is it enough? There is no way to know: that is what is wrong with it.
    thread::sleep(Duration::from_millis(200));
    // ANCHOR: force
    if consumer.is_alive() {
        println!("parent: the consumer waits for more, so I terminate it");
        consumer.terminate()?;
    }
    // ANCHOR_END: force
    if let Err(Error::WorkerLost { exit, .. }) = consumer.join() {
        println!("parent: the consumer was {exit}");
    }

    println!("\nIn good order:");
    let queue = Queue::new()?;
    let consumer = start_consumer(&queue)?;
    produce_all(&queue)?;
    println!("parent: I close the queue");
    // ANCHOR: close
    queue.close()?;
    println!("parent: the consumer returned after {} urls", consumer.join()?);
    // ANCHOR_END: close
    Ok(())
}
// ANCHOR_END: program
