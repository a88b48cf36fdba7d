//! The ring behind a queue: values as bytes, in shared memory that grows.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::{ObjectKind, Tag};
use crate::queue::common::{Common, Refusal, Store};
use crate::queue::layout::{Header, Side};
use crate::sys::memory::on_large_pages;
use crate::sys::mutex::Held;
use crate::sys::shm::{self, Bytes, Mapping};

/// Where the regions begin: the header has the first page to itself. Both are whole pages on every
/// system (up to 64 KiB).
const START: usize = 64 * 1024;

/// Bytes of region 0; each next one is twice as large, and lies behind it. A ring that stays small
/// stays in the caches.
const SMALLEST: usize = 256 * 1024;

/// The largest region there can be: beyond any memory.
const MOST_REGIONS: u64 = 28;

/// Rings from this size on go back to region 0 when they are empty, and give their memory back.
const LARGE: usize = 4 << 20;

/// Bytes before each value: its length.
const HEAD: usize = 8;

/// How long the lock is waited for in any case.
const PATIENCE: Duration = Duration::from_millis(100);

/// Bytes moved at a time when a ring grows.
const PIECE: usize = 1 << 20;

/// Positions are below this, so that no sum of them overflows; no queue gets as far.
const FURTHEST: u64 = 1 << 62;

/// The ring, as one process sees it.
#[derive(Debug)]
pub(super) struct Ring {
    fd: Arc<Descriptor>,
    header: Mapping,
    put: Mutex<View>,
    get: Mutex<View>,
}

/// The region in use, and what is in it: positions that were checked, so that the bytes between
/// them lie in it.
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

/// The region that one end worked in last.
#[derive(Debug, Default)]
struct View {
    region: u64,
    mapping: Option<Bytes>,
}

fn offset(region: u64) -> usize {
    START + SMALLEST * ((1 << region) - 1)
}

fn size(region: u64) -> usize {
    SMALLEST << region
}

/// Bytes of a value with its head, so that the next head is not cut in two by the end of the ring.
fn space(len: usize) -> usize {
    HEAD + len.next_multiple_of(HEAD)
}

fn garbled() -> Error {
    Error::Decode("the memory of this queue is garbled".into())
}

impl Ring {
    /// Makes the memory of an empty queue.
    pub(super) fn create(capacity: u64) -> Result<OwnedFd> {
        let fd = shm::create_growing(&Self::KIND.memory_name(), START + SMALLEST)?;
        let mapping = Mapping::open_range(&fd, 0, START)?;
        Tag::write::<()>(&mapping, 0, Self::KIND, 0);
        mapping.words::<Header>(0).init(capacity);
        Ok(fd)
    }

    pub(super) fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let header = Mapping::open_range(&*fd, 0, START)?;
        Tag::read::<()>(&header, 0, Self::KIND)?;
        Ok(Self { fd, header, put: Mutex::default(), get: Mutex::default() })
    }

    pub(super) fn header(&self) -> &Header {
        self.header.words(0)
    }

    /// Locks one end, against the threads of this process and then against the others.
    fn lock<'a>(
        side: &'a Side,
        view: &'a Mutex<View>,
        deadline: Option<Instant>,
    ) -> Result<(Held<'a>, MutexGuard<'a, View>), Refusal> {
        let view = view.lock().unwrap_or_else(PoisonError::into_inner);
        let held = match deadline {
            None => side.mutex().lock()?,
            // The lock is held for a copy at a time, so that even who cannot wait can wait for that.
            Some(deadline) => {
                let deadline = deadline.max(Instant::now() + PATIENCE);
                side.mutex().lock_until(deadline)?.ok_or(Refusal::NotNow)?
            }
        };
        side.mend(&held);
        Ok((held, view))
    }

    /// What is in the queue, as far as it makes sense. The caller holds one of the locks, so that
    /// the region, and its own end's position, stay; the other end may move on.
    fn live(&self) -> Result<Live> {
        let header = self.header();
        let (head, tail) = (header.get.position(), header.put.position());
        let live = Live { region: header.region.load(Acquire), head, tail };
        let is_sound = live.region <= MOST_REGIONS
            && tail <= FURTHEST
            && (head | tail).is_multiple_of(HEAD as u64)
            && tail.checked_sub(head).is_some_and(|len| len <= size(live.region) as u64);
        is_sound.then_some(live).ok_or_else(garbled)
    }

    /// A region, mapped.
    fn region<'a>(&self, view: &'a mut View, region: u64) -> Result<&'a Bytes> {
        if view.region != region {
            view.mapping = None;
        }
        match &mut view.mapping {
            Some(_) => {}
            mapping => {
                *mapping = Some(Bytes::open_range(&*self.fd, offset(region), size(region))?);
                view.region = region;
            }
        }
        view.mapping.as_ref().ok_or_else(garbled)
    }

    /// Puts a value; waits while the queue is full, unless that is `in_vain`.
    pub(super) fn put(
        &self,
        value: &[u8],
        deadline: Option<Instant>,
        mut in_vain: impl FnMut() -> bool,
    ) -> Result<(), Refusal> {
        let header = self.header();
        let common = &header.common;
        common.check_size(value.len())?;
        loop {
            let (held, mut view) = Self::lock(&header.put, &self.put, deadline)?;
            if common.is_closed() {
                return Err(Error::Closed.into());
            }
            if !header.is_full() {
                self.append(&mut view, value)?;
                drop((held, view));
                common.items.notify_one();
                return Ok(());
            }
            drop((held, view));
            common.wait_for_room(deadline, || !header.is_full()).ok_or(Refusal::NotNow)?;
            if header.is_full()
                && let Some(taking) = header.get.mutex().try_lock()?
            {
                header.get.mend(&taking);
            }
            if header.is_full() && in_vain() && header.is_full() {
                return Err(Error::Disconnected.into());
            }
        }
    }

    /// Writes a value behind the others. The caller holds the lock for putting.
    fn append(&self, view: &mut View, value: &[u8]) -> Result<()> {
        let live = self.live()?;
        let (mut region, tail, space) = (live.region, live.tail, space(value.len()));
        let needed = live.len().checked_add(space).ok_or_else(garbled)?;
        if needed > size(region) {
            region = self.grow(view, needed)?;
        }
        let mapping = self.region(view, region)?;
        let at = |position: u64| (position % mapping.len() as u64) as usize;
        mapping.words::<AtomicU64>(at(tail)).store(value.len() as u64, Relaxed);
        let start = at(tail + HEAD as u64);
        let first = value.len().min(mapping.len() - start);
        mapping.write(start, &value[..first]);
        mapping.write(0, &value[first..]);
        self.header().put.advance(tail + space as u64);
        Ok(())
    }

    /// Moves the ring into a region that holds `least` bytes; says which. The caller holds the lock
    /// for putting.
    fn grow(&self, view: &mut View, least: usize) -> Result<u64> {
        let header = self.header();
        let taking = header.get.mutex().lock()?;
        header.get.mend(&taking);
        let Live { region: old, head: mut at, tail: end } = self.live()?;
        let new = (old + 1..=MOST_REGIONS).find(|region| size(*region) >= least);
        let new = new.ok_or_else(|| Error::Config(format!("a queue cannot hold {least} bytes")))?;
        shm::grow(&*self.fd, offset(new) + size(new))?;
        let target = Bytes::open_range(&*self.fd, offset(new), size(new))?;
        let source = self.region(view, old)?;
        let mut piece = Vec::new();
        while at < end {
            // Up to the end of the values, of the old ring, and of the new.
            let (from, to) = ((at % source.len() as u64) as usize, (at % target.len() as u64) as usize);
            let len = ((end - at) as usize).min(source.len() - from).min(target.len() - to).min(PIECE);
            piece.clear();
            source.read(from, len, &mut piece);
            target.write(to, &piece);
            at += len as u64;
        }
        // From here on all see the new region, with the same values at the same positions.
        header.region.store(new, Release);
        (view.region, view.mapping) = (new, Some(target));
        drop(taking);
        shm::release(&*self.fd, offset(old), size(old));
        Ok(new)
    }

    /// Takes the first value into `value`, which is empty; says whether there was one.
    /// `Some(deadline)` bounds the wait for the lock.
    pub(super) fn take(&self, value: &mut Vec<u8>, deadline: Option<Instant>) -> Result<bool, Refusal> {
        let header = self.header();
        let (held, mut view) = Self::lock(&header.get, &self.get, deadline)?;
        let live = self.live()?;
        if live.len() == 0 {
            return Ok(false);
        }
        self.first(&mut view, &live, value)?;
        header.get.advance(live.head + space(value.len()) as u64);
        if live.len() == space(value.len()) && size(live.region) >= LARGE {
            self.shrink();
        }
        drop((held, view));
        header.common.notify_taken();
        Ok(true)
    }

    /// Copies the first value of those that are live. The caller holds the lock for taking.
    fn first(&self, view: &mut View, live: &Live, value: &mut Vec<u8>) -> Result<()> {
        let mapping = self.region(view, live.region)?;
        let at = |position: u64| (position % mapping.len() as u64) as usize;
        let len = mapping.words::<AtomicU64>(at(live.head)).load(Relaxed);
        let is_there = |len: &usize| *len <= live.len().saturating_sub(HEAD);
        let len = usize::try_from(len).ok().filter(is_there).ok_or_else(garbled)?;
        value
            .try_reserve_exact(len)
            .map_err(|_| Error::Decode(format!("there is no memory for a value of {len} bytes")))?;
        on_large_pages(value);
        let start = at(live.head + HEAD as u64);
        let first = len.min(mapping.len() - start);
        mapping.read(start, first, value);
        mapping.read(0, len - first, value);
        Ok(())
    }

    /// Goes back to the smallest region, if nobody puts something just now. The caller holds the
    /// lock for taking, and has taken the last value.
    fn shrink(&self) {
        let header = self.header();
        let Ok(Some(putting)) = header.put.mutex().try_lock() else { return };
        header.put.mend(&putting);
        // Nothing to give back from memory that makes no sense.
        let Ok(live) = self.live() else { return };
        if live.len() == 0 && size(live.region) >= LARGE {
            header.region.store(0, Release);
            drop(putting);
            shm::release(&*self.fd, offset(live.region), size(live.region));
        }
    }

    /// Has nobody put anything more.
    pub(super) fn close(&self) -> Result<()> {
        let header = self.header();
        let (held, view) = match Self::lock(&header.put, &self.put, None) {
            Ok(locked) => locked,
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::NotNow) => return Ok(()),
        };
        header.common.close();
        drop((held, view));
        header.common.notify_closed();
        Ok(())
    }
}

impl Store for Ring {
    const KIND: ObjectKind = ObjectKind::Queue;

    fn common(&self) -> &Common {
        &self.header().common
    }

    fn is_empty(&self) -> bool {
        self.header().is_empty()
    }

    fn count_put(&self) -> u64 {
        self.header().put.count()
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(capacity: u64) -> Ring {
        Ring::open(Arc::new(Descriptor::new(Ring::create(capacity).unwrap()))).unwrap()
    }

    /// Leaves the lock of one side as a process does that is killed with it, after `act`.
    fn die_holding(side: &Side, act: impl FnOnce()) {
        let held = side.mutex().lock().unwrap();
        act();
        held.die();
    }

    #[test]
    fn the_room_that_a_killed_consumer_left_is_found_by_a_waiting_producer() {
        let ring = ring(1);
        ring.put(b"first", None, || false).ok().unwrap();
        // It was killed after the position had moved and before the count did, so that the queue looks full
        // and empty at once.
        let get = &ring.header().get;
        die_holding(get, || get.advance_position_only(get.position() + space(5) as u64));
        assert!(ring.header().is_full() && ring.header().is_empty());
        assert!(ring.put(b"second", None, || false).is_ok());
        let mut value = Vec::new();
        assert!(ring.take(&mut value, None).is_ok_and(|taken| taken));
        assert_eq!(value, b"second");
        assert_eq!(ring.header().len(), 0);
    }

    #[test]
    fn a_producer_killed_while_it_holds_the_lock_takes_nothing_along() {
        let ring = ring(0);
        ring.put(b"first", None, || false).ok().unwrap();
        die_holding(&ring.header().put, || {});
        ring.put(b"second", None, || false).ok().unwrap();
        assert_eq!(ring.header().len(), 2);
    }
}
