//! The outcome of a chunk: the results of its tasks, as far as they have come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::codec::{self, Source};
use crate::engine::remote::STAYS;
use crate::error::Error;
use crate::fds::{self, Handles};
use crate::progress::FailureKinds;
use crate::protocol::{Envelope, Frame, FrameHead, Kind};

/// The results of a chunk's tasks, as they came from the workers: the thread that takes them
/// decodes them.
///
/// Small, because chunks are moved about a lot; what most chunks never have is kept apart.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Frames, one a task.
    frames: Vec<u8>,
    /// The position up to which they have been read.
    at: usize,
    /// Tasks that failed.
    failures: u32,
    /// The process that wrote the first frame.
    pid: u32,
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default)]
struct Rare {
    /// The body of a chunk's only frame, if it was large.
    whole: Option<(FrameHead, Vec<u8>)>,
    /// Errors that the parent found, one for each frame of [`Kind::Absent`].
    absent: VecDeque<Error>,
    /// The handles of results, for each frame of [`Kind::ValueWithHandles`].
    handles: VecDeque<Handles>,
    /// Other processes that wrote frames, each with the first byte that it wrote.
    writers: Vec<(usize, u32)>,
}

impl Outcome {
    /// Adds frames, of which `failures` bring no value.
    pub(super) fn add(&mut self, frames: &[u8], failures: u32, pid: u32) {
        self.wrote(failures, pid);
        self.frames.extend_from_slice(frames);
    }

    /// Adds a frame whose body has its own buffer; `only` means that it is the chunk's only one.
    pub(super) fn add_large(&mut self, head: FrameHead, body: Vec<u8>, only: bool, pid: u32) {
        self.wrote(u32::from(!head.kind.is_value()), pid);
        if only {
            self.rare().whole = Some((head, body));
            return;
        }
        let (bytes, size) = head.encode();
        self.frames.extend_from_slice(&bytes[..size]);
        self.frames.extend_from_slice(&body);
    }

    /// Adds the handles of the next frame that has some.
    pub(super) fn add_handles(&mut self, handles: Handles) {
        self.rare().handles.push_back(handles);
    }

    /// Adds a failure that the parent found.
    pub(super) fn add_error(&mut self, error: Error) {
        let (bytes, size) = FrameHead { kind: Kind::Absent, timed: false, len: 0 }.encode();
        self.frames.extend_from_slice(&bytes[..size]);
        self.failures += 1;
        self.rare().absent.push_back(error);
    }

    /// Returns the number of tasks that failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the bytes of the results.
    pub(crate) fn bytes(&self) -> usize {
        let whole = self.rare.as_ref().and_then(|rare| rare.whole.as_ref());
        self.frames.len() + whole.map_or(0, |(_, body)| body.len())
    }

    /// Returns how many tasks failed in which way, of those not yet read.
    pub(super) fn failure_kinds(&self) -> FailureKinds {
        FailureKinds::of(self.rare.iter().flat_map(|rare| &rare.absent))
    }

    fn wrote(&mut self, failures: u32, pid: u32) {
        self.failures += failures;
        if self.frames.is_empty() {
            self.pid = pid;
        } else if self.pid != pid || self.rare.is_some() {
            let at = self.frames.len();
            self.rare().writers.push((at, pid));
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Returns the process that wrote the frame at byte `at`.
    fn writer(&self, at: usize) -> u32 {
        let others = self.rare.iter().flat_map(|rare| &rare.writers).rev();
        others.into_iter().find(|(from, _)| *from <= at).map_or(self.pid, |(_, pid)| *pid)
    }

    /// Returns the next task's result, in order, as `decode` reads it; `None` after the last.
    /// `max_message` is what a result may have, for the error that names it.
    #[inline]
    pub(crate) fn next<R>(
        &mut self,
        max_message: u64,
        decode: impl FnOnce(Source<'_>) -> Result<R, Error>,
    ) -> Option<Result<R, Error>> {
        if self.rare.as_ref().is_some_and(|rare| rare.whole.is_some()) {
            return self.next_whole(max_message, decode);
        }
        let (head, size) = FrameHead::decode(self.frames.get(self.at..)?)?;
        let start = self.at + size;
        let end = start + usize::try_from(head.body()).ok()?;
        let at = std::mem::replace(&mut self.at, end);
        match head.kind {
            Kind::Absent => {
                let error = self.rare.as_mut().and_then(|rare| rare.absent.pop_front());
                Some(Err(error.unwrap_or(Error::Cancelled)))
            }
            Kind::Value => Some(decode(Source::Slice(Frame::new(head, self.frames.get(start..end)?).payload))),
            Kind::ValueWithHandles => {
                let payload = Frame::new(head, self.frames.get(start..end)?).payload;
                Some(with_handles(self.rare.as_deref_mut(), || decode(Source::Slice(payload))))
            }
            _ => Some(Err(failure(&Frame::new(head, self.frames.get(start..end)?), self.writer(at), max_message))),
        }
    }

    /// Passes the values that come next to `take`, as far as they are plain ones of `size` bytes
    /// each. The first for which it returns `false` is still [`next`](Outcome::next).
    #[inline]
    pub(crate) fn take_fixed(&mut self, size: usize, mut take: impl FnMut(&[u8]) -> bool) {
        let head = FrameHead::short_value(size);
        let rest = self.frames.get(self.at..).unwrap_or_default();
        let plain = rest
            .chunks_exact(head.len() + size)
            .take_while(|frame| frame.split_first_chunk().is_some_and(|(word, value)| *word == head && take(value)));
        self.at += plain.count() * (head.len() + size);
    }

    fn next_whole<R>(
        &mut self,
        max_message: u64,
        decode: impl FnOnce(Source<'_>) -> Result<R, Error>,
    ) -> Option<Result<R, Error>> {
        let rare = self.rare.as_deref_mut()?;
        let (head, mut body) = rare.whole.take()?;
        if !head.kind.is_value() {
            return Some(Err(failure(&Frame::new(head, &body), self.pid, max_message)));
        }
        let source = match head.timed {
            true => Source::Slice(Frame::new(head, &body).payload),
            false => Source::Buffer(&mut body),
        };
        Some(match head.kind {
            Kind::ValueWithHandles => with_handles(Some(rare), || decode(source)),
            _ => decode(source),
        })
    }
}

/// Runs `decode` with the handles of the next result that has some. Those of a result that came
/// from another machine have stayed there.
#[cold]
fn with_handles<R>(rare: Option<&mut Rare>, decode: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    let handles = rare.and_then(|rare| rare.handles.pop_front());
    let mut handles = handles.ok_or_else(|| Error::Encode(STAYS.into()))?;
    fds::unpack(&mut handles, decode)
}

/// The part of an outcome that is not in its frames, for the way to the remote client.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Rest {
    absent: VecDeque<Error>,
    writers: Vec<(u64, u32)>,
}

/// An outcome in parts, for the way to the remote client.
#[cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only with the feature `mpi` does one travel.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Tasks that failed.
    pub(crate) failures: u32,
    /// The process that wrote the first frame.
    pub(crate) pid: u32,
    /// The head of the only frame, if that was large. It belongs before `frames`.
    pub(crate) head: Vec<u8>,
    pub(crate) frames: Vec<u8>,
    /// The encoded rest, mostly nothing.
    pub(crate) rest: Vec<u8>,
}

#[cfg_attr(not(feature = "mpi"), allow(dead_code))] // As above.
impl Outcome {
    /// Takes it to parts. Frames are not copied.
    pub(crate) fn dismantle(self) -> Parts {
        let Self { frames, failures, pid, rare, .. } = self;
        let Some(rare) = rare else { return Parts { failures, pid, frames, ..Parts::default() } };
        let Rare { whole, absent, handles, writers } = *rare;
        // Their results are read as errors.
        let failures = failures + handles.len() as u32;
        let mut parts = Parts { failures, pid, frames, ..Parts::default() };
        if let Some((head, body)) = whole {
            let (bytes, size) = head.encode();
            (parts.head, parts.frames) = (bytes[..size].to_vec(), body);
        }
        if !absent.is_empty() || !writers.is_empty() {
            let writers = writers.into_iter().map(|(at, pid)| (at as u64, pid)).collect();
            if codec::encode_plain(&Rest { absent, writers }, &mut parts.rest).is_err() {
                parts.rest.clear();
            }
        }
        parts
    }

    /// Puts an outcome of so many tasks together again that was [taken](Outcome::dismantle) to
    /// parts. Returns `None` if these do not fit together.
    pub(crate) fn assemble(Parts { failures, pid, head, frames, rest }: Parts, tasks: u32) -> Option<Self> {
        let mut outcome = Self { failures, pid, ..Self::default() };
        if !rest.is_empty() {
            let Rest { absent, writers } = codec::decode_plain(&rest).ok()?;
            let writers = writers.into_iter().map(|(at, pid)| Some((usize::try_from(at).ok()?, pid)));
            *outcome.rare() = Rare { absent, writers: writers.collect::<Option<_>>()?, ..Rare::default() };
        }
        if head.is_empty() {
            outcome.frames = frames;
            return (count_frames(&outcome.frames)? == tasks).then_some(outcome);
        }
        let (head, _) = FrameHead::decode(&head)?;
        let fits = tasks == 1 && usize::try_from(head.body()).ok()? == frames.len();
        outcome.rare().whole = Some((head, frames));
        fits.then_some(outcome)
    }
}

/// Returns the number of frames in `bytes`, or `None` if they are not all frames.
#[cfg_attr(not(feature = "mpi"), allow(dead_code))] // As above.
fn count_frames(mut bytes: &[u8]) -> Option<u32> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (head, size) = FrameHead::decode(bytes)?;
        bytes = bytes.get(size.checked_add(usize::try_from(head.body()).ok()?)?..)?;
        count += 1;
    }
    Some(count)
}

/// Returns the error in a frame that brings no value.
pub(super) fn failure(frame: &Frame<'_>, pid: u32, max_message: u64) -> Error {
    let text = || String::from_utf8_lossy(frame.payload).into_owned();
    match frame.kind {
        Kind::Initializer => match codec::decode_plain(frame.payload) {
            Ok(Error::Panicked { message, location, backtrace, .. }) => {
                Envelope { message, location, backtrace }.into_error(pid)
            }
            Ok(error) => error,
            Err(_) => Error::Decode("the initializer failed, and its error cannot be read".into()),
        },
        Kind::Panicked => match postcard::from_bytes::<Envelope>(frame.payload) {
            Ok(envelope) => envelope.into_error(pid),
            Err(_) => Error::Decode("the worker reported a panic that cannot be read".into()),
        },
        Kind::TooLarge => {
            let bytes = frame.payload.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            Error::too_large(bytes, max_message)
        }
        Kind::Encode => Error::Encode(text().into()),
        _ => Error::Decode(text().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_of_an_initializer_is_read_within_the_stack() {
        for byte in 0..=u8::MAX {
            let payload = vec![byte; 1 << 18];
            let head = FrameHead { kind: Kind::Initializer, timed: false, len: payload.len() as u64 };
            failure(&Frame::new(head, &payload), 1, u64::MAX);
        }
    }
}
