//! Handles: values that stand for an object of the kernel (a pipe's end, shared memory) and can be
//! sent to another process.
//!
//! Such a value is a [`Descriptor`] and little else. Serialized as an argument of a task or a
//! message of a [`Connection`](crate::Connection), it adds its descriptor to the [context]
//! of that message and writes only its index there. The descriptors are [sent](transfer) beside the
//! message, by `SCM_RIGHTS`. Serialized anywhere else, it is an error.

mod context;
mod descriptor;
#[cfg(all(test, not(multiproc_loom)))]
mod tests;
mod transfer;

pub(crate) use context::require_packing;
pub(crate) use context::{
    Handles, Packed, forbid, is_unpacking_handles, pack, packed, packed_count, packed_since, unpack,
};
#[cfg(feature = "tokio")]
pub(crate) use descriptor::watch_readable;
pub(crate) use descriptor::{Descriptor, close_inherited};
pub(crate) use transfer::{Arrived, Payload, receive, send, wait};

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::kind::ObjectKind;

/// What becomes of a handle when it is sent to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// Several processes may have it: the message keeps a copy, in case it has to be sent once
    /// more.
    Shared,
    /// It has one owner at a time, and is dropped here once it was sent.
    Moved,
}

/// Serializes a handle: adds its descriptor and kind to the context of the message, and writes the
/// index there.
pub(crate) fn serialize<S: Serializer>(
    descriptor: &Arc<Descriptor>,
    kind: ObjectKind,
    travel: Travel,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    context::put(descriptor, kind, travel).map_err(ser::Error::custom)?.serialize(serializer)
}

/// Deserializes what [`serialize`] wrote, if it was for a handle of this kind. The kind is what the
/// sender claims: code that maps memory, or uses a socket, must check that it is right.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    kind: ObjectKind,
    deserializer: D,
) -> Result<Arc<Descriptor>, D::Error> {
    let index = u32::deserialize(deserializer)?;
    context::take(index, kind).map_err(de::Error::custom)
}
