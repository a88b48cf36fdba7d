//! The protocol between a pool and its workers: records with tasks in one ring, frames with results
//! in the other.

mod frame;
mod record;
mod standard_streams;

pub(crate) use frame::{Envelope, Frame, FrameHead, Kind};
pub(crate) use record::{Items, RECORD_LEN, Record, RecordKind, Setup, push_fixed, push_item};
pub(crate) use standard_streams::{
    MARK_LEN, MARK_START, Marked, MovedFd, Nonce, SharedFd, StreamTarget, Streams, mark, read_mark,
};

/// Bytes that a message may have, unless its pool or queue has another limit: far more than is
/// sensible, and few enough to be told from an invalid length.
pub(crate) const MAX_MESSAGE: u64 = 16 << 30;
