//! The zygote process, as the program that has started it holds it, and the zygotes that are left
//! over from the program that this process was before an exec.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, getpid};

use crate::bootstrap::{self, Failure, Role};
use crate::error::{Context, Error, Result};
use crate::exit_status::ExitStatus;
use crate::sys::executable::Executable;
use crate::sys::inherited_state::InheritedState;
use crate::sys::launch;
use crate::sys::pid::{Owner, PerProcess};
use crate::sys::poll::await_readable;
use crate::sys::proc_stat::ProcStat;
use crate::sys::process::open_pidfd;
use crate::sys::shm::Mapping;
use crate::sys::socket::Socket;
use crate::zygote::TITLE;

/// The time that the end of a zygote, or of its workers, may take before the zygote is killed. Far
/// beyond what the kernel needs unless the zygote is stopped; it bounds every drop.
pub(super) const END_TIMEOUT: Duration = Duration::from_secs(5);

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
pub(super) struct Zygote {
    pub(super) owner: Owner,
    pid: Pid,
    /// Readable once the zygote has ended.
    ended: OwnedFd,
    /// The socket for new groups of workers; a forked zygote has one group and no root.
    pub(super) root: Option<Socket>,
    /// The bootstrap record of an exec'd zygote, to which it writes why it could not begin.
    bootstrap: Option<OwnedFd>,
}

impl Zygote {
    pub(super) fn new(pid: Pid, root: Option<Socket>, bootstrap: Option<OwnedFd>) -> Result<Self> {
        // The number is not used again until the process is reaped.
        let ended = open_pidfd(pid).map_err(|errno| {
            // Without the descriptor its end would not be seen.
            let _ = kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None));
            Error::io("cannot watch the zygote", errno)
        })?;
        Ok(Self { owner: Owner::here(), pid, ended, root, bootstrap })
    }

    /// Returns the zygote that exec-based pools share. Starts one if there is none, if it has
    /// ended, or if the state of the program has changed since. Pools that use the former one keep
    /// it.
    pub(super) fn shared() -> Result<Arc<Self>> {
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
    pub(super) fn kill(&self) {
        // The pid is the zygote's until it is reaped, which happens in `drop`.
        if !self.has_ended() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Returns whether the zygote is stopped, and so sends no reports.
    pub(super) fn is_stopped(&self) -> bool {
        ProcStat::of(self.pid).is_some_and(|zygote| zygote.is_stopped())
    }

    /// Returns why the zygote has ended; if it has not, waits for its end.
    pub(super) fn cause(&self) -> Error {
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

    pub(super) fn failure(&self) -> Option<Failure> {
        self.bootstrap.as_ref().and_then(Failure::read_from)
    }

    /// Waits until the zygote has ended, for at most `timeout`; returns whether it has.
    pub(super) fn await_end(&self, timeout: Duration) -> bool {
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

/// The time that zygotes of the program that this process was before an exec may take to end their
/// workers and themselves. They began when the exec closed the sockets to them.
const LEFTOVER_TIMEOUT: Duration = Duration::from_secs(1);

/// Waits for the end of the zygotes of the program that this process was before an exec, and reaps
/// them: the new program has no record of its children, and would leave them as zombies. Other
/// children are not touched.
pub(crate) fn reap_leftover() {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    if waitid(Id::All, flags) == Err(Errno::ECHILD) {
        // Almost every program has no children at its beginning.
        return;
    }
    let own = getpid();
    let children = fs::read_to_string(format!("/proc/self/task/{own}/children")).unwrap_or_default();
    let deadline = Instant::now() + LEFTOVER_TIMEOUT;
    for pid in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim_end() == TITLE {
            reap(Pid::from_raw(pid), deadline);
        }
    }
}

fn reap(pid: Pid, deadline: Instant) {
    if let Ok(ended) = open_pidfd(pid)
        && await_readable(&ended, Some(deadline)).unwrap_or(false)
    {
        let _ = waitpid(pid, None);
    }
}
