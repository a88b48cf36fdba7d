//! The descendants of a zygote: the signal that a child has ended, and the processes that workers'
//! tasks have started and that outlive their worker.
//!
//! A zygote adopts the orphans among its descendants. When a worker was killed, its children are
//! orphans at once, and are killed; their children are orphans then, and so on, until no more turn
//! up. Those of a worker that ended by itself are left running.
//!
//! An orphan may also turn up while all workers are running: it has detached itself from its worker
//! by the end of a process in between, and there is no record of which worker that was. It is
//! killed with the last of those that it can have come from, if any of them is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getpid};
use signal_hook::low_level::pipe;

use crate::sys::proc_stat::ProcStat;

/// SIGCHLD as a descriptor, which is readable when a child has ended. Signals merge: one may stand
/// for several children.
pub(super) enum ChildSignal {
    /// A signalfd. The signal is blocked.
    Read(SignalFd),
    /// The end of a socket to which a handler writes. In a process with threads, one that doesn't
    /// block the signal would take it and ignore it.
    Handled(UnixStream),
}

impl ChildSignal {
    /// Blocks the signal, in a process without threads, whose forks thus inherit no handler.
    pub(super) fn for_single_thread() -> nix::Result<Self> {
        let mask: SigSet = [Signal::SIGCHLD].into_iter().collect();
        mask.thread_block()?;
        SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(Self::Read)
    }

    /// Installs the handler, in a process with threads, which is not forked without an exec.
    pub(super) fn for_threads() -> nix::Result<Self> {
        let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32));
        let (ours, theirs) = UnixStream::pair().map_err(errno)?;
        ours.set_nonblocking(true).map_err(errno)?;
        pipe::register(Signal::SIGCHLD as i32, theirs).map_err(errno)?;
        let mask: SigSet = [Signal::SIGCHLD].into_iter().collect();
        mask.thread_unblock()?;
        Ok(Self::Handled(ours))
    }

    /// Returns whether a handler is installed.
    pub(super) fn uses_handler(&self) -> bool {
        matches!(self, Self::Handled(_))
    }

    /// Reads all signals so far.
    pub(super) fn drain(&mut self) {
        match self {
            Self::Read(signals) => while let Ok(Some(_)) = signals.read_signal() {},
            Self::Handled(stream) => while stream.read(&mut [0; 64]).is_ok_and(|len| len > 0) {},
        }
    }
}

impl AsFd for ChildSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Read(signals) => signals.as_fd(),
            Self::Handled(stream) => stream.as_fd(),
        }
    }
}

/// The time for which the report of a worker's end may be held until the processes that it had
/// started have ended. They take longer only if the kernel cannot end a process.
const MAX_HOLD: Duration = Duration::from_secs(1);

/// An orphan that is left running.
#[derive(Debug, Default)]
struct Detached {
    /// The workers that it can have come from.
    origins: BTreeSet<Pid>,
    /// Whether one of those that have ended was killed.
    origin_killed: bool,
}

/// The orphans that a zygote has adopted.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    detached: BTreeMap<Pid, Detached>,
    /// Killed, and not reaped yet.
    killed: BTreeSet<Pid>,
    /// Until when new orphans are killed, after a worker was; `None` if they are not.
    deadline: Option<Instant>,
}

impl Orphans {
    /// Records the orphans there are, before one of the workers is killed. `workers` are all
    /// workers, and `origins` those whose orphans are to be killed with them.
    pub(super) fn record(&mut self, workers: &BTreeSet<Pid>, origins: &BTreeSet<Pid>) {
        for pid in self.unknown_children(workers) {
            self.detached.insert(pid, Detached { origins: origins.clone(), origin_killed: false });
        }
    }

    /// Records that a worker has ended, and that `workers` are left. With `kill`, the processes
    /// that it has started are killed.
    pub(super) fn on_worker_end(&mut self, worker: Pid, kill: bool, workers: &BTreeSet<Pid>) {
        if kill {
            self.deadline = Some(Instant::now() + MAX_HOLD);
        } else if !self.is_killing() {
            for pid in self.unknown_children(workers) {
                self.detached.insert(pid, Detached::default());
            }
        }
        let mut origin_killed = Vec::new();
        for (pid, orphan) in &mut self.detached {
            if orphan.origins.remove(&worker) {
                orphan.origin_killed |= kill;
                if orphan.origin_killed && orphan.origins.is_empty() {
                    origin_killed.push(*pid);
                }
            }
        }
        origin_killed.into_iter().for_each(|pid| self.kill(pid));
    }

    /// Records that a child that is no worker was reaped.
    pub(super) fn on_end(&mut self, pid: Pid) {
        self.detached.remove(&pid);
        self.killed.remove(&pid);
    }

    /// Kills the orphans that have turned up since a worker was killed, until there are no more.
    pub(super) fn kill_new(&mut self, workers: &BTreeSet<Pid>) {
        let Some(until) = self.deadline else { return };
        self.unknown_children(workers).into_iter().for_each(|pid| self.kill(pid));
        if self.killed.is_empty() || Instant::now() >= until {
            self.deadline = None;
        }
    }

    pub(super) fn is_killing(&self) -> bool {
        self.deadline.is_some()
    }

    /// Returns how much longer new orphans are killed.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn kill(&mut self, pid: Pid) {
        self.detached.remove(&pid);
        if kill(pid, Signal::SIGKILL) == Err(Errno::EPERM) {
            // Another user's by now, and nothing to wait for.
            self.detached.insert(pid, Detached::default());
        } else {
            self.killed.insert(pid);
        }
    }

    /// Lists the children of this process that are neither workers nor recorded.
    fn unknown_children(&self, workers: &BTreeSet<Pid>) -> Vec<Pid> {
        let known = |pid: &Pid| workers.contains(pid) || self.detached.contains_key(pid) || self.killed.contains(pid);
        children().into_iter().filter(|pid| !known(pid)).collect()
    }
}

/// Lists the children of this process, those that are not reaped included.
fn children() -> Vec<Pid> {
    let pid = |text: &str| text.parse().ok().map(Pid::from_raw);
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")));
    if let Ok(lists) = lists.collect::<io::Result<Vec<_>>>()
        && !lists.is_empty()
    {
        return lists.iter().flat_map(|list| list.split_whitespace()).filter_map(pid).collect();
    }
    // A kernel without CONFIG_PROC_CHILDREN.
    let own = getpid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| pid(entry.file_name().to_str()?));
    all.filter(|pid| ProcStat::of(*pid).is_some_and(|child| child.parent == own)).collect()
}
