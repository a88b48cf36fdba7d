//! For the tests of exercises: runs what a student wrote, watches its processes from outside, and says in words what is
//! amiss with them.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Recording, TaskEvent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::testing::{MOMENT, within};

/// Longer than any attempt takes on a slow machine: whatever reaches it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long a task of a test waits for what a right solution makes happen. Only a wrong one has it wait so long.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// How often the processes are counted.
const LOOK: Duration = Duration::from_millis(1);

/// One attempt at a time: the processes of others would be counted as well.
static TURN: Mutex<()> = Mutex::new(());

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
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let descriptors = descriptors();
    let recording = Recording::start();
    let (sender, receiver) = channel();
    let running = thread::Builder::new().name("attempt".into()).spawn(move || sender.send(solution())).unwrap();

    let (mut workers, mut processes, mut most_workers) = (BTreeSet::new(), BTreeSet::new(), 0);
    let end = Instant::now() + DEADLINE;
    let value = loop {
        let now: Vec<_> = multiproc::active_children().into_iter().map(|child| child.pid).collect();
        most_workers = most_workers.max(now.len());
        workers.extend(now);
        processes.extend(descendants().into_iter().map(|(pid, _)| pid));
        match receiver.recv_timeout(LOOK) {
            Ok(value) => break value,
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                kill_all();
                panic!("after {DEADLINE:?} it has not come back: it waits for something that never comes");
            }
            Err(RecvTimeoutError::Disconnected) => match running.join() {
                Err(payload) => panic::resume_unwind(payload),
                Ok(_) => unreachable!("a thread that ends well has sent its value"),
            },
        }
    };
    // The value was sent, so there is no panic to pass on.
    let _ = running.join();

    if !within(MOMENT, || descendants().is_empty()) {
        let left = descendants();
        kill_all();
        panic!("{}", complaint(&left));
    }
    let ended = within(MOMENT, || self::descriptors() <= descriptors);
    assert!(ended, "it left {} descriptors open: drop what holds them", self::descriptors() - descriptors);
    Attempt { value, workers, most_workers, processes, tasks: recording.finish().events().to_vec() }
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
    let all: Vec<_> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| Some((pid, parent_and_state(pid)?)))
        .collect();
    let mut found = BTreeSet::from([process::id()]);
    let mut below = Vec::new();
    // A child may come before its parent in the list.
    loop {
        let before = below.len();
        for (pid, (parent, state)) in &all {
            if found.contains(parent) && found.insert(*pid) {
                below.push((*pid, *state));
            }
        }
        if below.len() == before {
            return below;
        }
    }
}

/// From `/proc/PID/stat`, see proc_pid_stat(5). The name, in parentheses, may hold anything.
fn parent_and_state(pid: u32) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

fn kill_all() {
    for (pid, _) in descendants() {
        // One that has ended meanwhile needs no killing.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
}
