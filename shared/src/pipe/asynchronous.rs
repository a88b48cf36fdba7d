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

use crate::error::{Context, Error, Result};
use crate::fds::{Descriptor, Payload, watch_readable};
use crate::pipe::channel_notifier::ChannelNotifier;
use crate::pipe::connection::Connection;
use crate::pipe::end::End;

impl<S: Serialize + 'static, R> Connection<S, R> {
    /// Sends `value` in an async function, on a tokio runtime that drives input and output. Waits
    /// while there is no room for it.
    ///
    /// If the future is dropped before it is done, the message was not sent, or what is left of it
    /// is sent before the next one. While a thread waits in [`send`](Connection::send) of this same
    /// end, this call waits in its thread.
    ///
    /// # Errors
    /// As from [`send`](Connection::send), and [`Error::Config`] outside of a tokio runtime.
    ///
    /// # Examples
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
        let end = self.end();
        end.check_moved()?;
        let _turn = end.turns().sending.lock().await;
        end.check_connected()?;
        end.push_all().await?;
        let head = end.send_handles(&bytes, &mut handles)?;
        end.sender().append(&head, &bytes);
        end.push_all().await
    }
}

impl<S, R: DeserializeOwned + 'static> Connection<S, R> {
    /// Receives a message in an async function, on a tokio runtime that drives input and output.
    /// Waits until there is one.
    ///
    /// If the future is dropped before it is done, no message is lost: the next call gets it, also
    /// if half of it was there. While a thread waits in [`recv`](Connection::recv) of this same
    /// end, this call waits in its thread.
    ///
    /// # Errors
    /// As from [`recv`](Connection::recv), and [`Error::Config`] outside of a tokio runtime. For an
    /// example see [`send_async`](Connection::send_async).
    pub async fn recv_async(&self) -> Result<R> {
        let end = self.end();
        let _turn = end.turns().receiving.lock().await;
        loop {
            if end.has_more()?
                && let Some(message) = end.receive(Some(Instant::now()))?
            {
                return self.decode(message);
            }
            end.check_moved()?;
            let received = end.notifier().received();
            let _sleeping = SleepGuard::new(end, End::announce);
            if !end.has_more()? {
                end.notifier().sleep_async(received).await?;
            }
        }
    }
}

impl End {
    /// Writes all that was left; waits while the ring is full.
    async fn push_all(&self) -> Result<()> {
        while !self.push_rest()? {
            let received = self.notifier().received();
            let _sleeping = SleepGuard::new(self, |end, asleep| {
                if end.check_moved().is_ok() {
                    end.sender().announce(asleep);
                }
            });
            let has_room = self.sender().has_room()?;
            if !has_room {
                self.notifier().sleep_async(received).await?;
                self.check_connected()?;
            }
        }
        Ok(())
    }
}

/// An announced sleep. It ends when this is dropped, with the future or before.
struct SleepGuard<'a> {
    end: &'a End,
    announce: fn(&End, bool),
}

impl<'a> SleepGuard<'a> {
    fn new(end: &'a End, announce: fn(&End, bool)) -> Self {
        announce(end, true);
        Self { end, announce }
    }
}

impl Drop for SleepGuard<'_> {
    fn drop(&mut self) {
        (self.announce)(self.end, false);
    }
}

impl ChannelNotifier {
    /// Sleeps until something is received that was not among the first `received`, or the other end
    /// is gone.
    async fn sleep_async(&self, received: u64) -> Result<()> {
        require_runtime()?;
        // A second descriptor, since one runtime cannot watch the same one twice.
        let watched = Descriptor::new(self.as_fd().try_clone_to_owned().context("cannot watch a pipe")?);
        let watch = AssertUnwindSafe(|| watch_readable(watched));
        // A runtime that does not drive input and output panics.
        let no_driver = |_| Err(Error::Config("the tokio runtime must drive input and output: see `enable_io`".into()));
        let watched = catch_unwind(watch).unwrap_or_else(no_driver)?;
        loop {
            let mut changed = pin!(self.changed_async());
            // From here on what another thread receives wakes this future, too.
            changed.as_mut().enable();
            if self.received() != received || self.has_ended() {
                return Ok(());
            }
            let mut readable = pin!(watched.readable());
            let event = poll_fn(|context| match readable.as_mut().poll(context) {
                Poll::Ready(event) => Poll::Ready(Some(event)),
                Poll::Pending => changed.as_mut().poll(context).map(|()| None),
            });
            let event = event.await.transpose().context("cannot watch a pipe")?;
            self.receive();
            if let Some(mut event) = event {
                event.clear_ready();
            }
        }
    }
}

/// Fails outside of a tokio runtime, where nothing would wake the future.
pub(crate) fn require_runtime() -> Result<()> {
    let refused = |_| Error::Config("async calls of queues and connections need a tokio runtime".into());
    tokio::runtime::Handle::try_current().map(drop).map_err(refused)
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::fds::Handles;

    #[test]
    fn rest_that_another_call_could_not_send_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (a, b) = End::pair().unwrap();
        let bytes = vec![7; 1 << 20];
        a.sender().append(&(bytes.len() as u64).to_le_bytes(), &bytes);
        assert!(!a.push_rest().unwrap());
        thread::scope(|scope| {
            // It begins with the rest, and waits for room.
            let other = scope.spawn(|| a.send(&[1], Handles::default()));
            thread::sleep(Duration::from_millis(50));
            drop(b);
            assert!(matches!(other.join().unwrap(), Err(Error::Disconnected)));
        });
        assert!(matches!(runtime.block_on(a.push_all()), Err(Error::Disconnected)));
    }
}
