//! Synchronisation between processes: locks, values, arrays, and what processes wait for.
//!
//! Each of the types is a [region](crate::shm::region) of shared memory that is sent by its
//! descriptor. None of them belongs to a process. What a killed process held is released: a
//! [mutex](crate::sys::mutex) names its holder, a [slot](crate::shm::holders::Slot) (a permit, a
//! place at a barrier) is released with its process, and the kernel releases the lock on a range of
//! a file ([`slice`](mod@slice)). A flag or record that the process left shows the next holder that
//! it was killed. [`guards`] reach what a lock protects.

mod barrier;
mod condition;
mod event;
mod guards;
mod lock;
mod semaphore;
mod slice;
mod value;

pub use barrier::{Barrier, BarrierWait};
pub use condition::Condition;
pub use event::Event;
pub use guards::{LockGuard, SliceRead, SliceWrite};
pub use lock::Lock;
pub use semaphore::{Permit, Semaphore};
pub use slice::SharedSlice;
pub use value::Value;
