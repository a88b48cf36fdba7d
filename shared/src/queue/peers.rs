//! The other users of a queue, as far as this process can find out: a call that waits for them must
//! end when they are gone.

use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::Result;
use crate::fds::Descriptor;
use crate::queue::active_threads::{ActiveThreads, WaitingThread};
use crate::queue::handle_count;

/// What this process has done with a queue, and which of its threads may use it.
#[derive(Debug)]
pub(super) struct Peers {
    has_put: AtomicBool,
    has_taken: AtomicBool,
    threads: ActiveThreads,
    /// The description that handles for other processes are sent by, while one is on its way.
    in_flight: Mutex<Weak<Descriptor>>,
}

impl Peers {
    pub(super) fn new() -> Self {
        Self {
            has_put: AtomicBool::new(false),
            has_taken: AtomicBool::new(false),
            threads: ActiveThreads::new(),
            in_flight: Mutex::default(),
        }
    }

    pub(super) fn record_put(&self) {
        record(&self.has_put);
    }

    pub(super) fn record_taken(&self) {
        record(&self.has_taken);
    }

    pub(super) fn has_put(&self) -> bool {
        self.has_put.load(Relaxed)
    }

    pub(super) fn has_taken(&self) -> bool {
        self.has_taken.load(Relaxed)
    }

    /// Returns whether no other process has a handle, and no other thread of this one may use it.
    /// From then on this thread counts as one that waits, as long as `waiting` lives.
    pub(super) fn are_gone<'a>(&'a self, fd: impl AsFd, waiting: &mut Option<WaitingThread<'a>>) -> bool {
        if !handle_count::is_last(&fd) {
            return false;
        }
        waiting.get_or_insert_with(|| self.threads.begin_wait());
        // Another thread may have sent a handle between the first look and the second.
        !self.threads.any_other() && handle_count::is_last(&fd)
    }

    /// Records that the calling thread is one of those that wait for async calls, now and later.
    #[cfg(feature = "tokio")]
    pub(super) fn record_waiter(&self) {
        self.threads.record_waiter();
    }

    /// Returns the descriptor to send to another process. One description serves all that are on
    /// their way at a time.
    pub(super) fn descriptor_to_send(&self, fd: impl AsFd) -> Result<Arc<Descriptor>> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(descriptor) = in_flight.upgrade() {
            return Ok(descriptor);
        }
        let descriptor = Arc::new(Descriptor::new(handle_count::duplicate(fd)?));
        *in_flight = Arc::downgrade(&descriptor);
        Ok(descriptor)
    }

    /// Records that the calling thread has sent a handle to another process.
    pub(super) fn record_sent(&self) {
        self.threads.record_sender();
    }
}

/// Sets a flag, without a write to its cache line if it is set.
fn record(flag: &AtomicBool) {
    if !flag.load(Relaxed) {
        flag.store(true, Relaxed);
    }
}
