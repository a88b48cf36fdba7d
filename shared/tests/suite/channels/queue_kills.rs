//! Queues whose users are killed at any instruction.

use std::collections::BTreeMap;
use std::time::Duration;

use multiproc::{Connection, Error, PriorityQueue, Process, Queue, Result, pipe};

use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    kills_lose_nothing_in_an_unbounded_queue
    kills_lose_nothing_in_a_bounded_queue
    kills_lose_nothing_in_a_priority_queue
};

/// Values to pass at least.
const VALUES: usize = 20_000;

/// Processes to kill at least.
const KILLS: u64 = 100;

/// What both kinds of queue can do.
trait AnyQueue: Clone + Send + serde::Serialize + serde::de::DeserializeOwned + 'static {
    fn put(&self, value: (u32, u64));
    /// `None` at the end.
    fn get(&self) -> Option<(u32, u64)>;
    fn close(&self);
    fn is_empty(&self) -> bool;
}

macro_rules! any_queue {
    ($queue:ty) => {
        impl AnyQueue for $queue {
            fn put(&self, value: (u32, u64)) {
                <$queue>::put(self, value).unwrap();
            }

            fn get(&self) -> Option<(u32, u64)> {
                match <$queue>::get(self) {
                    Err(Error::Closed) => None,
                    outcome => Some(outcome.unwrap()),
                }
            }

            fn close(&self) {
                <$queue>::close(self).unwrap();
            }

            fn is_empty(&self) -> bool {
                <$queue>::is_empty(self)
            }
        }
    };
}

any_queue!(Queue<(u32, u64)>);
any_queue!(PriorityQueue<(u32, u64)>);

/// Puts (`own`, 0), (`own`, 1), … and says after each that it is there.
fn produce<Q: AnyQueue>(queue: Q, own: u32, said: Connection<u64, ()>) {
    for n in 0.. {
        queue.put((own, n));
        said.send(n).unwrap();
    }
}

/// Takes values and says which.
fn consume<Q: AnyQueue>(queue: Q, said: Connection<(u32, u64), ()>) {
    while let Some(value) = queue.get() {
        said.send(value).unwrap();
    }
}

/// A process that can be killed, and what it has said.
struct Member<T> {
    process: Process<()>,
    said: Connection<(), T>,
}

impl<T: serde::Serialize + serde::de::DeserializeOwned + 'static> Member<T> {
    /// Kills it, and takes the rest of what it said.
    fn kill(self, received: &mut Vec<T>) -> Result<()> {
        self.process.kill()?;
        loop {
            match self.said.recv() {
                Ok(word) => received.push(word),
                Err(Error::Disconnected) => break,
                Err(error) => return Err(error),
            }
        }
        let _ = self.process.join();
        Ok(())
    }

    fn listen(&self, received: &mut Vec<T>) {
        while let Ok(word) = self.said.try_recv() {
            received.push(word);
        }
    }
}

fn producer<Q: AnyQueue>(queue: &Q, own: u32) -> Result<Member<u64>> {
    let (said, theirs) = pipe()?;
    Ok(Member { process: Process::new(produce::<Q>, (queue.clone(), own, theirs)).start()?, said })
}

fn consumer<Q: AnyQueue>(queue: &Q) -> Result<Member<(u32, u64)>> {
    let (said, theirs) = pipe()?;
    Ok(Member { process: Process::new(consume::<Q>, (queue.clone(), theirs)).start()?, said })
}

/// A pause of random length, for what is killed after it to be anywhere in what it does.
fn pause(seed: &mut u64) {
    // Marsaglia, "Xorshift RNGs" (2003).
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    std::thread::sleep(Duration::from_micros(*seed % 4000));
}

fn nothing_is_lost_or_doubled(queue: impl AnyQueue, mut seed: u64) -> Result<()> {
    let (mut put, mut taken) = (BTreeMap::<u32, u64>::new(), Vec::new());
    let (mut kills, mut consumers_killed) = (0, 0);
    let mut next = 0;
    let mut new_producer = || {
        next += 1;
        Ok::<_, Error>((next, producer(&queue, next)?))
    };
    let mut producers = vec![new_producer()?, new_producer()?];
    let mut consumers = vec![consumer(&queue)?, consumer(&queue)?];
    let mut note = |own: u32, said: Vec<u64>| {
        if let Some(last) = said.last() {
            put.insert(own, *last);
        }
    };
    while taken.len() < VALUES || kills < KILLS {
        pause(&mut seed);
        kills += 1;
        if seed.is_multiple_of(2) {
            let (own, killed) = producers.remove(0);
            let mut said = Vec::new();
            killed.kill(&mut said)?;
            note(own, said);
            producers.push(new_producer()?);
        } else {
            consumers.remove(0).kill(&mut taken)?;
            consumers_killed += 1;
            consumers.push(consumer(&queue)?);
        }
        consumers.iter().for_each(|consumer| consumer.listen(&mut taken));
    }
    for (own, producer) in producers {
        let mut said = Vec::new();
        producer.kill(&mut said)?;
        note(own, said);
    }
    // The remaining consumers take the rest, and get an error once no producer is left.
    queue.close();
    for consumer in consumers {
        while let Ok(value) = consumer.said.recv() {
            taken.push(value);
        }
        consumer.process.join()?;
    }
    assert!(queue.is_empty());

    let count = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), count, "values were doubled");
    // A consumer that is killed between taking a value and saying so keeps that to itself. Nothing
    // else may be missing.
    let mut missing = 0;
    for (own, last) in put {
        let of_it = taken.iter().filter(|(producer, n)| *producer == own && *n <= last).count() as u64;
        missing += last + 1 - of_it;
    }
    assert!(missing <= consumers_killed, "{missing} values are missing; {consumers_killed} consumers were killed");
    Ok(())
}

fn kills_lose_nothing_in_an_unbounded_queue() -> Result<()> {
    nothing_is_lost_or_doubled(Queue::new()?, 88_172_645_463_325_252)
}

fn kills_lose_nothing_in_a_bounded_queue() -> Result<()> {
    nothing_is_lost_or_doubled(Queue::bounded(7)?, 1_181_783_497_276_652_981)
}

fn kills_lose_nothing_in_a_priority_queue() -> Result<()> {
    nothing_is_lost_or_doubled(PriorityQueue::bounded(50)?, 3_935_559_000_370_003_845)
}
