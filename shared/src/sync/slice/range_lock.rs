//! Locks on ranges, which the kernel manages.
//!
//! They are `fcntl` locks of the kind that belongs to an *open file description* (`F_OFD_SETLK`,
//! see fcntl_locking(2)): what two descriptions lock excludes each other, be they of one thread,
//! two threads or two processes, and the locks of a description end with it when the process ends.
//! So each guard has a description of its own. It must not be one that other processes have too, as
//! the handle's is, which is sent to them: opening `/proc/self/fd/…` makes a new one of the same
//! memory.
//!
//! What was written under a lock is seen under the next one: the kernel keeps its list of locks
//! under a lock of its own.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::{Mode as Permissions, fstat};

use crate::error::{Context, Error, Result};
use crate::fds::Descriptor;
use crate::sys::pid::Owner;

/// Descriptions that are kept for the next guards, so that these need not open one.
const MAX_SPARE: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

/// The locks of one memory, as a handle takes them.
#[derive(Debug)]
pub(super) struct RangeLocks {
    memory: Memory,
    descriptor: Arc<Descriptor>,
    spare: Mutex<Vec<Descriptor>>,
}

/// The device and inode of a memory, the same for all its handles.
type Memory = (u64, u64);

/// A locked range; dropping it unlocks.
#[derive(Debug)]
pub(super) struct RangeLock<'a> {
    pub(super) range: Range<usize>,
    mode: Mode,
    locks: &'a RangeLocks,
    owner: Owner,
    /// `None` for the empty range, which needs no lock, and once the lock was released.
    description: Option<Descriptor>,
    /// It must not be sent to another thread: this one must not wait for it.
    thread: PhantomData<*const ()>,
}

thread_local! {
    /// What this thread has locked: a wait for that would last for ever.
    static OWN: RefCell<Vec<Own>> = const { RefCell::new(Vec::new()) };
}

type Own = (Owner, Memory, Range<usize>, Mode);

/// Calls `look` with the list of this thread. Returns `None` when the thread is about to end: the
/// list is gone before the last of its values.
fn own<R>(look: impl FnOnce(&mut Vec<Own>) -> R) -> Option<R> {
    OWN.try_with(|own| look(&mut own.borrow_mut())).ok()
}

impl RangeLocks {
    pub(super) fn new(descriptor: Arc<Descriptor>) -> Result<Self> {
        let facts = fstat(&*descriptor).context("cannot inspect shared memory")?;
        Ok(Self { memory: (facts.st_dev, facts.st_ino), descriptor, spare: Mutex::default() })
    }

    /// Locks a range; waits until it is free. Fails with `EDEADLK` if this thread has locked any of
    /// it in a way that excludes the new lock.
    pub(super) fn lock(&self, range: Range<usize>, mode: Mode) -> Result<RangeLock<'_>> {
        let mut lock =
            RangeLock { range, mode, locks: self, owner: Owner::here(), description: None, thread: PhantomData };
        if lock.range.is_empty() {
            return Ok(lock);
        }
        let conflicts = own(|own| own.iter().any(|other| lock.conflicts(other)));
        if conflicts == Some(true) {
            return Err(Error::io("this thread has elements of that range already", Errno::EDEADLK));
        }
        let description = self.description()?;
        let kind = if mode == Mode::Write { libc::F_WRLCK } else { libc::F_RDLCK };
        let wanted = flock(kind, &lock.range);
        let mut outcome = Err(Errno::EINTR);
        while outcome == Err(Errno::EINTR) {
            outcome = fcntl(&description, FcntlArg::F_OFD_SETLKW(&wanted));
        }
        outcome.context("cannot lock a range of shared memory")?;
        lock.description = Some(description);
        own(|own| own.push((lock.owner, self.memory, lock.range.clone(), mode)));
        Ok(lock)
    }

    fn description(&self) -> Result<Descriptor> {
        if let Some(spare) = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(spare);
        }
        let path = format!("/proc/self/fd/{}", self.descriptor.as_fd().as_raw_fd());
        let fd = open(path.as_str(), OFlag::O_RDWR | OFlag::O_CLOEXEC, Permissions::empty());
        fd.map(Descriptor::new).context("cannot open shared memory anew, by /proc/self/fd")
    }
}

impl RangeLock<'_> {
    /// Returns whether this lock would wait for another of its thread. In a copy of the process,
    /// what the thread had locked before does not count.
    fn conflicts(&self, (owner, memory, range, mode): &Own) -> bool {
        let overlap = self.range.start < range.end && range.start < self.range.end;
        let same = *owner == self.owner && *memory == self.locks.memory;
        overlap && same && (self.mode == Mode::Write || *mode == Mode::Write)
    }
}

impl Drop for RangeLock<'_> {
    fn drop(&mut self) {
        let Some(description) = self.description.take() else { return };
        if !self.owner.is_here() {
            // The lock ends with the last copy of the description, and not before its owner's.
            return;
        }
        let entry = (self.owner, self.locks.memory, self.range.clone(), self.mode);
        own(|own| own.iter().position(|other| *other == entry).map(|at| own.swap_remove(at)));
        let all = flock(libc::F_UNLCK, &(0..0));
        let unlocked = fcntl(&description, FcntlArg::F_OFD_SETLK(&all));
        let mut spare = self.locks.spare.lock().unwrap_or_else(PoisonError::into_inner);
        // A description that is closed releases its locks too.
        if unlocked.is_ok() && spare.len() < MAX_SPARE {
            spare.push(description);
        }
    }
}

/// Describes a lock on a range of indices. The kernel takes them for bytes, but does not compare
/// them with the file. A length of 0 is up to the end.
fn flock(kind: libc::c_int, range: &Range<usize>) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: range.start as libc::off_t,
        l_len: range.len() as libc::off_t,
        l_pid: 0,
    }
}
