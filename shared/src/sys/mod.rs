//! System calls with safe faces: shared memory, futexes, mutexes that survive their holders, descriptors over sockets, fork and exec, signals, the clock.
//!
//! Nothing here knows of pools or tasks. Together with [`ring`](crate::ring)'s memory, [`task`](crate::task)'s function names, and the
//! plain data and guards of [`sharing`](crate::sharing), and the descriptors that [`handle`](crate::handle) has tokio
//! watch, these are the only places with `unsafe` code.

pub(crate) mod bell;
pub(crate) mod clock;
pub(crate) mod copy;
pub(crate) mod futex;
pub(crate) mod large;
pub(crate) mod mutex;
pub(crate) mod pid;
pub(crate) mod process;
pub(crate) mod shm;
pub(crate) mod signals;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod thread_id;
pub(crate) mod words;
