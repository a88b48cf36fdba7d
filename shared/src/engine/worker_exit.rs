//! The end of a worker: its last results count, the task it ran fails, what it had not begun goes
//! back to the backlog.

use std::time::Duration;

use crate::bootstrap::Failure;
use crate::engine::chunk::Chunk;
use crate::engine::state::State;
use crate::engine::worker_handle::{KillReason, WorkerState};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::identity::unregister;
use crate::sys::now_ns;

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
}

impl State {
    /// Removes a worker that has ended.
    pub(super) fn on_worker_exit(&mut self, slot: usize, exit: ExitStatus) {
        self.collect_last(slot);
        self.record_cut_short(slot);
        let Some(worker) = self.workers.on_exit(slot, exit) else { return };
        unregister(worker.pid());
        let (id, failure) = (worker.id(), worker.failure());
        let mut ended = Ended {
            pid: worker.pid(),
            state: worker.state(),
            exit,
            started: worker.started(),
            since: worker.running_since(),
            begun: false,
            ready: worker.got_ready(),
        };
        let (mut chunks, begun) = worker.into_chunks();
        ended.begun = begun;
        if let Some(chunk) = chunks.first_mut() {
            self.fail_lost(chunk, &ended);
        }
        self.put_all_back(chunks);
        self.starts.on_exit(id, ended.ready);
        if !ended.ready && (self.starts.is_hopeless() || failure.is_some_and(Failure::is_final)) {
            self.break_down(failure.map_or(Error::NoWorkers { exit }, Error::from));
        }
    }

    /// Fails what a worker's end has cost of the first chunk that the worker had.
    fn fail_lost(&self, chunk: &mut Chunk, ended: &Ended) {
        let now = now_ns();
        let ran_for = Duration::from_nanos(now.saturating_sub(ended.since.unwrap_or(now)));
        let lost = Error::WorkerLost { pid: ended.pid, exit: ended.exit, task: chunk.next_task(), ran_for };
        if chunk.tasks().handles.is_spent() {
            // A task alone, and its handles have gone with the worker.
            chunk.fail_rest(&self.error_of(ended, lost.clone()).unwrap_or(lost));
        } else if ended.begun || !self.config.replace {
            if let Some(error) = self.error_of(ended, lost) {
                chunk.fail(error);
            }
        } else if ended.ready
            && ended.state != WorkerState::Killed(KillReason::Stalled)
            && chunk.add_false_start() >= MAX_FALSE_STARTS
        {
            chunk.fail(lost);
        }
    }

    /// Returns the error of the task that a worker ran when it ended, or `None` if the task is to
    /// run again. It is `lost` unless the pool killed the worker.
    fn error_of(&self, ended: &Ended, lost: Error) -> Option<Error> {
        let WorkerState::Killed(reason) = ended.state else { return Some(lost) };
        match (reason, lost) {
            (KillReason::Cancelled(task), _) if task == ended.started => Some(Error::Cancelled),
            (KillReason::TimedOut(task), Error::WorkerLost { pid, ran_for, .. }) if task == ended.started => {
                let after = self.config.task_timeout.unwrap_or(ran_for);
                Some(Error::TimedOut { after, pid: Some(pid) })
            }
            // Killed for the task before it, which ended in time after all: not this task's fault.
            (KillReason::Cancelled(_) | KillReason::TimedOut(_) | KillReason::Stalled, _) => None,
            (KillReason::Corrupt, _) => Some(Error::Decode("the worker's results cannot be read; it was ended".into())),
        }
    }
}
