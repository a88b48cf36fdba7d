//! What is being written, so that a writer's death shows.
//!
//! Who has locked a range for writing notes it here before the first change, and takes the note
//! away after the last one, while it still has the lock. So whoever gets a lock on a range and
//! finds a note on any of it knows that its writer is gone: the kernel has given his lock away, and
//! he did not take his note with him.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*, compiler_fence};

use crate::error::{Error, Result};
use crate::sys::mutex::RobustMutex;
use crate::sys::pid::own_pid;
use crate::sys::words::words;

/// How many may write at a time.
const MOST: usize = 256;

words! {
    #[derive(Debug)]
    pub(super) struct Records {
        /// Who makes notes or reads others' holds this. A note is taken away without: that is one word.
        mutex: RobustMutex,
        /// Notes from this one on were never used.
        used: AtomicU32,
        unused: AtomicU32,
        table: [Record; MOST],
    }
}

words! {
    #[derive(Debug)]
    struct Record {
        /// Who writes; 0 if nobody does. It is set last, so that no death leaves half a note.
        pid: AtomicU32,
        unused: AtomicU32,
        start: AtomicU64,
        end: AtomicU64,
    }
}

/// A note's number; `None` for an empty range, which needs none.
pub(super) type Note = Option<usize>;

impl Records {
    pub(super) fn init(&self) {
        self.mutex.init();
    }

    /// Fails if a writer died on elements of `range`, which the caller has locked.
    pub(super) fn check(&self, range: &Range<usize>) -> Result<()> {
        if range.is_empty() || self.used.load(Acquire) == 0 {
            return Ok(());
        }
        let _held = self.mutex.lock()?;
        self.find_dead(range)
    }

    /// Notes that this process is writing to `range`, which the caller has locked. Fails if a
    /// writer died there.
    pub(super) fn begin(&self, range: &Range<usize>) -> Result<Note> {
        if range.is_empty() {
            return Ok(None);
        }
        let _held = self.mutex.lock()?;
        self.find_dead(range)?;
        self.note(own_pid(), range).map(Some)
    }

    /// As [`begin`](Records::begin), but takes what the dead have left there off their notes.
    pub(super) fn take_over(&self, range: &Range<usize>) -> Result<Note> {
        if range.is_empty() {
            return Ok(None);
        }
        let _held = self.mutex.lock()?;
        let dead: Vec<_> = self.notes_on(range).collect();
        // New notes first: should we die here, there are too many rather than too few.
        let note = self.note(own_pid(), range)?;
        let shortened = dead.into_iter().try_for_each(|record| self.shorten(record, range));
        shortened.inspect_err(|_| self.end(Some(note)))?;
        Ok(Some(note))
    }

    /// Has a note be on `range` no longer, but on what else it was.
    fn shorten(&self, record: &Record, range: &Range<usize>) -> Result<()> {
        let (pid, old) = (record.pid.load(Relaxed), record.range());
        let rests = [old.start..range.start, range.end..old.end];
        rests.iter().filter(|rest| !rest.is_empty()).try_for_each(|rest| self.note(pid, rest).map(drop))?;
        record.pid.store(0, Release);
        Ok(())
    }

    /// Takes the note away: all is written.
    pub(super) fn end(&self, note: Note) {
        if let Some(at) = note {
            self.table[at].pid.store(0, Release);
        }
    }

    fn find_dead(&self, range: &Range<usize>) -> Result<()> {
        match self.notes_on(range).next() {
            None => Ok(()),
            Some(record) => Err(Error::Poisoned { pid: record.pid.load(Relaxed) }),
        }
    }

    fn notes_on(&self, range: &Range<usize>) -> impl Iterator<Item = &Record> {
        let used = (self.used.load(Relaxed) as usize).min(MOST);
        self.table[..used].iter().filter(move |record| {
            let other = record.range();
            record.pid.load(Acquire) != 0 && other.start < range.end && range.start < other.end
        })
    }

    fn note(&self, pid: u32, range: &Range<usize>) -> Result<usize> {
        let full = || Error::Config(format!("{MOST} ranges of the array are being written to, or poisoned, already"));
        let at = self.table.iter().position(|record| record.pid.load(Acquire) == 0).ok_or_else(full)?;
        let record = &self.table[at];
        record.start.store(range.start as u64, Relaxed);
        record.end.store(range.end as u64, Relaxed);
        self.used.fetch_max(at as u32 + 1, Release);
        record.pid.store(pid, Release);
        // The note is there before the first change is, should we be killed in between. Only the compiler
        // could change that: a process is killed between two instructions.
        compiler_fence(SeqCst);
        Ok(at)
    }
}

impl Record {
    fn range(&self) -> Range<usize> {
        self.start.load(Relaxed) as usize..self.end.load(Relaxed) as usize
    }
}
