//! Queues whose users are killed at any instruction.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use multiproc::{Connection, Error, Process, Queue, Result, pipe};
use support::promise;

/// Values to pass at least.
const VALUES: usize = 20_000;

/// Processes to kill at least.
const KILLS: u64 = 100;

/// Puts (`own`, 0), (`own`, 1), … and says after each that it is there.
fn produce(queue: Queue<(u32, u64)>, own: u32, said: Connection<u64, ()>) {
    for n in 0.. {
        queue.put((own, n)).unwrap();
        said.send(n).unwrap();
    }
}

/// Takes values and says which.
fn consume(queue: Queue<(u32, u64)>, said: Connection<(u32, u64), ()>) {
    for value in queue.iter() {
        said.send(value.unwrap()).unwrap();
    }
}

/// A process that can be killed, and what it has said.
struct Member<T> {
    process: Process<()>,
    said: Connection<(), T>,
}

impl<T: serde::Serialize + serde::de::DeserializeOwned + 'static> Member<T> {
    /// Kills it, and takes the rest of what it said.
    fn kill(self, heard: &mut Vec<T>) -> Result<()> {
        self.process.kill()?;
        loop {
            match self.said.recv() {
                Ok(word) => heard.push(word),
                Err(Error::Disconnected) => break,
                Err(error) => return Err(error),
            }
        }
        let _ = self.process.join();
        Ok(())
    }

    fn listen(&self, heard: &mut Vec<T>) {
        while let Ok(word) = self.said.try_recv() {
            heard.push(word);
        }
    }
}

fn producer(queue: &Queue<(u32, u64)>, own: u32) -> Result<Member<u64>> {
    let (said, theirs) = pipe()?;
    Ok(Member { process: Process::new(produce, (queue.clone(), own, theirs)).start()?, said })
}

fn consumer(queue: &Queue<(u32, u64)>) -> Result<Member<(u32, u64)>> {
    let (said, theirs) = pipe()?;
    Ok(Member { process: Process::new(consume, (queue.clone(), theirs)).start()?, said })
}

/// A pause of random length, for what is killed after it to be anywhere in what it does.
fn pause(seed: &mut u64) {
    // Marsaglia, "Xorshift RNGs" (2003).
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    std::thread::sleep(Duration::from_micros(*seed % 4000));
}

fn nothing_is_lost_or_doubled(queue: Queue<(u32, u64)>, mut seed: u64) -> Result<()> {
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
        if seed % 2 == 0 {
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
    // Those who are left take the rest, and hear that nobody is left who could put more.
    queue.close()?;
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
    // A consumer that is killed between taking a value and saying so keeps that to itself. Nothing else may be missing.
    let mut missing = 0;
    for (own, last) in put {
        let of_it = taken.iter().filter(|(producer, n)| *producer == own && *n <= last).count() as u64;
        missing += last + 1 - of_it;
    }
    assert!(missing <= consumers_killed, "{missing} values are missing; {consumers_killed} consumers were killed");
    Ok(())
}

#[test]
fn killed_producers_and_consumers_lose_nothing_of_the_others_in_an_unbounded_queue() {
    promise(|| nothing_is_lost_or_doubled(Queue::new()?, 88_172_645_463_325_252));
}

#[test]
fn killed_producers_and_consumers_lose_nothing_of_the_others_in_a_bounded_queue() {
    promise(|| nothing_is_lost_or_doubled(Queue::bounded(7)?, 1_181_783_497_276_652_981));
}
