//! Sending and receiving in async functions: as [`end`](super::end) does it, but asleep in tokio
//! instead of in the kernel.

use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::error::{Context, Error, Result};
use crate::fds::{Descriptor, Payload, watch_readable};
use crate::pipe::Connection;
use crate::pipe::end::{End, broken};
use crate::pipe::notifier::ChannelNotifier;

/// Whose turn it is to wait in an async function, for each direction.
#[derive(Debug, Default)]
pub(super) struct Turns {
    sending: Mutex<()>,
    receiving: Mutex<()>,
}

impl<S: Serialize + 'static, R> Connection<S, R> {
    /// As [`send`](Connection::send), in an async function on a tokio runtime that drives input and
    /// output.
    ///
    /// If the future is dropped before it is done, the message was not sent, or what is left of it
    /// goes out with the next one. While a thread waits in `send` of this same end, this call
    /// waits in its thread.
    ///
    /// # Errors
    /// As `send`, and [`Error::Config`] outside of a tokio runtime.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let (a, b) = multiproc::pipe::<u32, u32>()?;
    /// runtime.block_on(async {
    ///     a.send_async(7).await?;
    ///     assert_eq!(b.recv_async().await?, 7);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn send_async(&self, value: S) -> Result<()> {
        let Payload { bytes, mut handles } = self.encode(value)?;
        let end = &self.end;
        end.check_moved()?;
        let _turn = end.turns.sending.lock().await;
        end.check_there()?;
        end.push_all().await?;
        {
            let head = end.head(&bytes, &mut handles)?;
            let rest = &mut end.sender().rest.0;
            rest.reserve_exact(head.len() + bytes.len());
            rest.extend_from_slice(&head);
            rest.extend_from_slice(&bytes);
        }
        end.push_all().await
    }
}

impl<S, R: DeserializeOwned + 'static> Connection<S, R> {
    /// As [`recv`](Connection::recv), in an async function on a tokio runtime that drives input and
    /// output.
    ///
    /// If the future is dropped before it is done, no message is lost: the next call gets it, also
    /// if half of it was there. While a thread waits in `recv` of this same end, this call
    /// waits in its thread.
    ///
    /// # Errors
    /// As `recv`, and [`Error::Config`] outside of a tokio runtime. For an example see
    /// [`send_async`](Connection::send_async).
    pub async fn recv_async(&self) -> Result<R> {
        let end = &self.end;
        let _turn = end.turns.receiving.lock().await;
        loop {
            if end.has_more()?
                && let Some(message) = end.receive(Some(Instant::now()))?
            {
                return self.decode(message);
            }
            end.check_moved()?;
            let heard = end.notifier().heard();
            let _asleep = Asleep::new(end, End::announce);
            if !end.has_more()? {
                end.notifier().sleep_async(heard).await?;
            }
        }
    }
}

impl End {
    /// Writes all that was left; waits while the ring is full.
    async fn push_all(&self) -> Result<()> {
        while !self.push_rest()? {
            let heard = self.notifier().heard();
            let _asleep = Asleep::new(self, |end, asleep| {
                if end.check_moved().is_ok() {
                    end.sender().announce(asleep);
                }
            });
            if self.sender().ring.free(1).map_err(broken)? == 0 {
                self.notifier().sleep_async(heard).await?;
                if self.notifier().has_ended() {
                    return Err(Error::Disconnected);
                }
            }
        }
        Ok(())
    }
}

/// An announced sleep. It is over when this is dropped, by whoever drops the future.
struct Asleep<'a> {
    end: &'a End,
    announce: fn(&End, bool),
}

impl<'a> Asleep<'a> {
    fn new(end: &'a End, announce: fn(&End, bool)) -> Self {
        announce(end, true);
        Self { end, announce }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        (self.announce)(self.end, false);
    }
}

impl ChannelNotifier {
    /// Sleeps until something is heard that was not among the first `heard`, or the other end is
    /// gone.
    async fn sleep_async(&self, heard: u64) -> Result<()> {
        in_runtime()?;
        // A second descriptor, since one runtime cannot watch the same one twice.
        let ear = Descriptor::new(self.as_fd().try_clone_to_owned().context("cannot watch a pipe")?);
        let watch = AssertUnwindSafe(|| watch_readable(ear));
        // That is how a runtime says that it does not do this.
        let blind = |_| Err(Error::Config("the tokio runtime must drive input and output: see `enable_io`".into()));
        let ear = catch_unwind(watch).unwrap_or_else(blind)?;
        loop {
            let mut told = pin!(self.told.notified());
            // From here on what another hears reaches this one, too.
            told.as_mut().enable();
            if self.heard() != heard || self.has_ended() {
                return Ok(());
            }
            let mut readable = pin!(ear.readable());
            let event = poll_fn(|context| match readable.as_mut().poll(context) {
                Poll::Ready(event) => Poll::Ready(Some(event)),
                Poll::Pending => told.as_mut().poll(context).map(|()| None),
            });
            let event = event.await.transpose().context("cannot watch a pipe")?;
            self.look();
            if let Some(mut event) = event {
                event.clear_ready();
            }
        }
    }
}

/// Refuses to wait where nobody would wake the waiter.
pub(crate) fn in_runtime() -> Result<()> {
    let refused = |_| Error::Config("async calls of queues and connections need a tokio runtime".into());
    tokio::runtime::Handle::try_current().map(drop).map_err(refused)
}
