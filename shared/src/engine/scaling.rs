//! The number of workers: lost ones are replaced, and between bounds there are more for a backlog,
//! and fewer when there is nothing to do. A worker is started with its rings and its setup, and a
//! request to the zygote to fork it.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::config::Config;
use crate::engine::events::Event;
use crate::engine::state::State;
use crate::engine::worker_handle::WorkerHandle;
use crate::error::{Error, Result};
use crate::fds::{self, Handles, Payload};
use crate::identity;
use crate::kind::ObjectKind;
use crate::protocol::{Record, RecordKind, Setup, Streams};
use crate::ring::{Flags, Header, Segment};
use crate::sys::now_ns;
use crate::sys::socket::Socket;
use crate::task::Prepared;

/// The shortest time between two looks at whether a worker can go.
const MIN_NAP: Duration = Duration::from_millis(10);

/// The least work (nanoseconds) for which one more worker is started: a fork takes about 1 ms, and
/// with less work the worker would not be up before it is done.
const MIN_WORK: u64 = 2_000_000;

impl State {
    /// Starts one worker and sends it its setup. The zygote's answer comes as a report. Returns the
    /// worker's slot.
    pub(super) fn start_worker(&mut self) -> Result<usize> {
        let config = self.config.clone();
        let Some(zygote) = self.zygote.clone() else { return Err(Error::Closed) };
        let (segment, fd) = Segment::create(config.ring, ObjectKind::Worker)?;
        set_flags(segment.header(), &config);
        let id = self.workers.next_id();
        let name = if config.numbered { format!("{}-{id}", config.name) } else { config.name.clone() };
        let (ours, theirs) = Socket::pair()?;
        let ends = (Arc::new(segment), ours);
        let mut worker = WorkerHandle::new(id, name.as_str().into(), ends, config.max_tasks, config.max_message);
        let index = self.workers.free_slot();
        let (streams, stderr) = config.output.open(index, self.capture.as_deref())?;
        worker.set_stderr(stderr);
        send_setup(&mut worker, name, index, streams, &config)?;
        zygote.start(id, config.keep_started, &[fd.as_fd(), self.notifier.as_fd(), theirs.as_fd()])?;
        let slot = self.workers.add(worker);
        self.flush(slot);
        Ok(slot)
    }

    /// Records that a worker could not be started. It is tried again later, but not for ever.
    pub(super) fn on_start_failed(&mut self, error: Error) {
        let error = match (error, &self.zygote) {
            // The process that forks has just ended. The next look finds that; the reason is known
            // now.
            (Error::Disconnected, Some(zygote)) => zygote.cause().0,
            (error, _) => error,
        };
        self.report(|| Event::NotStarted(error.clone()));
        self.starts.on_refused(error.clone());
        if self.starts.is_hopeless() && self.workers.is_empty() {
            self.break_down(error);
        }
    }

    /// Returns `true` if one more worker may be started.
    pub(super) fn can_grow(&self) -> bool {
        self.size.can_grow(self.workers.count()) && self.lifecycle.is_running() && self.starts.again().is_none()
    }

    /// Starts one more worker for a backlog whose tasks take `cost` nanoseconds each, if that is
    /// known. Returns `true` if one was started.
    pub(super) fn grow(&mut self, cost: Option<u64>) -> bool {
        let outstanding = self.backlog.outstanding();
        let is_little = |cost: u64| cost.saturating_mul(outstanding) < MIN_WORK;
        // Without any worker, the shortest task needs one.
        if !self.can_grow() || self.size.wanted() > 0 && cost.is_some_and(is_little) {
            return false;
        }
        if let Err(error) = self.start_worker() {
            self.on_start_failed(error);
            return false;
        }
        self.size.grow();
        self.waiters.wake_shrinker(&mut self.deferred);
        true
    }

    /// Starts as many workers as are missing, in the place of those that have ended.
    pub(super) fn replace_missing(&mut self) {
        self.start_missing(true);
    }

    /// Starts as many workers as are missing; `replaces` says that they were there before.
    fn start_missing(&mut self, replaces: bool) {
        if !self.lifecycle.is_running() {
            return;
        }
        if let (false, Some(exit)) = (self.config.replace, self.workers.last_exit()) {
            return self.break_down(Error::NoWorkers { exit });
        }
        if self.is_finished() || self.starts.is_waiting() {
            return;
        }
        while self.size.exceeds(self.workers.count()) {
            match self.start_worker() {
                Ok(slot) if replaces => self.report_replaced(slot),
                Ok(_) => {}
                Err(error) => return self.on_start_failed(error),
            }
        }
        self.dispatch();
    }

    fn report_replaced(&mut self, slot: usize) {
        if let Some(name) = self.workers.get(slot).map(|worker| worker.name().clone()) {
            self.report(|| Event::Replaced { name, index: slot });
        }
    }

    /// Changes how many workers there should be from now on.
    pub(super) fn resize(&mut self, wanted: usize) {
        self.size.fix(wanted);
        for slot in self.workers.surplus(wanted) {
            self.take_back(slot);
            self.workers.retire(slot);
            self.flush(slot);
        }
        self.start_missing(false);
        self.dispatch();
    }

    /// Returns when an idle worker has had nothing to do for so long that it can go.
    fn spare_at(&self, worker: &WorkerHandle) -> Option<u64> {
        let spare = worker.is_serving() && !worker.has_work() && worker.is_ready();
        spare.then(|| worker.last_active().saturating_add(self.config.shrink_ns()))
    }

    fn can_shrink(&self) -> bool {
        self.size.can_shrink() && self.lifecycle.is_open()
    }

    /// Returns when the next worker can go, if one is too many.
    pub(super) fn next_shrink(&self) -> Option<u64> {
        let can_shrink = self.can_shrink();
        self.workers.iter().filter(|_| can_shrink).filter_map(|worker| self.spare_at(worker)).min()
    }

    /// Returns how long it takes until a worker can go; `None` if none is too many.
    pub(super) fn time_to_shrink(&self) -> Option<Duration> {
        let left = self.next_shrink().map_or(0, |time| time.saturating_sub(now_ns()));
        self.can_shrink().then(|| Duration::from_nanos(left).max(MIN_NAP))
    }

    /// Lets workers go that have had nothing to do for long.
    pub(super) fn shrink(&mut self, now: u64) {
        // Those with high numbers first, so that low ones stay.
        for slot in self.workers.slots().rev() {
            if !self.can_shrink() {
                return;
            }
            if self.workers.get(slot).and_then(|worker| self.spare_at(worker)).is_some_and(|time| time <= now) {
                self.size.shrink();
                self.workers.retire(slot);
                self.flush(slot);
            }
        }
    }
}

fn set_flags(header: &Header, config: &Config) {
    header.set(Flags::TRACE, config.trace);
    header.set(Flags::STAMP, config.task_timeout.is_some());
    header.set(Flags::MEMORY, config.max_memory.is_some());
    header.set(Flags::SPIN, config.spin && config.roomy(config.processes));
}

fn send_setup(worker: &mut WorkerHandle, name: String, index: usize, streams: Streams, config: &Config) -> Result<()> {
    let setup = Setup {
        identity: identity::for_child(name, config.daemon, config.numbered.then_some(index)),
        streams,
        memory_limit: config.memory_limit,
        max_message: config.max_message,
        ready: config.initializer.is_none(),
        end_limit: u64::try_from(config.end_limit.as_nanos()).unwrap_or(u64::MAX),
        single: !config.numbered,
    };
    let mut handles = Handles::default();
    let encoded = fds::pack(&mut handles, || postcard::to_stdvec(&setup));
    let bytes = encoded.map_err(|error| Error::Encode(error.to_string().into()))?;
    worker.send_carried(Record::new(RecordKind::Setup, 0), &mut Payload { bytes, handles })?;
    if let Some(initializer) = &config.initializer {
        send_once(worker, RecordKind::Initialize, initializer, u64::MAX)?;
    }
    if let Some(finalizer) = &config.finalizer {
        send_once(worker, RecordKind::Finalize, finalizer, u64::MAX - 1)?;
    }
    Ok(())
}

/// Sends a function that a worker runs once, with its arguments. Its state goes under `number`.
fn send_once(
    worker: &mut WorkerHandle,
    kind: RecordKind,
    (prepared, args): &(Prepared, Payload),
    number: u64,
) -> Result<()> {
    if let Some(state) = &prepared.state {
        worker.send_carried(Record { state: number, ..Record::new(RecordKind::State, 0) }, &mut state.clone())?;
    }
    let state = if prepared.state.is_some() { number } else { 0 };
    let record = Record { function: prepared.function.0, state, ..Record::new(kind, 0) };
    worker.send_carried(record, &mut args.clone())
}
