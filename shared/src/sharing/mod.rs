//! What processes share beside messages.
//!
//! Each of the public types is a [`region`] of shared memory that travels by its descriptor. None
//! of them belongs to a process: whatever one that is killed had taken, others get: of a
//! [mutex](crate::sys::mutex) that names its holder ([`lock`], [`place`]: permits and those who
//! wait at a barrier) or, from the kernel, a lock on a range of a file ([`slice`](mod@slice)). A
//! word or note that it left tells the next one of it. [`holder`] notes which processes have a
//! handle, for those who wait for all of them. Who waits does so at an [`eventcount`], and looks
//! again by itself, should the one be dead who was to wake it.

mod barrier;
mod condition;
mod event;
mod eventcount;
mod holder;
mod lock;
mod place;
mod plain;
mod region;
mod semaphore;
mod slice;
mod value;

pub use barrier::{Barrier, BarrierWait};
pub use condition::Condition;
pub use event::Event;
pub(crate) use eventcount::{EventCount, SLICE};
pub(crate) use holder::leave_all;
pub use lock::{Lock, LockGuard};
pub use semaphore::{Permit, Semaphore};
pub use slice::{SharedSlice, SliceRead, SliceWrite};
pub use value::Value;
