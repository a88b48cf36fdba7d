//! The store of a [`Queue`](crate::Queue): a ring of values as bytes, in shared memory that grows.

mod header;
mod mapped_region;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam::utils::CachePadded;

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::ObjectKind;
use crate::queue::byte_ring::header::{Header, Side};
use crate::queue::byte_ring::mapped_region::{MAX_REGION, MappedRegion, find_larger, release, size};
use crate::queue::control_words::Control;
use crate::queue::store::{self, Refusal, Store, garbled, no_memory, too_many};
use crate::sys::memory::on_large_pages;
use crate::sys::mutex::Held;
use crate::sys::shm::{Bytes, Mapping};

/// Rings from this size on go back to region 0 when they are empty, and return their memory.
const LARGE: usize = 4 << 20;

/// Bytes before each value: its length.
const HEAD: usize = 8;

/// Bytes moved at a time when a ring grows.
const PIECE: usize = 1 << 20;

/// Positions are at most this, so that no sum of them overflows; no queue gets as far.
const MAX_POSITION: u64 = 1 << 62;

/// The ring, as one process sees it. The mutexes exclude the threads of this process from one end
/// while another has its lock, which is for processes; padded, so that a thread at one end does not
/// slow one at the other.
#[derive(Debug)]
pub(super) struct ByteRing {
    fd: Arc<Descriptor>,
    header: Mapping,
    put: CachePadded<Mutex<MappedRegion>>,
    get: CachePadded<Mutex<MappedRegion>>,
}

/// The region in use, and the positions of its first value and its end. They were checked: the
/// bytes between them lie in the region.
struct Live {
    region: u64,
    head: u64,
    tail: u64,
}

impl Live {
    fn len(&self) -> usize {
        (self.tail - self.head) as usize
    }
}

/// Returns the bytes of a value of `len` bytes with its head, so that no later head is cut in two
/// by the end of the ring.
fn space(len: usize) -> usize {
    HEAD + len.next_multiple_of(HEAD)
}

/// Returns where in a region the byte at a position lies.
fn index(position: u64, region: &Bytes) -> usize {
    (position % region.len() as u64) as usize
}

impl ByteRing {
    fn header(&self) -> &Header {
        self.header.words(0)
    }

    /// Locks one end, against the threads of this process and then against other processes.
    fn lock<'a>(
        side: &'a Side,
        mapped: &'a Mutex<MappedRegion>,
        deadline: Option<Instant>,
    ) -> Result<(Held<'a>, MutexGuard<'a, MappedRegion>), Refusal> {
        let mapped = mapped.lock().unwrap_or_else(PoisonError::into_inner);
        let held = store::lock(side.mutex(), deadline)?;
        side.recover(&held);
        Ok((held, mapped))
    }

    /// Returns what is in the queue, as far as it makes sense. The caller holds one of the locks,
    /// so that the region and the position of its own end stay; the other end may move on.
    fn live(&self) -> Result<Live> {
        let header = self.header();
        let (head, tail) = (header.get.position(), header.put.position());
        let live = Live { region: header.region.load(Acquire), head, tail };
        let is_sound = live.region <= MAX_REGION
            && tail <= MAX_POSITION
            && (head | tail).is_multiple_of(HEAD as u64)
            && tail.checked_sub(head).is_some_and(|len| len <= size(live.region) as u64);
        is_sound.then_some(live).ok_or_else(garbled)
    }

    /// Writes a value behind the others. The caller holds the lock for putting.
    fn append(&self, mapped: &mut MappedRegion, value: &[u8]) -> Result<()> {
        let live = self.live()?;
        let (mut region, tail, space) = (live.region, live.tail, space(value.len()));
        let needed = live.len().checked_add(space).ok_or_else(garbled)?;
        if needed > size(region) {
            region = self.grow(mapped, needed)?;
        }
        let bytes = mapped.get(&*self.fd, region)?;
        bytes.words::<AtomicU64>(index(tail, bytes)).store(value.len() as u64, Relaxed);
        let start = index(tail + HEAD as u64, bytes);
        let first = value.len().min(bytes.len() - start);
        bytes.write(start, &value[..first]);
        bytes.write(0, &value[first..]);
        self.header().put.advance(tail + space as u64);
        Ok(())
    }

    /// Moves the ring into a region that holds at least `min` bytes; returns its number. The caller
    /// holds the lock for putting.
    fn grow(&self, mapped: &mut MappedRegion, min: usize) -> Result<u64> {
        let header = self.header();
        let taking = header.get.mutex().lock()?;
        header.get.recover(&taking);
        let Live { region: old, head: mut at, tail: end } = self.live()?;
        let new = find_larger(old, min).ok_or_else(|| too_many(min))?;
        let mut larger = MappedRegion::create(&*self.fd, new)?;
        let target = larger.get(&*self.fd, new)?;
        let source = mapped.get(&*self.fd, old)?;
        let mut piece = Vec::new();
        while at < end {
            // Up to the end of the values, of the old ring, and of the new.
            let (from, to) = (index(at, source), index(at, target));
            let len = ((end - at) as usize).min(source.len() - from).min(target.len() - to).min(PIECE);
            piece.clear();
            source.read(from, len, &mut piece);
            target.write(to, &piece);
            at += len as u64;
        }
        // From here on all see the new region, with the same values at the same positions.
        header.region.store(new, Release);
        *mapped = larger;
        drop(taking);
        release(&*self.fd, old);
        Ok(new)
    }

    /// Takes the first value into `value`, which is empty; returns whether there was one. The
    /// deadline bounds the wait for the lock.
    pub(super) fn take(&self, value: &mut Vec<u8>, deadline: Option<Instant>) -> Result<bool, Refusal> {
        let header = self.header();
        let (held, mut mapped) = Self::lock(&header.get, &self.get, deadline)?;
        let live = self.live()?;
        if live.len() == 0 {
            return Ok(false);
        }
        self.read_first(&mut mapped, &live, value)?;
        header.get.advance(live.head + space(value.len()) as u64);
        if live.len() == space(value.len()) && size(live.region) >= LARGE {
            self.shrink();
        }
        drop((held, mapped));
        header.control.notify_taken();
        Ok(true)
    }

    /// Copies the first value of those that are live. The caller holds the lock for taking.
    fn read_first(&self, mapped: &mut MappedRegion, live: &Live, value: &mut Vec<u8>) -> Result<()> {
        let bytes = mapped.get(&*self.fd, live.region)?;
        let len = bytes.words::<AtomicU64>(index(live.head, bytes)).load(Relaxed);
        let is_there = |len: &usize| *len <= live.len().saturating_sub(HEAD);
        let len = usize::try_from(len).ok().filter(is_there).ok_or_else(garbled)?;
        value.try_reserve_exact(len).map_err(|_| no_memory(len))?;
        on_large_pages(value);
        let start = index(live.head + HEAD as u64, bytes);
        let first = len.min(bytes.len() - start);
        bytes.read(start, first, value);
        bytes.read(0, len - first, value);
        Ok(())
    }

    /// Goes back to the smallest region, if no value is being put. The caller holds the lock for
    /// taking, and has taken the last value.
    fn shrink(&self) {
        let header = self.header();
        let Ok(Some(putting)) = header.put.mutex().try_lock() else { return };
        header.put.recover(&putting);
        // Memory that makes no sense is left as it is.
        let Ok(live) = self.live() else { return };
        if live.len() == 0 && size(live.region) >= LARGE {
            header.region.store(0, Release);
            drop(putting);
            release(&*self.fd, live.region);
        }
    }
}

impl Store for ByteRing {
    const KIND: ObjectKind = ObjectKind::Queue;

    fn create(capacity: u64) -> Result<OwnedFd> {
        store::create(Self::KIND, |mapping| mapping.words::<Header>(0).init(capacity))
    }

    fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let header = store::open(Self::KIND, &*fd)?;
        Ok(Self { fd, header, put: CachePadded::default(), get: CachePadded::default() })
    }

    fn control(&self) -> &Control {
        &self.header().control
    }

    fn len(&self) -> u64 {
        self.header().len()
    }

    fn is_empty(&self) -> bool {
        self.header().is_empty()
    }

    fn put_count(&self) -> u64 {
        self.header().put.count()
    }

    fn try_put(&self, value: &[u8], deadline: Option<Instant>) -> Result<bool, Refusal> {
        let (held, mut mapped) = Self::lock(&self.header().put, &self.put, deadline)?;
        if self.control().is_closed() {
            return Err(Error::Closed.into());
        }
        let has_room = !self.is_full();
        if has_room {
            self.append(&mut mapped, value)?;
        }
        // In this order: other processes may go on before the threads of this one may.
        drop((held, mapped));
        Ok(has_room)
    }

    fn recover_room(&self) -> Result<()> {
        let get = &self.header().get;
        if let Some(taking) = get.mutex().try_lock()? {
            get.recover(&taking);
        }
        Ok(())
    }

    fn set_closed(&self) -> Result<(), Refusal> {
        let _locked = Self::lock(&self.header().put, &self.put, None)?;
        self.control().set_closed();
        Ok(())
    }
}

impl AsFd for ByteRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
impl ByteRing {
    /// Leaves the lock of one side as a process does that is killed with it, after `act`.
    fn kill_holder(side: &Side, act: impl FnOnce()) {
        let held = side.mutex().lock().unwrap();
        act();
        held.die();
    }

    /// Does what a process does that is killed while it takes a value of `len` bytes: the position
    /// has moved, the count has not, so that the queue looks full and empty at once.
    pub(super) fn kill_consumer_between_position_and_count(&self, len: usize) {
        let get = &self.header().get;
        Self::kill_holder(get, || get.advance_position_only(get.position() + space(len) as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn killed_producer_with_the_lock_loses_no_values_of_others() {
        let fd = ByteRing::create(0).unwrap();
        let ring = ByteRing::open(Arc::new(Descriptor::new(fd))).unwrap();
        assert!(ring.try_put(b"first", None).is_ok_and(|put| put));
        ByteRing::kill_holder(&ring.header().put, || {});
        assert!(ring.try_put(b"second", None).is_ok_and(|put| put));
        assert_eq!(ring.len(), 2);
    }
}
