//! What rank 0 and a serving rank say to each other.
//!
//! A message is a batch of parcels, each a head of fixed size and a payload. All ranks run the same
//! build on machines of the same kind, so that a head travels as it lies in memory.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use crate::cluster::Rank;
use crate::error::Error;

/// What a parcel is about. The first ones go to a serving rank, the others come from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Run `function` on the payload, `count` tasks of job `job`, and tell the outcome under
    /// `ticket`. `first` is the number of the first task.
    Run,
    /// Keep the payload as the state of job `job`.
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
    /// It is over. If `count` is 1, end, in good order with MPI. Else there are ranks that MPI
    /// would wait for: stay until rank 0 is gone.
    Quit,
    /// I am here. Both ways.
    Beat,
    /// The first word of a serving rank: a [`Greeting`].
    Hello,
    /// What came of a chunk: `count` of its tasks failed, process `pid` wrote the first frame;
    /// `first` bytes of frames, then the rest.
    Done,
    /// A chunk comes back, not begun.
    Returned,
    /// `count` tasks run, and tasks have run for `first` nanoseconds.
    Load,
    /// A task of `function` takes `first` nanoseconds.
    Cost,
    /// The last word of a serving rank.
    Bye,
}

const KINDS: [Kind; 15] = [
    Kind::Run,
    Kind::State,
    Kind::Forget,
    Kind::Cancel,
    Kind::Abandon,
    Kind::CancelPending,
    Kind::Return,
    Kind::Quit,
    Kind::Beat,
    Kind::Hello,
    Kind::Done,
    Kind::Returned,
    Kind::Load,
    Kind::Cost,
    Kind::Bye,
];

/// The head of a parcel; see [`Kind`] for what the fields mean.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Head {
    pub(super) kind: u32,
    pub(super) ticket: u32,
    pub(super) count: u32,
    pub(super) pid: u32,
    pub(super) job: u64,
    pub(super) function: u64,
    pub(super) first: u64,
    pub(super) len: u64,
}

impl Head {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind: kind as u32, ..Self::zeroed() }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        KINDS.get(self.kind as usize).copied()
    }
}

/// Appends a parcel to a message.
pub(super) fn push(message: &mut Vec<u8>, head: Head, payload: &[u8]) {
    push_with(message, head, |message| {
        message.extend_from_slice(payload);
        head
    });
}

/// As [`push`], with the payload written by `write`, which says what the head is after all.
pub(super) fn push_with(message: &mut Vec<u8>, head: Head, write: impl FnOnce(&mut Vec<u8>) -> Head) {
    let at = message.len();
    message.extend_from_slice(bytemuck::bytes_of(&head));
    let start = message.len();
    let head = Head { len: 0, ..write(message) };
    let head = Head { len: (message.len() - start) as u64, ..head };
    message[at..start].copy_from_slice(bytemuck::bytes_of(&head));
}

/// The parcels of a message, up to its end or to what is none.
pub(super) struct Parcels<'a>(pub(super) &'a [u8]);

/// A message that is no batch of parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbled;

impl<'a> Iterator for Parcels<'a> {
    type Item = Result<(Kind, Head, &'a [u8]), Garbled>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let parcel = self.split();
        if parcel.is_none() {
            self.0 = &[];
        }
        Some(parcel.ok_or(Garbled))
    }
}

impl<'a> Parcels<'a> {
    fn split(&mut self) -> Option<(Kind, Head, &'a [u8])> {
        let (head, rest) = self.0.split_at_checked(size_of::<Head>())?;
        let head: Head = bytemuck::pod_read_unaligned(head);
        let (payload, rest) = rest.split_at_checked(usize::try_from(head.len).ok()?)?;
        self.0 = rest;
        Some((head.kind()?, head, payload))
    }
}

/// The magic number and the build stand before what another build may read differently.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) build: String,
    pub(super) rank: Rank,
    /// Why this rank cannot serve.
    pub(super) trouble: Option<Error>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parcels_come_apart_as_they_were_put_together() {
        let mut message = Vec::new();
        let run = Head { ticket: 7, count: 2, job: 3, function: 4, first: 5, ..Head::new(Kind::Run) };
        push(&mut message, run, b"arguments");
        push(&mut message, Head::new(Kind::Beat), b"");
        let done = Head::new(Kind::Done);
        push_with(&mut message, done, |out| {
            out.extend_from_slice(b"frames");
            Head { first: 6, ..done }
        });
        let parcels: Vec<_> = Parcels(&message).map(Result::unwrap).collect();
        assert_eq!(parcels.len(), 3);
        assert_eq!((parcels[0].0, parcels[0].2), (Kind::Run, &b"arguments"[..]));
        assert_eq!((parcels[0].1.ticket, parcels[0].1.count, parcels[0].1.first), (7, 2, 5));
        assert_eq!((parcels[1].0, parcels[1].2), (Kind::Beat, &b""[..]));
        assert_eq!((parcels[2].0, parcels[2].1.first, parcels[2].2), (Kind::Done, 6, &b"frames"[..]));
    }

    #[test]
    fn every_kind_comes_back() {
        for kind in KINDS {
            assert_eq!(Head::new(kind).kind(), Some(kind));
        }
    }

    #[test]
    fn a_message_cut_short_is_garbled() {
        let mut message = Vec::new();
        push(&mut message, Head::new(Kind::Run), b"arguments");
        for len in 1..message.len() {
            assert_eq!(Parcels(&message[..len]).collect::<Vec<_>>(), [Err(Garbled)]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parcels_within_them_or_garbled(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            // Kinds and lengths that are not absurd, too.
            bytes.chunks_mut(4).step_by(2).for_each(|word| {
                word.iter_mut().skip(1).for_each(|byte| *byte = 0);
                word[0] %= 20;
            });
            let parcels: Vec<_> = Parcels(&bytes).collect();
            let whole = parcels.iter().flatten().map(|(_, _, payload)| payload.len() + size_of::<Head>()).sum::<usize>();
            prop_assert!(whole <= bytes.len());
            prop_assert!(parcels.iter().rev().skip(1).all(Result::is_ok));
        }

        #[test]
        fn any_bytes_are_a_greeting_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = postcard::from_bytes::<Greeting>(&bytes);
        }
    }
}
