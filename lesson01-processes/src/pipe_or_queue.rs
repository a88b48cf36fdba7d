//! Pipe or queue? A pipe has two ends, each in one process. A queue has as many as you like.
//!
//! Watch what a message costs, with `cargo run --release`: a debug build is ten times slower. In a
//! stream, the two are much alike. In a conversation, two queues cost more than one pipe, unless
//! other programs keep the CPUs busy: then waking up costs far more than either. So the rule is:
//! between two, a pipe, which goes both ways and tells when the other has gone; among more than
//! two, a queue.

// ANCHOR: program
use std::time::{Duration, Instant};

use multiproc::{Connection, Process, Queue, Result};

/// How many messages come in a stream, and how many go and come back in a conversation.
const STREAM: u32 = 100_000;
const TRIPS: u32 = 2_000;

/// Each is measured this often, and the shortest time counts: what is above it, other programs have
/// caused.
const ROUNDS: usize = 3;

fn send(pipe: Connection<u32, ()>) {
    for number in 0..=STREAM {
        pipe.send(number).expect("the parent takes them all");
    }
}

fn put(queue: Queue<u32>) {
    for number in 0..=STREAM {
        queue.put(number).expect("the queue is open");
    }
}

fn answer_on_pipe(pipe: Connection<u32, u32>) {
    for _ in 0..=TRIPS {
        let number = pipe.recv().expect("a number");
        pipe.send(number).expect("the parent waits for it");
    }
}

fn answer_on_queue(questions: Queue<u32>, answers: Queue<u32>) {
    for _ in 0..=TRIPS {
        let number = questions.get().expect("a number");
        answers.put(number).expect("the queue is open");
    }
}

/// The time of one call of many. The first is not counted: it waits until the child has begun.
fn time(calls: u32, call: impl Fn() -> Result<u32>) -> Result<Duration> {
    call()?;
    let start = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(start.elapsed() / calls)
}

fn stream_on_pipe() -> Result<Duration> {
    let (ours, theirs) = multiproc::pipe::<(), u32>()?;
    let child = Process::new(send, (theirs,)).start()?;
    let message = time(STREAM, || ours.recv())?;
    child.join()?;
    Ok(message)
}

fn stream_on_queue() -> Result<Duration> {
    let queue = Queue::new()?;
    let child = Process::new(put, (queue.clone(),)).start()?;
    let message = time(STREAM, || queue.get())?;
    child.join()?;
    Ok(message)
}

fn talk_on_pipe() -> Result<Duration> {
    let (ours, theirs) = multiproc::pipe()?;
    let child = Process::new(answer_on_pipe, (theirs,)).start()?;
    let trip = time(TRIPS, || ours.send(42).and_then(|()| ours.recv()))?;
    child.join()?;
    Ok(trip / 2)
}

fn talk_on_queues() -> Result<Duration> {
    let (questions, answers) = (Queue::new()?, Queue::new()?);
    let child = Process::new(answer_on_queue, (questions.clone(), answers.clone())).start()?;
    let trip = time(TRIPS, || {
        questions.put(42)?;
        answers.get()
    })?;
    child.join()?;
    Ok(trip / 2)
}

/// Prints a line of the table.
fn measure(name: &str, round: fn() -> Result<Duration>) -> Result<()> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        best = best.min(round()?);
    }
    let thousands = 1e-3 / best.as_secs_f64();
    println!("{name:<28} {thousands:>5.0} thousand messages a second, {:>5} ns each", best.as_nanos());
    Ok(())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    measure("a stream on a pipe", stream_on_pipe)?;
    measure("a stream on a queue", stream_on_queue)?;
    measure("a conversation on a pipe", talk_on_pipe)?;
    measure("a conversation on two queues", talk_on_queues)?;
    if cfg!(debug_assertions) {
        println!("(of a debug build: add --release for true numbers)");
    }
    Ok(())
}
// ANCHOR_END: program
