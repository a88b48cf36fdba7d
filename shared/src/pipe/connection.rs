//! A pipe's end, with types.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::Waker;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::fds::{self, Payload};
use crate::pipe::end::End;
use crate::protocol::MAX_MESSAGE;

/// Creates a pipe: two connected ends, of which the first sends `A` and receives `B`, and the
/// second the other way round.
///
/// Keep one end and give the other to a process, as an argument. Both ends can also stay in one
/// process, for its threads.
///
/// # Errors
/// [`Error::Io`] if the system has no memory or descriptors left.
///
/// # Examples
/// ```
/// use multiproc::{Connection, Process, pipe};
///
/// fn shout(connection: Connection<String, String>) {
///     // At the end of the pipe `recv` is an error.
///     while let Ok(word) = connection.recv() {
///         connection.send(word.to_uppercase()).unwrap();
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (ours, theirs) = pipe::<String, String>()?;
/// let process = Process::new(shout, (theirs,)).start()?;
/// ours.send("hello".into())?;
/// assert_eq!(ours.recv()?, "HELLO");
/// drop(ours);
/// process.join()
/// # }
/// ```
///
/// Python's counterpart: `multiprocessing.Pipe`.
#[doc(alias("Pipe"))]
pub fn pipe<A, B>() -> Result<(Connection<A, B>, Connection<B, A>)> {
    let (first, second) = End::pair()?;
    Ok((Connection::new(first), Connection::new(second)))
}

/// One end of a [`pipe`], which sends `S` and receives `R`.
///
/// A connection has one owner: in a copy of the process that has it every call fails with
/// [`Error::ForeignProcess`]. As (a part of) an argument or result of a task, or of a message over
/// another connection, it *moves* to the process that gets it. Threads of one process may share it
/// by reference, to send, to receive, or both; each message goes to one of them.
///
/// When the other end is dropped, or its process ends in whatever way, [`recv`](Connection::recv)
/// first returns what was sent before, and then [`Error::Disconnected`], the end of the pipe.
///
/// Small messages cost no system call while both sides are busy. A send to an end whose process
/// does not receive waits once 256 KiB are on their way. A message may have up to 16 GiB, unless
/// [`with_max_message`](Connection::with_max_message) sets another limit.
///
/// Python's counterpart: `multiprocessing.connection.Connection`.
#[must_use = "dropping it is the end of the pipe"]
pub struct Connection<S, R> {
    end: End,
    /// Bytes that a message sent here may have.
    max_message: u64,
    types: PhantomData<fn(S) -> R>,
}

impl<S, R> Connection<S, R> {
    fn new(end: End) -> Self {
        Self { end, max_message: MAX_MESSAGE, types: PhantomData }
    }

    /// Sets how many bytes a message that is sent from this end may have. Without it, the limit is
    /// 16 GiB. The setting goes to other processes with the connection.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let (a, _b) = multiproc::pipe::<(), ()>()?;
    /// let a = a.with_max_message(10);
    /// let refused = a.send_bytes(&[0; 11]);
    /// assert!(matches!(refused, Err(multiproc::Error::TooLarge { bytes: 11, max: 10, .. })));
    /// # Ok(()) }
    /// ```
    pub fn with_max_message(self, bytes: u64) -> Self {
        Self { max_message: bytes, ..self }
    }

    fn check_size(&self, bytes: usize) -> Result<()> {
        let (bytes, max) = (bytes as u64, self.max_message);
        if bytes > max { Err(Error::too_large(bytes, max)) } else { Ok(()) }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn end(&self) -> &End {
        &self.end
    }

    /// Returns whether there is something to receive, if only the end of the pipe.
    pub(crate) fn is_ready(&self) -> bool {
        self.end.is_ready()
    }

    /// Has the [descriptor](Connection::as_fd) made readable when the other side sends, and `waker`
    /// called when another thread receives that. `waker` is of this crate, and neither panics nor
    /// waits.
    pub(crate) fn arm(&self, waker: &Waker) {
        self.end.arm(waker);
    }

    /// Takes an [`arm`](Connection::arm) back.
    pub(crate) fn disarm(&self, waker: &Waker) {
        self.end.disarm(waker);
    }

    /// Returns a descriptor that is readable when the other side has sent a wake-up, or is gone.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.notifier().as_fd()
    }

    /// Waits until a message begins to come in, for at most `timeout`. Returns whether
    /// [`recv`](Connection::recv) would return without waiting for that. The end of the pipe
    /// counts: `recv` would return it at once.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses to wait.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (a, b) = multiproc::pipe::<u32, ()>()?;
    /// assert!(!b.poll(Duration::from_millis(10))?);
    /// a.send(7)?;
    /// assert!(b.poll(Duration::ZERO)?);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Connection.poll`.
    pub fn poll(&self, timeout: Duration) -> Result<bool> {
        match self.end.poll(deadline(timeout)) {
            Err(Error::Disconnected) => Ok(true),
            outcome => outcome,
        }
    }

    /// Sends bytes as they are; the other side receives them with
    /// [`recv_bytes`](Connection::recv_bytes).
    ///
    /// # Errors
    /// As from [`send`](Connection::send).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let (a, b) = multiproc::pipe::<(), ()>()?;
    /// a.send_bytes(b"as they are")?;
    /// assert_eq!(b.recv_bytes()?, b"as they are");
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Connection.send_bytes`.
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<()> {
        self.check_size(bytes.len())?;
        self.end.send(bytes, fds::Handles::default())
    }

    /// Receives a message as bytes, and waits until there is one. For an example see
    /// [`send_bytes`](Connection::send_bytes).
    ///
    /// # Errors
    /// [`Error::Disconnected`] if the other end is gone and all that it sent was received.
    ///
    /// Python's counterpart: `Connection.recv_bytes`.
    pub fn recv_bytes(&self) -> Result<Vec<u8>> {
        self.end.receive(None)?.map(|message| message.bytes).ok_or(Error::Empty)
    }
}

impl<S: Serialize + 'static, R> Connection<S, R> {
    /// Sends `value`, and waits while there is no room for it. The handles of connections, queues
    /// and locks that `value` holds are sent along.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if the other end is known to be gone, [`Error::Encode`] if `value`
    /// cannot be serialized, [`Error::TooLarge`] if it is over the limit. After [`Error::Encode`]
    /// and [`Error::TooLarge`] nothing was sent, and the connection can be used further.
    ///
    /// An end that was closed, or whose process ended while it waited for a message, is known to be
    /// gone. One whose process was killed at another moment is found out by a call that receives or
    /// waits: until then it may be sent what fits into the pipe (256 KiB), as to a socket.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let (a, b) = multiproc::pipe::<Vec<u32>, ()>()?;
    /// a.send(vec![1, 2, 3])?;
    /// assert_eq!(b.recv()?, [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Connection.send`.
    pub fn send(&self, value: S) -> Result<()> {
        let Payload { bytes, handles } = self.encode(value)?;
        self.end.send(&bytes, handles)
    }

    pub(super) fn encode(&self, value: S) -> Result<Payload> {
        let Payload { mut bytes, mut handles } = Payload::default();
        fds::pack(&mut handles, || codec::guard_encoding::<S>(|| codec::encode(value, &mut bytes)))?;
        self.check_size(bytes.len())?;
        Ok(Payload { bytes, handles })
    }
}

impl<S, R: DeserializeOwned + 'static> Connection<S, R> {
    /// Receives a message, and waits until there is one.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if the other end is gone and all that it sent was received;
    /// [`Error::Decode`] if the message is not an `R`.
    ///
    /// # Examples
    /// ```
    /// use multiproc::Error;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (a, b) = multiproc::pipe::<u32, ()>()?;
    /// a.send(7)?;
    /// drop(a);
    /// assert_eq!(b.recv()?, 7);
    /// assert!(matches!(b.recv(), Err(Error::Disconnected)));
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Connection.recv`, which raises `EOFError` at the end of the pipe.
    pub fn recv(&self) -> Result<R> {
        self.receive(None)?.ok_or(Error::Empty)
    }

    /// Receives a message, and waits for it for at most `timeout`. A message that is half there by
    /// then is not lost: the next call continues with it.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or as from [`recv`](Connection::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<R> {
        self.receive(deadline(timeout))?.ok_or(Error::timed_out(timeout))
    }

    /// Receives a message if one is there, without waiting for anything, another thread that
    /// receives included.
    ///
    /// # Errors
    /// [`Error::Empty`] if no message is there (or not all of it), or as from
    /// [`recv`](Connection::recv).
    ///
    /// Python's counterpart: `Connection.poll()` and then `recv()`.
    pub fn try_recv(&self) -> Result<R> {
        self.receive(Some(Instant::now()))?.ok_or(Error::Empty)
    }

    fn receive(&self, deadline: Option<Instant>) -> Result<Option<R>> {
        self.end.receive(deadline)?.map(|message| self.decode(message)).transpose()
    }

    pub(super) fn decode(&self, Payload { mut bytes, mut handles }: Payload) -> Result<R> {
        let value = if handles.is_empty() {
            codec::decode_guarded(Source::Buffer(&mut bytes))
        } else {
            fds::unpack(&mut handles, || codec::decode_guarded(Source::Buffer(&mut bytes)))
        };
        self.end.recycle(bytes);
        value
    }
}

/// Returns when a timeout is over; `None` if that is so far away that it never comes.
fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

impl<S, R> fmt::Debug for Connection<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl<S, R> Serialize for Connection<S, R> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        (&self.end, self.max_message).serialize(serializer)
    }
}

impl<'de, S, R> Deserialize<'de> for Connection<S, R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (end, max_message) = Deserialize::deserialize(deserializer)?;
        Ok(Self::new(end).with_max_message(max_message))
    }
}
