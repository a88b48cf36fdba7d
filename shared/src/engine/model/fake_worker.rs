//! The other end of a worker's rings, without a process.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::engine::worker_handle::WorkerHandle;
use crate::kind::ObjectKind;
use crate::protocol::{FrameHead, Kind, RECORD_LEN, Record, RecordKind};
use crate::ring::{Consumer, Producer, Segment};
use crate::sys::socket::Socket;

/// Bytes of each of its rings.
pub(super) const RING: usize = 64 * 1024;

/// A worker that begins records as one does, and answers with nothing.
pub(super) struct FakeWorker {
    segment: Arc<Segment>,
    tasks: Consumer,
    results: Producer,
    bytes: Vec<u8>,
}

impl FakeWorker {
    /// Returns a worker that may run `budget` tasks, with messages of `cap` bytes, and its handle.
    pub(super) fn new(id: u64, budget: u64, cap: u64) -> (WorkerHandle, Self) {
        let segment = Arc::new(Segment::create(RING, ObjectKind::Worker).unwrap().0);
        let (socket, _) = Socket::pair().unwrap();
        let handle = WorkerHandle::new(id, "fake".into(), (segment.clone(), socket), budget, cap);
        let (tasks, results) = (Consumer::tasks(segment.clone()), Producer::results(segment.clone()));
        (handle, Self { segment, tasks, results, bytes: Vec::new() })
    }

    /// Runs the next chunk that it may begin.
    pub(super) fn run(&mut self) {
        self.take_next(true);
    }

    /// Begins a chunk without an end, and exits.
    pub(super) fn crash(mut self) {
        self.take_next(false);
        self.segment.header().running.solid.store(self.results.written(), Relaxed);
    }

    /// Takes the next chunk that it may begin, and runs it if `finishes`.
    fn take_next(&mut self, finishes: bool) {
        let header = self.segment.header();
        header.worker.ready.store(1, Relaxed);
        while self.tasks.available().unwrap() > 0 {
            self.tasks.read(&mut self.bytes, RING).unwrap();
        }
        while self.bytes.len() >= RECORD_LEN {
            let record: Record = bytemuck::pod_read_unaligned(&self.bytes[..RECORD_LEN]);
            self.bytes.drain(..RECORD_LEN + record.len as usize);
            let runs =
                matches!(record.kind(), Some(RecordKind::RunOne | RecordKind::RunMany | RecordKind::RunManyTimed));
            if !runs || !header.claim.0.begin(record.epoch, record.number) {
                continue;
            }
            header.running.started.fetch_add(record.count.into(), Relaxed);
            let (head, size) = FrameHead { kind: Kind::Value, timed: false, len: 0 }.encode();
            for _ in 0..if finishes { record.count } else { 0 } {
                self.results.write(&head[..size]).unwrap();
            }
            self.results.publish();
            return;
        }
    }
}
