//! What processes share beside messages.

mod barrier;
mod condition;
mod event;
mod eventcount;
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
pub use lock::{Lock, LockGuard};
pub use semaphore::{Permit, Semaphore};
pub use slice::{SharedSlice, SliceRead, SliceWrite};
pub use value::Value;
