//! Turns arguments into chunks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::codec::NameWriter;
use crate::engine::{Engine, Job, Tasks};
use crate::error::{Error, Result};
use crate::executor::ChunkSizes;
use crate::fds::{self, Handles, Packed, Payload};
use crate::foreign;
use crate::protocol::{push_fixed, push_item};
use crate::task::Arguments;

/// The number of bytes at which a chunk is submitted early, so that large arguments do not wait for
/// each other.
const MAX_CHUNK_BYTES: usize = 1 << 20;

/// The number of bytes of names at which a chunk is submitted early. They are sent anew with each
/// part of it that a worker is given.
const MAX_NAME_BYTES: usize = 64 << 10;

/// The number of chunks that are submitted between two collections of results, while each finds a
/// worker: to collect costs as much as to submit.
const COLLECT_AFTER: u32 = 16;

#[inline]
fn encode<Args: Arguments>(
    args: Args,
    names: Option<&mut NameWriter>,
    out: &mut Vec<u8>,
    max_message: u64,
) -> Result<()> {
    let before = out.len();
    args.encode(names, out).map_err(|why| Error::Encode(why.into()))?;
    let bytes = (out.len() - before) as u64;
    if bytes > max_message { Err(Error::too_large(bytes, max_message)) } else { Ok(()) }
}

/// Encodes the arguments of one call, with the handles in them.
pub(super) fn encode_with_handles<Args: Arguments>(args: Args, max_message: u64) -> Result<Payload> {
    let mut handles = Handles::default();
    let bytes = fds::pack(&mut handles, || encode_alone(args, max_message))?;
    Ok(Payload { bytes, handles })
}

/// Encodes the arguments of one call; a panic of their serialization is an error.
fn encode_alone<Args: Arguments>(args: Args, max_message: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoded = foreign::guard(|| encode(args, None, &mut bytes, max_message));
    encoded.unwrap_or_else(|message| Err(Error::panicked_in_encoding::<Args>(&message)))?;
    Ok(bytes)
}

/// Gathers tasks of one job into chunks and submits them.
pub(super) struct Feeder<'a> {
    engine: &'a Engine,
    job: &'a Arc<Job>,
    sizes: ChunkSizes,
    /// The size of the chunk that is being filled.
    chunksize: usize,
    tasks: Tasks,
    /// The names of the chunk that is being filled.
    names: NameWriter,
    /// Arguments are being encoded: a panic now is their fault, and an error of their task.
    encoding: bool,
    /// Bytes of the payload that are whole items.
    whole: usize,
    /// Handles that the whole items need.
    packed: usize,
    /// Chunks submitted since results were last collected.
    uncollected: u32,
    /// Bytes submitted.
    bytes: usize,
}

impl<'a> Feeder<'a> {
    pub(super) fn new(engine: &'a Engine, job: &'a Arc<Job>, sizes: ChunkSizes) -> Self {
        Self {
            engine,
            job,
            chunksize: sizes.size(),
            sizes,
            tasks: Tasks::default(),
            names: NameWriter::default(),
            encoding: false,
            whole: 0,
            packed: 0,
            uncollected: 0,
            bytes: 0,
        }
    }

    /// Returns the bytes of the arguments that were submitted.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds up to `max` tasks. Returns whether that was all of `items`.
    ///
    /// One guard against panics of the arguments' serialization serves the whole loop: it costs
    /// more than to encode a number.
    pub(super) fn add<Args: Arguments>(
        &mut self,
        items: &mut (impl Iterator<Item = Args> + ?Sized),
        max: usize,
    ) -> bool {
        let mut left = max;
        loop {
            let mut handles = std::mem::take(&mut self.tasks.handles);
            let outcome = self.engine.pack(&mut handles, || {
                catch_unwind(AssertUnwindSafe(|| {
                    while left > 0 {
                        let Some(args) = items.next() else { return true };
                        left -= 1;
                        self.add_one(args);
                    }
                    false
                }))
            });
            self.tasks.handles = handles;
            match outcome {
                Ok(dry) => return dry,
                Err(panic) if self.encoding => {
                    let message = foreign::message(&*panic);
                    foreign::dispose(panic);
                    self.reject(Error::panicked_in_encoding::<Args>(&message));
                }
                // The source of the items panicked: the panic goes on to the caller. What came
                // before it counts.
                Err(panic) => {
                    self.flush();
                    resume_unwind(panic);
                }
            }
        }
    }

    #[inline]
    fn add_one<Args: Arguments>(&mut self, args: Args) {
        if let Some(size) = Args::fixed_size()
            && size as u64 <= self.engine.config.max_message
        {
            // Nothing to fail, and no handles.
            match self.chunksize {
                1 => self.tasks.payload.extend_from_slice(&args.raw().to_ne_bytes()[..size]),
                _ => push_fixed(&mut self.tasks.payload, args.raw(), size),
            }
            self.tasks.count += 1;
            self.whole = self.tasks.payload.len();
            return self.flush_full();
        }
        let (max_message, payload) = (self.engine.config.max_message, &mut self.tasks.payload);
        let put = fds::packed_count();
        self.encoding = true;
        let encoded = match self.chunksize {
            1 => encode(args, None, payload, max_message),
            _ => {
                if payload.is_empty() {
                    // Not where a chunk ends: a task that is split off from it needs them.
                    self.names.begin();
                }
                push_item(payload, |out| encode(args, Some(&mut self.names), out, max_message))
            }
        };
        self.encoding = false;
        match encoded {
            Ok(()) if fds::packed_count() != put => return self.added_with_handles(),
            Ok(()) => {
                self.tasks.count += 1;
                self.whole = self.tasks.payload.len();
            }
            Err(error) => {
                // What the failed attempt has packed goes.
                self.tasks.handles = fds::packed().first(self.packed);
                return self.reject(error);
            }
        }
        self.flush_full();
    }

    /// Submits the chunk if it is full.
    #[inline]
    fn flush_full(&mut self) {
        if self.is_full() {
            self.take_handles();
            self.submit();
        }
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.tasks.count as usize >= self.chunksize
            || self.tasks.payload.len() >= MAX_CHUNK_BYTES
            || self.names.bytes().len() >= MAX_NAME_BYTES
    }

    /// Adds the task whose arguments were just encoded, and which needs handles. With a handle that
    /// has one owner it travels alone, or the death of another task's worker would take the handle
    /// along.
    #[cold]
    fn added_with_handles(&mut self) {
        let Packed { count, moved, crowded } = fds::packed_since(self.packed);
        if moved {
            let handles = fds::packed();
            let payload = self.tasks.payload.split_off(self.whole);
            self.tasks.handles = handles.first(self.packed);
            self.flush();
            self.tasks = Tasks { payload, handles, ..Tasks::default() };
        }
        self.packed = count;
        self.tasks.count += 1;
        self.whole = self.tasks.payload.len();
        if moved || crowded || self.is_full() {
            if !moved {
                self.take_handles();
            }
            self.submit();
        }
    }

    /// Takes the handles that the tasks so far need out of the fd context.
    fn take_handles(&mut self) {
        if self.packed > 0 {
            self.tasks.handles = fds::packed();
        }
    }

    /// Fails the task that was being added.
    fn reject(&mut self, error: Error) {
        self.encoding = false;
        // What the failed attempt has left behind the last whole item.
        self.tasks.payload.truncate(self.whole);
        self.flush();
        self.chunksize = self.sizes.size();
        self.engine.submit_failed(self.job, error, false);
    }

    /// Submits what there is, and collects results if that is due: otherwise workers might have to
    /// wait for room in their rings.
    fn submit(&mut self) {
        self.uncollected += 1;
        if self.flush() || self.uncollected >= COLLECT_AFTER {
            self.uncollected = 0;
            self.engine.nudge();
        }
        self.chunksize = self.sizes.size();
    }

    /// Submits what there is. Returns whether tasks wait for a worker now.
    pub(super) fn flush(&mut self) -> bool {
        (self.whole, self.packed) = (0, 0);
        if self.tasks.count == 0 {
            self.tasks = Tasks::default();
            return false;
        }
        let mut tasks = std::mem::take(&mut self.tasks);
        if self.chunksize > 1 {
            let names = self.names.bytes();
            if tasks.count == 1 && names.is_empty() {
                // A chunk of one is its task's bytes without the length.
                tasks.payload.drain(..8);
            }
            tasks.names = names.len() as u32;
            tasks.payload.extend_from_slice(names);
        }
        self.bytes += tasks.payload.len();
        self.sizes.take(tasks.count as usize);
        self.engine.submit(self.job, tasks, false)
    }

    /// Adds all of `items`, and seals the job.
    pub(super) fn add_all<Args: Arguments>(mut self, mut items: impl Iterator<Item = Args>) {
        let unwinding = Unwinding { engine: self.engine, job: self.job };
        while !self.add(&mut items, usize::MAX) {}
        self.flush();
        std::mem::forget(unwinding);
        self.engine.seal(self.job);
    }
}

/// Abandons a job whose caller unwinds.
struct Unwinding<'a> {
    engine: &'a Engine,
    job: &'a Arc<Job>,
}

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        self.engine.abandon(self.job);
        self.engine.forget(self.job);
    }
}

/// Submits a job of a single task.
pub(crate) fn submit_one<Args: Arguments>(engine: &Engine, job: &Arc<Job>, args: Args) {
    let mut handles = Handles::default();
    match engine.pack(&mut handles, || encode_alone(args, engine.config.max_message)) {
        Ok(payload) => {
            engine.submit(job, Tasks { count: 1, payload, handles, ..Tasks::default() }, true);
        }
        Err(error) => engine.submit_failed(job, error, true),
    }
}
