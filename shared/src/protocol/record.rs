//! Task records: a head of fixed size, then a payload.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::protocol::Streams;

/// Bytes of a record's head.
pub(crate) const RECORD_LEN: usize = size_of::<Record>();

/// The head of a record in the task ring.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(crate) struct Record {
    /// A [`RecordKind`].
    pub(crate) kind: u16,
    /// Handles that are sent with it, through the socket.
    pub(crate) handles: u16,
    /// Tasks in the payload.
    pub(crate) count: u32,
    /// The epoch and number under which the record is [claimed](crate::ring::Header::claim).
    pub(crate) epoch: u32,
    /// See `epoch`.
    pub(crate) number: u32,
    /// The [`Function`](crate::task::Function) to run.
    pub(crate) function: u64,
    /// The state the function works with; 0 for none.
    pub(crate) state: u64,
    /// Bytes of the payload that follows.
    pub(crate) len: u64,
    /// Bytes at the beginning of the payload that are the [names](crate::codec::NameReader) of all
    /// tasks.
    pub(crate) names: u64,
}

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// Set the worker up with the payload, a [`Setup`]. The first record.
    Setup,
    /// Run the initializer on the payload.
    Initialize,
    /// Keep the payload as the state named `state`.
    State,
    /// Keep the shared memory that comes behind the handles as the state named `state`.
    SharedState,
    /// Drop the state named `state`.
    Forget,
    /// Run `function` on the payload, which is one task's arguments, or names and one of [`Items`].
    RunOne,
    /// Run `function` on each of the payload's `count` [`Items`], which stand behind their names.
    RunMany,
    /// Do what `RunMany` says, and store when each task begins: they have a time limit.
    RunManyTimed,
    /// Keep the payload for the finalizer, which is run before the end.
    Finalize,
    /// End.
    Quit,
}

impl RecordKind {
    const ALL: [Self; 10] = [
        Self::Setup,
        Self::Initialize,
        Self::State,
        Self::SharedState,
        Self::Forget,
        Self::RunOne,
        Self::RunMany,
        Self::RunManyTimed,
        Self::Finalize,
        Self::Quit,
    ];
}

impl Record {
    pub(crate) fn new(kind: RecordKind, len: usize) -> Self {
        Self { kind: kind as u16, len: len as u64, ..Self::zeroed() }
    }

    pub(crate) fn kind(&self) -> Option<RecordKind> {
        RecordKind::ALL.get(self.kind as usize).copied()
    }
}

/// The payload of a worker's first record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The worker's identity, for [`current_process`](crate::current_process).
    pub(crate) identity: Identity,
    /// Its standard streams.
    pub(crate) streams: Streams,
    /// Bytes of memory that the worker may take for data.
    pub(crate) memory_limit: Option<u64>,
    /// Bytes that a result may have.
    pub(crate) max_message: u64,
    /// Whether the worker can take tasks at once: no initializer follows.
    pub(crate) ready: bool,
    /// The time that the worker's orderly end may take before the kernel kills it, in nanoseconds.
    pub(crate) end_limit: u64,
    /// Whether the worker is a process for one task, and not one of a pool.
    pub(crate) single: bool,
}

/// Appends one item to the payload of a record of several: its length, then what `encode` writes.
/// If that fails, nothing is appended.
///
/// Always inlined, so that a value that `encode` captures is not stored and read back for it, which
/// stalls where it is smaller than a word.
#[inline(always)]
pub(crate) fn push_item<E>(payload: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let at = payload.len();
    payload.extend_from_slice(&[0; 8]);
    if let Err(error) = encode(payload) {
        payload.truncate(at);
        return Err(error);
    }
    let len = (payload.len() - at - 8) as u64;
    payload[at..at + 8].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// Appends an item that is the first `len` bytes of `raw` (at most all), as [`push_item`] does.
///
/// All are copied, and those beyond `len` removed again: a copy of a fixed size needs no call.
#[inline]
pub(crate) fn push_fixed(payload: &mut Vec<u8>, raw: u128, len: usize) {
    let len = len.min(size_of::<u128>());
    let mut item = [0; 8 + size_of::<u128>()];
    item[..8].copy_from_slice(&(len as u64).to_le_bytes());
    item[8..].copy_from_slice(&raw.to_ne_bytes());
    payload.extend_from_slice(&item);
    payload.truncate(payload.len() - size_of::<u128>() + len);
}

/// The items of a record's payload.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk::<8>()?;
        let (item, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
        self.0 = rest;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn items_are_read_as_they_were_pushed() {
        let mut payload = Vec::new();
        for item in [&b"one"[..], b"", b"three"] {
            push_item::<()>(&mut payload, |out| {
                out.extend_from_slice(item);
                Ok(())
            })
            .unwrap();
        }
        let failed = push_item(&mut payload, |out| {
            out.push(1);
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!(Items(&payload).collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn item_of_a_fixed_size_is_pushed_like_any_other() {
        for len in 0..=16 {
            let raw = u128::MAX / 3;
            let (mut short, mut long) = (Vec::new(), Vec::new());
            push_fixed(&mut short, raw, len);
            push_item::<()>(&mut long, |out| {
                out.extend_from_slice(&raw.to_ne_bytes()[..len]);
                Ok(())
            })
            .unwrap();
            assert_eq!(short, long);
        }
    }

    #[test]
    fn truncated_payload_ends_early() {
        assert_eq!(Items(&[255; 20]).next(), None);
        assert_eq!(Items(&[1, 0, 0]).next(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_items_within_them(bytes in proptest::collection::vec(any::<u8>(), 0..200), short in 0..20u8) {
            let mut bytes = bytes;
            // Lengths that are not absurd, too.
            bytes.chunks_mut(9).for_each(|chunk| chunk[1..].fill(0));
            bytes.iter_mut().step_by(9).for_each(|len| *len %= short + 1);
            let items: Vec<&[u8]> = Items(&bytes).collect();
            prop_assert!(items.iter().map(|item| item.len() + 8).sum::<usize>() <= bytes.len());
        }

        #[test]
        fn any_record_has_a_kind_or_none(bytes in any::<[u8; RECORD_LEN]>()) {
            let record: Record = bytemuck::pod_read_unaligned(&bytes);
            prop_assert_eq!(record.kind().is_some(), usize::from(record.kind) < RecordKind::ALL.len());
        }
    }
}
