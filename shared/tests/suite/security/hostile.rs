//! A worker that writes garbage where its parent reads: its own tasks may fail, its parent and all
//! other tasks may not.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use multiproc::{__parts as parts, Error, Executor, Pool, Result};
use serde::{Deserialize, Serialize};

use crate::support::{Gate, Named, Random, arrive, named, nap, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    frames_with_any_header_fail_only_their_worker
    random_results_fail_only_their_worker
    garbled_word_fails_only_its_worker
    garbled_words_fail_only_their_worker
};

/// What the worker does to the memory that it shares with its parent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Garbage {
    /// A frame with this head, and its tail moved behind that.
    Frame { head: u32, long: u64 },
    /// Random bytes all over the result ring, shown as results.
    Results(u64),
    /// One of the words by which the two sides coordinate, by its number.
    Word(u64, u64),
    /// Random bytes over all of the words.
    Words(u64),
}

/// Kinds of frames by their number.
const KINDS: std::ops::Range<u32> = 0..8;
/// In a head of a frame: its times precede the payload.
const TIMED: u32 = 8;
/// The length of a frame that stands for "in the next 8 bytes".
const LONG: u32 = u32::MAX >> 4;

/// This worker's shared memory, through the back door.
struct Segment {
    memory: File,
    start: u64,
    len: u64,
}

impl Segment {
    fn own() -> Self {
        let range = parts::own_segment().unwrap();
        let memory = File::options().read(true).write(true).open("/proc/self/mem").unwrap();
        Self { memory, start: range.start, len: range.end - range.start }
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        self.memory.write_all_at(bytes, self.start + at).unwrap();
    }

    fn tail(&self) -> u64 {
        let mut bytes = [0; 8];
        self.memory.read_exact_at(&mut bytes, self.start + parts::RESULTS_TAIL as u64).unwrap();
        u64::from_ne_bytes(bytes)
    }

    fn move_tail(&self, by: u64) {
        self.write(parts::RESULTS_TAIL as u64, &self.tail().wrapping_add(by).to_ne_bytes());
    }

    /// The bytes a ring holds.
    fn capacity(&self) -> u64 {
        (self.len - parts::RINGS as u64) / 2
    }

    /// Writes to the result ring, from its tail on.
    fn write_results(&self, bytes: &[u8]) {
        let (tail, ring) = (self.tail() % self.capacity(), parts::RINGS as u64 + self.capacity());
        let first = bytes.len().min((self.capacity() - tail) as usize);
        self.write(ring + tail, &bytes[..first]);
        self.write(ring, &bytes[first..]);
    }
}

fn random_bytes(seed: u64, len: u64) -> Vec<u8> {
    let mut random = Random(seed | 1);
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// The task: scribbles, and goes on as if nothing were the matter.
fn scribble(garbage: Garbage) -> u64 {
    let segment = Segment::own();
    match garbage {
        Garbage::Frame { head, long } => {
            let mut bytes = head.to_le_bytes().to_vec();
            bytes.extend_from_slice(&long.to_le_bytes());
            bytes.extend_from_slice(&[0; 100]);
            segment.write_results(&bytes);
            segment.move_tail(bytes.len() as u64);
        }
        Garbage::Results(seed) => {
            segment.write_results(&random_bytes(seed, segment.capacity()));
            segment.move_tail(Random(seed | 1).below(segment.capacity() as usize) as u64);
        }
        Garbage::Word(number, value) => segment.write(8 * number, &value.to_ne_bytes()),
        Garbage::Words(seed) => segment.write(0, &random_bytes(seed, parts::RINGS as u64)),
    }
    // Long enough for the parent to see it before the result of this task is written over it.
    nap(30);
    17
}

/// What a call of a worker that scribbles may end with: its value, or an error of its task.
fn is_harmless<T>(result: &Result<T>) -> bool {
    matches!(
        result,
        Ok(_)
            | Err(Error::Decode(_)
                | Error::Encode(_)
                | Error::Panicked { .. }
                | Error::TooLarge { .. }
                | Error::WorkerLost { .. }
                | Error::TimedOut { .. })
    )
}

/// The task of the other worker. Says who it was.
fn wait_a_little(gate: PathBuf) -> u32 {
    let pid = arrive(&gate);
    nap(20);
    pid
}

/// Has one of two workers scribble while the other runs a task, and sees what that costs.
fn costs_the_worker_its_own_tasks(pool: &Pool, garbage: Garbage) -> Result<()> {
    let gate = Gate::new();
    let innocent = pool.apply_async(wait_a_little, (gate.path(),));
    gate.await_arrivals(1);
    let hostile: Vec<_> = (0..3).map(|_| pool.apply_async(scribble, (garbage,))).collect();
    for result in hostile {
        let result = result.get();
        assert!(is_harmless(&result), "{garbage:?}: {result:?}");
    }
    let innocent = innocent.get();
    assert!(innocent.as_ref().is_ok_and(|pid| gate.arrived().contains(pid)), "{garbage:?}: {innocent:?}");
    // What lies in the ring of a worker that lives on may spoil a few more results of its own; then
    // it is found out.
    for round in 0.. {
        match pool.map(square, 0..20) {
            Ok(right) if right == squares(20) => break,
            wrong => assert!(round < 50 && is_harmless(&wrong), "{garbage:?}: {wrong:?}"),
        }
    }
    Ok(())
}

/// A worker whose words are garbled may no longer know that there is something to do: only a time
/// limit ends that.
fn pool() -> Result<Pool> {
    Pool::builder().processes(2).task_timeout(Duration::from_millis(500)).build()
}

fn frames_with_any_header_fail_only_their_worker() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    for kind in KINDS {
        for len in [0, 1000, 20_000, LONG - 1, LONG] {
            for timed in [0, TIMED] {
                for long in [0, 1 << 20, u64::MAX] {
                    if len == LONG || long == 0 {
                        let head = kind | timed | len << 4;
                        costs_the_worker_its_own_tasks(&pool, Garbage::Frame { head, long })?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn random_results_fail_only_their_worker() -> Result<()> {
    let pool = pool()?;
    (1..30).try_for_each(|seed| costs_the_worker_its_own_tasks(&pool, Garbage::Results(seed)))
}

fn garbled_word_fails_only_its_worker() -> Result<()> {
    let pool = pool()?;
    for word in 0..parts::WORDS as u64 / 8 {
        for value in [1, u64::MAX, 1 << 63, 0x0101_0101_0101_0101] {
            costs_the_worker_its_own_tasks(&pool, Garbage::Word(word, value))?;
        }
    }
    Ok(())
}

fn garbled_words_fail_only_their_worker() -> Result<()> {
    let pool = pool()?;
    (1..20).try_for_each(|seed| costs_the_worker_its_own_tasks(&pool, Garbage::Words(seed)))
}
