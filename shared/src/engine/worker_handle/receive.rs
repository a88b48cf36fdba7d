//! Receiving from a worker: decodes the frames in its result ring, and reads the words that it
//! writes beside.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::bootstrap::Failure;
use crate::engine::chunk::Chunk;
use crate::engine::outcome::failure;
use crate::engine::worker_handle::{KillReason, WorkerHandle, WorkerState};
use crate::error::Error;
use crate::fds;
use crate::protocol::{Frame, FrameHead, Kind};
use crate::ring::Corrupt;
use crate::sys::memory::{fits, on_large_pages};
use crate::sys::now_ns;
use crate::trace::TaskEvent;

/// Results of at least this size are received into a buffer of their own, which the caller gets
/// without another copy.
const LARGE: u64 = 16 * 1024;

/// Bytes read from a ring at a time while results are small.
const READ: usize = 256 * 1024;

/// What was received from a worker.
#[derive(Default)]
pub(in crate::engine) struct Received {
    /// Chunks that left this worker: done, or to go on elsewhere.
    pub(in crate::engine) chunks: Vec<Chunk>,
    pub(in crate::engine) events: Vec<TaskEvent>,
    /// The error of the initializer, if it failed.
    pub(in crate::engine) init_failed: Option<Error>,
    /// The number of tasks that ended.
    pub(in crate::engine) tasks: u64,
    /// The number of bytes that came of large results.
    pub(in crate::engine) large: usize,
    /// A function, and the time that one of its tasks takes, in nanoseconds.
    pub(in crate::engine) cost: Option<(u64, u64)>,
    /// What the worker wrote cannot be read.
    pub(in crate::engine) corrupt: bool,
}

impl WorkerHandle {
    /// Reads the results that the worker has published.
    pub(in crate::engine) fn receive(&mut self) -> Received {
        let mut received = Received::default();
        if self.state == WorkerState::Killed(KillReason::Corrupt) {
            return received;
        }
        let before = self.finished;
        if !self.was_ready {
            // Not read any more afterwards: the worker writes to the same cache line with every
            // task.
            self.was_ready = self.is_ready();
        }
        received.corrupt = self.read_frames(&mut received).is_err();
        received.tasks = self.finished - before;
        if received.tasks > 0 {
            self.last_active = now_ns();
            let done = received.chunks.first().map(|chunk| chunk.job().function.0);
            if let Some(function) = done.or(self.function()) {
                // The worker adds up its time after it has sent the results, so a sample can be a
                // little late, never too early.
                let busy = || self.segment.header().running.busy_ns.load(Relaxed);
                let tasks = (received.tasks, self.finished);
                let time = self.task_time.sample(function, tasks, self.last_active, busy);
                received.cost = time.map(|time| (function, time));
            }
        }
        received
    }

    /// Reads all results that a worker which has ended had completed, published or not.
    pub(in crate::engine) fn receive_last(&mut self) -> Received {
        let solid = self.header().running.solid.load(Acquire);
        match self.results.reach(solid) {
            Ok(()) => self.receive(),
            Err(Corrupt) => Received { corrupt: true, ..Received::default() },
        }
    }

    fn read_frames(&mut self, received: &mut Received) -> Result<(), Corrupt> {
        while self.results.available()? > 0 {
            if let Some((head, body)) = &mut self.large {
                let missing = head.body() as usize - body.len();
                received.large += self.results.read(body, missing.min(self.segment.piece()))?;
                let whole = self.large.take_if(|(head, body)| head.body() as usize == body.len());
                // Should the worker sleep, a piece's room is not worth waking it. It is woken in
                // the end: the thread that leads does not sleep before a whole pass has found the
                // ring empty.
                if whole.is_some() || self.results.has_much_room() {
                    self.segment.header().wake_worker();
                }
                if let Some((head, body)) = whole {
                    self.accept_large(head, body, received)?;
                }
                if received.large >= self.segment.capacity() {
                    // For the sake of the other workers.
                    return Ok(());
                }
                continue;
            }
            let mut unread = std::mem::take(&mut self.unread);
            self.results.read(&mut unread, READ)?;
            if self.results.is_room_news() {
                self.segment.header().wake_worker();
            }
            let used = self.accept_frames(&unread, received);
            unread.drain(..used.as_ref().copied().unwrap_or(0));
            self.unread = unread;
            used?;
        }
        Ok(())
    }

    /// Accepts the frames in `bytes`. Returns how many bytes they were.
    pub(super) fn accept_frames(&mut self, bytes: &[u8], received: &mut Received) -> Result<usize, Corrupt> {
        let mut at = 0;
        while at < bytes.len() {
            let end = self.accept_results(&bytes[at..], received)?;
            at += end;
            if end > 0 {
                continue;
            }
            // The first frame is not all there, or a special one.
            let rest = &bytes[at..];
            let Some((head, size)) = FrameHead::decode(rest) else { break };
            // An initializer's frame comes once, before the worker is ready for tasks, which it may
            // have become since the last look; a frame without a sender is never sent.
            let late = head.kind == Kind::Initializer && self.got_ready();
            if head.len > self.max_message.max(LARGE) || head.kind == Kind::Absent || late {
                return Err(Corrupt);
            }
            let body = &rest[size..];
            if head.kind == Kind::Initializer && body.len() as u64 >= head.body() {
                let frame = Frame::new(head, &body[..head.body() as usize]);
                let error = failure(&frame, self.pid, self.max_message);
                received.init_failed = Some(error.with_stderr(|| self.stderr_of(0)));
                at += size + head.body() as usize;
            } else if head.kind == Kind::Panicked
                && self.stderr.is_some()
                && head.body() < LARGE
                && let Some(body) = body.get(..head.body() as usize)
                && !self.in_flight.is_empty()
            {
                self.accept_panic(&Frame::new(head, body), received);
                at += size + body.len();
            } else if head.body() >= LARGE {
                let mut buffer = self.buffer_of(head.body() as usize)?;
                buffer.extend_from_slice(body);
                self.large = Some((head, buffer));
                return Ok(bytes.len());
            } else {
                break;
            }
        }
        Ok(at)
    }

    /// Returns an empty buffer for a large result. It is the arguments' own, if that fits and they
    /// are not needed for another try: its pages are in memory already.
    fn buffer_of(&mut self, len: usize) -> Result<Vec<u8>, Corrupt> {
        let mut buffer = Vec::new();
        if !self.is_sending()
            && let Some(running) = self.in_flight.front_mut()
            && running.chunk.count() == 1
            && running.chunk.job().limits().retries == 0
        {
            buffer = running.chunk.take_payload();
            buffer.clear();
        }
        if !fits(&buffer, len) {
            // A buffer that is too small or far too large is freed before the other is allocated.
            drop(std::mem::take(&mut buffer));
            // The worker wrote the length: more than there is memory must not end this process.
            buffer.try_reserve_exact(len).map_err(|_| Corrupt)?;
            on_large_pages(&mut buffer);
        }
        Ok(buffer)
    }

    /// Gives the first chunk in flight as many of the frames in `bytes` as are whole and its own.
    /// Returns how many bytes that was.
    fn accept_results(&mut self, bytes: &[u8], received: &mut Received) -> Result<usize, Corrupt> {
        let Some(running) = self.in_flight.front_mut() else {
            let special = FrameHead::decode(bytes);
            return special.is_none_or(|(head, _)| head.kind == Kind::Initializer).then_some(0).ok_or(Corrupt);
        };
        let chunk = &mut running.chunk;
        let wanted = running.until - chunk.done();
        let (mut at, mut frames, mut failures) = (0, 0, 0);
        while frames < wanted {
            let Some((head, size)) = FrameHead::decode(&bytes[at..]) else { break };
            let start = at + size;
            let Some(body) = usize::try_from(head.body()).ok().and_then(|len| bytes[start..].get(..len)) else { break };
            if matches!(head.kind, Kind::Initializer | Kind::Absent) {
                break;
            }
            if head.kind == Kind::Panicked && self.stderr.is_some() && head.body() < LARGE {
                // It is read at once, while the end of the task's output is known.
                break;
            }
            let failed = !head.kind.is_value();
            if head.kind == Kind::ValueWithHandles {
                chunk.add_handles(fds::receive_sent(&self.socket));
            }
            if let Some((start, end)) = Frame::new(head, body).times {
                let task = chunk.next_task() + u64::from(frames);
                let worker = (self.id, &self.name, self.pid);
                received.events.push(chunk.event(task, worker, (start, end), failed));
            }
            failures += u32::from(failed);
            at = start + body.len();
            frames += 1;
        }
        if frames > 0 {
            chunk.add_frames(&bytes[..at], frames, failures, self.pid);
            self.advance(frames, received);
        }
        Ok(at)
    }

    /// Records the panic of the first task that has not ended, with the end of what it wrote to
    /// standard error.
    fn accept_panic(&mut self, frame: &Frame<'_>, received: &mut Received) {
        let error = failure(frame, self.pid, self.max_message).with_stderr(|| self.stderr_of(self.finished + 1));
        let Some(running) = self.in_flight.front_mut() else { return };
        let chunk = &mut running.chunk;
        if let Some((start, end)) = frame.times {
            received.events.push(chunk.event(chunk.next_task(), (self.id, &self.name, self.pid), (start, end), true));
        }
        chunk.fail(error);
        self.advance(1, received);
    }

    fn accept_large(&mut self, head: FrameHead, body: Vec<u8>, received: &mut Received) -> Result<(), Corrupt> {
        if head.kind == Kind::Initializer {
            received.init_failed = Some(failure(&Frame::new(head, &body), self.pid, self.max_message));
            return Ok(());
        }
        let chunk = &mut self.in_flight.front_mut().ok_or(Corrupt)?.chunk;
        if let Some((start, end)) = Frame::new(head, &body).times {
            let (task, failed) = (chunk.next_task(), !head.kind.is_value());
            received.events.push(chunk.event(task, (self.id, &self.name, self.pid), (start, end), failed));
        }
        if head.kind == Kind::ValueWithHandles {
            chunk.add_handles(fds::receive_sent(&self.socket));
        }
        chunk.add_large(head, body, self.pid);
        self.advance(1, received);
        Ok(())
    }

    /// Returns the task that runs, for the trace: it is cut short now.
    pub(in crate::engine) fn cut_short(&self) -> Option<TaskEvent> {
        let start = self.running_since()?;
        let chunk = &self.in_flight.front()?.chunk;
        Some(chunk.event(chunk.next_task(), (self.id, &self.name, self.pid), (start, now_ns()), true))
    }

    /// Counts `frames` tasks of the first chunk in flight, whose outcomes it has, as finished.
    fn advance(&mut self, frames: u32, received: &mut Received) {
        self.finished += u64::from(frames);
        if self.in_flight.front().is_some_and(|running| running.chunk.done() == running.until)
            && let Some(done) = self.in_flight.pop_front()
        {
            self.load = if self.in_flight.is_empty() { 0 } else { self.load.saturating_sub(done.cost) };
            received.chunks.push(done.chunk);
        }
    }

    /// Returns `true` if the initializer has run, or there is none.
    pub(in crate::engine) fn is_ready(&self) -> bool {
        self.header().worker.ready.load(Acquire) == 1
    }

    /// Returns `true` if the worker was seen ready, is, or has finished a task.
    pub(in crate::engine) fn got_ready(&self) -> bool {
        self.was_ready || self.is_ready() || self.finished > 0
    }

    /// Returns why its process could not begin, if it wrote a reason.
    pub(in crate::engine) fn failure(&self) -> Option<Failure> {
        Failure::from_word(self.header().failure())
    }

    /// Returns the nanoseconds for which the worker has run tasks.
    pub(in crate::engine) fn busy_ns(&self) -> u64 {
        self.header().running.busy_ns.load(Relaxed)
    }

    /// Returns the number of tasks that the worker has begun.
    pub(in crate::engine) fn started(&self) -> u64 {
        self.header().running.started.load(Acquire)
    }

    /// Returns since when a task runs (nanoseconds of the common clock), if one does.
    pub(in crate::engine) fn running_since(&self) -> Option<u64> {
        let words = &self.header().running;
        (self.started() != self.finished && !self.in_flight.is_empty()).then(|| words.started_at.load(Relaxed))
    }

    /// Returns the resident memory in bytes after the last chunk.
    pub(in crate::engine) fn memory(&self) -> u64 {
        self.header().running.memory.load(Relaxed)
    }
}
