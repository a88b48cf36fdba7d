//! One descriptor for a wait over several objects, for event loops.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use crate::error::{Context, Error, Result};
use crate::waitable::Waitable;
use crate::waitable::watching::Watching;

/// Several objects (or one) with one descriptor, for an event loop: mio, epoll, tokio's `AsyncFd`.
///
/// The contract is that of a readable socket:
///
/// 1. Call [`ready`](WaitSet::ready). It returns the indices of the objects that are ready. Use
///    them, and call it again, until it returns none.
/// 2. After a call that returned none, the descriptor becomes readable when an object may have
///    become ready, and stays readable until the next call (it is level-triggered, and can be
///    watched in either way). Then begin again.
///
/// It may become readable without a reason, several times a second: `ready` returns none, then.
/// After a call that returned an index it shows nothing, until a call has returned none. The
/// objects may be used in any way meanwhile, also by other threads; when each kind is ready is
/// listed at [`Waitable`].
///
/// Nothing is to be read from the descriptor or written to it. It is open, and the same, for as
/// long as the set lives.
///
/// # Examples
/// ```
/// use multiproc::{Event, Process, Queue, WaitSet};
/// use tokio::io::unix::AsyncFd;
///
/// fn produce(queue: Queue<u32>, done: Event) {
///     (0..3).for_each(|n| queue.put(n).unwrap());
///     done.set();
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (queue, done) = (Queue::new()?, Event::new()?);
/// let process = Process::new(produce, (queue.clone(), done.clone())).start()?;
///
/// let mut values = Vec::new();
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
/// runtime.block_on(async {
///     let set = WaitSet::new(&[&queue, &done])?;
///     // SAFETY: its descriptor is open and the same for as long as the set lives.
///     let events = unsafe { AsyncFd::register(set) }.map_err(std::io::Error::from)?;
///     while values.len() < 3 || !done.is_set() {
///         let ready = events.get_ref().ready()?;
///         if ready.is_empty() {
///             events.readable().await?.clear_ready();
///         }
///         if ready.contains(&0) {
///             values.push(queue.try_get()?);
///         }
///     }
///     Ok::<(), multiproc::Error>(())
/// })?;
/// assert_eq!(values, [0, 1, 2]);
/// process.join()
/// # }
/// ```
///
/// Python's counterpart: `selectors`, which waits for descriptors alone.
pub struct WaitSet<'a> {
    watching: Watching<'a>,
    epoll: Epoll,
}

impl<'a> WaitSet<'a> {
    /// Creates a set of `objects`. It is not armed before the first call of
    /// [`ready`](WaitSet::ready).
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no descriptors left: it takes two.
    pub fn new(objects: &[&'a dyn Waitable]) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("cannot create an epoll instance")?;
        let marks = objects.iter().map(|object| object.mark()).collect();
        let watching = Watching::new(objects, marks)?;
        for descriptor in watching.descriptors() {
            match epoll.add(descriptor, EpollEvent::new(EpollFlags::EPOLLIN, 0)) {
                // The same descriptor twice is watched once, and a file that epoll refuses is
                // always ready.
                Ok(()) | Err(Errno::EEXIST | Errno::EPERM) => {}
                Err(errno) => return Err(Error::io("cannot watch a descriptor", errno)),
            }
        }
        Ok(Self { watching, epoll })
    }

    /// Returns the indices of the objects that are ready, without waiting. If it returns none, the
    /// descriptor will be readable when some may be.
    ///
    /// An [`Event`](crate::Event) that was set and cleared since the last call counts as well.
    ///
    /// # Errors
    /// [`Error::Io`] if a thread that is needed to wait cannot be started.
    pub fn ready(&self) -> Result<Vec<usize>> {
        self.watching.ready()
    }
}

impl AsFd for WaitSet<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl AsRawFd for WaitSet<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for WaitSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitSet").field("descriptor", &self.as_raw_fd()).finish_non_exhaustive()
    }
}
