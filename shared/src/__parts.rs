//! Inner parts, for the crate's own benches and tests. Not an interface: it changes without notice,
//! and needs a feature that only they turn on.

use std::mem::offset_of;
use std::sync::Arc;

use crate::error::{Context, Error, Result};
use crate::kind::ObjectKind;
use crate::ring::{Consumer, DATA, Header, Producer, Segment};

/// Both ends of one ring.
#[derive(Debug)]
pub struct Ring {
    producer: Producer,
    consumer: Consumer,
    out: Vec<u8>,
}

impl Ring {
    /// Creates a ring of `capacity` bytes, a power of two.
    pub fn new(capacity: usize) -> Result<Self> {
        let segment = Arc::new(Segment::create(capacity, ObjectKind::Worker)?.0);
        Ok(Self { producer: Producer::tasks(segment.clone()), consumer: Consumer::tasks(segment), out: Vec::new() })
    }

    /// Sends `message`, which must fit, through the ring; returns the number of bytes that came
    /// out.
    pub fn pass(&mut self, message: &[u8]) -> Result<usize> {
        self.out.clear();
        self.producer.write(message).map_err(|_| Error::Disconnected)?;
        self.producer.publish();
        self.consumer.read(&mut self.out, message.len()).map_err(|_| Error::Disconnected)
    }
}

/// Offset in a worker's shared memory of the count of result bytes that are published; 8 bytes.
pub const RESULTS_TAIL: usize = offset_of!(Header, results) + offset_of!(crate::ring::Cursors, tail);

/// Bytes of the words at the beginning of that memory by which both sides coordinate.
pub const WORDS: usize = size_of::<Header>();

/// Offset of the rings' bytes: first the tasks, then the results.
pub const RINGS: usize = DATA;

/// Returns the range of addresses of the memory that this process, a worker, shares with its
/// parent.
pub fn own_segment() -> Result<std::ops::Range<u64>> {
    let maps = std::fs::read_to_string("/proc/self/maps").context("cannot read the memory map")?;
    let line = maps.lines().find(|line| line.contains("/memfd:multiproc-worker"));
    let range = line.and_then(|line| line.split_once(' ')?.0.split_once('-'));
    let address = |text| u64::from_str_radix(text, 16).map_err(|error| Error::Config(error.to_string()));
    let (start, end) = range.ok_or_else(|| Error::Config("this process is not a worker".into()))?;
    Ok(address(start)?..address(end)?)
}
