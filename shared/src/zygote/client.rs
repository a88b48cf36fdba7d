//! The program's side of a zygote.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, getpid};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::bootstrap::{self, Failure, Role};
use crate::error::{Context, Error, Result};
use crate::exit_status::ExitStatus;
use crate::fds;
use crate::sys::executable::Executable;
use crate::sys::inherited_state::InheritedState;
use crate::sys::launch;
use crate::sys::own::PerProcess;
use crate::sys::pid::Owner;
use crate::sys::poll::await_readable;
use crate::sys::process;
use crate::sys::shm::{Mapping, reserve_kept};
use crate::sys::signals::Blocked;
use crate::sys::socket::{Received, Socket};
use crate::sys::threads::ForkPermit;
use crate::zygote::StartMethod;
use crate::zygote::message::{self, MAX_MESSAGE_LEN, Report, Request};
use crate::zygote::server::serve;

/// How long the end of a zygote, or of a zygote's workers, may take before the zygote is killed.
/// Far beyond what the kernel needs, but for a zygote that is stopped; it is here so that no drop
/// can hang.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Zygotes that may die one after the other just when a pool wants to use them.
const MAX_TRIES: u32 = 5;

/// The zygote process that exec-based pools share. A forked child must not use its parent's.
static SHARED: PerProcess<Mutex<Option<Shared>>> = PerProcess::new();

/// See [`SHARED`].
struct Shared {
    /// What the process was then. Workers are to be what the program is when their pool is built.
    state: InheritedState,
    zygote: Weak<Zygote>,
}

/// A running zygote. Dropping it where it was started ends and reaps the process, and with it
/// every worker.
#[derive(Debug)]
struct Zygote {
    owner: Owner,
    pid: Pid,
    /// Readable once the zygote has ended.
    ended: OwnedFd,
    /// Where new families are announced; a forked zygote has just one zygote and no root.
    root: Option<Socket>,
    /// Where an exec'd zygote leaves why it could not begin.
    bootstrap: Option<OwnedFd>,
}

impl Zygote {
    fn new(pid: Pid, root: Option<Socket>, bootstrap: Option<OwnedFd>) -> Result<Self> {
        // A fresh pid of fork or spawn is positive, and stays ours until we reap it.
        let raw = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Error::Disconnected)?;
        let ended = pidfd_open(raw, PidfdFlags::empty()).map_err(|error| {
            // Unwatched it is of no use.
            let _ = kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None));
            Error::io("cannot watch the zygote", std::io::Error::from(error))
        })?;
        Ok(Self { owner: Owner::here(), pid, ended, root, bootstrap })
    }

    /// The zygote that all exec-based pools use; started if there is none, if it has died, or if
    /// the program is not any more what it was then. (Those that use another one keep it.)
    fn shared() -> Result<Arc<Self>> {
        bootstrap::require_init()?;
        let program = Executable::own()?;
        let mut shared = SHARED.get().lock().unwrap_or_else(PoisonError::into_inner);
        let state = InheritedState::now().context("cannot read what this process hands on to a child")?;
        if let Some(shared) = &*shared
            && shared.state == state
            && let Some(zygote) = shared.zygote.upgrade()
            && !zygote.has_ended()
        {
            return Ok(zygote);
        }
        let (ours, theirs) = Socket::pair()?;
        let (_, record) = Mapping::create("multiproc-bootstrap", 4096)?;
        bootstrap::write(&record, Role::Zygote, program.build)?;
        let pid = launch::spawn(&program, record.as_fd(), theirs.as_fd())?;
        let zygote = Arc::new(Self::new(pid, Some(ours), Some(record))?);
        *shared = Some(Shared { state, zygote: Arc::downgrade(&zygote) });
        Ok(zygote)
    }

    /// Kills it. Its workers have asked the kernel to die with it.
    fn kill(&self) {
        // Until it is reaped, which happens when this is dropped, the pid is its own.
        if !self.has_ended() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Whether somebody has stopped it, so that it answers nobody (the state in proc_pid_stat(5)).
    fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with(['T', 't']))
    }

    /// Returns why it has ended, which it is about to if it has not yet.
    fn cause(&self) -> Error {
        self.await_end(END_TIMEOUT);
        if let Some(failure) = self.failure() {
            return failure.into();
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        // The program may have reaped it itself, by waiting for any child.
        match waitid(Id::Pid(self.pid), flags).ok().and_then(ExitStatus::from_wait) {
            // See `serve`.
            Some(ExitStatus::Exited(errno @ 1..)) if self.bootstrap.is_none() => {
                Failure::Serve(Errno::from_raw(errno)).into()
            }
            Some(exit) => Error::NoWorkers { exit },
            None => Error::Disconnected,
        }
    }

    fn failure(&self) -> Option<Failure> {
        self.bootstrap.as_ref().and_then(Failure::read_from)
    }

    /// Waits until it has ended, for at most `timeout`; returns whether it has.
    fn await_end(&self, timeout: Duration) -> bool {
        await_readable(&self.ended, Some(Instant::now() + timeout)).unwrap_or(false)
    }

    fn has_ended(&self) -> bool {
        self.await_end(Duration::ZERO)
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        if !self.owner.is_here() {
            return;
        }
        if let Some(root) = &self.root {
            root.shut_down();
        }
        if !self.await_end(END_TIMEOUT) {
            // Stopped or stuck.
            self.kill();
        }
        // ECHILD if the program reaped it itself, by waiting for any child.
        while waitpid(self.pid, None) == Err(Errno::EINTR) {}
    }
}

/// The workers of one pool, as the pool sees them.
#[derive(Debug)]
pub(crate) struct ZygoteClient {
    channel: Socket,
    /// Kept alive while the zygote is.
    zygote: Arc<Zygote>,
    exec: bool,
}

impl ZygoteClient {
    /// Finds or starts a zygote. `unchecked` lets [`StartMethod::Fork`] work beside other threads.
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
            let len = message::encode(&Request::Open, &mut buffer);
            let root = zygote.root.as_ref().ok_or(Error::Disconnected)?;
            match root.send(&buffer[..len], &[theirs.as_fd()], true) {
                // It is dying, and its sockets go before it does.
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

    /// Returns why the zygote has ended, after a call has found it [gone](Error::Disconnected),
    /// and whether the next would for the same reason.
    pub(crate) fn cause(&self) -> (Error, bool) {
        let cause = self.zygote.cause();
        (cause, self.zygote.failure().is_some_and(Failure::is_final))
    }

    /// Asks for a worker; [`Report::Started`] or [`Report::Refused`] answers. `keep` says to leave
    /// running what it has started when it is killed.
    pub(crate) fn start(&self, worker: u64, keep: bool, fds: &[BorrowedFd<'_>; 3]) -> Result<()> {
        self.request(Request::Start { worker, exec: self.exec, keep }, fds)
    }

    /// Kills a worker, if it still lives.
    pub(crate) fn kill(&self, worker: u64) -> Result<()> {
        self.signal(worker, Signal::SIGKILL as i32, false)
    }

    /// Sends a signal to a worker, if it still lives; `handled` says only to a handler that it has
    /// set.
    pub(crate) fn signal(&self, worker: u64, signal: i32, handled: bool) -> Result<()> {
        self.request(Request::Signal { worker, signal, handled }, &[])
    }

    fn request(&self, request: Request, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        let len = message::encode(&request, &mut buffer);
        self.channel.send(&buffer[..len], fds, true).map_err(|errno| match errno {
            Errno::EPIPE | Errno::ECONNRESET => Error::Disconnected,
            errno => Error::io("cannot reach the zygote", errno),
        })
    }

    /// Kills and reaps all workers, within a bounded time. The zygote closes the channel when that
    /// is done. In a copy of the process that the workers belong to, it does nothing.
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

    /// Ends the zygote if it is stopped, and with it the workers of all pools that use it; a new
    /// one will take its place. Says whether it was.
    pub(crate) fn kill_stopped_zygote(&self) -> bool {
        let stopped = self.zygote.is_stopped();
        if stopped {
            self.zygote.kill();
        }
        stopped
    }

    /// The next report, without waiting; [`Error::Disconnected`] if the zygote has died.
    pub(crate) fn report(&self) -> Result<Option<Report>> {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        loop {
            match self.channel.receive(&mut buffer).context("cannot hear from the zygote")? {
                Received::Message(len, _) | Received::Truncated(len) => match message::decode(&buffer[..len]) {
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
