//! Waiting for several objects at once, of whatever kinds.
//!
//! [`objects`] finds out of each kind whether it is ready, and what wakes a thread that waits for
//! it: a descriptor, or a waker. A [`watching`] does that for several; [`wait()`] sleeps there,
//! `wait_async` in a runtime, and a [`WaitSet`] makes one descriptor of it for event loops.

#[cfg(feature = "tokio")]
mod asynchronous;
mod objects;
mod set;
mod watching;

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

#[cfg(feature = "tokio")]
pub use asynchronous::wait_async;
pub use set::WaitSet;

use crate::error::{Error, Result};
use crate::sys::poll;
use crate::waitable::watching::{Watching, find_ready};

/// Objects that [`wait()`], `wait_async` and a [`WaitSet`] wait for.
///
/// | object | is ready when |
/// |---|---|
/// | [`Connection`](crate::Connection) | there is something to receive, or the pipe has ended |
/// | [`Process`](crate::Process) | it has ended |
/// | [`Queue`](crate::Queue), [`PriorityQueue`](crate::PriorityQueue) | `get` would not wait |
/// | [`Receiver`](crate::Receiver) of a channel | a value can be received, or no sender is left |
/// | [`Event`](crate::Event) | it is set, or was set since the wait began |
/// | [`AsyncResult`](crate::AsyncResult) | its task has ended, and its callbacks have run |
/// | a descriptor, see below | the kernel reports something to read, the end, or an error |
///
/// `get` does not wait if a value can be taken, and returns an error if the queue is closed, or if
/// no process is left that could put a value.
///
/// Descriptors are [`File`](std::fs::File), [`TcpListener`](std::net::TcpListener),
/// [`TcpStream`](std::net::TcpStream), [`UdpSocket`](std::net::UdpSocket), Unix sockets,
/// [`PipeReader`](std::io::PipeReader), [`ChildStdout`](std::process::ChildStdout),
/// [`ChildStderr`](std::process::ChildStderr), [`OwnedFd`](std::os::fd::OwnedFd) and
/// [`BorrowedFd`](std::os::fd::BorrowedFd).
///
/// A descriptor of any other type is waited for by [`as_fd`](std::os::fd::AsFd::as_fd), which gives
/// a `BorrowedFd`. What a buffer of the program holds does not count (that of a
/// [`BufReader`](std::io::BufReader) or of [`stdin`](std::io::stdin)).
///
/// To be ready is no reservation: where other threads or processes take from the same object, they
/// may be quicker. Ask it in a way that does not wait, such as
/// [`try_get`](crate::Queue::try_get).
pub trait Waitable: objects::Sealed {}

/// Waits until at least one of `objects` is ready, for at most `timeout`; `None` waits as long as
/// it takes. Returns the indices of those that are ready, none if the timeout is over. When each
/// kind of object is ready is listed at [`Waitable`].
///
/// Nothing is taken from the objects, and nothing is missed: what becomes ready at any moment from
/// the call on ends it.
///
/// # Errors
/// [`Error::Config`] if `objects` is empty and there is no timeout; [`Error::Io`] if the system
/// refuses to wait.
///
/// # Examples
/// ```
/// use multiproc::{Connection, Event, Executor, Pool, Process, Queue, pipe, wait};
///
/// fn answer(connection: Connection<u32, ()>) {
///     connection.send(7).unwrap();
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (ours, theirs) = pipe::<(), u32>()?;
/// let process = Process::new(answer, (theirs,)).start()?;
/// let (queue, stop) = (Queue::<String>::new()?, Event::new()?);
/// let pool = Pool::with_processes(1)?;
/// let result = pool.submit(|n: u64| n * n, (9,));
///
/// let ready = wait(&[&ours, &queue, &stop, &result], None)?;
/// assert!(ready.contains(&0) || ready.contains(&3));
/// assert_eq!(ours.recv()?, 7);
/// assert_eq!(result.get()?, 81);
/// stop.set();
/// assert_eq!(wait(&[&queue, &stop], None)?, [1]);
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
    let marks: Vec<u32> = objects.iter().map(|object| object.mark()).collect();
    let found = find_ready(objects, &marks);
    let is_over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    if !found.is_empty() || is_over() {
        return Ok(found);
    }
    let watching = Watching::new(objects, marks)?;
    loop {
        let found = watching.ready()?;
        if !found.is_empty() || is_over() {
            return Ok(found);
        }
        let mut descriptors: Vec<_> = watching.descriptors().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match nix::poll::poll(&mut descriptors, poll::timeout_until(deadline)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::io("cannot wait for several objects", errno)),
        }
    }
}
