//! Any bytes in a result ring: the parent takes them for results, or rejects them.

use std::sync::atomic::Ordering::Release;

use proptest::prelude::*;

use super::*;
use crate::engine::chunk::Tasks;
use crate::engine::job::Job;
use crate::kind::ObjectKind;
use crate::protocol::{Kind, push_item};
use crate::ring::Corrupt;
use crate::task::{Function, Prepared};

const RING: usize = 64 * 1024;
const CAP: u64 = 1 << 20;

/// Returns a worker that was given chunks of `chunks` tasks each, and the producer of its results.
fn worker(chunks: &[u32]) -> (WorkerHandle, Producer) {
    let segment = Arc::new(Segment::create(RING, ObjectKind::Worker).unwrap().0);
    let (socket, _) = Socket::pair().unwrap();
    let mut worker = WorkerHandle::new(1, "fuzzed".into(), (segment.clone(), socket), u64::MAX, CAP);
    let job = Arc::new(Job::new(1, Prepared { function: Function(0), state: None, label: "" }, true, CAP, true));
    for count in chunks {
        let mut payload = Vec::new();
        (0..*count).for_each(|_| push_item::<()>(&mut payload, |_| Ok(())).unwrap());
        let tasks = Tasks { count: *count, payload, ..Tasks::default() };
        assert!(worker.give(Chunk::new(job.clone(), 0, tasks), 1, false).is_none());
        assert!(worker.flush().is_ok());
    }
    (worker, Producer::results(segment))
}

/// Returns a piece of what a worker writes: a frame, or something like one, or any bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![0..20u64, 16_000..17_000u64, Just(CAP + 1), Just((1 << 28) - 1), any::<u64>()];
    let frame = (0..8u32, any::<bool>(), len, 0..40_000usize).prop_map(|(kind, timed, len, body)| {
        let (head, size) = FrameHead { kind: Kind::Value, timed, len }.encode();
        let mut bytes = head[..size].to_vec();
        bytes[0] = bytes[0] & !7 | kind as u8;
        bytes.resize(size + body.min(len as usize), 7);
        bytes
    });
    prop_oneof![frame, proptest::collection::vec(any::<u8>(), 0..300)]
}

/// Reads everything that came of the chunks, as a caller would.
fn read_all(chunks: Vec<Chunk>) {
    for chunk in chunks {
        let (_, _, mut outcome) = chunk.into_outcome();
        while outcome.next(CAP, |source| Ok(source.bytes().len())).is_some() {}
    }
}

/// An initializer's panic may be large, and is in the making while the worker has no chunk.
#[test]
fn half_a_large_initializer_frame_leaves_nothing_to_take_back() {
    let (mut worker, mut results) = worker(&[]);
    let (head, size) = FrameHead { kind: Kind::Initializer, timed: false, len: 40_000 }.encode();
    results.write(&head[..size]).unwrap();
    results.write(&[7; 20_000]).unwrap();
    results.publish();
    assert!(!worker.receive().corrupt);
    assert!(worker.revoke().is_empty());
}

/// A worker that becomes ready, and then lies about its initializer, between two looks.
#[test]
fn initializer_of_a_worker_that_is_ready_has_not_failed() {
    let (mut worker, _results) = worker(&[]);
    let (head, size) = FrameHead { kind: Kind::Initializer, timed: false, len: 0 }.encode();
    let received = &mut Received::default();
    assert_eq!(worker.accept_frames(&head[..size], received), Ok(size));
    assert!(received.init_failed.is_some());
    worker.header().worker.ready.store(1, Release);
    assert!(!worker.was_ready);
    assert_eq!(worker.accept_frames(&head[..size], received), Err(Corrupt));
}

proptest! {
    #[test]
    fn any_bytes_are_results_or_refused(
        chunks in proptest::collection::vec(1..4u32, 0..4),
        pieces in proptest::collection::vec(piece(), 1..8),
        solid in prop_oneof![Just(0), 0..100_000u64, any::<u64>()],
    ) {
        let (mut worker, mut results) = worker(&chunks);
        let given = chunks.iter().map(|count| u64::from(*count)).sum::<u64>();
        let mut corrupt = false;
        for piece in pieces {
            let mut left = &piece[..];
            while !left.is_empty() && !corrupt {
                left = &left[results.write(left).unwrap()..];
                results.publish();
                let received = worker.receive();
                corrupt = received.corrupt;
                read_all(received.chunks);
            }
        }
        worker.header().running.solid.store(solid, Release);
        read_all(worker.receive_last().chunks);
        prop_assert!(worker.finished <= given);
        let (left, _) = worker.into_chunks();
        prop_assert!(left.iter().all(|chunk| chunk.left() > 0));
    }

    #[test]
    fn any_claim_gives_back_no_more_than_was_sent(
        chunks in proptest::collection::vec(1..4u32, 0..6), words in proptest::collection::vec(any::<u64>(), 1..4),
    ) {
        let (mut worker, _results) = worker(&chunks);
        let mut back = 0;
        for word in words {
            worker.header().claim.0.garble(word);
            back += worker.revoke().len();
        }
        prop_assert_eq!(back + worker.in_flight.len(), chunks.len());
    }
}
