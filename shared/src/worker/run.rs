//! Runs the tasks of a record.

use std::sync::atomic::Ordering::{Relaxed, Release};

use crate::codec::fixed::Raw;
use crate::codec::{NameReader, Source};
use crate::error::Error;
use crate::fds::{self, Handles, Payload};
use crate::protocol::{Items, Kind, Record, RecordKind};
use crate::ring::{Corrupt, Flags, Segment};
use crate::sys::memory::fits;
use crate::sys::now_ns;
use crate::sys::pid::Owner;
use crate::task::{Calls, Failure, Function, TaskState, panic};
use crate::worker::Worker;
use crate::worker::result_writer::ResultWriter;
use crate::worker::streams::Marker;

/// Tasks of a record up to which the start of each is stored, at the price of one reading of the
/// clock (some 25 ns) a task. In larger records it is stored only for a time limit or a trace.
const MAX_STAMPED: u32 = 16;

/// A buffer that a task has grown beyond this is freed, or is spare memory.
const KEPT: usize = 1 << 20;

impl Worker {
    /// Runs the record's tasks, unless the parent has taken them back. Their arguments are read to
    /// `spare`, if they fit.
    pub(super) fn run_chunk(&mut self, record: &Record, len: usize, spare: Vec<u8>) -> Result<(), Corrupt> {
        let mut handles = self.handles_of(record)?;
        let mut payload = self.tasks.take_owned(len, spare)?;
        let segment = self.segment.clone();
        let header = segment.header();
        if !header.claim.0.begin(record.epoch, record.number) {
            return Ok(());
        }
        let trace = header.has(Flags::TRACE);
        let timed = record.kind() == Some(RecordKind::RunManyTimed);
        let stamp = trace || timed || record.count <= MAX_STAMPED || header.has(Flags::STAMP);
        // What is measured is what tasks have left.
        let may_spare = self.may_spare && !header.has(Flags::MEMORY);
        let began = self.now.unwrap_or_else(now_ns);
        header.running.started_at.store(began, Relaxed);
        let mut run = Run {
            owner: self.owner,
            input: Input::new(record, &mut payload)?,
            results: &mut self.results,
            marker: self.marker.as_ref(),
            segment: &segment,
            state: self.states.get_mut(&record.state),
            started: self.started,
            now: began,
            stamp,
            trace,
            last: Kind::Value,
            outcome: Ok(()),
            spare: &mut self.spare,
            reused_for: (may_spare && record.count == 1 && len > KEPT).then_some(len),
        };
        if handles.is_empty() {
            run.all(Function(record.function))?;
        } else {
            fds::unpack(&mut handles, || run.all(Function(record.function)))?;
        }
        self.owner.or_exit();
        self.started = run.started;
        self.failed = !run.last.is_value();
        let now = if stamp { run.now } else { now_ns() };
        if may_spare && payload.capacity() > KEPT {
            self.spare = payload;
        }
        self.now = Some(now);
        let busy = header.running.busy_ns.load(Relaxed).wrapping_add(now.saturating_sub(began));
        header.running.busy_ns.store(busy, Relaxed);
        if header.has(Flags::MEMORY) {
            header.running.memory.store(crate::sys::memory::resident(None), Relaxed);
        }
        self.results.publish()
    }

    /// Runs an initializer or a finalizer; returns its error.
    pub(super) fn run_once(&mut self, record: &Record, mut input: Payload) -> Result<Option<Error>, Corrupt> {
        let function = match Function(record.function).resolve() {
            Ok(function) => function,
            Err(why) => return Ok(Some(Error::Decode(why.into()))),
        };
        let state = self.states.get_mut(&record.state);
        let mut once = Once { input: Some(&mut input.bytes), state, failure: None };
        Ok(match fds::unpack(&mut input.handles, || panic::catch(|| function(&mut once))) {
            Ok(()) => once.failure,
            Err(envelope) => Some(envelope.into_error(std::process::id())),
        })
    }
}

impl Failure {
    fn into_frame(self) -> (Kind, Vec<u8>) {
        match self {
            Self::Decode(text) => (Kind::Decode, text.into_bytes()),
            Self::Encode(text) => (Kind::Encode, text.into_bytes()),
        }
    }
}

/// The arguments of a record's tasks.
enum Input<'a> {
    /// One task, not begun: the whole payload.
    One(Option<&'a mut Vec<u8>>),
    /// Tasks whose names stand apart.
    Batch(Batch<'a>),
}

/// The arguments of tasks that have their names in common.
struct Batch<'a> {
    items: Items<'a>,
    /// The number of tasks that are left.
    left: u32,
    names: NameReader<'a>,
}

impl<'a> Input<'a> {
    fn new(record: &Record, payload: &'a mut Vec<u8>) -> Result<Self, Corrupt> {
        let is_one = record.kind() == Some(RecordKind::RunOne);
        if is_one && record.names == 0 {
            return Ok(Self::One(Some(payload)));
        }
        let names = usize::try_from(record.names).map_err(|_| Corrupt)?;
        let (names, items) = payload.split_at_checked(names).ok_or(Corrupt)?;
        Ok(Self::Batch(Batch { items: Items(items), left: record.count, names: NameReader::new(names) }))
    }
}

/// The calls of one record.
struct Run<'a> {
    owner: Owner,
    input: Input<'a>,
    results: &'a mut ResultWriter,
    marker: Option<&'a Marker>,
    segment: &'a Segment,
    state: Option<&'a mut TaskState>,
    started: u64,
    now: u64,
    stamp: bool,
    trace: bool,
    /// The kind of the last task's frame.
    last: Kind,
    /// An error once the ring was found corrupt.
    outcome: Result<(), Corrupt>,
    /// Takes the memory of the result, if other arguments of so many bytes fit there.
    spare: &'a mut Vec<u8>,
    reused_for: Option<usize>,
}

impl Run<'_> {
    /// Makes all calls. A panic ends its call, and the loop is entered again for the next.
    fn all(&mut self, function: Function) -> Result<(), Corrupt> {
        match function.resolve() {
            Ok(function) => {
                while let Err(envelope) = panic::catch(|| function(self)) {
                    self.finish(Kind::Panicked, &mut panic::encode(&envelope), Handles::default());
                }
            }
            Err(why) => {
                while self.next().is_some() {
                    self.finish(Kind::Decode, &mut why.into(), Handles::default());
                }
            }
        }
        self.outcome
    }

    /// Counts the next task as begun, if there is one.
    #[inline]
    fn begin(&mut self) -> Option<()> {
        match &mut self.input {
            _ if self.outcome.is_err() => return None,
            Input::One(None) => return None,
            Input::One(Some(_)) => {}
            Input::Batch(batch) => batch.left = batch.left.checked_sub(1)?,
        }
        let words = &self.segment.header().running;
        if self.stamp {
            words.started_at.store(self.now, Relaxed);
        }
        self.started += 1;
        words.started.store(self.started, Release);
        if let Some(marker) = self.marker {
            marker.begin(self.started);
        }
        Some(())
    }

    fn finish(&mut self, kind: Kind, payload: &mut Vec<u8>, handles: Handles) {
        self.owner.or_exit();
        self.last = kind;
        let began = self.now;
        if self.stamp {
            self.now = now_ns();
        }
        if let Err(corrupt) = self.results.send(kind, self.trace.then_some((began, self.now)), payload, handles) {
            self.outcome = Err(corrupt);
        }
        match self.reused_for {
            Some(len) if fits(payload, len) => *self.spare = std::mem::take(payload),
            _ => payload.shrink_to(KEPT),
        }
    }
}

impl Calls for Run<'_> {
    fn next(&mut self) -> Option<Source<'_>> {
        self.begin()?;
        Some(match &mut self.input {
            Input::One(payload) => Source::Buffer(payload.take()?),
            Input::Batch(batch) => Source::Part(batch.items.next()?, &batch.names),
        })
    }

    fn next_fixed(&mut self) -> Option<&[u8]> {
        self.begin()?;
        match &mut self.input {
            Input::One(payload) => payload.take().map(|payload| &payload[..]),
            Input::Batch(batch) => batch.items.next(),
        }
    }

    fn state(&mut self) -> Option<&mut TaskState> {
        self.state.as_deref_mut()
    }

    fn end(&mut self, outcome: Result<Handles, Failure>, output: &mut Vec<u8>) {
        match outcome {
            Ok(handles) => self.finish(Kind::Value, output, handles),
            Err(failure) => {
                let (kind, mut payload) = failure.into_frame();
                output.clear();
                self.finish(kind, &mut payload, Handles::default());
            }
        }
    }

    fn end_fixed(&mut self, raw: Raw, len: usize) {
        self.owner.or_exit();
        if self.trace || !self.results.allows(len) {
            return self.finish(Kind::Value, &mut raw.to_ne_bytes()[..len].to_vec(), Handles::default());
        }
        self.last = Kind::Value;
        if self.stamp {
            self.now = now_ns();
        }
        if let Err(corrupt) = self.results.send_fixed(raw, len) {
            self.outcome = Err(corrupt);
        }
    }
}

/// The single call of an initializer or a finalizer. Its result is dropped unless it is an error.
struct Once<'a> {
    input: Option<&'a mut Vec<u8>>,
    state: Option<&'a mut TaskState>,
    failure: Option<Error>,
}

impl Calls for Once<'_> {
    fn next(&mut self) -> Option<Source<'_>> {
        self.input.take().map(Source::Buffer)
    }

    fn next_fixed(&mut self) -> Option<&[u8]> {
        self.input.take().map(|input| &input[..])
    }

    fn state(&mut self) -> Option<&mut TaskState> {
        self.state.as_deref_mut()
    }

    fn record_error(&mut self, error: Error) {
        self.failure = Some(error);
    }

    fn end(&mut self, outcome: Result<Handles, Failure>, _output: &mut Vec<u8>) {
        match outcome {
            Err(Failure::Decode(text)) => self.failure = Some(Error::Decode(text.into())),
            // The result is not sent.
            Ok(_) | Err(Failure::Encode(_)) => {}
        }
    }

    fn end_fixed(&mut self, _raw: Raw, _len: usize) {}
}
