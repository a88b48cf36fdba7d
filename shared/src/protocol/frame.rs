//! Result frames: one a task, in the order in which the tasks were begun.
//!
//! A frame is a head of 4 bytes (kind and length; 8 more where the length needs it) and a payload.
//! With tracing on, the payload begins with the task's start and end.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Origin};

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The task's result.
    Value,
    /// An [`Envelope`]: the task panicked.
    Panicked,
    /// Text: the result could not be encoded.
    Encode,
    /// Text: the arguments could not be decoded.
    Decode,
    /// The result's size, 8 bytes: it is larger than allowed.
    TooLarge,
    /// An [`Error`](crate::Error): the initializer failed. The worker ends after this.
    Initializer,
    /// No frame: the parent has the reason already. Never sent.
    Absent,
    /// The task's result, which needs the handles of the next message of the worker's socket.
    ValueWithHandles,
}

impl Kind {
    /// Returns `true` if it brings the task's result, and not why there is none.
    #[inline]
    pub(crate) fn is_value(self) -> bool {
        matches!(self, Self::Value | Self::ValueWithHandles)
    }
}

const KINDS: [Kind; 1 << KIND_BITS] = [
    Kind::Value,
    Kind::Panicked,
    Kind::Encode,
    Kind::Decode,
    Kind::TooLarge,
    Kind::Initializer,
    Kind::Absent,
    Kind::ValueWithHandles,
];
const KIND_BITS: u32 = 3;
/// Set if start and end precede the payload.
const TIMED: u32 = 1 << KIND_BITS;
const LEN_SHIFT: u32 = KIND_BITS + 1;
/// A length that means that the next 8 bytes have it.
const LONG: u32 = u32::MAX >> LEN_SHIFT;

/// A panic, in plain text, which needs nothing but this type to be read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
    pub(crate) backtrace: Option<String>,
}

impl Envelope {
    /// Returns the error of the task that panicked so, in the process `pid`.
    pub(crate) fn into_error(self, pid: u32) -> Error {
        let Self { message, location, backtrace } = self;
        Error::Panicked { message, location, backtrace, stderr: None, pid, origin: Origin::default() }
    }
}

/// A frame's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) kind: Kind,
    pub(crate) timed: bool,
    /// Bytes of the payload, times excluded.
    pub(crate) len: u64,
}

impl FrameHead {
    /// Encodes the head; returns its bytes, and how many of them are used.
    #[inline]
    pub(crate) fn encode(self) -> ([u8; 12], usize) {
        let short = self.len < u64::from(LONG);
        let len = if short { self.len as u32 } else { LONG };
        let word = self.kind as u32 | (if self.timed { TIMED } else { 0 }) | len << LEN_SHIFT;
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&word.to_le_bytes());
        bytes[4..].copy_from_slice(&self.len.to_le_bytes());
        (bytes, if short { 4 } else { 12 })
    }

    /// Encodes the head of a value of `len` bytes, which are few.
    #[inline]
    pub(crate) fn short_value(len: usize) -> [u8; 4] {
        debug_assert!(len < LONG as usize);
        (Kind::Value as u32 | (len as u32) << LEN_SHIFT).to_le_bytes()
    }

    /// Decodes a head, which any bytes are, and returns it with its length; `None` if it is
    /// incomplete.
    #[inline]
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (word, rest) = bytes.split_first_chunk::<4>()?;
        let word = u32::from_le_bytes(*word);
        let kind = KINDS[(word & (TIMED - 1)) as usize];
        let timed = word & TIMED != 0;
        let len = word >> LEN_SHIFT;
        if len != LONG {
            return Some((Self { kind, timed, len: len.into() }, 4));
        }
        let long = rest.first_chunk::<8>()?;
        Some((Self { kind, timed, len: u64::from_le_bytes(*long) }, 12))
    }

    /// Returns the number of bytes that follow the head.
    #[inline]
    pub(crate) fn body(self) -> u64 {
        self.len.saturating_add(if self.timed { 16 } else { 0 })
    }
}

/// A complete frame.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    /// Start and end in nanoseconds of the common clock, if the worker traces.
    pub(crate) times: Option<(u64, u64)>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits `body` into the parts of a frame.
    #[inline]
    pub(crate) fn new(head: FrameHead, mut body: &'a [u8]) -> Self {
        let mut times = None;
        if head.timed
            && let Some((start, rest)) = body.split_first_chunk::<8>()
            && let Some((end, rest)) = rest.split_first_chunk::<8>()
        {
            times = Some((u64::from_le_bytes(*start), u64::from_le_bytes(*end)));
            body = rest;
        }
        Self { kind: head.kind, times, payload: body }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_of_all_sizes_come_back() {
        for len in [0, 1, 8, u64::from(LONG) - 1, u64::from(LONG), 1 << 33, u64::MAX] {
            for (kind, timed) in KINDS.into_iter().zip([true, false].into_iter().cycle()) {
                let head = FrameHead { kind, timed, len };
                let (bytes, size) = head.encode();
                assert_eq!(FrameHead::decode(&bytes[..size]), Some((head, size)));
                assert_eq!(FrameHead::decode(&bytes[..size - 1]), None);
            }
        }
    }

    #[test]
    fn a_short_value_has_the_head_that_any_value_has() {
        for len in 0..=16 {
            let (bytes, size) = FrameHead { kind: Kind::Value, timed: false, len: len as u64 }.encode();
            assert_eq!(FrameHead::short_value(len), bytes[..size]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_not_yet(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((head, size)) = FrameHead::decode(&bytes) {
                prop_assert!(size <= bytes.len() && head.body() >= head.len);
                let frame = Frame::new(head, &bytes[size..]);
                prop_assert!(frame.payload.len() <= bytes.len() - size);
            }
        }
    }
}
