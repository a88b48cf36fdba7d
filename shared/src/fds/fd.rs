//! Files and sockets of the program, as values that travel.

use std::fmt;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::error::{Context, Result};
use crate::fds::{Descriptor, Travel, deserialize, require_packing, serialize};
use crate::kind::ObjectKind;

/// A file, socket or other descriptor that can be sent to another process.
///
/// `T` is any type that owns a descriptor: [`File`](std::fs::File),
/// [`TcpListener`](std::net::TcpListener), [`TcpStream`](std::net::TcpStream),
/// [`UdpSocket`](std::net::UdpSocket), [`UnixStream`](std::os::unix::net::UnixStream),
/// [`PipeReader`](std::io::PipeReader), [`OwnedFd`] and many others. An `Fd<T>` dereferences to
/// `T`.
///
/// It is sent as (a part of) an argument or result of a task or [`Process`](crate::Process), as the
/// state of a [`partial`](crate::partial), as an argument of an initializer, and as (a part of) a
/// message over a [`Connection`](crate::Connection). Serialized anywhere else it is an error.
///
/// # What the receiver gets
/// The receiver gets a descriptor of its own for the same open file, as from `dup`: one that closes
/// on exec, and closes when the receiver drops it. What belongs to the open file is shared by all
/// its descriptors: position, locks by `flock`, whether calls block, and a socket's connection.
///
/// Sending does not close the descriptor here: that happens when the last clone of the `Fd` is
/// dropped. As an argument or message is passed by value, it *moves* if there is no other clone:
/// once the message is on its way, only the receiver has the file. So the peer of an accepted
/// [`TcpStream`](std::net::TcpStream) sees the end of the stream as soon as the worker drops it. To
/// share a listener among workers, send each a clone.
///
/// A task that has such an argument is not begun a second time: if its worker dies before it
/// begins, the file is lost with it, and the task fails.
///
/// The state of a [`partial`](crate::partial) and the arguments of an initializer go to many
/// workers: each gets a descriptor, and the pool keeps one for those to come.
///
/// # Types
/// The receiver's `T` is made from the descriptor as by `T::from(OwnedFd)`, which checks nothing. A
/// socket that a peer sends in the place of a file is a `File` whose calls return errors; it is not
/// undefined behaviour.
///
/// # Limits
/// A message has up to 250 handles. Arguments that wait for a worker, and results that were not
/// taken, hold a descriptor each: [`imap`](crate::Executor::imap) bounds their number.
///
/// # Examples
/// ```
/// use std::fs::File;
/// use std::io::{Read, Seek, Write};
///
/// use multiproc::{Executor, Fd, Pool};
///
/// fn append(log: Fd<File>, line: String) -> u64 {
///     writeln!(&*log, "{line}").unwrap();
///     (&*log).stream_position().unwrap()
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(1)?;
/// let log = Fd::new(tempfile::tempfile()?);
/// assert_eq!(pool.apply(append, (log.clone(), "hello".into()))?, 6);
///
/// let (mut log, mut text) = (log.into_inner()?, String::new());
/// log.rewind()?;
/// log.read_to_string(&mut text)?;
/// assert_eq!(text, "hello\n");
/// # Ok(()) }
/// ```
///
/// Python's counterpart: sockets and connections are pickled by `multiprocessing.reduction`; a file
/// is not.
pub struct Fd<T>(Arc<T>);

impl<T> Fd<T> {
    /// Returns `file` as a value that can be sent.
    pub fn new(file: T) -> Self {
        Self(Arc::new(file))
    }
}

impl<T: AsFd + From<OwnedFd>> Fd<T> {
    /// Returns the file itself, or, if there are other clones of this `Fd`, one with a duplicate of
    /// its descriptor.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if a duplicate is needed, and the system has no descriptors
    /// left.
    ///
    /// # Examples
    /// ```
    /// use std::net::TcpListener;
    ///
    /// use multiproc::Fd;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let ours = Fd::new(TcpListener::bind("localhost:0")?);
    /// let theirs: TcpListener = ours.clone().into_inner()?;
    /// assert_eq!(theirs.local_addr()?, ours.local_addr()?);
    /// # Ok(()) }
    /// ```
    pub fn into_inner(self) -> Result<T> {
        Arc::try_unwrap(self.0).or_else(|shared| {
            let duplicate = shared.as_fd().try_clone_to_owned();
            duplicate.map(T::from).context("cannot duplicate a descriptor")
        })
    }
}

impl<T> Deref for Fd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Fd<T> {
    /// Returns another reference to the same descriptor. Each one that is sent is received as a
    /// descriptor of its own.
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> From<T> for Fd<T> {
    fn from(file: T) -> Self {
        Self::new(file)
    }
}

impl<T: AsFd> AsFd for Fd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<T: fmt::Debug> fmt::Debug for Fd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fd").field(&self.0).finish()
    }
}

impl<T: AsFd> Serialize for Fd<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        require_packing().map_err(ser::Error::custom)?;
        let refused = |error| ser::Error::custom(format!("cannot duplicate a descriptor to send it: {error}"));
        let duplicate = self.as_fd().try_clone_to_owned().map_err(refused)?;
        serialize(&Arc::new(Descriptor::new(duplicate)), ObjectKind::File, Travel::Moved, serializer)
    }
}

impl<'de, T: From<OwnedFd>> Deserialize<'de> for Fd<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let descriptor = deserialize(ObjectKind::File, deserializer)?;
        // The context has given away its only reference.
        let owned = Arc::into_inner(descriptor).ok_or_else(|| de::Error::custom("a descriptor has another owner"))?;
        Ok(Self::new(T::from(owned.into_fd())))
    }
}
