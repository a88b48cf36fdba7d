//! Records of what is being written, so that it shows when a writer was killed.
//!
//! A writer that has locked a range adds a record of it here before its first change, and removes
//! the record after the last one, while it still has the lock. So a thread that has locked a range
//! and finds a record of any of it has proof that the writer was killed: the kernel has released
//! the writer's lock, and the record is still there.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*, compiler_fence};

use crate::error::{Error, Result};
use crate::sys::mutex::RobustMutex;
use crate::sys::pid::own_pid;
use crate::sys::words::words;

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
pub(super) type RecordId = Option<usize>;

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
