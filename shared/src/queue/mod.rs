//! Queues: many processes put values in, many take them out.
//!
//! Both kinds of queue share their calls ([`methods`]) and one implementation ([`handle`]: a handle
//! waits, encodes, and is sent to other processes; [`asynchronous`] waits without a thread, in
//! async functions). They differ in the [`store`] that holds the values, as bytes in shared memory:
//!
//! - A [`Queue`] has a [`byte_ring`] with a lock at each end, so that a producer and a consumer do
//!   not meet. After the two-lock queue of Michael and Scott, "Simple, Fast, and Practical
//!   Non-Blocking and Blocking Concurrent Queue Algorithms" (1996), with a ring that grows in place
//!   of their list.
//! - A [`PriorityQueue`] has a [`log`] under one such lock, and in each process a heap of the
//!   values that this process has [`seen`].
//!
//! The locks are [robust](crate::sys::mutex), and each operation takes effect by a single store: a
//! process that is killed before it has put or taken nothing, after it has put or taken one value.
//!
//! A [`channel()`] has no memory: its values, which may hold handles, lie in a socket, as
//! [messages](channel_message).
//!
//! [`control_words`] are the words that both kinds wait at. A handle counts the [`peers`] that
//! could still put or take something: other processes by their handles, threads of this process by
//! their [activity](active_threads). [`PutError`] returns a value that could not be put.

mod active_threads;
mod asynchronous;
mod byte_ring;
mod channel;
mod channel_message;
mod control_words;
mod fifo;
mod handle;
mod log;
mod methods;
mod peers;
mod priority;
mod put_error;
mod seen;
mod store;

pub use channel::{Receiver, Sender, channel};
pub use fifo::{Iter, Queue};
pub use priority::PriorityQueue;
pub use put_error::PutError;
