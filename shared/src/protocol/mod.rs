//! What pool and worker say to each other through their rings: records of tasks one way, frames of
//! results the other.

mod frame;
mod record;
mod setup;

pub(crate) use frame::{Envelope, Frame, FrameHead, Kind};
pub(crate) use record::{Items, RECORD_LEN, Record, RecordKind, push_fixed, push_item};
pub(crate) use setup::Setup;
