//! What processes share beside messages.

mod eventcount;

pub(crate) use eventcount::{EventCount, SLICE};
