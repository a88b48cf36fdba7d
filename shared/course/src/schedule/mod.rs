//! A model of what a pool does with the tasks of one call: which worker runs which task, when, and
//! when the caller has the results.
//!
//! It is the model of the book's page on schedules, whose own copy is in JavaScript
//! (`book/chapters/schedule.js`). A test in a browser compares the two, and another compares this
//! one with a pool.
//!
//! - First the parent does what only the parent can do, the serial part.
//! - Chunks are sent in order, each to the worker that is free first. The parent sends one at a
//!   time, and each takes it `cost`.
//! - A worker runs the tasks of its chunk one after the other. Their results arrive together, when
//!   the last of them is done.
//!
//! Times are whole microseconds, so that both copies compute the same numbers.

mod setting;

pub use setting::{Call, Setting, Times};

/// A task on its worker's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Counted from 0, as workers are.
    pub task: usize,
    /// The row.
    pub worker: usize,
    /// When the task starts, in microseconds.
    pub start: u64,
    /// When it ends.
    pub end: u64,
}

/// What becomes of a [`Setting`].
#[derive(Debug)]
pub struct Schedule {
    /// The tasks, in their order.
    pub bars: Vec<Bar>,
    /// When the caller has the first result, the second, and so on.
    pub results: Vec<u64>,
    /// The serial part.
    pub serial: u64,
    workers: usize,
}

impl Schedule {
    /// Computes the schedule of `setting`.
    pub fn new(setting: &Setting) -> Self {
        let times = setting.durations();
        let serial = setting.serial_time(times.iter().sum());
        let mut free = vec![serial; setting.workers];
        let mut parent = serial;
        let mut bars = Vec::with_capacity(times.len());
        let mut results = Vec::with_capacity(times.len());
        for chunk in times.chunks(setting.chunk_size()) {
            // The first of those that are free first.
            let worker = (0..free.len()).min_by_key(|worker| free[*worker]).unwrap_or_default();
            parent = parent.max(free[worker]) + setting.cost;
            let mut now = parent;
            for time in chunk {
                bars.push(Bar { task: bars.len(), worker, start: now, end: now + time });
                now += time;
            }
            free[worker] = now;
            results.resize(bars.len(), now);
        }
        match setting.call {
            Call::Map => {
                let last = results.iter().copied().max().unwrap_or_default();
                results.fill(last);
            }
            Call::Imap => {
                let mut latest = 0;
                results.iter_mut().for_each(|at| {
                    latest = latest.max(*at);
                    *at = latest;
                });
            }
            Call::ImapUnordered => results.sort_unstable(),
        }
        Self { bars, results, serial, workers: setting.workers }
    }

    /// Returns when the last task ends.
    pub fn total(&self) -> u64 {
        self.bars.iter().map(|bar| bar.end).max().unwrap_or_default()
    }

    /// Returns the sum of the tasks' times.
    pub fn work(&self) -> u64 {
        self.bars.iter().map(|bar| bar.end - bar.start).sum()
    }

    /// Returns the time of the longest task.
    pub fn longest(&self) -> u64 {
        self.bars.iter().map(|bar| bar.end - bar.start).max().unwrap_or_default()
    }

    /// Returns the share of the workers' time, from 0 to 1, in which they run no task.
    pub fn idle(&self) -> f64 {
        1.0 - self.work() as f64 / (self.workers as f64 * self.total() as f64)
    }

    /// Returns how many times as fast this is as all of it in the parent, where nothing is sent.
    pub fn speed_up(&self) -> f64 {
        self.alone() / self.total() as f64
    }

    /// Returns the largest speed-up by Amdahl's law: the serial part stays, and the work is divided
    /// by the number of workers.
    pub fn amdahl(&self) -> f64 {
        self.alone() / (self.serial as f64 + self.work() as f64 / self.workers as f64)
    }

    /// Returns the largest speed-up with the longest task, which no number of workers makes
    /// shorter.
    pub fn longest_bound(&self) -> f64 {
        self.alone() / (self.serial + self.longest()) as f64
    }

    fn alone(&self) -> f64 {
        (self.serial + self.work()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(setting: &str) -> Schedule {
        Schedule::new(&setting.parse().unwrap())
    }

    #[test]
    fn equal_tasks_without_costs_keep_every_worker_busy() {
        let schedule = schedule("workers=4&tasks=24&times=equal&mean=10&cost=0&chunk=1");
        assert_eq!(schedule.total(), 60_000);
        assert_eq!((schedule.idle(), schedule.speed_up(), schedule.amdahl()), (0.0, 4.0, 4.0));
        assert_eq!(schedule.longest_bound(), 24.0);
    }

    #[test]
    fn parent_that_sends_tiny_tasks_one_by_one_is_the_bottleneck() {
        // A chunk is sent every 100 µs, and the last task takes its own 100 µs after that.
        for workers in [2, 4, 16] {
            let schedule = schedule(&format!("workers={workers}&tasks=200&times=equal&mean=0.1&chunk=1"));
            assert_eq!(schedule.total(), 201 * 100, "{workers}");
        }
    }

    #[test]
    fn one_chunk_for_all_leaves_the_other_workers_idle() {
        let schedule = schedule("workers=4&tasks=20&times=equal&cost=0&chunk=20");
        assert_eq!((schedule.total(), schedule.idle()), (200_000, 0.75));
        assert!(schedule.bars.iter().all(|bar| bar.worker == 0));
    }

    #[test]
    fn long_task_costs_least_when_it_is_first() {
        let last = schedule("workers=4&tasks=25&times=long&mean=10&cost=0&chunk=1");
        let first = schedule("workers=4&tasks=25&times=long&mean=10&cost=0&chunk=1&sort=1");
        assert_eq!((last.total(), first.total()), (160_000, 100_000));
        assert_eq!(first.speed_up(), first.longest_bound());
    }

    #[test]
    fn serial_part_bounds_the_speed_up() {
        let schedule = schedule("workers=16&tasks=160&times=equal&cost=0&chunk=1&serial=10");
        assert!((schedule.amdahl() - 6.4).abs() < 0.01, "{}", schedule.amdahl());
        assert!((schedule.speed_up() - schedule.amdahl()).abs() < 1e-9);
    }

    #[test]
    fn calls_differ_in_when_results_are_there_and_not_in_when_tasks_run() {
        let setting = "workers=3&tasks=30&times=random&chunk=1&call=";
        let [map, imap, unordered] =
            ["map", "imap", "imap_unordered"].map(|call| schedule(&format!("{setting}{call}")));
        assert_eq!((&map.bars, &imap.bars), (&imap.bars, &unordered.bars));
        assert!(map.results.iter().all(|at| *at == map.total()));
        assert!(imap.results.is_sorted() && unordered.results.is_sorted());
        assert!(imap.results.iter().zip(&unordered.results).all(|(in_order, any)| in_order >= any));
        assert_ne!(imap.results, unordered.results);
        for schedule in [map, imap, unordered] {
            assert_eq!(schedule.results.last(), Some(&schedule.total()));
        }
    }

    #[test]
    fn no_setting_beats_its_bounds() {
        for times in ["equal", "random", "power", "long"] {
            for rest in ["workers=1&chunk=1", "workers=5&chunk=0", "workers=16&chunk=7&serial=20", "cost=0&sort=1"] {
                for seed in 1..20 {
                    let schedule = schedule(&format!("tasks=57&times={times}&{rest}&seed={seed}"));
                    let bound = schedule.amdahl().min(schedule.longest_bound());
                    assert!(schedule.speed_up() <= bound + 1e-9, "{times} {rest} {seed}");
                    assert!((0.0..1.0).contains(&(schedule.idle() + 1e-9)), "{times} {rest} {seed}");
                }
            }
        }
    }
}
