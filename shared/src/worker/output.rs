//! Flushes what tasks have printed, without waiting for a lock that a task's thread may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::exit::flush_stdio;
use crate::sys::process::is_single_threaded;

/// The time for which a worker that ends waits until the output of its tasks is flushed.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The buffers of standard output and of C's streams.
///
/// A thread that a task has left running may hold their locks for ever. If there may be such a
/// thread, another one waits for the locks.
#[derive(Default)]
pub(super) struct Output {
    /// Set while a thread flushes.
    flushing: Arc<AtomicBool>,
}

impl Output {
    /// Flushes what was printed, now or in another thread.
    pub(super) fn flush(&self) {
        if is_single_threaded() { flush_stdio() } else { self.flush_in_thread() }
    }

    /// Flushes what was printed, before the process ends; returns whether that was possible.
    pub(super) fn flush_last(&self) -> bool {
        let until = Instant::now() + FLUSH_TIMEOUT;
        // A flush that has begun may have missed what was printed since.
        self.wait(until);
        self.flush();
        self.wait(until);
        !self.flushing.load(Acquire)
    }

    fn wait(&self, until: Instant) {
        while self.flushing.load(Acquire) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn flush_in_thread(&self) {
        if self.flushing.swap(true, Acquire) {
            return;
        }
        let flushing = self.flushing.clone();
        let flush = move || {
            flush_stdio();
            flushing.store(false, Release);
        };
        if thread::Builder::new().name("multiproc-output".into()).spawn(flush).is_err() {
            self.flushing.store(false, Release);
        }
    }
}
