//! Waiting for several connections and processes at once.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

use crate::error::{Error, Result};
use crate::pipe::Connection;
use crate::process::Process;
use crate::shm::SLICE;
use crate::sys::poll;

/// Objects that [`wait()`] can wait for.
///
/// A [`Connection`] is ready when it has something to receive (the end of its pipe counts), a
/// [`Process`] when it has ended.
pub trait Waitable: sealed::Sealed {}

impl<S, R> Waitable for Connection<S, R> {}
impl<R> Waitable for Process<R> {}

mod sealed {
    use super::BorrowedFd;

    /// How to find out whether an object is ready, and how to sleep until it is.
    pub trait Sealed {
        fn is_ready(&self) -> bool;
        /// Announces whether a wake-up through the descriptor is needed.
        fn announce(&self, asleep: bool);
        fn descriptor(&self) -> BorrowedFd<'_>;
        /// Returns whether another thread may get the wake-up, and what it was for.
        fn is_contended(&self) -> bool;
    }
}

impl<S, R> sealed::Sealed for Connection<S, R> {
    fn is_ready(&self) -> bool {
        self.is_ready()
    }

    fn announce(&self, asleep: bool) {
        self.announce(asleep);
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn is_contended(&self) -> bool {
        true
    }
}

impl<R> sealed::Sealed for Process<R> {
    fn is_ready(&self) -> bool {
        self.has_ended()
    }

    fn announce(&self, asleep: bool) {
        if asleep {
            self.attend();
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }

    fn is_contended(&self) -> bool {
        false
    }
}

/// Waits until at least one of `objects` is ready, for at most `timeout`; `None` waits as long as
/// it takes. Returns the indices of those that are ready, none if the timeout is over.
///
/// A connection is ready when it has something to receive or its other end is gone, a process when
/// it has ended.
///
/// # Errors
/// [`Error::Config`] if `objects` is empty and there is no timeout; [`Error::Io`] if the system
/// refuses to wait.
///
/// # Examples
/// ```
/// use multiproc::{Connection, Process, pipe, wait};
///
/// fn answer(connection: Connection<u32, ()>) {
///     connection.send(7).unwrap();
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (ours, theirs) = pipe::<(), u32>()?;
/// let process = Process::new(answer, (theirs,)).start()?;
///
/// let ready = wait(&[&ours, &process], None)?;
/// assert!(ready.contains(&0));
/// assert_eq!(ours.recv()?, 7);
/// process.join()
/// # }
/// ```
///
/// Python's counterpart: `multiprocessing.connection.wait`.
pub fn wait(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Vec<usize>> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    if objects.is_empty() && deadline.is_none() {
        return Err(Error::Config("there is nothing to wait for, and no time limit".into()));
    }
    let ready = || -> Vec<usize> { (0..objects.len()).filter(|at| objects[*at].is_ready()).collect() };
    loop {
        let found = ready();
        if !found.is_empty() {
            return Ok(found);
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(found);
        }
        objects.iter().for_each(|object| object.announce(true));
        let found = ready();
        let contended = objects.iter().any(|object| object.is_contended());
        let max = if contended { Some(left.map_or(SLICE, |left| left.min(SLICE))) } else { left };
        let outcome = if found.is_empty() { sleep(objects, max) } else { Ok(()) };
        objects.iter().for_each(|object| object.announce(false));
        outcome?;
    }
}

fn sleep(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<()> {
    let mut descriptors: Vec<PollFd<'_>> =
        objects.iter().map(|object| PollFd::new(object.descriptor(), PollFlags::POLLIN)).collect();
    match nix::poll::poll(&mut descriptors, poll::timeout(timeout)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::io("cannot wait for several objects", errno)),
    }
}
