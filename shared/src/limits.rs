//! Bounds that several parts have in common.

/// Bytes a message may have, unless its pool or queue says otherwise: far more than is sensible,
/// and little enough to be told from a length that is not one.
pub(crate) const MAX_MESSAGE: u64 = 16 << 30;
