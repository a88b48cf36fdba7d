//! Channels: queues whose values may hold handles.
//!
//! A channel is a pair of sockets that keep message boundaries. All senders have one of them, all
//! receivers the other. A value is one message, and the descriptors of its handles are part of it.
//! So the kernel gives value and handles to one receiver, at once: a process that is killed has
//! sent or received a value whole, or not at all. It also reports to each side that no process has
//! the other any more, after what was sent before.
//!
//! The bytes of a value that is too large for the socket go along as shared memory.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::fds::{self, ArrivedValue, Descriptor, Handles, Travel};
use crate::kind::ObjectKind;
use crate::queue::channel_message::{MAX_LEN, decode, wrap};
use crate::queue::handle::with_buffer;
use crate::queue::put_error::PutError;
use crate::queue::store::{Refusal, WaitLimit};
use crate::sys::poll::{await_readable, await_writable};
use crate::sys::socket::{self, Socket};

/// Creates a channel: a queue whose values may hold handles, with a sender and a receiver.
///
/// Both can be cloned and sent to other processes, as arguments of tasks or in other messages; each
/// value goes to one of the receivers, in the order in which they were sent. This is for jobs that
/// bring along a way to reply, an accepted socket or an open file, and for any number of processes
/// at both ends. For values without handles a [`Queue`](crate::Queue) is faster: here each one
/// costs two system calls.
///
/// # Errors
/// [`Error::Io`] if the system has no descriptors left.
///
/// # Examples
/// ```
/// use multiproc::{Connection, Process, Receiver, channel, pipe};
///
/// /// A job, and where its result goes.
/// type Job = (u64, Connection<u64, ()>);
///
/// fn work(jobs: Receiver<Job>) {
///     for job in jobs.iter() {
///         let (n, reply) = job.unwrap();
///         reply.send(n * n).unwrap();
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let (sender, receiver) = channel::<Job>()?;
/// let first = Process::new(work, (receiver.clone(),)).start()?;
/// let second = Process::new(work, (receiver,)).start()?;
/// for n in 0..10 {
///     let (ours, theirs) = pipe()?;
///     sender.send((n, theirs))?;
///     assert_eq!(ours.recv()?, n * n);
/// }
/// drop(sender); // the workers' iterators end
/// first.join()?;
/// second.join()
/// # }
/// ```
///
/// Python's counterpart: `multiprocessing.SimpleQueue`, which is a pipe with locks; connections can
/// be put into it.
pub fn channel<T>() -> Result<(Sender<T>, Receiver<T>)> {
    let (a, b) = Socket::pair()?;
    let end = |socket| Arc::new(Descriptor::new(OwnedFd::from(socket)));
    Ok((Sender { socket: end(a), values: PhantomData }, Receiver { socket: end(b), values: PhantomData }))
}

/// The end of a [`channel()`] that values are sent from.
///
/// A clone is the same end, and so is what another process receives. A sender is one descriptor.
///
/// # Limits
/// Some 250 values, or 200 KiB, are on their way at a time; then a send waits until one is
/// received. A value may have 16 GiB and 250 handles. Handles on their way count for the user who
/// sends them: a user but root may have as many as a process may open files (`RLIMIT_NOFILE`).
#[must_use]
pub struct Sender<T> {
    socket: Arc<Descriptor>,
    values: PhantomData<fn(T)>,
}

/// The end of a [`channel()`] that values are received from.
///
/// A clone is the same end, and so is what another process receives; each value goes to one of
/// them. A receiver is one descriptor.
///
/// Values that nobody has received are dropped with the last receiver.
#[must_use]
pub struct Receiver<T> {
    socket: Arc<Descriptor>,
    values: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + 'static> Sender<T> {
    /// Sends a value, and waits while there is no room. Once it returns, the value is on its way,
    /// whatever becomes of this process.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if there is no receiver any more, [`Error::Encode`] if the value
    /// cannot be serialized, [`Error::TooLarge`] if it is over the limit, [`Error::Io`] if the
    /// system has no memory or descriptors left. The value is returned; it has been serialized and
    /// deserialized then if it holds handles, and what it has moved is in its place again.
    pub fn send(&self, value: T) -> Result<(), PutError<T>> {
        self.send_within(value, WaitLimit::None)
    }

    /// Sends a value if there is room now.
    ///
    /// # Errors
    /// The value is returned with [`Error::Full`], or as from [`send`](Sender::send).
    ///
    /// # Examples
    /// ```
    /// use multiproc::Error;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (sender, receiver) = multiproc::channel()?;
    /// let refused = (0..).find_map(|n: u64| sender.try_send(n).err()).unwrap();
    /// assert!(matches!(refused.error, Error::Full));
    /// assert_eq!(receiver.recv()?, 0);
    /// # Ok(()) }
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), PutError<T>> {
        self.send_within(value, WaitLimit::Now)
    }

    /// Sends a value, and waits for room for at most `timeout`.
    ///
    /// # Errors
    /// The value is returned with [`Error::TimedOut`], or as from [`send`](Sender::send).
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), PutError<T>> {
        self.send_within(value, WaitLimit::Timeout(timeout))
    }

    fn send_within(&self, value: T, limit: WaitLimit) -> Result<(), PutError<T>> {
        let deadline = limit.deadline();
        let (mut handles, mut bytes) = (Handles::default(), Vec::new());
        let encoded = fds::pack(&mut handles, || codec::guard_encoding::<T>(|| codec::encode_ref(&value, &mut bytes)));
        if let Err(error) = encoded {
            return Err(PutError { value, error });
        }
        let Err(refusal) = self.send_bytes(&bytes, &mut handles, deadline) else { return Ok(()) };
        let error = limit.error(refusal, Error::Full);
        if handles.is_empty() {
            return Err(PutError { value, error });
        }
        // A connection in it has moved into the message.
        let back = fds::unpack(&mut handles, || codec::decode_guarded(Source::Buffer(&mut bytes)));
        Err(PutError { value: back.unwrap_or(value), error })
    }

    fn send_bytes(&self, bytes: &[u8], handles: &mut Handles, deadline: Option<Instant>) -> Result<(), Refusal> {
        let (message, memory) = wrap(bytes)?;
        while !fds::try_send_value(&*self.socket, &message, handles, memory.as_ref())? {
            if !await_writable(&*self.socket, deadline).map_err(|error| Error::io("cannot wait for room", error))? {
                return Err(Refusal::TimedOut);
            }
        }
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Returns the socket, which is readable when there is a value or no sender.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<T: DeserializeOwned + 'static> Receiver<T> {
    /// Receives the next value, and waits until there is one.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if there is no sender any more, and all that was sent was received;
    /// [`Error::Decode`] if the value is not a `T`, or this process has no descriptors left for its
    /// handles: then it is lost.
    pub fn recv(&self) -> Result<T> {
        self.receive_within(WaitLimit::None)
    }

    /// Receives the next value if there is one now.
    ///
    /// # Errors
    /// [`Error::Empty`], or as from [`recv`](Receiver::recv).
    pub fn try_recv(&self) -> Result<T> {
        self.receive_within(WaitLimit::Now)
    }

    /// Receives the next value, and waits for one for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or as from [`recv`](Receiver::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T> {
        self.receive_within(WaitLimit::Timeout(timeout))
    }

    /// Returns an iterator that receives values until there is no sender any more.
    pub fn iter(&self) -> impl Iterator<Item = Result<T>> + '_ {
        std::iter::from_fn(|| match self.recv() {
            Err(Error::Disconnected) => None,
            outcome => Some(outcome),
        })
    }

    fn receive_within(&self, limit: WaitLimit) -> Result<T> {
        let deadline = limit.deadline();
        loop {
            let received = with_buffer(|buffer| {
                buffer.resize(fds::MAX_VALUE_HEAD + MAX_LEN, 0);
                match fds::receive_value(&*self.socket, buffer)? {
                    ArrivedValue::Value { start, end, mut handles, memory } => {
                        let message = &buffer[start..end];
                        fds::unpack(&mut handles, || decode(message, memory)).map(Some)
                    }
                    ArrivedValue::Nothing => Ok(None),
                    ArrivedValue::End => Err(Error::Disconnected),
                }
            })?;
            if let Some(value) = received {
                return Ok(value);
            }
            let readable = await_readable(&*self.socket, deadline);
            if !readable.map_err(|error| Error::io("cannot wait for a value", error))? {
                return Err(limit.error(Refusal::TimedOut, Error::Empty));
            }
        }
    }
}

/// What both ends have, defined once: the name, the kind of its handle.
macro_rules! end {
    ($End:ident, $kind:ident) => {
        impl<T> Clone for $End<T> {
            fn clone(&self) -> Self {
                Self { socket: self.socket.clone(), values: PhantomData }
            }
        }

        impl<T> fmt::Debug for $End<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($End)).finish_non_exhaustive()
            }
        }

        impl<T> Serialize for $End<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                fds::serialize(&self.socket, ObjectKind::$kind, Travel::Shared, serializer)
            }
        }

        impl<'de, T> Deserialize<'de> for $End<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let socket = fds::deserialize(ObjectKind::$kind, deserializer)?;
                socket::check(&*socket).map_err(de::Error::custom)?;
                Ok(Self { socket, values: PhantomData })
            }
        }
    };
}

end!(Sender, Sender);
end!(Receiver, Receiver);

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use proptest::prelude::*;

    use super::*;
    use crate::Fd;

    proptest! {
        #[test]
        fn any_message_is_a_value_or_refused(
            mut message in proptest::collection::vec(any::<u8>(), 1..300),
            handles in 0..5u8,
            files in 0..5usize,
        ) {
            // An honest number of handles as often as not.
            if message[0] % 2 == 0 {
                message[0] = handles;
            }
            let (sender, receiver) = channel::<Vec<Fd<File>>>().unwrap();
            let memory = wrap(&[7; 1 << 16]).unwrap().1.unwrap();
            socket::send(&*sender.socket, &message, &vec![memory.as_fd(); files], false).unwrap();
            drop(sender);
            let received = receiver.recv();
            prop_assert!(matches!(received, Ok(_) | Err(Error::Decode(_))), "{:?}", received);
            prop_assert!(matches!(receiver.recv(), Err(Error::Disconnected)));
        }
    }
}
