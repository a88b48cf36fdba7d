//! What pool and worker say to each other through their rings: records of tasks one way, frames of
//! results the other.

mod frame;
mod record;

pub(crate) use frame::{Envelope, Frame, FrameHead, Kind};
pub(crate) use record::{Items, RECORD_LEN, Record, RecordKind, Setup, push_fixed, push_item};

/// Bytes a message may have, unless its pool or queue says otherwise: far more than is sensible,
/// and little enough to be told from a length that is not one.
pub(crate) const MAX_MESSAGE: u64 = 16 << 30;
