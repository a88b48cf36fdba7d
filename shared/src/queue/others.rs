//! Whether another thread of this process may yet use a queue.
//!
//! Threads share a queue by reference as well as by clones, and a reference leaves no trace before
//! it is used. So a thread counts for a while after it was started, and after it has given out a
//! handle of the queue. For ever would be too long: it may be waiting for this one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::unistd::{SysconfVar, gettid, sysconf};
use rustix::time::{ClockId, clock_gettime};

use crate::sys::threads::{count_threads, list_threads};

/// How long a thread counts.
const RECENT: Duration = Duration::from_secs(10);

/// The names of the crate's own threads begin with this. Of those only callbacks run the program's
/// code.
const OWN: &str = "multiproc-";
const CALLBACKS: &str = "multiproc-callb";

/// What is known of the threads that use a queue in this process.
#[derive(Debug)]
pub(super) struct Others {
    /// When this process got the queue, in ticks since the system was started.
    since: u64,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    /// Those that have given out handles, and when they last did, in ticks.
    givers: BTreeMap<i32, u64>,
    /// Those that wait for something from others, and so do nothing themselves.
    waiting: BTreeSet<i32>,
}

/// A thread that waits; it does until this is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    others: &'a Others,
    thread: i32,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.others.lock().waiting.remove(&self.thread);
    }
}

impl Others {
    pub(super) fn new() -> Self {
        Self { since: ticks(), threads: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This thread gives out a handle.
    pub(super) fn note_giver(&self) {
        self.lock().givers.insert(gettid().as_raw(), ticks());
    }

    /// This thread waits.
    pub(super) fn wait(&self) -> Waiting<'_> {
        let thread = gettid().as_raw();
        self.lock().waiting.insert(thread);
        Waiting { others: self, thread }
    }

    /// This thread is one that waits on behalf of async functions, now and later.
    #[cfg(feature = "tokio")]
    pub(super) fn note_stand_in(&self) {
        self.lock().waiting.insert(gettid().as_raw());
    }

    /// Whether a thread other than this one may yet put or take something, or give somebody a
    /// handle.
    pub(super) fn any(&self) -> bool {
        /// Looks that may fail because threads come and go. If all do, it is asked again later.
        const TRIES: u32 = 5;
        (0..TRIES).find_map(|_| self.look()).unwrap_or(true)
    }

    /// Looks at all threads. `None` if that were not all: a list that is read while one of its
    /// threads ends may lack others.
    fn look(&self) -> Option<bool> {
        let own = gettid().as_raw();
        let listed = list_threads().ok()?;
        let threads = self.lock();
        let mut all_live = true;
        for id in listed.iter().filter(|id| **id != own && !threads.waiting.contains(id)) {
            let gave = threads.givers.get(id).is_some_and(|gave| is_recent(*gave));
            match self.is_new(*id) {
                Some(new) if new || gave => return Some(true),
                Some(_) => {}
                None => all_live = false,
            }
        }
        let complete = all_live && count_threads().is_ok_and(|count| count == listed.len());
        complete.then_some(false)
    }

    /// Whether the thread was started lately; `None` if it has ended.
    fn is_new(&self, thread: i32) -> Option<bool> {
        let stat = fs::read(format!("/proc/self/task/{thread}/stat")).ok()?;
        let (name, start) = parse(&String::from_utf8_lossy(&stat))?;
        let own = name.starts_with(OWN) && name != CALLBACKS;
        Some(!own && start >= self.since && is_recent(start))
    }
}

fn is_recent(time: u64) -> bool {
    ticks().saturating_sub(time) < RECENT.as_secs() * per_second()
}

/// A thread's name, and when it was started, from its line in /proc (`proc_pid_stat(5)`).
fn parse(stat: &str) -> Option<(String, u64)> {
    let (before, after) = stat.rsplit_once(") ")?;
    let name = before.split_once('(')?.1;
    // The name is field 2, the start is field 22.
    Some((name.to_string(), after.split(' ').nth(19)?.parse().ok()?))
}

fn per_second() -> u64 {
    sysconf(SysconfVar::CLK_TCK).ok().flatten().map_or(100, |ticks| ticks as u64)
}

/// Now, in ticks since the system was started.
fn ticks() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * per_second() + now.tv_nsec as u64 * per_second() / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::thread;

    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_thread_is_called() {
        let line = "7 (a) b (c) S 1 7 7 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(parse(line), Some(("a) b (c".to_string(), 4711)));
    }

    #[test]
    fn thread_is_seen_while_others_end() {
        let others = Others { since: u64::MAX, threads: Mutex::default() };
        let (noted, over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            // The list begins with the oldest thread: those that end come before the giver.
            for n in 0..6 {
                scope.spawn(move || thread::sleep(Duration::from_micros(200 * n)));
            }
            scope.spawn(|| {
                others.note_giver();
                noted.wait();
                while !over.load(Relaxed) {
                    thread::park_timeout(Duration::from_millis(1));
                }
            });
            noted.wait();
            let seen = (0..200).all(|_| others.any());
            over.store(true, Relaxed);
            assert!(seen);
        });
    }

    #[test]
    fn a_thread_that_gave_out_a_handle_counts() {
        // As of a time when all threads are old.
        let others = Others { since: u64::MAX, threads: Mutex::default() };
        // Threads of other tests end all the time.
        while others.any() {
            thread::yield_now();
        }
        let (noted, over) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                others.note_giver();
                noted.wait();
                over.wait();
            });
            noted.wait();
            assert!(others.any());
            over.wait();
        });
    }
}
