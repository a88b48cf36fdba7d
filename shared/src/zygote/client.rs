//! The program's side: starts zygotes, sends them requests and receives their reports.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::getpid;

use crate::bootstrap::Failure;
use crate::error::{Context, Error, Result};
use crate::fds;
use crate::sys::poll::await_readable;
use crate::sys::process::{self, ForkPermit};
use crate::sys::shm::reserve_kept;
use crate::sys::signals::Blocked;
use crate::sys::socket::{Received, Socket};
use crate::zygote::serve::serve;
use crate::zygote::zygote_process::{END_TIMEOUT, Zygote};
use crate::zygote::{self, MAX_MESSAGE_LEN, Report, Request, StartMethod};

/// Attempts to reach a zygote: each may end just when a pool is about to use it.
const MAX_TRIES: u32 = 5;

/// A pool's connection to its group of workers in a zygote.
#[derive(Debug)]
pub(crate) struct ZygoteClient {
    channel: Socket,
    /// Ends with the last of its clients.
    zygote: Arc<Zygote>,
    exec: bool,
}

impl ZygoteClient {
    /// Finds or starts a zygote. With `unchecked`, [`StartMethod::Fork`] works beside other
    /// threads.
    pub(crate) fn new(method: StartMethod, unchecked: Option<ForkPermit>) -> Result<Self> {
        process::check_namespace()?;
        if method == StartMethod::Fork {
            return Self::fork(unchecked.map_or_else(ForkPermit::checked, Ok)?);
        }
        let mut tries = MAX_TRIES;
        loop {
            let zygote = Zygote::shared()?;
            let (channel, theirs) = Socket::pair()?;
            let mut buffer = [0; MAX_MESSAGE_LEN];
            let len = zygote::encode(&Request::Open, &mut buffer);
            let root = zygote.root.as_ref().ok_or(Error::Disconnected)?;
            match root.send(&buffer[..len], &[theirs.as_fd()], true) {
                // It is ending: its sockets are closed before the process ends.
                Err(Errno::EPIPE | Errno::ECONNRESET) if tries > 0 => zygote.await_end(END_TIMEOUT),
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(zygote.cause()),
                outcome => {
                    outcome.context("cannot reach the zygote")?;
                    return Ok(Self { channel, zygote, exec: method == StartMethod::Spawn });
                }
            };
            tries -= 1;
        }
    }

    fn fork(permit: ForkPermit) -> Result<Self> {
        let (channel, theirs) = Socket::pair()?;
        let parent = getpid();
        let _blocked = Blocked::new();
        match process::fork(permit).context("cannot fork")? {
            None => {
                drop(channel);
                fds::close_inherited();
                reserve_kept();
                serve(theirs, parent, permit)
            }
            Some(pid) => {
                let zygote = Zygote::new(pid, None, None)?;
                Ok(Self { channel, zygote: Arc::new(zygote), exec: false })
            }
        }
    }

    /// Returns why the zygote has ended, after a call that returned [`Error::Disconnected`], and
    /// whether the next one would end for the same reason.
    pub(crate) fn cause(&self) -> (Error, bool) {
        let cause = self.zygote.cause();
        (cause, self.zygote.failure().is_some_and(Failure::is_final))
    }

    /// Requests a worker; the reply is [`Report::Started`] or [`Report::Refused`]. With `keep`, the
    /// processes that the worker has started stay when it is killed.
    pub(crate) fn start(&self, worker: u64, keep: bool, fds: &[BorrowedFd<'_>; 3]) -> Result<()> {
        self.request(Request::Start { worker, exec: self.exec, keep }, fds)
    }

    /// Kills a worker, if it is running.
    pub(crate) fn kill(&self, worker: u64) -> Result<()> {
        self.signal(worker, Signal::SIGKILL as i32, false)
    }

    /// Sends a signal to a worker, if it is running; with `handled`, only to a handler that the
    /// worker has set.
    pub(crate) fn signal(&self, worker: u64, signal: i32, handled: bool) -> Result<()> {
        self.request(Request::Signal { worker, signal, handled }, &[])
    }

    fn request(&self, request: Request, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        let len = zygote::encode(&request, &mut buffer);
        self.channel.send(&buffer[..len], fds, true).map_err(|errno| match errno {
            Errno::EPIPE | Errno::ECONNRESET => Error::Disconnected,
            errno => Error::io("cannot reach the zygote", errno),
        })
    }

    /// Kills and reaps all workers, within a bounded time; the zygote closes the channel when that
    /// is done. Does nothing in a copy of the process that the workers belong to.
    pub(crate) fn end(&self) {
        if !self.zygote.owner.is_here() {
            return;
        }
        self.channel.shut_down();
        let deadline = Instant::now() + END_TIMEOUT;
        loop {
            match self.report() {
                Ok(Some(_)) => {}
                Err(_) => return,
                Ok(None) => {
                    if !await_readable(&self.channel, Some(deadline)).unwrap_or(false) {
                        if self.kill_stopped_zygote() {
                            self.zygote.await_end(END_TIMEOUT);
                        }
                        return;
                    }
                }
            }
        }
    }

    /// Kills the zygote if it is stopped, and with it the workers of all pools that use it; the
    /// next worker starts a new one. Returns whether it was stopped.
    pub(crate) fn kill_stopped_zygote(&self) -> bool {
        let stopped = self.zygote.is_stopped();
        if stopped {
            self.zygote.kill();
        }
        stopped
    }

    /// Receives the next report, without waiting; [`Error::Disconnected`] if the zygote has ended.
    pub(crate) fn report(&self) -> Result<Option<Report>> {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        loop {
            match self.channel.receive(&mut buffer).context("cannot receive from the zygote")? {
                Received::Message(len, _) | Received::Truncated(len) => match zygote::decode(&buffer[..len]) {
                    Some(report) => return Ok(Some(report)),
                    None => continue,
                },
                Received::Nothing => return Ok(None),
                Received::End => return Err(Error::Disconnected),
            }
        }
    }
}

impl AsFd for ZygoteClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl Drop for ZygoteClient {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kind::ObjectKind;
    use crate::ring::Segment;
    use crate::sys::poll::Notifier;

    /// Receives the next report, which must come within a minute.
    fn next(zygote: &ZygoteClient) -> Report {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(report) = zygote.report().unwrap() {
                return report;
            }
            assert!(Instant::now() < until, "nothing is reported");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn number_of_a_living_worker_is_refused() {
        let zygote = ZygoteClient::new(StartMethod::ForkServer, None).unwrap();
        let (segments, notifier) =
            ([(), (), ()].map(|()| Segment::create(4096, ObjectKind::Worker).unwrap()), Notifier::new().unwrap());
        let sockets = [(), (), ()].map(|()| Socket::pair().unwrap());
        for (worker, ((_, fd), (_, theirs))) in [7, 7, 8].into_iter().zip(segments.iter().zip(&sockets)) {
            zygote.start(worker, false, &[fd.as_fd(), notifier.as_fd(), theirs.as_fd()]).unwrap();
        }
        // The second request is ignored, and the first worker goes on.
        let Report::Started { worker: 7, pid } = next(&zygote) else { panic!("the first is started") };
        assert!(matches!(next(&zygote), Report::Started { worker: 8, .. }));
        zygote.kill(7).unwrap();
        assert!(matches!(next(&zygote), Report::Exited { worker: 7, .. }));
        zygote.start(7, false, &[segments[1].1.as_fd(), notifier.as_fd(), sockets[1].1.as_fd()]).unwrap();
        let Report::Started { worker: 7, pid: other } = next(&zygote) else { panic!("the number is free again") };
        assert_ne!(pid, other);
    }
}
