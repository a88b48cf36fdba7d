//! What is counted, and the line at the end.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool};
use serde::Serialize;

use crate::trouble::parent;
use crate::work::Outcome;

/// What became of the tasks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tasks: AtomicU64,
    right: AtomicU64,
    lost: AtomicU64,
    cancelled: AtomicU64,
    timed_out: AtomicU64,
    wrong: AtomicU64,
    pub(crate) missing: AtomicU64,
    pub(crate) doubled: AtomicU64,
    hangs: AtomicU64,
}

impl Tally {
    /// Counts `tasks` tasks that ended so.
    pub(crate) fn count(&self, outcome: Outcome, tasks: u64) {
        let counter = match outcome {
            Outcome::Right => &self.right,
            Outcome::Lost => &self.lost,
            Outcome::Cancelled => &self.cancelled,
            Outcome::TimedOut => &self.timed_out,
            Outcome::Wrong => &self.wrong,
        };
        counter.fetch_add(tasks, Relaxed);
    }

    /// Counts so many tasks (or one thing) of which something was not as it should be, and says
    /// what.
    pub(crate) fn complain(&self, tasks: u64, text: &str) {
        self.wrong.fetch_add(tasks, Relaxed);
        eprintln!("soak: {text}");
    }

    /// A call did not come back: nothing else can be found out any more.
    pub(crate) fn give_up(&self, text: &str) -> ! {
        self.hangs.fetch_add(1, Relaxed);
        eprintln!("soak: {text}");
        let now = Holdings::now();
        println!("{}", self.report(&now, &now).0);
        std::process::exit(1)
    }

    /// Checks that a pool knows what became of all its tasks.
    pub(crate) fn settle(&self, pool: &Pool) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let stats = pool.statistics();
            if stats.queued + stats.running == 0 {
                self.missing
                    .fetch_add(stats.submitted.abs_diff(stats.completed + stats.failed + stats.cancelled), Relaxed);
                return;
            }
            if Instant::now() > until {
                self.give_up(&format!("tasks never end: {stats:?}, {:?}", pool.workers()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The line, and whether all is well.
    pub(crate) fn report(&self, before: &Holdings, after: &Holdings) -> (String, bool) {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let ended = get(&self.right) + get(&self.lost) + get(&self.cancelled) + get(&self.timed_out) + get(&self.wrong);
        let missing = get(&self.missing).max(get(&self.tasks).saturating_sub(ended));
        let bad = [get(&self.wrong), missing, get(&self.doubled), get(&self.hangs), after.children];
        let line = Line {
            tasks: get(&self.tasks),
            right: get(&self.right),
            lost: get(&self.lost),
            cancelled: get(&self.cancelled),
            timed_out: get(&self.timed_out),
            wrong: get(&self.wrong),
            missing,
            doubled: get(&self.doubled),
            hangs: get(&self.hangs),
            fds_before: before.descriptors,
            fds_after: after.descriptors,
            zombies: after.children,
            rss_growth_kib: after.resident.saturating_sub(before.resident),
        };
        let line = serde_json::to_string(&line).unwrap_or_default();
        (line, bad == [0; 5] && before.descriptors == after.descriptors)
    }
}

/// The last line of output.
#[derive(Debug, Serialize)]
struct Line {
    tasks: u64,
    right: u64,
    lost: u64,
    cancelled: u64,
    timed_out: u64,
    wrong: u64,
    missing: u64,
    doubled: u64,
    hangs: u64,
    fds_before: usize,
    fds_after: usize,
    zombies: u64,
    rss_growth_kib: u64,
}

/// Has all threads allocate from one arena. With several, what is left over in each moves about
/// with the threads, and looks like growth.
#[allow(unsafe_code, reason = "mallopt(3) has no safe face")]
pub(crate) fn keep_memory_together() {
    // SAFETY: called before there is a second thread; it sets a number.
    unsafe { nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1) };
}

/// What this process holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    descriptors: usize,
    /// Child processes that were not reaped, running or not.
    children: u64,
    /// Resident memory in KiB.
    resident: u64,
}

impl Holdings {
    #[allow(unsafe_code, reason = "as below")]
    pub(crate) fn now() -> Self {
        // What the allocator keeps for its next use is no growth.
        // SAFETY: the call returns unused memory, and takes no pointer.
        unsafe { nix::libc::malloc_trim(0) };
        let own = std::process::id();
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        Self {
            descriptors: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            children: pids.filter(|pid| parent(*pid) == Some(own)).count() as u64,
            resident: resident.unwrap_or(0),
        }
    }
}
