//! Queues: many processes put values in, many take them out.
//!
//! A queue is a ring of bytes in shared memory with a lock at each end, so that one who puts and one who takes do not meet. Both
//! locks are [robust](crate::sys::mutex), and each operation takes effect by a single store: a process that is killed before it has
//! put nothing or taken nothing, after it the others see all of it. After the two-lock queue of Michael and Scott, "Simple, Fast,
//! and Practical Non-Blocking and Blocking Concurrent Queue Algorithms" (1996), with a ring that grows in place of their list.
//!
//! [`fifo`] is the typed queue, [`store`] the ring, [`layout`] the words in shared memory, [`presence`] knows whether
//! anybody else is there, [`PutError`] gives back what could not be put.

mod fifo;
mod layout;
mod presence;
mod put_error;
mod store;

pub use fifo::{Iter, Queue};
pub use put_error::PutError;
