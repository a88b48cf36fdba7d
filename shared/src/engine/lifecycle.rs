//! Workers come and go: starting, the zygote's reports, death and replacement.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::bootstrap::Failure;
use crate::engine::chunk::Chunk;
use crate::engine::core::{Core, NOBODY, Phase};
use crate::engine::link::{Doom, Link, Stage};
use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::fds::Payload;
use crate::identity::{self, ProcessInfo, register, unregister};
use crate::kind::ObjectKind;
use crate::protocol::{Record, RecordKind, Setup};
use crate::ring::{Flags, Segment};
use crate::sys::clock::now_ns;
use crate::sys::process;
use crate::sys::socket::Socket;
use crate::task::Prepared;
use crate::zygote::{Report, ZygoteClient};

/// Workers that may fail one after the other to get ready before the pool gives up.
const MOST_FAILED_STARTS: u32 = 10;

/// Workers that may end with the same task in their ring before they begin it. Then the task is to
/// blame: to receive it is what kills them.
const MOST_FALSE_STARTS: u32 = 4;

/// How long to wait before asking again for a process that the system refused.
const RETRY: Duration = Duration::from_millis(100);

/// Sends a function that a worker is to run once, the number that its state goes by there, and its
/// arguments.
fn send_once(link: &mut Link, kind: RecordKind, (prepared, args): &(Prepared, Payload), number: u64) -> Result<()> {
    if let Some(state) = &prepared.state {
        link.send_carried(Record { state: number, ..Record::new(RecordKind::State, 0) }, &mut state.clone())?;
    }
    let state = if prepared.state.is_some() { number } else { 0 };
    let record = Record { function: prepared.function.0, state, ..Record::new(kind, 0) };
    link.send_carried(record, &mut args.clone())
}

impl Core {
    /// Starts one worker and tells it what it is. The zygote's answer comes as a report.
    pub(super) fn start_worker(&mut self) -> Result<()> {
        let config = self.config.clone();
        let Some(zygote) = self.zygote.clone() else { return Err(Error::Closed) };
        let (segment, fd) = Segment::create(config.ring, ObjectKind::Worker)?;
        let id = self.next_worker;
        self.next_worker += 1;
        let name = if config.numbered { format!("{}-{id}", config.name) } else { config.name.clone() };
        let header = segment.header();
        header.set(Flags::TRACE, config.trace);
        header.set(Flags::STAMP, config.task_timeout.is_some());
        header.set(Flags::MEMORY, config.max_memory.is_some());
        header.set(Flags::SPIN, config.spin && config.roomy(config.processes));
        let (ours, theirs) = Socket::pair()?;
        let ends = (Arc::new(segment), ours);
        let mut link = Link::new(id, name.as_str().into(), ends, config.max_tasks, config.max_message);
        let setup = Setup {
            identity: identity::for_child(name, config.daemon),
            memory_limit: config.memory_limit,
            cap: config.max_message,
            ready: config.initializer.is_none(),
            end_limit: u64::try_from(config.end_limit.as_nanos()).unwrap_or(u64::MAX),
            single: !config.numbered,
        };
        let bytes = postcard::to_stdvec(&setup).map_err(|error| Error::Encode(error.to_string()))?;
        link.send(Record::new(RecordKind::Setup, bytes.len()), &bytes);
        if let Some(initializer) = &config.initializer {
            send_once(&mut link, RecordKind::Initialize, initializer, u64::MAX)?;
        }
        if let Some(finalizer) = &config.finalizer {
            send_once(&mut link, RecordKind::Finalize, finalizer, u64::MAX - 1)?;
        }
        zygote.start(id, config.keep_started, &[fd.as_fd(), self.notifier.as_fd(), theirs.as_fd()])?;
        let free = self.links.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.links.len());
        if free.is_none() {
            self.links.push(None);
        }
        self.links[slot] = Some(link);
        self.idle.insert(0, slot);
        self.push(slot);
        Ok(())
    }

    /// Takes the zygote's reports; says whether there were any.
    pub(super) fn hear_reports(&mut self) -> bool {
        let Some(zygote) = self.zygote.clone() else { return false };
        let mut any = false;
        loop {
            match zygote.report() {
                Ok(None) => {
                    if any && self.asleep {
                        // The leader waits for these very reports, and would not find them any more.
                        self.notifier.notify();
                    }
                    return any;
                }
                Ok(Some(report)) => self.hear(report),
                Err(_) => {
                    drop(zygote);
                    self.lose_zygote();
                    return true;
                }
            }
            any = true;
        }
    }

    /// Workers whose results have come before the report that they were started.
    pub(super) fn unannounced(&self) -> u64 {
        self.living().filter(|link| link.pid == 0 && link.finished > 0).count() as u64
    }

    fn slot_of(&self, worker: u64) -> Option<usize> {
        self.links.iter().position(|link| link.as_ref().is_some_and(|link| link.id == worker))
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Started { worker, pid } => {
                self.counts.workers_started += 1;
                self.start_again = None;
                let daemon = self.config.daemon;
                if let Some(slot) = self.slot_of(worker)
                    && let Some(link) = self.link(slot)
                {
                    link.pid = pid;
                    let depth = identity::current_process().depth + 1;
                    register(ProcessInfo { name: link.name.to_string(), pid, daemon, depth });
                }
            }
            Report::Refused { worker, errno } => {
                let error = Error::io("cannot start a worker process", std::io::Error::from_raw_os_error(errno));
                if let Some(slot) = self.slot_of(worker) {
                    let (chunks, _) = self.take_apart(slot);
                    chunks.into_iter().rev().for_each(|chunk| self.settle(chunk));
                }
                self.start_failed(error);
            }
            Report::Exited { worker, status } => {
                if let Some(slot) = self.slot_of(worker) {
                    self.bury(slot, status);
                    self.replace_missing();
                }
            }
        }
        // Those who wait for workers rather than results look again.
        let waiting = self.followers.iter().filter(|(job, _)| *job == 0);
        self.effects.unpark.extend(waiting.map(|(_, thread)| thread.clone()));
    }

    /// A worker could not be started: try again later, but not for ever.
    pub(super) fn start_failed(&mut self, error: Error) {
        let error = match (error, &self.zygote) {
            // The process that forks has just ended. The next look finds that; the reason is told now.
            (Error::Disconnected, Some(zygote)) => zygote.cause().0,
            (error, _) => error,
        };
        self.failed_starts += 1;
        self.start_again = Some(Instant::now() + RETRY);
        self.refused = Some(error.clone());
        if self.failed_starts >= MOST_FAILED_STARTS && self.living().count() == 0 {
            self.break_down(error);
        }
    }

    /// Starts as many workers as are missing.
    pub(super) fn replace_missing(&mut self) {
        if self.phase == Phase::Ended || self.broken.is_some() {
            return;
        }
        if let (false, Some(exit)) = (self.config.replace, self.last_exit) {
            return self.break_down(Error::NoWorkers { exit });
        }
        if self.phase == Phase::Closing && self.outstanding == 0 {
            return;
        }
        if self.start_again.is_some_and(|time| Instant::now() < time) {
            return;
        }
        while self.living().count() < self.wanted {
            if let Err(error) = self.start_worker() {
                return self.start_failed(error);
            }
        }
        self.dispatch();
    }

    /// A worker has ended: its last results count, the task it ran is lost, what it had not begun
    /// goes back to the backlog.
    pub(super) fn bury(&mut self, slot: usize, exit: ExitStatus) {
        self.collect_with(slot, Link::collect_last);
        let Some(link) = self.link(slot) else { return };
        let (id, pid, stage, started) = (link.id, link.pid, link.stage, link.started());
        let ready = link.was_ready || link.is_ready() || link.finished > 0;
        let failure = link.failure();
        let began = link.running_since();
        let now = now_ns();
        let retired = stage == Stage::Retiring && exit.success();
        self.note_cut_short(slot);
        let (mut chunks, begun) = self.take_apart(slot);
        if !retired {
            self.counts.workers_lost += 1;
        }
        if let Some(chunk) = chunks.first_mut() {
            let task = chunk.next_task();
            let start = began.unwrap_or(now);
            let ran_for = Duration::from_nanos(now.saturating_sub(start));
            let lost = Error::WorkerLost { pid, exit, task, ran_for };
            if chunk.tasks.handles.is_spent() {
                // A task alone, and its handles have gone with the worker.
                chunk.fail_rest(&self.verdict(stage, started, lost.clone()).unwrap_or(lost));
            } else if begun || !self.config.replace {
                if let Some(error) = self.verdict(stage, started, lost) {
                    chunk.fail(error);
                }
            } else if ready && stage != Stage::Doomed(Doom::Silent) {
                chunk.false_starts += 1;
                if chunk.false_starts >= MOST_FALSE_STARTS {
                    chunk.fail(lost);
                }
            }
        }
        chunks.into_iter().rev().for_each(|chunk| self.settle(chunk));
        if ready {
            self.failed_starts = 0;
        } else {
            self.failed_starts += 1;
            self.last_failed = id;
            if self.failed_starts >= MOST_FAILED_STARTS || failure.is_some_and(Failure::is_final) {
                self.break_down(failure.map_or(Error::NoWorkers { exit }, Error::from));
            }
        }
        self.last_exit = Some(exit);
    }

    /// What the task is told that a worker ran when it ended; `None` if it shall run again. `lost`
    /// is the error if nobody here had a hand in it.
    fn verdict(&self, stage: Stage, started: u64, lost: Error) -> Option<Error> {
        let Stage::Doomed(doom) = stage else { return Some(lost) };
        match (doom, lost) {
            (Doom::Cancelled(task), _) if task == started => Some(Error::Cancelled),
            (Doom::TimedOut(task), Error::WorkerLost { pid, ran_for, .. }) if task == started => {
                let after = self.config.task_timeout.unwrap_or(ran_for);
                Some(Error::TimedOut { after, pid: Some(pid) })
            }
            // Killed by us for the task before it, which ended in time after all: not this task's fault.
            (Doom::Cancelled(_) | Doom::TimedOut(_) | Doom::Silent, _) => None,
            (Doom::Corrupt, _) => Some(Error::Decode("the worker's results cannot be read; it was ended".into())),
        }
    }

    /// Removes a worker that is no more. Says what it still had, and whether it had begun the first
    /// of that.
    pub(super) fn take_apart(&mut self, slot: usize) -> (Vec<Chunk>, bool) {
        self.idle.retain(|idle| *idle != slot);
        if self.hot == slot {
            self.hot = NOBODY;
        }
        match self.links[slot].take() {
            Some(link) => {
                self.counts.spent = self.counts.spent.saturating_add(link.busy_ns());
                unregister(link.pid);
                link.abandon()
            }
            None => (Vec::new(), false),
        }
    }

    /// The zygote has died, and the kernel kills its workers. Each loses what it ran; a new
    /// zygote starts new ones.
    pub(super) fn lose_zygote(&mut self) {
        let Some(zygote) = self.zygote.take() else { return };
        if self.phase == Phase::Ended {
            return;
        }
        let (cause, is_final) = zygote.cause();
        drop(zygote);
        for slot in 0..self.links.len() {
            if self.config.replace {
                self.take_back(slot);
            }
        }
        // The signal was sent before the zygote could be reaped (dropping the zygote did that); a running
        // worker has it as soon as it is interrupted.
        std::thread::sleep(Duration::from_millis(2));
        let failed_starts = self.failed_starts;
        for slot in 0..self.links.len() {
            self.failed_starts = failed_starts;
            match self.link(slot).map(|link| link.pid) {
                None => {}
                Some(0) => self.never_started(slot, &cause),
                Some(pid) => {
                    process::reap_if_adopted(Pid::from_raw(pid.cast_signed()));
                    self.bury(slot, ExitStatus::Signaled(Signal::SIGKILL as i32));
                }
            }
        }
        if is_final {
            return self.break_down(cause);
        }
        if self.phase == Phase::Closing && self.outstanding == 0 {
            return;
        }
        match ZygoteClient::new(self.config.method, self.config.vouched) {
            Ok(zygote) => {
                self.zygote = Some(Arc::new(zygote));
                self.replace_missing();
            }
            Err(error) => self.break_down(error),
        }
    }

    /// The zygote has ended before it came to start this worker.
    fn never_started(&mut self, slot: usize, cause: &Error) {
        let (chunks, _) = self.take_apart(slot);
        chunks.into_iter().rev().for_each(|chunk| self.settle(chunk));
        self.failed_starts += 1;
        if self.failed_starts >= MOST_FAILED_STARTS {
            self.break_down(cause.clone());
        }
    }

    /// Has a worker killed. Its death comes as a report.
    pub(super) fn doom(&mut self, slot: usize, doom: Doom) {
        let zygote = self.zygote.clone();
        let Some(link) = self.link(slot) else { return };
        if matches!(link.stage, Stage::Doomed(_)) {
            return;
        }
        link.stage = Stage::Doomed(doom);
        if let Some(zygote) = zygote {
            // If the zygote cannot be reached it is dead, and the worker with it: the report of that is on its
            // way.
            let _ = zygote.kill(link.id);
        }
    }

    /// Changes how many workers there are to be, from now on.
    pub(super) fn resize(&mut self, wanted: usize) {
        (self.wanted, self.least, self.most) = (wanted, wanted, wanted);
        let mut surplus = self.living().filter(|link| link.stage == Stage::Serving).count().saturating_sub(wanted);
        let busy = (0..self.links.len()).filter(|slot| !self.idle.contains(slot));
        let order: Vec<usize> = self.idle.iter().copied().chain(busy).collect();
        for slot in order {
            if surplus == 0 {
                break;
            }
            if let Some(link) = self.link(slot)
                && link.stage == Stage::Serving
            {
                let back = link.revoke();
                link.retire();
                surplus -= 1;
                back.into_iter().rev().for_each(|chunk| self.backlog.push_front(chunk));
                self.push(slot);
            }
        }
        self.replace_missing();
        self.dispatch();
    }

    /// With nothing left to do, a closing pool lets its workers go.
    pub(super) fn retire_if_closing(&mut self) {
        if self.phase != Phase::Closing || self.outstanding > 0 {
            return;
        }
        for slot in 0..self.links.len() {
            if let Some(link) = self.link(slot) {
                link.retire();
                self.push(slot);
            }
        }
    }
}
