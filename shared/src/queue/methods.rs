//! The public calls that both kinds of queue have, defined once.
//!
//! Each call only delegates to the [`handle`](crate::queue::handle). A queue type has a field
//! `handle`, `over(handle)`, which makes a queue of it, and `take_next(deadline)`, which takes the
//! next value in its order.

/// Defines the calls of a queue type: its name, a bound on its values, and which value comes next.
macro_rules! queue_methods {
    ($Queue:ident<T $(: $Order:ident)?>, $next:literal) => {
        impl<T $(: $Order)?> $Queue<T> {
            /// Creates a queue that holds any number of values.
            ///
            /// # Errors
            /// [`Error::Io`] if the system has no memory or descriptors left.
            pub fn new() -> Result<Self> {
                Handle::unbounded().map(Self::over)
            }

            /// Creates a queue that holds up to `capacity` values: [`put`](Self::put) waits while
            /// it is full.
            ///
            /// # Errors
            /// [`Error::Config`] if `capacity` is 0; [`Error::Io`] if the system has no memory or
            /// descriptors left.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> multiproc::Result<()> {
            #[doc = concat!("let queue = multiproc::", stringify!($Queue), "::bounded(1)?;")]
            /// queue.put("first".to_string())?;
            /// assert!(queue.try_put("second".to_string()).is_err());
            /// assert_eq!(queue.capacity(), Some(1));
            /// # Ok(()) }
            /// ```
            ///
            /// Python's counterpart: `Queue(maxsize)`.
            pub fn bounded(capacity: usize) -> Result<Self> {
                Handle::bounded(capacity).map(Self::over)
            }
        }

        impl<T> $Queue<T> {
            /// Sets how many bytes a value may have, for all handles of this queue, here and in
            /// other processes. Without it, the limit is 16 GiB.
            pub fn set_max_message(&self, bytes: u64) {
                self.handle.store().control().set_max_message(bytes);
            }

            /// Returns the number of values in the queue. Other threads and processes may have
            /// changed it by the time the caller looks at it.
            ///
            /// Python's counterpart: `Queue.qsize`.
            #[must_use]
            #[doc(alias("qsize"))]
            pub fn len(&self) -> usize {
                self.handle.store().len() as usize
            }

            /// Returns whether the queue is empty now; see [`len`](Self::len). To take all there
            /// is, call [`try_get`](Self::try_get) until it returns [`Error::Empty`].
            ///
            /// Python's counterpart: `Queue.empty`.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.handle.store().is_empty()
            }

            /// Returns the number of values that the queue holds at most; `None` if it has no
            /// bound.
            #[must_use]
            pub fn capacity(&self) -> Option<usize> {
                self.handle.store().control().capacity()
            }

            /// Closes the queue for all its handles: from now on nothing can be put, and what is
            /// there can be taken. All calls that wait return. Closing it twice is no error.
            ///
            /// # Errors
            /// [`Error::Io`] if the queue's lock cannot be used.
            ///
            /// # Examples
            /// ```
            /// use multiproc::Error;
            ///
            /// # fn main() -> multiproc::Result<()> {
            #[doc = concat!("let queue = multiproc::", stringify!($Queue), "::new()?;")]
            /// queue.put(1)?;
            /// queue.close()?;
            /// assert!(matches!(queue.put(2).unwrap_err().error, Error::Closed));
            /// assert_eq!(queue.get()?, 1);
            /// assert!(matches!(queue.get(), Err(Error::Closed)));
            /// # Ok(()) }
            /// ```
            pub fn close(&self) -> Result<()> {
                self.handle.close()
            }

            /// Returns whether the queue was closed.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.handle.store().control().is_closed()
            }

            /// Returns whether [`get`](Self::get) would return at once.
            pub(crate) fn is_ready_to_get(&self) -> bool {
                self.handle.is_ready_to_get()
            }

            /// Has `waker` called when that may be so.
            pub(crate) fn watch(&self, waker: &Waker) -> Result<Watch> {
                self.handle.watch(waker)
            }

            /// Reports that a value which was taken is done; see [`join`](Self::join).
            ///
            /// # Errors
            /// [`Error::InvalidState`] if it is called more often than values were put.
            ///
            /// Python's counterpart: `JoinableQueue.task_done`.
            pub fn task_done(&self) -> Result<()> {
                self.handle.task_done()
            }

            /// Waits until every value that was put is [done](Self::task_done). If a process is
            /// killed between taking a value and reporting it, that never comes: see
            /// [`join_timeout`](Self::join_timeout).
            ///
            /// # Examples
            /// ```
            /// # fn main() -> multiproc::Result<()> {
            #[doc = concat!("let queue = multiproc::", stringify!($Queue), "::new()?;")]
            /// queue.put(1)?;
            /// queue.get()?;
            /// queue.task_done()?;
            /// queue.join();
            /// # Ok(()) }
            /// ```
            ///
            /// Python's counterpart: `JoinableQueue.join`.
            pub fn join(&self) {
                self.handle.join(WaitLimit::None);
            }

            /// Waits until every value that was put is [done](Self::task_done), for at most
            /// `timeout`. Returns whether they are.
            pub fn join_timeout(&self, timeout: Duration) -> bool {
                self.handle.join(WaitLimit::Timeout(timeout))
            }
        }

        impl<T: Serialize + 'static> $Queue<T> {
            /// Puts a value into the queue, and waits while a [bounded](Self::bounded) queue is
            /// full. Once it returns, the value is there, whatever becomes of this process.
            ///
            /// # Errors
            /// The value is returned with [`Error::Closed`], [`Error::TooLarge`],
            /// [`Error::Encode`], [`Error::Disconnected`] if the queue is full and no process is
            /// left that could take a value (see [`Queue`](crate::Queue)), or [`Error::Io`] if the
            /// system has no more memory for it.
            ///
            /// Python's counterpart: `Queue.put`.
            pub fn put(&self, value: T) -> Result<(), PutError<T>> {
                self.handle.put(value, WaitLimit::None)
            }

            /// Puts a value into the queue if it has room now.
            ///
            /// # Errors
            /// The value is returned with [`Error::Full`], or as from [`put`](Self::put).
            ///
            /// Python's counterpart: `Queue.put_nowait`.
            #[doc(alias("put_nowait"))]
            pub fn try_put(&self, value: T) -> Result<(), PutError<T>> {
                self.handle.put(value, WaitLimit::Now)
            }

            /// Puts a value into the queue, and waits for room for at most `timeout`.
            ///
            /// # Errors
            /// The value is returned with [`Error::TimedOut`], or as from [`put`](Self::put).
            ///
            /// Python's counterpart: `Queue.put` with `timeout`.
            pub fn put_timeout(&self, value: T, timeout: Duration) -> Result<(), PutError<T>> {
                self.handle.put(value, WaitLimit::Timeout(timeout))
            }

            /// Puts a value into the queue in an async function, in any runtime, and waits while a
            /// [bounded](Self::bounded) queue is full.
            ///
            /// If the future is dropped before it is done, the value was not put, and is dropped
            /// too. One thread of this process waits for all such calls; see
            /// [`get_async`](Self::get_async), also for an example.
            ///
            /// # Errors
            /// As from [`put`](Self::put), and [`Error::Io`] if that thread cannot be started.
            pub async fn put_async(&self, value: T) -> Result<(), PutError<T>> {
                self.handle.put_async(value).await
            }
        }

        impl<T: DeserializeOwned $(+ $Order)? + 'static> $Queue<T> {
            #[doc = concat!("Takes the ", $next, " value, and waits until there is one.")]
            ///
            /// # Errors
            /// [`Error::Closed`] if the queue was closed and is empty; [`Error::Disconnected`] if
            /// no process is left that could put a value (see [`Queue`](crate::Queue) for when that
            /// is known); [`Error::Decode`] if the value is not a `T`: then it is lost.
            ///
            /// Python's counterpart: `Queue.get`.
            pub fn get(&self) -> Result<T> {
                self.handle.get(WaitLimit::None, |deadline| self.take_next(deadline))
            }

            #[doc = concat!("Takes the ", $next, " value if there is one now.")]
            ///
            /// # Errors
            /// [`Error::Empty`], or as from [`get`](Self::get).
            ///
            /// Python's counterpart: `Queue.get_nowait`.
            #[doc(alias("get_nowait"))]
            pub fn try_get(&self) -> Result<T> {
                self.handle.get(WaitLimit::Now, |deadline| self.take_next(deadline))
            }

            #[doc = concat!("Takes the ", $next, " value, and waits for one for at most `timeout`.")]
            ///
            /// # Errors
            /// [`Error::TimedOut`], or as from [`get`](Self::get).
            ///
            /// # Examples
            /// ```
            /// use multiproc::Error;
            /// use std::time::Duration;
            ///
            /// # fn main() -> multiproc::Result<()> {
            #[doc = concat!("let queue = multiproc::", stringify!($Queue), "::<u32>::new()?;")]
            /// let refused = queue.get_timeout(Duration::from_millis(10)).unwrap_err();
            /// assert!(matches!(refused, Error::TimedOut { .. }));
            /// # Ok(()) }
            /// ```
            ///
            /// Python's counterpart: `Queue.get` with `timeout`.
            pub fn get_timeout(&self, timeout: Duration) -> Result<T> {
                self.handle.get(WaitLimit::Timeout(timeout), |deadline| self.take_next(deadline))
            }

            #[doc = concat!("Takes the ", $next, " value in an async function, in any runtime, and waits until")]
            /// there is one.
            ///
            /// If the future is dropped before it is done, no value is lost. One thread of this
            /// process waits for 127 such calls at a time, and calls their wakers; on Linux before
            /// 5.16 there is a thread for each.
            ///
            /// # Errors
            /// As from [`get`](Self::get), and [`Error::Io`] if that thread cannot be started.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> multiproc::Result<()> {
            #[doc = concat!("let queue = multiproc::", stringify!($Queue), "::new()?;")]
            /// pollster::block_on(async {
            ///     queue.put_async("value".to_string()).await?;
            ///     assert_eq!(queue.get_async().await?, "value");
            ///     Ok(())
            /// })
            /// # }
            /// ```
            pub async fn get_async(&self) -> Result<T> {
                self.handle.get_async(|deadline| self.take_next(deadline)).await
            }
        }

        impl<T> fmt::Debug for $Queue<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.handle.fmt(stringify!($Queue), f)
            }
        }

        impl<T> Serialize for $Queue<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.handle.serialize(serializer)
            }
        }

        impl<'de, T $(: $Order)?> Deserialize<'de> for $Queue<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Handle::deserialize(deserializer).map(Self::over)
            }
        }
    };
}

pub(super) use queue_methods;
