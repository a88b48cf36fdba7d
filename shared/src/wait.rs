//! Waiting for several connections and processes at once.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use crate::error::{Error, Result};
use crate::pipe::{Connection, timeout};
use crate::process::Process;
use crate::shm::SLICE;

/// What [`wait()`] can wait for: a [`Connection`] that has something to receive (the end of its
/// pipe counts), a [`Process`] that has ended.
pub trait Waitable: sealed::Sealed {}

impl<S, R> Waitable for Connection<S, R> {}
impl<R> Waitable for Process<R> {}

mod sealed {
    use super::BorrowedFd;

    /// Ready or not, and how to sleep until that changes.
    pub trait Sealed {
        fn is_ready(&self) -> bool;
        /// Asks for a wake-up through the descriptor, or says that it is not wanted any more.
        fn announce(&self, asleep: bool);
        fn descriptor(&self) -> BorrowedFd<'_>;
        /// Whether another thread may take the wake-up, and what it was for.
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

/// Waits until at least one of `objects` is ready: a connection has something to receive (or its
/// other end is gone), a process has ended. Says which are, as indices into `objects`; none if
/// `patience` was over first. `None` waits as long as it takes.
///
/// Python's counterpart is `multiprocessing.connection.wait`.
///
/// # Errors
/// [`Error::Config`] if `objects` is empty and there is no time limit; [`Error::Io`] if the system
/// refuses to wait.
///
/// ```
/// use std::time::Duration;
/// use multiproc::{Process, pipe, wait};
///
/// # fn main() -> multiproc::Result<()> {
/// let (ours, theirs) = pipe::<(), u32>()?;
/// let process = Process::new(|connection: multiproc::Connection<u32, ()>| connection.send(7).unwrap(), (theirs,)).start()?;
///
/// let ready = wait(&[&ours, &process], None)?;
/// assert!(ready.contains(&0));
/// assert_eq!(ours.recv()?, 7);
/// process.join()
/// # }
/// ```
pub fn wait(objects: &[&dyn Waitable], patience: Option<Duration>) -> Result<Vec<usize>> {
    let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
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
        let most = if contended { Some(left.map_or(SLICE, |left| left.min(SLICE))) } else { left };
        let outcome = if found.is_empty() { sleep(objects, most) } else { Ok(()) };
        objects.iter().for_each(|object| object.announce(false));
        outcome?;
    }
}

fn sleep(objects: &[&dyn Waitable], patience: Option<Duration>) -> Result<()> {
    let mut descriptors: Vec<PollFd<'_>> =
        objects.iter().map(|object| PollFd::new(object.descriptor(), PollFlags::POLLIN)).collect();
    match poll(&mut descriptors, timeout(patience)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::io("cannot wait for several objects", errno)),
    }
}
