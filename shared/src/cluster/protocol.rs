//! The messages between rank 0 and a serving rank.
//!
//! A message is a batch of records, each a head of fixed size and a payload. All ranks run the same
//! build on machines of the same kind, so that a head travels as it lies in memory.

use std::mem;

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use crate::cluster::Rank;
use crate::engine::TaskLimits;
use crate::error::Error;

/// The size from which a message is sent without waiting for more.
const FULL: usize = 1 << 20;

/// The size from which a payload is sent as it lies in memory, and not copied into a batch.
pub(super) const LARGE: usize = 64 << 10;

/// The kinds of records. Those up to `Heartbeat` go to a serving rank, the others and `Heartbeat`
/// come from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordKind {
    /// Run `function` on the payload, `count` tasks of job `job`, with `names` bytes of
    /// [names](crate::codec::NameWriter) at its end, and send the outcome with `slot`.
    /// `first` is the number of the first task, `time_limit` the nanoseconds that each may run, or
    /// 0 for what the rank's settings say, `grace` those that it has when it was warned, `retries`
    /// how often one is begun again.
    Run,
    /// Keep the payload as the state of job `job`, with the limits of its tasks as in `Run`.
    State,
    /// Drop the state of job `job`.
    Forget,
    /// Cancel what there is of job `job`.
    Cancel,
    /// Run no more of job `job` than what has begun.
    Abandon,
    /// Cancel all that has not begun.
    CancelPending,
    /// Give back up to `count` chunks that have not begun.
    Return,
    /// End. If `count` is 1, finalize MPI. Otherwise there are lost ranks, for which MPI would
    /// wait: stay until rank 0 is gone.
    Quit,
    /// The sender is alive. In both directions.
    Heartbeat,
    /// The first record of a serving rank: a [`Greeting`].
    Hello,
    /// The outcome of a chunk: `count` of its tasks failed, process `pid` wrote the first frame;
    /// `first` bytes of frames, then the rest. Of a large outcome, the frames are the payload, and
    /// behind this head stand `first` bytes, then the rest: the head of the only frame, if the
    /// payload is that one's body.
    Done,
    /// A chunk is returned, not begun.
    Returned,
    /// The [counters](crate::engine::Snapshot) of the rank's pool.
    Counters,
    /// A task of `function` takes `first` nanoseconds.
    Cost,
    /// The last record of a serving rank.
    Bye,
}

const KINDS: [RecordKind; 15] = [
    RecordKind::Run,
    RecordKind::State,
    RecordKind::Forget,
    RecordKind::Cancel,
    RecordKind::Abandon,
    RecordKind::CancelPending,
    RecordKind::Return,
    RecordKind::Quit,
    RecordKind::Heartbeat,
    RecordKind::Hello,
    RecordKind::Done,
    RecordKind::Returned,
    RecordKind::Counters,
    RecordKind::Cost,
    RecordKind::Bye,
];

/// The head of a record; see [`RecordKind`] for what the fields mean.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Head {
    pub(super) kind: u32,
    pub(super) slot: u32,
    pub(super) count: u32,
    pub(super) pid: u32,
    pub(super) job: u64,
    pub(super) function: u64,
    pub(super) first: u64,
    pub(super) names: u64,
    pub(super) time_limit: u64,
    pub(super) grace: u64,
    pub(super) retries: u64,
    pub(super) len: u64,
}

impl Head {
    /// Returns a head without fields.
    pub(super) fn new(kind: RecordKind) -> Self {
        Self { kind: kind as u32, ..Self::zeroed() }
    }

    /// Returns the head with what the tasks of its job may take.
    pub(super) fn with_limits(self, TaskLimits { time, grace, retries }: TaskLimits) -> Self {
        Self { time_limit: time.unwrap_or(0), grace, retries: retries.into(), ..self }
    }

    /// Returns what the tasks of its job may take.
    pub(super) fn limits(&self) -> TaskLimits {
        let time = Some(self.time_limit).filter(|limit| *limit > 0);
        TaskLimits { time, grace: self.grace, retries: u32::try_from(self.retries).unwrap_or(u32::MAX) }
    }

    /// Reads the head of a large payload, which is sent alone, and what stands behind it.
    pub(super) fn split(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (head, rest) = bytes.split_at_checked(size_of::<Self>()).ok_or(Malformed)?;
        Ok((bytemuck::pod_read_unaligned(head), rest))
    }

    /// Returns the kind, if there is one of that number.
    pub(super) fn kind(&self) -> Option<RecordKind> {
        KINDS.get(self.kind as usize).copied()
    }
}

/// Appends a record to a message.
pub(super) fn push(message: &mut Vec<u8>, head: Head, payload: &[u8]) {
    push_parts(message, head, &[payload]);
}

/// Appends a record whose payload is these parts together.
fn push_parts(message: &mut Vec<u8>, head: Head, parts: &[&[u8]]) {
    let len = parts.iter().map(|part| part.len() as u64).sum();
    message.extend_from_slice(bytemuck::bytes_of(&Head { len, ..head }));
    parts.iter().for_each(|part| message.extend_from_slice(part));
}

/// Returns the message that ends a rank. `finalize` is whether MPI can be finalized.
pub(super) fn quit_message(finalize: bool) -> Vec<u8> {
    let mut message = Vec::new();
    push(&mut message, Head { count: finalize.into(), ..Head::new(RecordKind::Quit) }, &[]);
    message
}

/// Returns the message of a rank that has nothing else to send.
pub(super) fn heartbeat_message() -> Vec<u8> {
    let mut message = Vec::new();
    push(&mut message, Head::new(RecordKind::Heartbeat), &[]);
    message
}

/// The next message to a rank: records that wait to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    message: Vec<u8>,
}

impl Outbox {
    /// Appends a record.
    pub(super) fn push(&mut self, head: Head, payload: &[u8]) {
        push(&mut self.message, head, payload);
    }

    /// Appends a record whose payload is these parts together.
    pub(super) fn push_parts(&mut self, head: Head, parts: &[&[u8]]) {
        push_parts(&mut self.message, head, parts);
    }

    /// Returns whether the message is large enough to be sent now.
    pub(super) fn is_full(&self) -> bool {
        self.message.len() >= FULL
    }

    /// Takes the message, which is then sent; `None` if there are no records.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        (!self.message.is_empty()).then(|| mem::take(&mut self.message))
    }

    /// Drops all records.
    pub(super) fn clear(&mut self) {
        self.message.clear();
    }
}

/// The records of a message, up to its end or to the first one that is malformed.
pub(super) struct Records<'a>(pub(super) &'a [u8]);

/// The error of a message that is no batch of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Iterator for Records<'a> {
    type Item = Result<(RecordKind, Head, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.split();
        if record.is_none() {
            self.0 = &[];
        }
        Some(record.ok_or(Malformed))
    }
}

impl<'a> Records<'a> {
    fn split(&mut self) -> Option<(RecordKind, Head, &'a [u8])> {
        let (head, rest) = Head::split(self.0).ok()?;
        let (payload, rest) = rest.split_at_checked(usize::try_from(head.len).ok()?)?;
        self.0 = rest;
        Some((head.kind()?, head, payload))
    }
}

/// The first message of a serving rank. The build stands before what another build may read
/// differently.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) build: String,
    pub(super) rank: Rank,
    /// The reason why this rank cannot serve.
    pub(super) failure: Option<Error>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let mut message = Vec::new();
        let run = Head { slot: 7, count: 2, job: 3, function: 4, first: 5, ..Head::new(RecordKind::Run) };
        push(&mut message, run, b"arguments");
        push(&mut message, Head::new(RecordKind::Heartbeat), b"");
        push_parts(&mut message, Head { first: 6, ..Head::new(RecordKind::Done) }, &[b"fra", b"", b"mes"]);
        let records: Vec<_> = Records(&message).map(Result::unwrap).collect();
        assert_eq!(records.len(), 3);
        assert_eq!((records[0].0, records[0].2), (RecordKind::Run, &b"arguments"[..]));
        assert_eq!((records[0].1.slot, records[0].1.count, records[0].1.first), (7, 2, 5));
        assert_eq!((records[1].0, records[1].2), (RecordKind::Heartbeat, &b""[..]));
        assert_eq!((records[2].0, records[2].1.first, records[2].2), (RecordKind::Done, 6, &b"frames"[..]));
    }

    #[test]
    fn every_kind_has_its_number() {
        for kind in KINDS {
            assert_eq!(Head::new(kind).kind(), Some(kind));
        }
    }

    #[test]
    fn truncated_message_is_malformed() {
        let mut message = Vec::new();
        push(&mut message, Head::new(RecordKind::Run), b"arguments");
        for len in 1..message.len() {
            assert_eq!(Records(&message[..len]).collect::<Vec<_>>(), [Err(Malformed)]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_malformed(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            // Kinds and lengths that are not absurd, too.
            bytes.chunks_mut(4).step_by(2).for_each(|word| {
                word.iter_mut().skip(1).for_each(|byte| *byte = 0);
                word[0] %= 20;
            });
            let records: Vec<_> = Records(&bytes).collect();
            let whole = records.iter().flatten().map(|(_, _, payload)| payload.len() + size_of::<Head>()).sum::<usize>();
            prop_assert!(whole <= bytes.len());
            prop_assert!(records.iter().rev().skip(1).all(Result::is_ok));
        }

        #[test]
        fn any_bytes_are_a_greeting_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = postcard::from_bytes::<Greeting>(&bytes);
        }
    }
}
