//! The inner parts that the benches watch. Not an interface: it changes without notice.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ring::{Consumer, Producer, Segment};

/// Both ends of one ring.
#[derive(Debug)]
pub struct Ring {
    producer: Producer,
    consumer: Consumer,
    out: Vec<u8>,
}

impl Ring {
    /// A ring of `capacity` bytes, a power of two.
    pub fn new(capacity: usize) -> Result<Self> {
        let segment = Arc::new(Segment::create(capacity)?.0);
        Ok(Self { producer: Producer::tasks(segment.clone()), consumer: Consumer::tasks(segment), out: Vec::new() })
    }

    /// Sends `message`, which must fit, through the ring; says how many bytes came out.
    pub fn pass(&mut self, message: &[u8]) -> Result<usize> {
        self.out.clear();
        self.producer.write(message).map_err(|_| Error::Disconnected)?;
        self.producer.publish();
        self.consumer.read(&mut self.out, message.len()).map_err(|_| Error::Disconnected)
    }
}
