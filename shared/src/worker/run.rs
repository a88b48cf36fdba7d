//! Running the tasks of a record.

use std::sync::atomic::Ordering::{Relaxed, Release};

use crate::protocol::{Items, Kind, Record};
use crate::ring::{Corrupt, Flags};
use crate::sys::clock::now_ns;
use crate::task::{Call, Failure, Function};
use crate::wire::Source;
use crate::worker::{Worker, panic};

/// Records of up to this many tasks note when each began, at the price of one reading of the clock (some 25 ns) a task.
/// Larger ones do so only for the sake of a time limit or a trace.
const FEW: u32 = 16;

impl Worker {
    pub(super) fn run_chunk(&mut self, record: &Record, len: usize) -> Result<(), Corrupt> {
        let mut payload = self.inbox.take_owned(len)?;
        let header = self.segment.clone();
        let header = header.header();
        if !header.claim.0.begin(record.epoch, record.number) {
            return Ok(());
        }
        let trace = header.has(Flags::TRACE);
        let stamp = trace || record.count <= FEW || header.has(Flags::STAMP);
        let began = self.now.unwrap_or_else(now_ns);
        let mut now = began;
        header.worker.started_at.store(now, Relaxed);
        if record.count == 1 {
            self.run_one(record, Source::Buffer(&mut payload), stamp, trace, &mut now)?;
        } else {
            for item in Items(&payload).take(record.count as usize) {
                self.run_one(record, Source::Slice(item), stamp, trace, &mut now)?;
            }
        }
        if !stamp {
            now = now_ns();
        }
        self.now = Some(now);
        let busy = header.worker.busy_ns.load(Relaxed) + (now - began);
        header.worker.busy_ns.store(busy, Relaxed);
        if header.has(Flags::MEMORY) {
            header.worker.memory.store(crate::machine::memory::resident(None), Relaxed);
        }
        self.outlet.tell();
        Ok(())
    }

    fn run_one(
        &mut self,
        record: &Record,
        input: Source<'_>,
        stamp: bool,
        trace: bool,
        now: &mut u64,
    ) -> Result<(), Corrupt> {
        let words = &self.segment.header().worker;
        if stamp {
            words.started_at.store(*now, Relaxed);
        }
        self.started += 1;
        words.started.store(self.started, Release);
        let kind = self.call(record, input)?;
        self.failed = kind != Kind::Value;
        let began = *now;
        if stamp {
            *now = now_ns();
        }
        self.outlet.send(kind, trace.then_some((began, *now)))
    }

    /// Calls the record's function on `input` and leaves the frame's payload in the outlet.
    pub(super) fn call(&mut self, record: &Record, input: Source<'_>) -> Result<Kind, Corrupt> {
        let trampoline = Function(record.function).resolve().ok_or(Corrupt)?;
        let state = if record.state == 0 { None } else { self.states.get_mut(&record.state) };
        let output = &mut self.outlet.payload;
        let outcome = panic::catch(|| trampoline(&mut Call { input, output, state }));
        let (kind, text) = match outcome {
            Ok(Ok(())) => return Ok(Kind::Value),
            Ok(Err(Failure::Encode(text))) => (Kind::Encode, text.into_bytes()),
            Ok(Err(Failure::Decode(text))) => (Kind::Decode, text.into_bytes()),
            Err(envelope) => (Kind::Panicked, panic::encode(&envelope)),
        };
        *output = text;
        Ok(kind)
    }
}
