//! What is done to the processes, and when: kills and stops of one, and signals for the whole
//! process group, which must change nothing.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use multiproc::Pool;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that was sent a signal may go on for so long until it has it: on a busy machine, and
/// until its death is known.
const SLACK: Duration = Duration::from_secs(1);

/// Kills that are remembered however old they are.
const MOST_REMEMBERED: usize = 10_000;
/// How long a kill is remembered: no call takes longer.
const REMEMBERED: Duration = Duration::from_secs(90);

/// Signals that the program handles. What they mean is its own business; workers must not be
/// touched by them.
const GROUP: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGIO,
];

/// Makes a process group of this program, and has it handle the signals that the group will be
/// sent.
pub(crate) fn prepare() {
    // It fails if this program leads a session, and so a group of its own.
    let _ = nix::unistd::setpgid(Pid::this(), Pid::from_raw(0));
    for signal in GROUP {
        let received = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal as i32, received).expect("a signal that can be handled");
    }
}

/// A record of all that was done.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    killed: HashMap<u32, Instant>,
    stopped: HashMap<u32, Instant>,
    /// When a zygote was last killed, or known to be stopped; its workers go with it.
    zygote: Option<Instant>,
    /// A zygote that was stopped. The pools that use it end it once they miss it.
    stopped_zygote: Option<u32>,
}

impl Trouble {
    fn record<R>(&self, look: impl FnOnce(&mut Record) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the worker was killed since then, or may have died with its zygote.
    pub(crate) fn has_killed(&self, pid: u32, since: Instant) -> bool {
        let since = since.checked_sub(SLACK).unwrap_or(since);
        self.record(|record| {
            record.killed.get(&pid).is_some_and(|time| *time >= since)
                || record.zygote.is_some_and(|time| time >= since)
        })
    }

    /// Whether the worker was stopped since then, or the zygote, so that no process reported the
    /// worker's end.
    pub(crate) fn has_stopped(&self, pid: u32, since: Instant) -> bool {
        let since = since.checked_sub(SLACK).unwrap_or(since);
        self.record(|record| {
            record.stopped.get(&pid).is_some_and(|time| *time >= since)
                || record.zygote.is_some_and(|time| time >= since)
        })
    }

    /// Does something to one of the pool's processes.
    pub(crate) fn make(&self, pool: &Pool, random: &mut fastrand::Rng) {
        self.record(|record| {
            if let Some(zygote) = record.stopped_zygote {
                record.zygote = Some(Instant::now());
                record.stopped_zygote = parent(zygote).map(|_| zygote);
            }
        });
        if random.u32(..20) == 0 {
            // This group is the program's own.
            let _ = nix::sys::signal::killpg(nix::unistd::getpgrp(), GROUP[random.usize(..GROUP.len())]);
        }
        // Those that have shown that they run: workers which die one after the other before they
        // can take a task end their pool, by design.
        let ready: Vec<u32> =
            pool.workers().iter().filter(|worker| worker.tasks_done > 0).map(|worker| worker.pid).collect();
        let Some(victim) = random.choice(ready) else { return };
        match random.u32(..4000) {
            0..40 => {
                if let Some(zygote) = zygote_of(victim) {
                    self.record(|record| record.zygote = Some(Instant::now()));
                    send(zygote, Signal::SIGKILL);
                }
            }
            40 => {
                if let Some(zygote) = zygote_of(victim) {
                    self.record(|record| record.stopped_zygote = Some(zygote));
                    send(zygote, Signal::SIGSTOP);
                }
            }
            41..60 => {
                self.record(|record| record.stopped.insert(victim, Instant::now()));
                send(victim, Signal::SIGSTOP);
            }
            _ => {
                self.record(|record| {
                    if record.killed.len() > MOST_REMEMBERED {
                        record.killed.retain(|_, time| time.elapsed() < REMEMBERED);
                    }
                    record.killed.insert(victim, Instant::now())
                });
                send(victim, Signal::SIGKILL);
            }
        }
    }
}

/// Sends a signal to a process of ours, which may have ended just now.
fn send(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid as i32), signal);
}

/// The worker's parent, if that is a child of this program.
fn zygote_of(worker: u32) -> Option<u32> {
    let zygote = parent(worker)?;
    (parent(zygote)? == std::process::id()).then_some(zygote)
}

/// A process' parent; see proc_pid_stat(5).
pub(crate) fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
