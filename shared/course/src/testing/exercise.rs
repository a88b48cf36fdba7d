//! Support for the tests of exercises: runs a student's function, watches its processes from
//! outside, and panics with a message that names what is wrong with them.

use std::collections::BTreeSet;
use std::fs;
use std::mem;
use std::panic;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Barrier, Recording, TaskEvent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::processes::{self, Process};
use crate::testing::{MOMENT, within};

/// The longest time that an attempt may take. None takes so long on a slow machine, unless it
/// hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// The longest time that a task of a test waits for what a right solution makes happen. Only with a
/// wrong one it waits so long.
pub const TIMEOUT: Duration = Duration::from_secs(8);

/// The longest time for an attempt after one that hung. Longer than [`TIMEOUT`], so that a task
/// that waits in vain returns.
const SHORT_DEADLINE: Duration = Duration::from_secs(12);

/// The time between two looks at the processes.
const PERIOD: Duration = Duration::from_millis(1);

/// Held during an attempt, since the processes of another one would be counted as well. The value
/// is the deadline of the next.
static TURN: Mutex<Duration> = Mutex::new(DEADLINE);

/// The outcome of an attempt.
#[derive(Debug)]
pub struct Attempt<R> {
    /// What the function returned.
    pub value: R,
    /// The pids of the pools' workers and of each `Process` that were seen while it ran.
    pub workers: BTreeSet<u32>,
    /// The largest number of them at any one time.
    pub max_workers: usize,
    /// The pids of all processes below this one that were seen, whatever started them.
    pub processes: BTreeSet<u32>,
    /// The most memory, in bytes, that any one of the workers was seen to take.
    pub max_memory: u64,
    /// The tasks that its pools ran, one for each element of a map; see [`Recording`].
    pub tasks: Vec<TaskEvent>,
}

impl<R> Attempt<R> {
    /// Asserts that tasks ran in worker processes, and nowhere else, and that there were never more
    /// than `processes` of them. (Tasks that [meet] show that there were as many.)
    #[track_caller]
    pub fn assert_workers(&self, processes: usize) {
        assert!(
            !self.tasks.is_empty(),
            "no task ran in a worker process: is there a pool, and is the function given to it?"
        );
        let here = self.tasks.iter().filter(|task| task.pid == process::id()).count();
        assert_eq!(here, 0, "{here} tasks ran in this very process: a `Pool` runs them in others");
        let max = self.max_workers;
        assert!(max <= processes, "{max} workers where {processes} were asked for: see `Pool::with_processes`");
    }
}

/// Runs `solution`. Asserts that it returns within half a minute, and leaves no process and no
/// descriptor behind.
#[track_caller]
pub fn attempt<R: Send + 'static>(solution: impl FnOnce() -> R + Send + 'static) -> Attempt<R> {
    let mut deadline = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let descriptors = descriptors();
    // It also has the workers that end between two looks.
    let recording = Recording::start();
    let (sender, receiver) = channel();
    let running = thread::Builder::new().name("attempt".into()).spawn(move || sender.send(solution())).unwrap();

    let (mut workers, mut processes, mut max_workers) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut max_memory = 0;
    let end = Instant::now() + *deadline;
    let value = loop {
        let now: Vec<_> = multiproc::active_children().into_iter().map(|child| child.pid).collect();
        max_workers = max_workers.max(now.len());
        max_memory = now.iter().filter_map(|pid| memory(*pid)).fold(max_memory, u64::max);
        workers.extend(now);
        processes.extend(descendants().into_iter().map(|(pid, _)| pid));
        match receiver.recv_timeout(PERIOD) {
            Ok(value) => break value,
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                kill_all();
                let waited = mem::replace(&mut *deadline, SHORT_DEADLINE);
                panic!("after {waited:?} it has not come back: it waits for something that never comes");
            }
            Err(RecvTimeoutError::Disconnected) => match running.join() {
                Err(payload) => panic::resume_unwind(payload),
                Ok(_) => unreachable!("a thread that ends well has sent its value"),
            },
        }
    };
    // It has sent its value, so there is no panic to pass on.
    let _ = running.join();
    let tasks = recording.finish().events().to_vec();
    workers.extend(tasks.iter().map(|task| task.pid).filter(|pid| *pid != process::id()));
    processes.extend(&workers);
    max_workers = max_workers.max(max_at_a_time(&tasks));

    assert_no_process_left();
    let ended = within(MOMENT, || self::descriptors() <= descriptors);
    assert!(ended, "it left {} descriptors open: drop what holds them", self::descriptors() - descriptors);
    Attempt { value, workers, max_workers, processes, max_memory, tasks }
}

/// Asserts that every process below this one ends soon, and is waited for.
#[track_caller]
pub fn assert_no_process_left() {
    if !within(MOMENT, || descendants().is_empty()) {
        let left = descendants();
        kill_all();
        panic!("{}", complaint(&left));
    }
}

/// Returns the largest number of tasks that ran in other processes at any one time.
fn max_at_a_time(tasks: &[TaskEvent]) -> usize {
    let elsewhere = tasks.iter().filter(|task| task.pid != process::id());
    // At the same moment, an end (-1) sorts before a start (1).
    let mut changes: Vec<_> = elsewhere.flat_map(|task| [(task.start, 1), (task.end, -1)]).collect();
    changes.sort_unstable();
    let mut running = 0;
    changes
        .iter()
        .map(|(_, change)| {
            running += change;
            running
        })
        .max()
        .map_or(0, i32::cast_unsigned) as usize
}

/// A task of a test: waits until as many tasks run as the barrier is for. Returns whether they met
/// within [`TIMEOUT`].
pub fn meet(all: &Barrier, _item: u64) -> bool {
    all.wait_timeout(TIMEOUT).is_ok()
}

/// Returns the size of a batch, from the pids of the processes that ran the tasks, in the order of
/// the tasks.
///
/// A batch ends wherever the pid changes. The result is a multiple of the true size if the same
/// process ran neighbouring batches throughout; if one process ran all tasks, they count as one
/// batch.
pub fn batch_size(pids: &[u32]) -> usize {
    let changes = (1..pids.len()).filter(|place| pids[place - 1] != pids[*place]);
    match changes.fold(0, greatest_common_divisor) {
        0 => pids.len().max(1),
        size => size,
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Returns what is wrong with processes that are left, each given by its pid and the letter of its
/// state.
fn complaint(left: &[(u32, char)]) -> String {
    let zombies: Vec<_> = left.iter().filter(|(_, state)| *state == 'Z').map(|(pid, _)| pid).collect();
    if zombies.len() == left.len() {
        return format!("the processes {zombies:?} have ended, but were not waited for: they are zombies");
    }
    format!(
        "{} processes are left running. A pool ends when it is dropped, a child when it returns and is waited for; \
         something keeps one of them",
        left.len() - zombies.len()
    )
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Returns all processes below this one, with the letter of their state.
fn descendants() -> Vec<(u32, char)> {
    let all: Vec<_> = processes::all().into_iter().filter_map(|pid| Some((pid, Process::of(pid)?))).collect();
    let mut found = BTreeSet::from([process::id()]);
    let mut below = Vec::new();
    // A child may come before its parent in the list.
    loop {
        let before = below.len();
        for (pid, Process { parent, state, .. }) in &all {
            if found.contains(parent) && found.insert(*pid) {
                below.push((*pid, *state));
            }
        }
        if below.len() == before {
            return below;
        }
    }
}

/// Returns the resident memory in bytes, from `/proc/PID/status`, see proc_pid_status(5).
fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn kill_all() {
    for (pid, _) in descendants() {
        // An error means that it has ended by itself.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
}
