//! An area of a log's memory: values one behind the other, each with its length and a mark.

use std::os::fd::AsFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::error::{Error, Result};
use crate::queue::log::garbled;
use crate::sys::shm::{self, Bytes};

/// Where the areas begin: the header has the first page to itself. Both are whole pages on every
/// system (up to 64 KiB).
pub(super) const START: usize = 64 * 1024;

/// Bytes of an area of class 0; each class has areas twice as large, and two of them, to move from
/// one to the other.
pub(super) const SMALLEST: usize = 256 * 1024;

/// The largest class there can be: beyond any memory.
const MOST_CLASSES: u64 = 27;

/// Bytes at the start of an area: where its values end.
const AREA_HEAD: usize = 64;

/// Bytes before each value: its length, and whether it was taken.
const HEAD: usize = 16;
const TAKEN: u64 = 1;

/// Which area: its class, and how often values have moved. Their places change with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::queue) struct AreaId(pub(super) u64);

impl AreaId {
    fn generation(self) -> u64 {
        self.0 >> 8
    }

    fn class(self) -> u64 {
        (self.0 & 0xff).min(MOST_CLASSES)
    }

    fn size(self) -> usize {
        SMALLEST << self.class()
    }

    fn offset(self) -> usize {
        let half = (self.generation() % 2) as usize;
        START + 2 * SMALLEST * ((1 << self.class()) - 1) + half * self.size()
    }

    /// The next area, of a class that holds `values` bytes of values with their heads.
    pub(super) fn next(self, values: usize) -> Result<Self> {
        let least = AREA_HEAD + values;
        let class = (0..=MOST_CLASSES).find(|class| SMALLEST << class >= least);
        let class = class.ok_or_else(|| Error::Config(format!("a queue cannot hold {values} bytes")))?;
        Ok(Self((self.generation() + 1) << 8 | class))
    }
}

/// Bytes that a value of so many takes, with its head.
pub(super) fn space(len: usize) -> usize {
    HEAD + len.next_multiple_of(8)
}

/// A value in an area.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) at: usize,
    pub(super) len: usize,
}

/// An area, mapped. Its words are changed by who holds the log's lock.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) id: AreaId,
    mapping: Bytes,
}

impl Area {
    pub(super) fn open(fd: impl AsFd, id: AreaId) -> Result<Self> {
        Ok(Self { id, mapping: Bytes::open_range(fd, id.offset(), id.size())? })
    }

    /// Makes the memory of an area, which holds no values.
    pub(super) fn create(fd: impl AsFd, id: AreaId) -> Result<Self> {
        shm::grow(&fd, id.offset() + id.size())?;
        let area = Self::open(fd, id)?;
        area.set_end(AREA_HEAD);
        Ok(area)
    }

    /// Gives the memory of an area back that is not in use any more.
    pub(super) fn release(fd: impl AsFd, id: AreaId) {
        shm::release(fd, id.offset(), id.size());
    }

    /// Where its first value is.
    pub(super) fn start(&self) -> usize {
        AREA_HEAD
    }

    /// Where its values end.
    pub(super) fn end(&self) -> usize {
        let end = self.mapping.words::<AtomicU64>(0).load(Acquire) as usize;
        end.clamp(AREA_HEAD, self.mapping.len()) & !7
    }

    /// Makes all values up to there part of the log.
    pub(super) fn set_end(&self, end: usize) {
        self.mapping.words::<AtomicU64>(0).store(end as u64, Release);
    }

    /// Where there is room for so many bytes behind the values.
    pub(super) fn place_for(&self, space: usize) -> Option<usize> {
        let end = self.end();
        (self.mapping.len() - end >= space).then_some(end)
    }

    /// Writes a value, which is part of the log once its end is.
    pub(super) fn write(&self, at: usize, value: &[u8]) {
        self.mapping.words::<AtomicU64>(at).store(value.len() as u64, Relaxed);
        self.mapping.words::<AtomicU64>(at + 8).store(0, Relaxed);
        self.mapping.write(at + HEAD, value);
    }

    /// Appends a value's bytes to `out`.
    pub(super) fn read(&self, slot: Slot, out: &mut Vec<u8>) -> Result<()> {
        let no_memory = |_| Error::Decode(format!("there is no memory for a value of {} bytes", slot.len));
        out.try_reserve_exact(slot.len).map_err(no_memory)?;
        self.mapping.read(slot.at + HEAD, slot.len, out);
        Ok(())
    }

    /// Whether there can be a value.
    pub(super) fn has_value(&self, at: usize) -> bool {
        at >= AREA_HEAD && at.is_multiple_of(8) && at.checked_add(HEAD).is_some_and(|start| start <= self.end())
    }

    /// Whether the value there was taken; not if there can be none.
    pub(super) fn is_taken(&self, at: usize) -> bool {
        self.has_value(at) && self.mapping.words::<AtomicU64>(at + 8).load(Acquire) == TAKEN
    }

    /// Marks the value that was found there.
    pub(super) fn mark_taken(&self, at: usize) {
        self.mapping.words::<AtomicU64>(at + 8).store(TAKEN, Release);
    }

    /// The values from `at` on that were not taken.
    pub(super) fn values(&self, mut at: usize) -> Result<Vec<Slot>> {
        let end = self.end();
        let mut values = Vec::new();
        while at < end {
            let len = self.mapping.words::<AtomicU64>(at).load(Relaxed);
            let room = end.saturating_sub(at + HEAD);
            let len = usize::try_from(len).ok().filter(|len| *len <= room && at + HEAD <= end);
            let len = len.ok_or_else(garbled)?;
            if !self.is_taken(at) {
                values.push(Slot { at, len });
            }
            at += space(len);
        }
        Ok(values)
    }
}
