//! Who has which range of an array: locks of those who work there, and records of those who write,
//! so that it shows when one was killed.
//!
//! The locks are those of `fcntl` that belong to an *open file description* (`F_OFD_SETLK`, see
//! fcntl_locking(2)): what two descriptions lock excludes each other, be they of one thread, two
//! threads or two processes, and the locks of a description end with it when the process ends. So
//! each guard has a description of its own. It must not be one that other processes have too, as
//! the handle's is, which is sent to them: opening `/proc/self/fd/…` makes a new one of the same
//! memory. What was written under a lock is seen under the next one: the kernel keeps its list of
//! locks under a lock of its own.
//!
//! A writer that has locked a range adds a record of it before its first change, and removes the
//! record after the last one, while it still has the lock. So a thread that has locked a range and
//! finds a record of any of it has proof that the writer was killed: the kernel has released the
//! writer's lock, and the record is still there.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*, compiler_fence};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::{Mode as Permissions, fstat};

use crate::error::{Context, Error, Result};
use crate::fds::Descriptor;
use crate::sys::mutex::RobustMutex;
use crate::sys::pid::{Owner, own_pid};
use crate::sys::words::words;

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
pub(in crate::sync) struct RangeLock<'a> {
    pub(in crate::sync) range: Range<usize>,
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

/// The number of ranges that can be written to at a time.
const MAX_RECORDS: usize = 256;

words! {
    #[derive(Debug)]
    pub(super) struct Records {
        /// Held while records are added or searched. Removing one is a single store, and takes no
        /// lock.
        mutex: RobustMutex,
        /// Records from this one on were never used.
        used: AtomicU32,
        unused: AtomicU32,
        table: [Record; MAX_RECORDS],
    }
}

words! {
    #[derive(Debug)]
    struct Record {
        /// The process that writes; 0 if the record is free. It is set last, so that a process that
        /// is killed leaves no half a record.
        pid: AtomicU32,
        unused: AtomicU32,
        start: AtomicU64,
        end: AtomicU64,
    }
}

/// The index of a record; `None` for an empty range, which needs none.
pub(in crate::sync) type RecordId = Option<usize>;

impl Records {
    pub(super) fn init(&self) {
        self.mutex.init();
    }

    /// Fails if a writer of elements of `range` was killed. The caller has locked the range.
    pub(super) fn check(&self, range: &Range<usize>) -> Result<()> {
        if range.is_empty() || self.used.load(Acquire) == 0 {
            return Ok(());
        }
        let _held = self.mutex.lock()?;
        self.check_orphans(range)
    }

    /// Adds a record that this process writes to `range`, which the caller has locked. Fails if a
    /// writer was killed there.
    pub(super) fn add(&self, range: &Range<usize>) -> Result<RecordId> {
        if range.is_empty() {
            return Ok(None);
        }
        let _held = self.mutex.lock()?;
        self.check_orphans(range)?;
        self.insert(own_pid(), range).map(Some)
    }

    /// Adds a record that this process writes to `range`, and removes the range from the records of
    /// writers that were killed. The caller has locked the range.
    pub(super) fn take_over(&self, range: &Range<usize>) -> Result<RecordId> {
        if range.is_empty() {
            return Ok(None);
        }
        let _held = self.mutex.lock()?;
        let orphans: Vec<_> = self.records_on(range).collect();
        // The new record first: if this process is killed here, there are too many rather than too
        // few.
        let record = self.insert(own_pid(), range)?;
        let shortened = orphans.into_iter().try_for_each(|orphan| self.shorten(orphan, range));
        shortened.inspect_err(|_| self.remove(Some(record)))?;
        Ok(Some(record))
    }

    /// Removes `range` from a record, and keeps the rest of it.
    fn shorten(&self, record: &Record, range: &Range<usize>) -> Result<()> {
        let (pid, old) = (record.pid.load(Relaxed), record.range());
        let rests = [old.start..range.start, range.end..old.end];
        rests.iter().filter(|rest| !rest.is_empty()).try_for_each(|rest| self.insert(pid, rest).map(drop))?;
        record.pid.store(0, Release);
        Ok(())
    }

    /// Removes a record: all is written.
    pub(super) fn remove(&self, record: RecordId) {
        if let Some(at) = record {
            self.table[at].pid.store(0, Release);
        }
    }

    fn check_orphans(&self, range: &Range<usize>) -> Result<()> {
        match self.records_on(range).next() {
            None => Ok(()),
            Some(record) => Err(Error::Poisoned { pid: record.pid.load(Relaxed) }),
        }
    }

    fn records_on(&self, range: &Range<usize>) -> impl Iterator<Item = &Record> {
        let used = (self.used.load(Relaxed) as usize).min(MAX_RECORDS);
        self.table[..used].iter().filter(move |record| {
            let other = record.range();
            record.pid.load(Acquire) != 0 && other.start < range.end && range.start < other.end
        })
    }

    fn insert(&self, pid: u32, range: &Range<usize>) -> Result<usize> {
        let full =
            || Error::Config(format!("{MAX_RECORDS} ranges of the array are being written to, or poisoned, already"));
        let at = self.table.iter().position(|record| record.pid.load(Acquire) == 0).ok_or_else(full)?;
        let record = &self.table[at];
        record.start.store(range.start as u64, Relaxed);
        record.end.store(range.end as u64, Relaxed);
        self.used.fetch_max(at as u32 + 1, Release);
        record.pid.store(pid, Release);
        // The record is there before the first change, should the process be killed in between.
        // Only the compiler could change that: a process is killed between two instructions.
        compiler_fence(SeqCst);
        Ok(at)
    }
}

impl Record {
    fn range(&self) -> Range<usize> {
        self.start.load(Relaxed) as usize..self.end.load(Relaxed) as usize
    }
}
