//! The program's side: starts zygotes, sends them requests and receives their reports.

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

/// The time that the end of a zygote, or of its workers, may take before the zygote is killed. Far
/// beyond what the kernel needs unless the zygote is stopped; it bounds every drop.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts to reach a zygote: each may end just when a pool is about to use it.
const MAX_TRIES: u32 = 5;

/// The zygote that exec-based pools share. A forked child must not use its parent's.
static SHARED: PerProcess<Mutex<Option<Shared>>> = PerProcess::new();

/// See [`SHARED`].
struct Shared {
    /// The state of the process then. Workers inherit the state that the program has when their
    /// pool is built.
    state: InheritedState,
    zygote: Weak<Zygote>,
}

/// A running zygote. Dropping it in the process that started it ends and reaps the zygote, and with
/// it every worker.
#[derive(Debug)]
struct Zygote {
    owner: Owner,
    pid: Pid,
    /// Readable once the zygote has ended.
    ended: OwnedFd,
    /// The socket for new groups of workers; a forked zygote has one group and no root.
    root: Option<Socket>,
    /// The bootstrap record of an exec'd zygote, to which it writes why it could not begin.
    bootstrap: Option<OwnedFd>,
}

impl Zygote {
    fn new(pid: Pid, root: Option<Socket>, bootstrap: Option<OwnedFd>) -> Result<Self> {
        // A pid of fork or spawn is positive, and is not used again until the process is reaped.
        let raw = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Error::Disconnected)?;
        let ended = pidfd_open(raw, PidfdFlags::empty()).map_err(|error| {
            // Without the descriptor its end would not be seen.
            let _ = kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None));
            Error::io("cannot watch the zygote", std::io::Error::from(error))
        })?;
        Ok(Self { owner: Owner::here(), pid, ended, root, bootstrap })
    }

    /// Returns the zygote that exec-based pools share. Starts one if there is none, if it has
    /// ended, or if the state of the program has changed since. Pools that use the former one keep
    /// it.
    fn shared() -> Result<Arc<Self>> {
        bootstrap::require_init()?;
        let program = Executable::own()?;
        let mut shared = SHARED.get().lock().unwrap_or_else(PoisonError::into_inner);
        let state = InheritedState::now().context("cannot read what a child inherits from this process")?;
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

    /// Kills the zygote; the kernel kills its workers with it.
    fn kill(&self) {
        // The pid is the zygote's until it is reaped, which happens in `drop`.
        if !self.has_ended() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Returns whether the zygote is stopped, and so sends no reports (the state in
    /// proc_pid_stat(5)).
    fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with(['T', 't']))
    }

    /// Returns why the zygote has ended; if it has not, waits for its end.
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

    /// Waits until the zygote has ended, for at most `timeout`; returns whether it has.
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
            let len = message::encode(&Request::Open, &mut buffer);
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
        let len = message::encode(&request, &mut buffer);
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
