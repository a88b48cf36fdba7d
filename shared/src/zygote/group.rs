//! The zygote's record of the workers of one pool.

use std::collections::{BTreeMap, VecDeque};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exit_status::ExitStatus;
use crate::sys::signals;
use crate::sys::socket::Socket;
use crate::zygote::{self, MAX_MESSAGE_LEN, Report};

/// A worker that is running, or not yet reaped.
pub(super) struct Worker {
    pub(super) pid: Pid,
    /// Whether the processes that it has started stay when it is killed.
    pub(super) keep: bool,
    /// Whether it was sent SIGKILL.
    pub(super) killed: bool,
}

/// The workers of one pool, and the channel to the pool.
pub(super) struct WorkerGroup {
    pub(super) channel: Socket,
    /// Whether the channel's other end is closed: the workers are of no use any more.
    pub(super) orphaned: bool,
    pub(super) workers: BTreeMap<u64, Worker>,
    /// Reports of exits, held until the processes that those workers had started have ended, too.
    held: VecDeque<Report>,
    /// Reports for which the channel had no room.
    unsent: VecDeque<Report>,
}

impl WorkerGroup {
    pub(super) fn new(channel: Socket) -> Self {
        Self { channel, orphaned: false, workers: BTreeMap::new(), held: VecDeque::new(), unsent: VecDeque::new() }
    }

    /// Sends a report, now or as soon as the channel has room.
    pub(super) fn report(&mut self, report: Report) {
        self.unsent.push_back(report);
        self.flush();
    }

    /// Holds a report until the next [`release`](WorkerGroup::release).
    pub(super) fn hold(&mut self, report: Report) {
        self.held.push_back(report);
    }

    pub(super) fn release(&mut self) {
        self.unsent.append(&mut self.held);
        self.flush();
    }

    pub(super) fn flush(&mut self) {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        while let Some(report) = self.unsent.front() {
            let len = zygote::encode(report, &mut buffer);
            match self.channel.send(&buffer[..len], &[], false) {
                Err(Errno::EAGAIN) => return,
                // Sent, or the other end is closed.
                _ => self.unsent.pop_front(),
            };
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Returns whether the pool has closed its end and all workers are reaped and reported.
    pub(super) fn is_done(&self) -> bool {
        self.orphaned && self.workers.is_empty() && self.held.is_empty()
    }

    /// Finds the worker with this pid.
    pub(super) fn find(&self, pid: Pid) -> Option<u64> {
        self.workers.iter().find(|(_, worker)| worker.pid == pid).map(|(id, _)| *id)
    }

    pub(super) fn signal(&mut self, id: u64, signal: i32, handled: bool) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if signal == Signal::SIGKILL as i32 {
            self.kill(id);
        } else if handled {
            signals::send_to_handler(worker.pid, signal);
        } else {
            signals::send(worker.pid, signal);
        }
    }

    /// Kills all workers, after the pool has closed its end.
    pub(super) fn kill_all(&mut self) {
        self.orphaned = true;
        let all: Vec<u64> = self.workers.keys().copied().collect();
        all.into_iter().for_each(|id| self.kill(id));
    }

    /// Kills a worker. One that has become another user's program, which this process may not kill,
    /// is reported as killed, so that the pool does not wait for it.
    fn kill(&mut self, id: u64) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.killed = true;
        if kill(worker.pid, Signal::SIGKILL) == Err(Errno::EPERM) {
            self.workers.remove(&id);
            self.hold(Report::Exited { worker: id, status: ExitStatus::Signaled(Signal::SIGKILL as i32) });
        }
    }
}
