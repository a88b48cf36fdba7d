//! What comes from a worker.

use std::sync::atomic::Ordering::Acquire;

use crate::engine::chunk::Chunk;
use crate::engine::link::{Doom, Link, Stage};
use crate::engine::outcome::failure;
use crate::error::Error;
use crate::protocol::{Frame, FrameHead, Kind};
use crate::ring::Corrupt;
use crate::sys::clock::now_ns;
use crate::sys::memory::on_large_pages;
use crate::trace::TaskEvent;

/// Results from this size on are received into a buffer of their own, which the caller gets without
/// another copy.
const LARGE: u64 = 16 * 1024;

/// Bytes taken from a ring at a time while results are small.
const GULP: usize = 256 * 1024;

/// What [`Link::collect`] brought to light.
#[derive(Default)]
pub(in crate::engine) struct Harvest {
    /// Chunks that left this worker: done, or to go on elsewhere.
    pub(in crate::engine) chunks: Vec<Chunk>,
    pub(in crate::engine) events: Vec<TaskEvent>,
    /// The initializer panicked.
    pub(in crate::engine) init_failed: Option<Error>,
    /// Tasks that ended.
    pub(in crate::engine) tasks: u64,
    /// Bytes that came of large results.
    pub(in crate::engine) large: usize,
    pub(in crate::engine) corrupt: bool,
}

impl Link {
    /// Takes what the worker has shown.
    pub(in crate::engine) fn collect(&mut self) -> Harvest {
        let mut harvest = Harvest::default();
        if self.stage == Stage::Doomed(Doom::Corrupt) {
            return harvest;
        }
        let before = self.finished;
        if !self.was_ready {
            // Not asked for any more afterwards: the worker writes to the same cache line with every task.
            self.was_ready = self.is_ready();
        }
        harvest.corrupt = self.read_frames(&mut harvest).is_err();
        harvest.tasks = self.finished - before;
        if harvest.tasks > 0 {
            self.heard = now_ns();
        }
        harvest
    }

    /// Takes everything that a worker which has ended had completed, shown or not.
    pub(in crate::engine) fn collect_last(&mut self) -> Harvest {
        let solid = self.header().worker.solid.load(Acquire);
        match self.results.reach(solid) {
            Ok(()) => self.collect(),
            Err(Corrupt) => Harvest { corrupt: true, ..Harvest::default() },
        }
    }

    fn read_frames(&mut self, harvest: &mut Harvest) -> Result<(), Corrupt> {
        while self.results.available()? > 0 {
            if let Some((head, body)) = &mut self.large {
                let missing = head.body() as usize - body.len();
                harvest.large += self.results.read(body, missing.min(self.segment.piece()))?;
                let whole = self.large.take_if(|(head, body)| head.body() as usize == body.len());
                // Should the worker sleep, a piece's room is not worth waking it. It is woken in the end: who
                // drives the pool does not sleep before a whole pass has found the ring empty.
                if whole.is_some() || self.results.has_much_room() {
                    self.segment.header().wake_worker();
                }
                if let Some((head, body)) = whole {
                    self.accept_large(head, body, harvest)?;
                }
                if harvest.large >= self.segment.capacity() {
                    // Others want to be served, too.
                    return Ok(());
                }
                continue;
            }
            let mut inbox = std::mem::take(&mut self.inbox);
            self.results.read(&mut inbox, GULP)?;
            self.segment.header().wake_worker();
            let used = self.take_apart(&inbox, harvest);
            inbox.drain(..used.as_ref().copied().unwrap_or(0));
            self.inbox = inbox;
            used?;
        }
        Ok(())
    }

    /// Accepts the frames in `bytes`; says how many bytes they were.
    fn take_apart(&mut self, bytes: &[u8], harvest: &mut Harvest) -> Result<usize, Corrupt> {
        let mut at = 0;
        while at < bytes.len() {
            let end = self.accept(&bytes[at..], harvest)?;
            at += end;
            if end > 0 {
                continue;
            }
            // The first frame is not all there, or a special one.
            let rest = &bytes[at..];
            let Some((head, size)) = FrameHead::decode(rest).map_err(|()| Corrupt)? else { break };
            // An initializer is heard once, before the worker is ready for tasks; a frame without a sender is
            // never sent.
            let heard = head.kind == Kind::Initializer && self.was_ready;
            if head.len > self.cap.max(LARGE) || head.kind == Kind::Absent || heard {
                return Err(Corrupt);
            }
            let body = &rest[size..];
            if head.kind == Kind::Initializer && body.len() as u64 >= head.body() {
                let frame = Frame::new(head, &body[..head.body() as usize]);
                harvest.init_failed = Some(failure(&frame, self.pid, self.cap));
                at += size + head.body() as usize;
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

    /// An empty buffer for a large result. The arguments' own, if that fits: nobody needs them any
    /// more, and its pages are in memory already.
    fn buffer_of(&mut self, len: usize) -> Result<Vec<u8>, Corrupt> {
        let mut buffer = Vec::new();
        if !self.is_sending()
            && let Some(running) = self.in_flight.front_mut()
            && running.chunk.tasks.count == 1
        {
            buffer = std::mem::take(&mut running.chunk.tasks.payload);
            buffer.clear();
        }
        if buffer.capacity() < len || buffer.capacity() / 2 > len {
            // What is too small, or would hold on to much, is given back before the other is taken.
            drop(std::mem::take(&mut buffer));
            // The length is the worker's word: more than there is must not end this process.
            buffer.try_reserve_exact(len).map_err(|_| Corrupt)?;
            on_large_pages(&mut buffer);
        }
        Ok(buffer)
    }

    /// Gives the first chunk in flight as many of the frames in `bytes` as are whole and its own;
    /// says how many bytes that was.
    fn accept(&mut self, bytes: &[u8], harvest: &mut Harvest) -> Result<usize, Corrupt> {
        let Some(running) = self.in_flight.front_mut() else {
            let special = FrameHead::decode(bytes).map_err(|()| Corrupt)?;
            return special.is_none_or(|(head, _)| head.kind == Kind::Initializer).then_some(0).ok_or(Corrupt);
        };
        let chunk = &mut running.chunk;
        let wanted = running.until - chunk.done;
        let (mut at, mut frames, mut failures) = (0, 0, 0);
        while frames < wanted {
            let Some((head, size)) = FrameHead::decode(&bytes[at..]).map_err(|()| Corrupt)? else { break };
            let start = at + size;
            let Some(body) = usize::try_from(head.body()).ok().and_then(|len| bytes[start..].get(..len)) else { break };
            if matches!(head.kind, Kind::Initializer | Kind::Absent) {
                break;
            }
            let failed = head.kind != Kind::Value;
            if let Some((start, end)) = Frame::new(head, body).times {
                let task = chunk.next_task() + u64::from(frames);
                let worker = (self.id, &self.name, self.pid);
                harvest.events.push(chunk.event(task, worker, (start, end), failed));
            }
            failures += u32::from(failed);
            at = start + body.len();
            frames += 1;
        }
        if frames > 0 {
            chunk.outcome.add(&bytes[..at], failures, self.pid);
            self.advance(frames, harvest);
        }
        Ok(at)
    }

    fn accept_large(&mut self, head: FrameHead, body: Vec<u8>, harvest: &mut Harvest) -> Result<(), Corrupt> {
        if head.kind == Kind::Initializer {
            harvest.init_failed = Some(failure(&Frame::new(head, &body), self.pid, self.cap));
            return Ok(());
        }
        let chunk = &mut self.in_flight.front_mut().ok_or(Corrupt)?.chunk;
        if let Some((start, end)) = Frame::new(head, &body).times {
            let (task, failed) = (chunk.next_task(), head.kind != Kind::Value);
            harvest.events.push(chunk.event(task, (self.id, &self.name, self.pid), (start, end), failed));
        }
        let only = chunk.tasks.count == 1;
        chunk.outcome.add_large(head, body, only, self.pid);
        self.advance(1, harvest);
        Ok(())
    }

    /// The task that runs, as the trace shall have it if it is cut short now.
    pub(in crate::engine) fn cut_short(&self) -> Option<TaskEvent> {
        let start = self.running_since()?;
        let chunk = &self.in_flight.front()?.chunk;
        Some(chunk.event(chunk.next_task(), (self.id, &self.name, self.pid), (start, now_ns()), true))
    }

    /// Counts tasks of the first chunk in flight as done.
    fn advance(&mut self, frames: u32, harvest: &mut Harvest) {
        self.finished += u64::from(frames);
        let Some(running) = self.in_flight.front_mut() else { return };
        running.chunk.done += frames;
        if running.chunk.done == running.until
            && let Some(done) = self.in_flight.pop_front()
        {
            self.load = if self.in_flight.is_empty() { 0 } else { self.load.saturating_sub(done.cost) };
            harvest.chunks.push(done.chunk);
        }
    }
}
