//! The threads that read what a pool's workers write.
//!
//! A reader empties the pipes at once, whatever becomes of their contents: no worker waits for the
//! program. It runs no foreign code. Another thread calls the program's handlers, of which each may
//! take its time.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Context, Result};
use crate::output::captured_stream::Stream;
use crate::output::lines::Sink;
use crate::sys::pid::{Own, Owner};
use crate::sys::poll::Notifier;
use crate::sys::process::ForkSafe;

/// The captured streams of a pool's workers. [`stop`](Capture::stop) ends the threads.
#[derive(Debug)]
pub(crate) struct Capture {
    owner: Owner,
    reader: Arc<Reader>,
    pub(super) sink: Arc<Sink>,
    threads: Own<Mutex<Vec<JoinHandle<()>>>>,
}

#[derive(Debug)]
struct Reader {
    streams: Mutex<Vec<Arc<Stream>>>,
    /// Wakes the thread when a stream was added, or it is to end.
    notifier: Notifier,
    stopping: AtomicBool,
}

impl Capture {
    /// Starts the reader, and with `handles_lines` the thread for handlers.
    pub(super) fn start(handles_lines: bool) -> Result<Self> {
        let reader =
            Reader { streams: Mutex::new(Vec::new()), notifier: Notifier::new()?, stopping: AtomicBool::new(false) };
        let (reader, sink) = (Arc::new(reader), Arc::new(Sink::default()));
        // From here on its drop ends what was started.
        let capture = Self { owner: Owner::here(), reader, sink, threads: Own::new(Mutex::default()) };
        let (reader, fork_safe) = (capture.reader.clone(), ForkSafe::new());
        capture.spawn("multiproc-read", move || {
            let _fork_safe = fork_safe;
            reader.run();
        })?;
        if handles_lines {
            let sink = capture.sink.clone();
            capture.spawn("multiproc-lines", move || sink.run())?;
        }
        Ok(capture)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name(name.into()).spawn(run).context("cannot start a thread")?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Has a stream read from now on, to its end.
    pub(super) fn add(&self, stream: Arc<Stream>) {
        self.reader.lock().push(stream);
        self.reader.notifier.notify();
    }

    /// Reads what the workers, which have ended, have written; returns once the handlers have got
    /// it, unless one of them calls this, and no thread is left. Does nothing in a copy of the
    /// process.
    pub(crate) fn stop(&self) {
        if !self.owner.is_here() {
            return;
        }
        self.reader.stopping.store(true, Relaxed);
        self.reader.notifier.notify();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // The reader comes first. It has no foreign code, and handlers' panics are caught.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
            self.sink.close();
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Reader {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until it is to stop, and then what is left.
    fn run(&self) {
        while !self.stopping.load(Relaxed) {
            let streams = self.lock().clone();
            let mut fds = vec![PollFd::new(self.notifier.as_fd(), PollFlags::POLLIN)];
            fds.extend(streams.iter().map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)));
            // Interrupted or not: what is there is read.
            let _ = poll(&mut fds, PollTimeout::NONE);
            self.notifier.clear();
            let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
            let ended: Vec<_> =
                streams.iter().zip(&fds[1..]).filter(|(stream, fd)| ready(fd) && stream.read_all()).collect();
            if !ended.is_empty() {
                self.lock().retain(|stream| !ended.iter().any(|(ended, _)| Arc::ptr_eq(stream, ended)));
            }
        }
        let left = std::mem::take(&mut *self.lock());
        left.iter().for_each(|stream| stream.read_last());
    }
}
