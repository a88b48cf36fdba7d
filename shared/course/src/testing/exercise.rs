//! For the tests of exercises: runs what a student wrote, watches its processes from outside, and says in words what is
//! amiss with them.

use std::collections::BTreeSet;
use std::fs;
use std::mem;
use std::panic;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Recording, TaskEvent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::processes::{self, Process};
use crate::testing::{MOMENT, within};

/// Longer than any attempt takes on a slow machine: whatever reaches it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long a task of a test waits for what a right solution makes happen. Only a wrong one has it wait so long.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// For those that come after one that hangs: nobody waits half a minute for each. Longer than [`PATIENCE`], so that who
/// waits in vain comes back.
const BRIEF: Duration = Duration::from_secs(12);

/// How often the processes are counted.
const LOOK: Duration = Duration::from_millis(1);

/// One attempt at a time: the processes of others would be counted as well. Holds how long the next one may take.
static TURN: Mutex<Duration> = Mutex::new(DEADLINE);

/// What came of an attempt.
#[derive(Debug)]
pub struct Attempt<R> {
    /// What the function returned.
    pub value: R,
    /// The worker processes of pools, and the `Process`es, that were seen while it ran.
    pub workers: BTreeSet<u32>,
    /// The largest number of them at any one time.
    pub most_workers: usize,
    /// All processes below this one that were seen, however they came to be.
    pub processes: BTreeSet<u32>,
    /// The most memory, in bytes, that any one of the workers was seen to take.
    pub most_memory: u64,
    /// What its pools ran, each element of a map for itself, whoever ran it; see [`Recording`].
    pub tasks: Vec<TaskEvent>,
}

impl<R> Attempt<R> {
    /// Fails the test unless tasks ran in worker processes, and in no others, of which there were never more than
    /// `processes`. (That there were as many, tasks tell that wait for each other.)
    #[track_caller]
    pub fn assert_workers(&self, processes: usize) {
        assert!(
            !self.tasks.is_empty(),
            "no task ran in a worker process: is there a pool, and is the function given to it?"
        );
        let here = self.tasks.iter().filter(|task| task.pid == process::id()).count();
        assert_eq!(here, 0, "{here} tasks ran in this very process: a `Pool` runs them in others");
        let most = self.most_workers;
        assert!(most <= processes, "{most} workers where {processes} were asked for: see `Pool::with_processes`");
    }
}

/// Runs `solution`. It has to come back within half a minute, and to leave no process and no descriptor behind.
#[track_caller]
pub fn attempt<R: Send + 'static>(solution: impl FnOnce() -> R + Send + 'static) -> Attempt<R> {
    let mut patience = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let descriptors = descriptors();
    // Knows those also that end before anybody has looked.
    let recording = Recording::start();
    let (sender, receiver) = channel();
    let running = thread::Builder::new().name("attempt".into()).spawn(move || sender.send(solution())).unwrap();

    let (mut workers, mut processes, mut most_workers) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut most_memory = 0;
    let end = Instant::now() + *patience;
    let value = loop {
        let now: Vec<_> = multiproc::active_children().into_iter().map(|child| child.pid).collect();
        most_workers = most_workers.max(now.len());
        most_memory = now.iter().filter_map(|pid| memory(*pid)).fold(most_memory, u64::max);
        workers.extend(now);
        processes.extend(descendants().into_iter().map(|(pid, _)| pid));
        match receiver.recv_timeout(LOOK) {
            Ok(value) => break value,
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                kill_all();
                let waited = mem::replace(&mut *patience, BRIEF);
                panic!("after {waited:?} it has not come back: it waits for something that never comes");
            }
            Err(RecvTimeoutError::Disconnected) => match running.join() {
                Err(payload) => panic::resume_unwind(payload),
                Ok(_) => unreachable!("a thread that ends well has sent its value"),
            },
        }
    };
    // The value was sent, so there is no panic to pass on.
    let _ = running.join();
    let tasks = recording.finish().events().to_vec();
    workers.extend(tasks.iter().map(|task| task.pid).filter(|pid| *pid != process::id()));
    processes.extend(&workers);
    most_workers = most_workers.max(most_at_a_time(&tasks));

    assert_nobody_is_left();
    let ended = within(MOMENT, || self::descriptors() <= descriptors);
    assert!(ended, "it left {} descriptors open: drop what holds them", self::descriptors() - descriptors);
    Attempt { value, workers, most_workers, processes, most_memory, tasks }
}

/// Every process below this one ends within a moment, and is waited for.
#[track_caller]
pub fn assert_nobody_is_left() {
    if !within(MOMENT, || descendants().is_empty()) {
        let left = descendants();
        kill_all();
        panic!("{}", complaint(&left));
    }
}

/// The largest number of tasks that ran in other processes at any one time.
fn most_at_a_time(tasks: &[TaskEvent]) -> usize {
    let elsewhere = tasks.iter().filter(|task| task.pid != process::id());
    // An end sorts before a beginning at the same moment.
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

/// How many tasks a batch has, as the processes tell that have run the tasks, in their order: wherever another process goes
/// on, a batch ends. It is a multiple of the true size if none of the others ever did so; if all tasks were run by one
/// process, they are one batch.
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

/// What is wrong with processes that are left, as their process id and the letter of their state.
fn complaint(left: &[(u32, char)]) -> String {
    let zombies: Vec<_> = left.iter().filter(|(_, state)| *state == 'Z').map(|(pid, _)| pid).collect();
    if zombies.len() == left.len() {
        return format!("the processes {zombies:?} have ended, but nobody has waited for them: they are zombies");
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

/// All processes below this one, with the letter of their state.
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

/// The resident memory in bytes, from `/proc/PID/status`, see proc_pid_status(5).
fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn kill_all() {
    for (pid, _) in descendants() {
        // One that has ended meanwhile needs no killing.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
}
