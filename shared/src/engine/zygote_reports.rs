//! The zygote's reports of workers that were started, refused or have ended, and its own end.
//!
//! At the end of a worker its last results count, the task it ran fails or is begun again, and what
//! it had not begun goes back to the backlog.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::bootstrap::Failure;
use crate::engine::chunk::Chunk;
use crate::engine::events::{Event, Who};
use crate::engine::state::State;
use crate::engine::worker_handle::{KillReason, WorkerState};
use crate::error::{Error, Origin};
use crate::exit_status::ExitStatus;
use crate::identity::{self, ProcessInfo, register, unregister};
use crate::sys::now_ns;
use crate::sys::process;
use crate::zygote::{Report, ZygoteClient};

/// Time that the kernel has to end the workers of a zygote that has ended. The signal was sent
/// before the zygote could be reaped; a running worker has it as soon as it is interrupted.
const TIME_TO_DIE: Duration = Duration::from_millis(2);

/// Workers that may end with the same task in their ring before they begin it. Then the task is to
/// blame: to receive it is what kills them.
const MAX_FALSE_STARTS: u32 = 4;

/// A worker that has ended.
struct Ended {
    pid: u32,
    state: WorkerState,
    exit: ExitStatus,
    /// The number of tasks it had begun.
    started: u64,
    /// Since when its last task ran, if one did.
    since: Option<u64>,
    /// It had begun the first of its chunks.
    begun: bool,
    ready: bool,
    /// The task that it ran was warned that its time is over.
    warned: bool,
    /// The end of what its last task wrote to standard error.
    stderr: Option<String>,
}

impl State {
    /// Handles the zygote's reports. Returns `true` if there were any.
    pub(super) fn handle_reports(&mut self) -> bool {
        let Some(zygote) = self.zygote.clone() else { return false };
        let mut any = false;
        loop {
            match zygote.report() {
                Ok(None) => {
                    if any && self.waiters.is_asleep() {
                        // The leader waits for these very reports, and would not find them any
                        // more.
                        self.notifier.notify();
                    }
                    return any;
                }
                Ok(Some(report)) => self.handle_report(report),
                Err(_) => {
                    drop(zygote);
                    self.on_zygote_exit();
                    return true;
                }
            }
            any = true;
        }
    }

    fn handle_report(&mut self, report: Report) {
        match report {
            Report::Started { worker, pid } => {
                self.starts.on_started();
                let index = self.workers.slot_of(worker).unwrap_or_default();
                if let Some(worker) = self.workers.on_started(worker, pid) {
                    let (depth, name) = (identity::current_process().depth + 1, worker.name().clone());
                    register(ProcessInfo { name: name.to_string(), pid, daemon: self.config.daemon, depth });
                    self.report(|| Event::Started(Who { name, index, pid }));
                }
            }
            Report::Refused { worker, errno } => {
                if let Some(slot) = self.workers.slot_of(worker) {
                    self.remove_unstarted(slot);
                }
                let error = std::io::Error::from_raw_os_error(errno);
                self.on_start_failed(Error::io("cannot start a worker process", error));
            }
            Report::Exited { worker, status } => {
                if let Some(slot) = self.workers.slot_of(worker) {
                    self.on_worker_exit(slot, status);
                    self.replace_missing();
                }
            }
        }
        self.waiters.wake_for_workers(&mut self.deferred);
    }

    /// Removes a worker that has ended.
    fn on_worker_exit(&mut self, slot: usize, exit: ExitStatus) {
        self.collect_last(slot);
        self.record_cut_short(slot);
        let Some((worker, lost)) = self.workers.on_exit(slot, exit) else { return };
        unregister(worker.pid());
        self.report(|| {
            let who = Who { name: worker.name().clone(), index: slot, pid: worker.pid() };
            Event::Ended { who, exit, state: worker.state(), tasks: worker.finished(), lost }
        });
        let (id, failure) = (worker.id(), worker.failure());
        let mut ended = Ended {
            pid: worker.pid(),
            state: worker.state(),
            exit,
            started: worker.started(),
            since: worker.running_since(),
            begun: false,
            ready: worker.got_ready(),
            warned: worker.is_warned(),
            stderr: worker.stderr_of(worker.started()),
        };
        let (mut chunks, begun) = worker.into_chunks();
        ended.begun = begun;
        ended.stderr.take_if(|_| !begun);
        if let Some(chunk) = chunks.first_mut() {
            self.fail_lost(chunk, &ended);
        }
        self.put_all_back(chunks);
        if ended.ready || !matches!(ended.state, WorkerState::Killed(KillReason::Cancelled(_))) {
            // One that was killed for a task which it had not begun says nothing of the next.
            self.starts.on_exit(id, ended.ready);
        }
        if !ended.ready && (self.starts.is_hopeless() || failure.is_some_and(Failure::is_final)) {
            self.break_down(failure.map_or(Error::NoWorkers { exit }, Error::from));
        }
    }

    /// Fails what a worker's end has cost of the first chunk that the worker had.
    fn fail_lost(&self, chunk: &mut Chunk, ended: &Ended) {
        let now = now_ns();
        let ran_for = Duration::from_nanos(now.saturating_sub(ended.since.unwrap_or(now)));
        let (pid, exit, task, origin) = (ended.pid, ended.exit, chunk.next_task(), Origin::default());
        let lost = Error::WorkerLost { pid, exit, task, ran_for, stderr: ended.stderr.clone(), origin };
        if chunk.tasks().handles.is_spent() {
            // A task alone, and its handles have gone with the worker: it cannot run again. One
            // that was cancelled may have begun since.
            let error = self.error_of(ended, chunk, lost.clone()).or_else(|| self.lifecycle.obstacle(chunk));
            chunk.fail_rest(&error.unwrap_or(lost));
        } else if ended.begun || !self.config.replace {
            let error = match self.error_of(ended, chunk, lost) {
                Some(loss @ Error::WorkerLost { .. }) => chunk.lose_next(loss),
                error => error,
            };
            if let Some(error) = error {
                chunk.fail(error);
            }
        } else if ended.ready
            && ended.state != WorkerState::Killed(KillReason::Stalled)
            && chunk.add_false_start() >= MAX_FALSE_STARTS
        {
            chunk.fail(lost);
        }
    }

    /// Returns the error of the task of `chunk` that a worker ran when it ended, or `None` if the
    /// task is to run again. It is `lost` unless the pool killed the worker, or warned it before.
    fn error_of(&self, ended: &Ended, chunk: &Chunk, lost: Error) -> Option<Error> {
        let reason = match ended.state {
            WorkerState::Killed(reason) => reason,
            _ if ended.warned => KillReason::TimedOut(ended.started),
            _ => return Some(lost),
        };
        match (reason, lost) {
            (KillReason::Cancelled(task), _) if task == ended.started => Some(Error::Cancelled),
            (KillReason::TimedOut(task), Error::WorkerLost { pid, ran_for, origin, .. }) if task == ended.started => {
                let own = chunk.job().limits().time.map(Duration::from_nanos);
                let after = own.or(self.config.task_timeout).unwrap_or(ran_for);
                Some(Error::TimedOut { after, pid: Some(pid), origin })
            }
            // Killed for the task before it, which ended in time after all: not this task's fault.
            (KillReason::Cancelled(_) | KillReason::TimedOut(_) | KillReason::Stalled, _) => None,
            (KillReason::Corrupt, _) => Some(Error::Decode("the worker's results cannot be read; it was ended".into())),
        }
    }

    /// Removes a worker whose process was never started.
    fn remove_unstarted(&mut self, slot: usize) {
        if let Some(worker) = self.workers.remove(slot) {
            self.put_all_back(worker.into_chunks().0);
        }
    }

    /// Deals with the end of the zygote: the kernel kills its workers, each of which loses what it
    /// ran, and a new zygote starts new ones.
    pub(super) fn on_zygote_exit(&mut self) {
        let Some(zygote) = self.zygote.take() else { return };
        if self.lifecycle.has_ended() {
            return;
        }
        let (cause, is_final) = zygote.cause();
        // This reaps it, if it is a child of this process.
        drop(zygote);
        if self.config.replace {
            self.take_all_back();
        }
        std::thread::sleep(TIME_TO_DIE);
        self.remove_all_killed(&cause);
        if is_final {
            return self.break_down(cause);
        }
        if self.is_finished() {
            return;
        }
        match ZygoteClient::new(self.config.method, self.config.unchecked) {
            Ok(zygote) => {
                self.zygote = Some(Arc::new(zygote));
                self.report(|| Event::ZygoteRestarted(cause));
                self.replace_missing();
            }
            Err(error) => self.break_down(error),
        }
    }

    /// Removes the workers of a zygote that has ended because of `cause`. They count as one
    /// failure, however many they are.
    fn remove_all_killed(&mut self, cause: &Error) {
        let failures = self.starts.failures();
        for slot in self.workers.slots() {
            self.starts.rewind(failures);
            match self.workers.get(slot).map(|worker| worker.pid()) {
                None => {}
                Some(0) => {
                    self.remove_unstarted(slot);
                    self.starts.on_never_started();
                    if self.starts.is_hopeless() {
                        self.break_down(cause.clone());
                    }
                }
                Some(pid) => {
                    process::reap_if_adopted(pid);
                    self.on_worker_exit(slot, ExitStatus::Signaled(Signal::SIGKILL as i32));
                }
            }
        }
    }
}
