//! An area of a log's memory: values one behind the other, each with its length and a mark.

use std::os::fd::AsFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::error::Result;
use crate::queue::store::{MIN_AREA, START, garbled, no_memory, too_many};
use crate::sys::shm::{self, Bytes};

/// The largest class there can be: beyond any memory.
const MAX_CLASS: u64 = 27;

/// Bytes at the start of an area: where its values end.
const AREA_HEAD: usize = 64;

/// Bytes before each value: its length, and whether it was taken.
const HEAD: usize = 16;
const TAKEN: u64 = 1;

/// Which area: its class, and how often values have moved. Areas of a class are twice as large as
/// those of the one before, and there are two of each, so that values can move from one to the
/// other. The places of values change with the area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::queue) struct AreaId(u64);

impl AreaId {
    /// Returns the area that a word of shared memory names.
    pub(super) fn unpack(word: u64) -> Self {
        Self(word)
    }

    pub(super) fn pack(self) -> u64 {
        self.0
    }

    fn generation(self) -> u64 {
        self.0 >> 8
    }

    fn class(self) -> u64 {
        (self.0 & 0xff).min(MAX_CLASS)
    }

    fn size(self) -> usize {
        MIN_AREA << self.class()
    }

    fn offset(self) -> usize {
        let half = (self.generation() % 2) as usize;
        START + 2 * MIN_AREA * ((1 << self.class()) - 1) + half * self.size()
    }

    /// Returns the next area, of a class that holds `values` bytes of values with their heads.
    pub(super) fn next(self, values: usize) -> Result<Self> {
        let min = AREA_HEAD + values;
        let class = (0..=MAX_CLASS).find(|class| MIN_AREA << class >= min).ok_or_else(|| too_many(values))?;
        Ok(Self((self.generation() + 1) << 8 | class))
    }
}

/// Returns the bytes of a value of `len` bytes with its head.
pub(super) fn space(len: usize) -> usize {
    HEAD + len.next_multiple_of(8)
}

/// A value in an area.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) at: usize,
    pub(super) len: usize,
}

/// An area, mapped. Its words are changed under the log's lock.
#[derive(Debug)]
pub(super) struct Area {
    id: AreaId,
    mapping: Bytes,
}

impl Area {
    pub(super) fn open(fd: impl AsFd, id: AreaId) -> Result<Self> {
        Ok(Self { id, mapping: Bytes::open_range(fd, id.offset(), id.size())? })
    }

    /// Creates the memory of an area that holds no values.
    pub(super) fn create(fd: impl AsFd, id: AreaId) -> Result<Self> {
        shm::grow(&fd, id.offset() + id.size())?;
        let area = Self::open(fd, id)?;
        area.set_end(AREA_HEAD);
        Ok(area)
    }

    /// Returns the memory of an area that is not in use any more to the system.
    pub(super) fn release(fd: impl AsFd, id: AreaId) {
        shm::release(fd, id.offset(), id.size());
    }

    pub(super) fn id(&self) -> AreaId {
        self.id
    }

    /// Returns the place of the first value.
    pub(super) fn start(&self) -> usize {
        AREA_HEAD
    }

    /// Returns where the values end.
    pub(super) fn end(&self) -> usize {
        let end = self.mapping.words::<AtomicU64>(0).load(Acquire) as usize;
        end.clamp(AREA_HEAD, self.mapping.len()) & !7
    }

    /// Makes all values up to `end` part of the log.
    pub(super) fn set_end(&self, end: usize) {
        self.mapping.words::<AtomicU64>(0).store(end as u64, Release);
    }

    /// Returns the place behind the values if it has room for `space` bytes.
    pub(super) fn room_for(&self, space: usize) -> Option<usize> {
        let end = self.end();
        (self.mapping.len() - end >= space).then_some(end)
    }

    /// Writes a value, which is part of the log once the area's end is behind it.
    pub(super) fn write(&self, at: usize, value: &[u8]) {
        self.mapping.words::<AtomicU64>(at).store(value.len() as u64, Relaxed);
        self.mapping.words::<AtomicU64>(at + 8).store(0, Relaxed);
        self.mapping.write(at + HEAD, value);
    }

    /// Appends a value's bytes to `out`.
    pub(super) fn read(&self, span: Span, out: &mut Vec<u8>) -> Result<()> {
        out.try_reserve_exact(span.len).map_err(|_| no_memory(span.len))?;
        self.mapping.read(span.at + HEAD, span.len, out);
        Ok(())
    }

    /// Returns whether there can be a value at `at`.
    pub(super) fn has_value(&self, at: usize) -> bool {
        at >= AREA_HEAD && at.is_multiple_of(8) && at.checked_add(HEAD).is_some_and(|start| start <= self.end())
    }

    /// Returns whether the value at `at` was taken; `false` if there can be none.
    pub(super) fn is_taken(&self, at: usize) -> bool {
        self.has_value(at) && self.mapping.words::<AtomicU64>(at + 8).load(Acquire) == TAKEN
    }

    /// Marks the value at `at` as taken.
    pub(super) fn mark_taken(&self, at: usize) {
        self.mapping.words::<AtomicU64>(at + 8).store(TAKEN, Release);
    }

    /// Returns the values from `at` on that were not taken.
    pub(super) fn values(&self, mut at: usize) -> Result<Vec<Span>> {
        let end = self.end();
        let mut values = Vec::new();
        while at < end {
            let len = self.mapping.words::<AtomicU64>(at).load(Relaxed);
            let room = end.saturating_sub(at + HEAD);
            let len = usize::try_from(len).ok().filter(|len| *len <= room && at + HEAD <= end);
            let len = len.ok_or_else(garbled)?;
            if !self.is_taken(at) {
                values.push(Span { at, len });
            }
            at += space(len);
        }
        Ok(values)
    }
}
