//! The shared memory between a pool and one worker: two byte streams and a few words.
//!
//! A [`Segment`] holds two single-producer single-consumer rings, tasks in and results out, and a
//! [`Header`] with their cursors and the words by which the two sides wake each other. There is no
//! lock in it, so a worker that is killed holds none. A [`Producer`] copies bytes in and then
//! publishes them with one release store of the tail; what a killed process had not published is
//! never read. A [`Consumer`] copies bytes out before they are used, so that a peer that breaks the
//! rules can garble its own messages and nothing else. A side that waits [spins](Spin) for a short
//! while, then [sleeps](sleep); a [claim](header::Claim) decides whether a record is begun or taken
//! back.
//!
//! The rings carry plain bytes: a message larger than a ring streams through it in pieces.
//! After the bounded single-producer queue of Lamport, "Specifying Concurrent Program Modules"
//! (1983), with each side caching the other's cursor as in Lee, Bu and Chandranmenon, "A Lock-Free,
//! Cache-Efficient Shared Ring Buffer" (2009).

mod consumer;
mod header;
#[cfg(all(test, multiproc_loom))]
mod model;
mod producer;
mod segment;
mod sleep;

pub(crate) use consumer::{Consumer, Corrupt};
#[cfg(feature = "__parts")]
pub(crate) use header::Cursors;
pub(crate) use header::{Cursor, Flags, Header};
pub(crate) use producer::Producer;
#[cfg(feature = "__parts")]
pub(crate) use segment::DATA;
pub(crate) use segment::Segment;
pub(crate) use sleep::{SPIN_NS, Spin};
