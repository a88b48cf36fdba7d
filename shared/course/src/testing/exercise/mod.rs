//! Support for the tests of exercises: runs a student's function, watches its processes from
//! outside, and panics with a message that says what was seen, what was expected, and what to look
//! at.
//!
//! A test is [`isolated()`], since the function may end the program that calls it. An [`attempt`]
//! watches processes; a [`witness()`] in the functions that are given reports each call, so that
//! the test sees what ran in which process at the same time.

mod isolated;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::ops::Range;
use std::panic;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Recording, TaskEvent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::witness::{Listener, Seen};
use crate::processes::{self, Process};
use crate::testing::{MOMENT, within};

pub use isolated::isolated;
pub use witness::{Call, Witness, witness};

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

/// The outcome of an attempt.
#[derive(Debug)]
pub struct Attempt<R> {
    /// What the function returned.
    pub value: R,
    /// The pids of the pools' workers and of each `Process` that were seen while it ran.
    pub workers: BTreeSet<u32>,
    /// The largest number of them at any one time.
    pub max_workers: usize,
    /// The most memory, in bytes, that any one of the workers was seen to take.
    pub max_memory: u64,
    /// The calls that a [`witness()`] has reported, in the order of their begins.
    pub calls: Vec<Call>,
    /// The largest number of calls under way at any one time in one process, by its pid.
    pub max_calls: BTreeMap<u32, usize>,
    /// The largest number of processes, other than the test's own, that had such a call under way
    /// at any one time.
    pub max_at_a_time: usize,
}

impl<R> Attempt<R> {
    /// Asserts that the calls that were reported ran in worker processes, and nowhere else: in
    /// `processes` of them at the same time, and in no more.
    ///
    /// The attempt has to be one [to meet](attempt_to_meet), with as many processes.
    #[track_caller]
    pub fn assert_in_parallel(&self, processes: usize) {
        self.assert_in_workers();
        let max = self.max_at_a_time;
        assert!(
            max >= processes,
            "at most {max} of {processes} workers had something to do at the same time: expected all {processes}. \
             Hint: hand out all tasks before you wait for the first result, which `map` does and `apply` in a loop \
             does not, and not all of them in one chunk"
        );
        self.assert_no_more_workers(processes);
    }

    /// Asserts that there were never more than `processes` workers.
    #[track_caller]
    pub fn assert_no_more_workers(&self, processes: usize) {
        let max = self.max_workers;
        assert!(
            max <= processes,
            "{max} workers were seen at the same time: expected {processes}. Hint: `Pool::with_processes` takes the \
             number"
        );
    }

    /// Asserts that calls were reported, and all of them by other processes than the test's own.
    #[track_caller]
    pub fn assert_in_workers(&self) {
        let (all, own) = (self.calls.len(), process::id());
        assert!(
            all > 0,
            "no worker process was seen that called the function: expected a call for each item. Hint: give the \
             function to a pool, by `map` for instance"
        );
        let here = self.calls.iter().filter(|call| call.pid == own).count();
        assert_eq!(
            here, 0,
            "no worker process was seen for {here} of {all} calls: they ran in this very process. Expected all of them \
             in workers. Hint: give the function itself to the pool, instead of its result"
        );
    }

    /// Asserts that the function was called once with each of `inputs`, and with nothing else.
    #[track_caller]
    pub fn assert_each_once<I: Debug>(&self, inputs: impl IntoIterator<Item = I>) {
        let mut expected: Vec<_> = inputs.into_iter().map(|input| format!("{input:?}")).collect();
        let mut found: Vec<_> = self.calls.iter().map(|call| call.input.clone()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        let missing = expected.iter().find(|input| found.binary_search(input).is_err());
        assert!(
            missing.is_none(),
            "the function was never called with {}: expected a call for each item. Hint: a result that was not \
             computed is a guess",
            missing.map_or("", String::as_str)
        );
        assert_eq!(
            found.len(),
            expected.len(),
            "the function was called {} times: expected {}, one call for each item. Hint: is something computed twice?",
            found.len(),
            expected.len()
        );
    }

    /// Asserts that the process that a result names is the one that called the function with
    /// `input`.
    #[track_caller]
    pub fn assert_computed_by(&self, input: impl Debug, pid: u32) {
        let input = format!("{input:?}");
        let call = self.calls.iter().find(|call| call.input == input);
        let call = call.unwrap_or_else(|| panic!("the function was never called with {input}: expected one call"));
        assert_eq!(
            pid, call.pid,
            "the result of {input} says that process {pid} computed it, and it was process {}. Hint: return what the \
             given function returned, as it is",
            call.pid
        );
    }

    /// Returns the process that called the function with `input`.
    pub fn caller_of(&self, input: impl Debug) -> Option<u32> {
        let input = format!("{input:?}");
        self.calls.iter().find(|call| call.input == input).map(|call| call.pid)
    }

    /// Returns the processes that called the function.
    pub fn callers(&self) -> BTreeSet<u32> {
        self.calls.iter().map(|call| call.pid).collect()
    }
}

/// Runs `solution`. Asserts that it returns within half a minute, and leaves no process, no thread
/// and no descriptor behind.
///
/// # Panics
///
/// Panics outside of [`isolated()`].
#[track_caller]
pub fn attempt<R: Send + 'static>(solution: impl FnOnce() -> R + Send + 'static) -> Attempt<R> {
    attempt_to_meet(0, solution)
}

/// Runs `solution` as [`attempt`] does. The first calls that are [reported](witness()) wait until
/// `processes` processes have one under way, or until it is clear that they never will. So a
/// solution whose tasks can run at the same time shows it, however slow the machine is.
#[track_caller]
pub fn attempt_to_meet<R: Send + 'static>(
    processes: usize,
    solution: impl FnOnce() -> R + Send + 'static,
) -> Attempt<R> {
    let (descriptors, threads) = (descriptors(), threads());
    let witnesses = Listener::start(processes);
    // It also has the workers that end between two looks.
    let recording = Recording::start();
    let (sender, receiver) = channel();
    let running = thread::Builder::new().name("attempt".into()).spawn(move || sender.send(solution())).unwrap();

    let (mut workers, mut max_workers, mut max_memory) = (BTreeSet::new(), 0, 0);
    let deadline = isolated::deadline();
    let end = Instant::now() + deadline;
    let value = loop {
        let now: Vec<_> = multiproc::active_children().into_iter().map(|child| child.pid).collect();
        max_workers = max_workers.max(now.len());
        max_memory = now.iter().filter_map(|pid| memory(*pid)).fold(max_memory, u64::max);
        workers.extend(now);
        match receiver.recv_timeout(PERIOD) {
            Ok(value) => break value,
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                kill_all();
                isolated::note_hung();
                panic!(
                    "after {deadline:?} it has not come back: it waits for something that never comes. Expected it to \
                     return within seconds. Hint: what does it wait for last, and who is to bring that about?"
                );
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
    max_workers = max_workers.max(max_tasks(&tasks));

    assert_no_process_left();
    let Seen { calls, max_in_one: max_calls, max_at_a_time, .. } = witnesses.stop();
    let ended = within(MOMENT, || self::threads() <= threads);
    assert!(
        ended,
        "it left {} threads running: expected none. Hint: join each thread before you return",
        self::threads() - threads
    );
    let closed = within(MOMENT, || self::descriptors() <= descriptors);
    assert!(
        closed,
        "it left {} descriptors open: expected none. Hint: drop what holds them",
        self::descriptors() - descriptors
    );
    Attempt { value, workers, max_workers, max_memory, calls, max_calls, max_at_a_time }
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
fn max_tasks(tasks: &[TaskEvent]) -> usize {
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

/// Returns `count` different numbers of a range, in no order, and others in each run.
pub fn varied(count: usize, range: Range<u64>) -> Vec<u64> {
    let mut numbers = BTreeSet::new();
    while numbers.len() < count {
        numbers.insert(fastrand::u64(range.clone()));
    }
    let mut numbers = Vec::from_iter(numbers);
    fastrand::shuffle(&mut numbers);
    numbers
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
        return format!(
            "the processes {zombies:?} have ended, but were not waited for: they are zombies. Expected none. Hint: \
             wait for each child with `waitpid`, or `join`"
        );
    }
    format!(
        "{} processes are left running: expected none. Hint: a pool ends when it is dropped, a child when it returns \
         and is waited for; something keeps one of them",
        left.len() - zombies.len()
    )
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn threads() -> usize {
    processes::threads(process::id()).len()
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
