//! Priority queues: the smallest first, with any number of producers and consumers.

use std::cmp::Reverse;
use std::time::Duration;

use multiproc::{Error, PriorityQueue, Process, Result};
use serde::{Deserialize, Serialize};

use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    smallest_comes_first_and_equals_stay_in_order
    producers_and_consumers_lose_and_double_nothing
    large_values_and_long_use_need_no_more_memory
    limits_caps_and_ends_are_those_of_a_queue
};

fn produce(queue: PriorityQueue<(u8, u64)>, from: u64, to: u64) {
    for n in from..to {
        queue.put(((n * 7 % 5) as u8, n)).unwrap();
    }
}

fn consume(queue: PriorityQueue<(u8, u64)>) -> Vec<(u8, u64)> {
    std::iter::from_fn(|| queue.get().ok()).collect()
}

fn smallest_comes_first_and_equals_stay_in_order() -> Result<()> {
    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Job {
        priority: u32,
        number: u32,
    }
    impl PartialEq for Job {
        fn eq(&self, other: &Self) -> bool {
            self.priority == other.priority
        }
    }
    impl Eq for Job {}
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.priority.cmp(&other.priority)
        }
    }
    let queue = PriorityQueue::new()?;
    // So many that the values move to a larger area several times.
    for number in 0..50_000u32 {
        queue.put(Job { priority: number * 17 % 10, number })?;
    }
    assert_eq!(queue.len(), 50_000);
    for priority in 0..10 {
        let mut last = None;
        for _ in 0..5000 {
            let job = queue.get()?;
            assert_eq!(job.priority, priority);
            assert!(last < Some(job.number));
            last = Some(job.number);
        }
    }
    assert!(queue.is_empty());
    let largest = PriorityQueue::new()?;
    [3, 9, 4].into_iter().try_for_each(|n| largest.put(Reverse(n)))?;
    assert_eq!(largest.get()?.0, 9);
    Ok(())
}

fn producers_and_consumers_lose_and_double_nothing() -> Result<()> {
    for queue in [PriorityQueue::new()?, PriorityQueue::bounded(10)?] {
        let producers: Vec<_> = (0..3)
            .map(|n| Process::new(produce, (queue.clone(), n * 2000, (n + 1) * 2000)).start())
            .collect::<Result<_>>()?;
        let consumers: Vec<_> =
            (0..3).map(|_| Process::new(consume, (queue.clone(),)).start()).collect::<Result<_>>()?;
        producers.into_iter().try_for_each(Process::join)?;
        queue.close()?;
        let mut got = Vec::new();
        for consumer in consumers {
            got.extend(consumer.join()?.into_iter().map(|(_, n)| n));
        }
        got.sort_unstable();
        assert_eq!(got, (0..6000).collect::<Vec<_>>());
    }
    Ok(())
}

fn large_values_and_long_use_need_no_more_memory() -> Result<()> {
    let queue = PriorityQueue::new()?;
    queue.put(vec![2u8; 3_000_000])?;
    queue.put(vec![1u8; 20])?;
    assert_eq!(queue.get()?.len(), 20);
    assert_eq!(queue.get()?.len(), 3_000_000);
    for round in 0..2000u32 {
        queue.put(vec![round as u8; 1000])?;
        assert_eq!(queue.get()?[0], round as u8);
    }
    assert!(queue.is_empty());
    Ok(())
}

fn limits_caps_and_ends_are_those_of_a_queue() -> Result<()> {
    let queue = PriorityQueue::bounded(1)?;
    queue.set_max_message(100);
    assert!(matches!(queue.try_get(), Err(Error::Empty)));
    assert!(matches!(queue.get_timeout(Duration::from_millis(20)), Err(Error::TimedOut { .. })));
    queue.put("one".to_string())?;
    assert!(matches!(queue.try_put("two".into()).unwrap_err().error, Error::Full));
    let late = queue.put_timeout("two".into(), Duration::from_millis(20)).unwrap_err();
    assert!(matches!(late.error, Error::TimedOut { .. }));
    assert_eq!(late.value, "two");
    assert!(matches!(queue.put("x".repeat(200)).unwrap_err().error, Error::TooLarge { max: 100, .. }));
    queue.close()?;
    assert!(matches!(queue.put("two".into()).unwrap_err().error, Error::Closed));
    assert_eq!(queue.get()?, "one");
    assert!(matches!(queue.get(), Err(Error::Closed)));
    assert!(!queue.join_timeout(Duration::from_millis(20)));
    queue.task_done()?;
    queue.join();

    let queue = PriorityQueue::new()?;
    let process = Process::new(produce, (queue.clone(), 0, 3)).start()?;
    (0..3).try_for_each(|_| queue.get().map(drop))?;
    assert!(matches!(queue.get(), Err(Error::Disconnected)), "the only producer has gone");
    process.join()
}
