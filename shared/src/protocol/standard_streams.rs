//! Where a worker's standard streams go, and the marks in them that tell tasks apart.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;

/// What a worker does with one of its standard streams before it runs anything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum StreamTarget {
    /// Leaves it as it was inherited.
    #[default]
    Inherited,
    /// Replaces it by the null device.
    Null,
    /// Replaces it by this file, which all workers have.
    File(SharedFd),
    /// Replaces it by this pipe, which is the worker's own.
    Pipe(MovedFd),
}

/// The standard streams of a worker.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Streams {
    pub(crate) stdout: StreamTarget,
    pub(crate) stderr: StreamTarget,
    /// With it, the beginning of each task is marked in `stderr`, which is a pipe.
    pub(crate) nonce: Option<Nonce>,
}

macro_rules! sent_descriptor {
    ($(#[$attribute:meta])* $name:ident, $travel:expr) => {
        $(#[$attribute])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) Arc<Descriptor>);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                fds::serialize(&self.0, ObjectKind::Stream, $travel, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                fds::deserialize(ObjectKind::Stream, deserializer).map(Self)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }
    };
}

sent_descriptor! {
    /// A descriptor that the sender keeps.
    SharedFd, Travel::Shared
}
sent_descriptor! {
    /// A descriptor that is the receiver's once it was sent.
    MovedFd, Travel::Moved
}

/// Bytes that tell a mark from what tasks write: random ones, which no task knows.
pub(crate) type Nonce = [u8; 23];

/// Bytes of a mark. So few are written to a pipe in one piece (`PIPE_BUF`), between what others
/// write.
pub(crate) const MARK_LEN: usize = 32;

/// The first byte of a mark, which text does not have.
pub(crate) const MARK_START: u8 = 0;

/// Returns the mark of the beginning of a worker's `task`-th task: its start, the nonce, and the
/// number.
pub(crate) fn mark(nonce: &Nonce, task: u64) -> [u8; MARK_LEN] {
    let mut bytes = [MARK_START; MARK_LEN];
    bytes[1..24].copy_from_slice(nonce);
    bytes[24..].copy_from_slice(&task.to_le_bytes());
    bytes
}

/// The beginning of bytes that start with [`MARK_START`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// A mark, of this task.
    Task(u64),
    /// A part of a mark, unless what follows is something else.
    Part,
    /// No mark.
    Other,
}

/// Reads a mark.
pub(crate) fn read_mark(nonce: &Nonce, bytes: &[u8]) -> Marked {
    let seen = bytes.len().clamp(1, 24);
    if bytes.get(1..seen) != nonce.get(..seen - 1) {
        return Marked::Other;
    }
    match bytes.get(24..MARK_LEN).and_then(|number| number.first_chunk()) {
        Some(number) => Marked::Task(u64::from_le_bytes(*number)),
        None => Marked::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_read_whole_or_known_to_be_a_part() {
        let nonce = *b"none of the tasks' text";
        let bytes = mark(&nonce, 1 << 40 | 7);
        assert_eq!(read_mark(&nonce, &bytes), Marked::Task(1 << 40 | 7));
        (1..MARK_LEN).for_each(|len| assert_eq!(read_mark(&nonce, &bytes[..len]), Marked::Part, "{len}"));
        let mut other = bytes;
        other[23] ^= 1;
        assert_eq!(read_mark(&nonce, &other), Marked::Other);
        assert_eq!(read_mark(&nonce, b"\0no"), Marked::Part);
        assert_eq!(read_mark(&nonce, b"\0yes"), Marked::Other);
    }
}
