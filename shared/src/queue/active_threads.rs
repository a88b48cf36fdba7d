//! The threads of this process that may yet use a queue.
//!
//! Threads share a queue by reference as well as by clones, and a reference leaves no trace before
//! it is used. So a thread counts for a while after it was started, and after it has sent a handle
//! of the queue. For ever would be too long: it may be waiting for the thread that asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::unistd::{SysconfVar, gettid, sysconf};
use rustix::time::{ClockId, clock_gettime};

use crate::sys::proc_stat::ProcStat;
use crate::sys::process::{count_threads, list_threads};

/// How long a thread counts.
const RECENT: Duration = Duration::from_secs(10);

/// The names of the crate's own threads begin with this. Of those only callbacks run the program's
/// code.
const OWN: &str = "multiproc-";
const CALLBACKS: &str = "multiproc-callb";

/// The threads of this process that may use a queue, as far as it is possible to find out.
#[derive(Debug)]
pub(super) struct ActiveThreads {
    /// When this process got the queue, in ticks since the system was started.
    since: u64,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    /// Those that have sent handles, and when they last did, in ticks.
    senders: BTreeMap<i32, u64>,
    /// Those that wait for a put or a take by another thread, and so do nothing themselves.
    waiting: BTreeSet<i32>,
}

/// A thread that waits until this is dropped.
#[derive(Debug)]
pub(super) struct WaitingThread<'a> {
    active: &'a ActiveThreads,
    thread: i32,
}

impl Drop for WaitingThread<'_> {
    fn drop(&mut self) {
        self.active.lock().waiting.remove(&self.thread);
    }
}

impl ActiveThreads {
    pub(super) fn new() -> Self {
        Self { since: ticks(), threads: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that this thread has sent a handle to another process.
    pub(super) fn record_sender(&self) {
        self.lock().senders.insert(gettid().as_raw(), ticks());
    }

    /// Records that this thread waits.
    pub(super) fn begin_wait(&self) -> WaitingThread<'_> {
        let thread = gettid().as_raw();
        self.lock().waiting.insert(thread);
        WaitingThread { active: self, thread }
    }

    /// Returns whether a thread other than this one may yet put or take a value, or send a handle.
    pub(super) fn any_other(&self) -> bool {
        /// Looks that may fail because threads come and go. If all do, the caller asks again later.
        const TRIES: u32 = 5;
        (0..TRIES).find_map(|_| self.look()).unwrap_or(true)
    }

    /// Looks at all threads. Returns `None` if that were not all: a list that is read while one of
    /// its threads ends may lack some.
    fn look(&self) -> Option<bool> {
        let own = gettid().as_raw();
        let listed = list_threads().ok()?;
        let threads = self.lock();
        let mut all_live = true;
        for id in listed.iter().filter(|id| **id != own && !threads.waiting.contains(id)) {
            let has_sent = threads.senders.get(id).is_some_and(|sent| is_recent(*sent));
            match self.is_new(*id) {
                Some(new) if new || has_sent => return Some(true),
                Some(_) => {}
                None => all_live = false,
            }
        }
        let complete = all_live && count_threads().is_ok_and(|count| count == listed.len());
        complete.then_some(false)
    }

    /// Returns whether the thread was started lately; `None` if it has ended.
    fn is_new(&self, thread: i32) -> Option<bool> {
        let ProcStat { name, start, .. } = ProcStat::of_thread(thread)?;
        let own = name.starts_with(OWN) && name != CALLBACKS;
        Some(!own && start >= self.since && is_recent(start))
    }
}

fn is_recent(time: u64) -> bool {
    ticks().saturating_sub(time) < RECENT.as_secs() * per_second()
}

fn per_second() -> u64 {
    sysconf(SysconfVar::CLK_TCK).ok().flatten().map_or(100, |ticks| ticks as u64)
}

/// Returns the time since the system was started, in ticks.
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
    fn thread_is_seen_while_others_end() {
        let active = ActiveThreads { since: u64::MAX, threads: Mutex::default() };
        let (recorded, over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            // The list begins with the oldest thread: those that end come before the sender.
            for n in 0..6 {
                scope.spawn(move || thread::sleep(Duration::from_micros(200 * n)));
            }
            scope.spawn(|| {
                active.record_sender();
                recorded.wait();
                while !over.load(Relaxed) {
                    thread::park_timeout(Duration::from_millis(1));
                }
            });
            recorded.wait();
            let seen = (0..200).all(|_| active.any_other());
            over.store(true, Relaxed);
            assert!(seen);
        });
    }

    #[test]
    fn thread_that_sent_a_handle_counts() {
        // As of a time when all threads are old.
        let active = ActiveThreads { since: u64::MAX, threads: Mutex::default() };
        // Threads of other tests end all the time.
        while active.any_other() {
            thread::yield_now();
        }
        let (recorded, over) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                active.record_sender();
                recorded.wait();
                over.wait();
            });
            recorded.wait();
            assert!(active.any_other());
            over.wait();
        });
    }
}
