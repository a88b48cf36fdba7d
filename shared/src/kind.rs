//! The kinds of objects in shared memory, and of handles that are sent.
//!
//! The kind is in the first words of the memory, where each process that maps it checks it, and in
//! a byte beside a handle's descriptor, where the process that decodes it checks it. So neither a
//! `Deserialize` that reads another object's bytes, nor a process that sends a wrong kind, has
//! memory used for what it is not.

use std::any::type_name;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::{Error, Result};
use crate::sys::shm::Mapping;
use crate::sys::words::words;

macro_rules! kinds {
    ($($(#[$attribute:meta])* $kind:ident: $name:literal,)*) => {
        /// The kind of an object in shared memory, or of a handle.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ObjectKind {
            $($(#[$attribute])* $kind,)*
        }

        impl ObjectKind {
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),*];

            /// Returns the name for messages, with an article.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    Lock: "a lock",
    Semaphore: "a semaphore",
    Event: "an event",
    Condition: "a condition",
    Barrier: "a barrier",
    Slice: "a slice",
    Queue: "a queue",
    PriorityQueue: "a priority queue",
    /// The memory of a pipe.
    Pipe: "a pipe",
    /// The socket of a pipe's end.
    PipeSocket: "a socket of a pipe",
    /// The socket of a channel that values are sent from.
    Sender: "a sender",
    /// The socket of a channel that values are received from.
    Receiver: "a receiver",
    /// The memory of a value that is too large for a channel's socket.
    LargeValue: "a large value",
    /// The state of a job's task.
    State: "a state",
    /// The memory between a pool and a worker.
    Worker: "a worker",
    /// A descriptor of the program, in an [`Fd`](crate::Fd).
    File: "a file or socket",
    /// The socket by which clients connect to a manager.
    ManagerListener: "a listener of a manager",
    /// A descriptor that a manager's process starts with.
    ManagerMessage: "a message of a manager",
    /// A file or pipe that takes the place of a worker's standard stream.
    Stream: "a standard stream",
}

impl ObjectKind {
    /// Returns the number that is sent: never 0, and with the highest bit free.
    pub(crate) fn code(self) -> u8 {
        self as u8 + 1
    }

    /// Returns the kind of this number, if there is one.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// Returns the name of such memory in `/proc/PID/maps`.
    pub(crate) fn memory_name(self) -> String {
        let name = self.name();
        format!("multiproc-{}", name.rsplit(' ').next().unwrap_or(name))
    }
}

words! {
    /// The words that hold the kind of an object. They are written before another process can have
    /// the memory, and not after that.
    #[derive(Debug)]
    pub(crate) struct Tag {
        /// The version of the crate, which decides the layout.
        layout: AtomicU64,
        kind: AtomicU64,
        /// Size and alignment of an element.
        element: AtomicU64,
        /// A hash of the elements' type.
        hash: AtomicU64,
        /// The number of elements.
        len: AtomicU64,
    }
}

/// Differs between versions of the crate: each may have its own layout.
const LAYOUT: u64 = hash(concat!("multiproc ", env!("CARGO_PKG_VERSION")).as_bytes());

/// FNV-1a (Fowler, Noll and Vo).
const fn hash(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

impl Tag {
    fn words<T>(kind: ObjectKind) -> [u64; 4] {
        let element = (size_of::<T>() as u64) << 32 | align_of::<T>() as u64;
        [LAYOUT, kind.code().into(), element, hash(type_name::<T>().as_bytes())]
    }

    fn all(&self) -> [&AtomicU64; 4] {
        [&self.layout, &self.kind, &self.element, &self.hash]
    }

    /// Writes the tag of `mapping` at byte `at`: memory of this kind, with `len` elements `T`.
    pub(crate) fn write<T>(mapping: &Mapping, at: usize, kind: ObjectKind, len: usize) {
        let tag = mapping.words::<Self>(at);
        tag.all().into_iter().zip(Self::words::<T>(kind)).for_each(|(word, value)| word.store(value, Relaxed));
        tag.len.store(len as u64, Relaxed);
    }

    /// Returns the number of elements in the tag of `mapping`. Fails unless the tag is of this
    /// kind, with elements `T`. The caller checks whether the memory has as many.
    pub(crate) fn read<T>(mapping: &Mapping, at: usize, kind: ObjectKind) -> Result<usize> {
        let is_right = at.checked_add(size_of::<Self>()).is_some_and(|end| end <= mapping.len())
            && mapping.words::<Self>(at).all().map(|word| word.load(Relaxed)) == Self::words::<T>(kind);
        let len = if is_right { usize::try_from(mapping.words::<Self>(at).len.load(Relaxed)).ok() } else { None };
        len.ok_or_else(|| Self::mismatch::<T>(kind))
    }

    /// Returns the error for memory of another kind.
    pub(crate) fn mismatch<T>(kind: ObjectKind) -> Error {
        let of = if size_of::<T>() == 0 { String::new() } else { format!(" of {}", type_name::<T>()) };
        Error::Config(format!("the memory that came is not that of {}{of}", kind.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_code_of_its_own() {
        for (at, kind) in ObjectKind::ALL.iter().enumerate() {
            assert_eq!((usize::from(kind.code()), ObjectKind::of_code(kind.code())), (at + 1, Some(*kind)));
            assert!(kind.code() < 0x80);
        }
        assert!(ObjectKind::of_code(0).is_none() && ObjectKind::of_code(ObjectKind::ALL.len() as u8 + 1).is_none());
    }
}
