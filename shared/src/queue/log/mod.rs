//! The memory behind a priority queue: values as bytes, in the order they came, each until it is
//! taken.
//!
//! Which value is the smallest only those can tell who know its type. So nothing is sorted in
//! shared memory: each process that takes values keeps a heap of its own of those it has seen, and
//! to take one is to mark it here, under the lock.

mod area;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::{ObjectKind, Tag};
use crate::queue::common::{Common, Refusal, Store};
use crate::queue::log::area::{Area, AreaId, SMALLEST, START, space};
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::shm::{self, Mapping};
use crate::sys::words::words;

/// How long the lock is waited for in any case: it is held for some copies at a time.
const PATIENCE: Duration = Duration::from_millis(100);

words! {
    /// The words of a priority queue in shared memory. All but `common` are changed by who holds the lock.
    ///
    /// An end and a mark decide, the counts follow; see [`Side`](crate::queue::layout::Side) for how they are mended.
    #[derive(Debug)]
    struct Header {
        tag: Tag,
        mutex: RobustMutex,
        /// Which area the values are in, as [`AreaId`] packs it.
        area: AtomicU64,
        put: AtomicU64,
        taken: AtomicU64,
        next_end: AtomicU64,
        next_put: AtomicU64,
        /// Where the value lies that is being taken.
        taking: AtomicU64,
        next_taken: AtomicU64,
        common: Common,
    }
}

/// The memory, as one process sees it.
#[derive(Debug)]
pub(super) struct Log {
    fd: Arc<Descriptor>,
    header: Mapping,
    view: Mutex<View>,
}

/// The area that this process worked in last.
#[derive(Debug, Default)]
struct View(Option<Area>);

/// The lock, held.
pub(super) struct Locked<'a> {
    log: &'a Log,
    // In this order: the others may go on before this process' threads may.
    _held: Held<'a>,
    view: MutexGuard<'a, View>,
}

/// How far a process has read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    area: Option<AreaId>,
    seen: usize,
}

/// What a reader has found.
pub(super) struct Found {
    /// The values have moved: no place known before means anything now.
    pub(super) moved: bool,
    /// Values not seen before, or not in these places.
    pub(super) values: Vec<Fresh>,
}

/// A value and its place.
pub(super) struct Fresh {
    pub(super) at: usize,
    pub(super) bytes: Vec<u8>,
}

fn garbled() -> Error {
    Error::Decode("the memory of this queue is garbled".into())
}

impl Log {
    pub(super) fn create(capacity: u64) -> Result<OwnedFd> {
        let fd = shm::create_growing(&Self::KIND.memory_name(), START + SMALLEST)?;
        let mapping = Mapping::open_range(&fd, 0, START)?;
        Tag::write::<()>(&mapping, 0, Self::KIND, 0);
        let header = mapping.words::<Header>(0);
        header.mutex.init();
        header.common.init(capacity);
        Ok(fd)
    }

    pub(super) fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let header = Mapping::open_range(&*fd, 0, START)?;
        Tag::read::<()>(&header, 0, Self::KIND)?;
        Ok(Self { fd, header, view: Mutex::default() })
    }

    fn header(&self) -> &Header {
        self.header.words(0)
    }

    /// Values in the queue, as far as can be told while others put and take.
    pub(super) fn len(&self) -> u64 {
        let taken = self.header().taken.load(Acquire);
        self.header().put.load(Acquire).saturating_sub(taken)
    }

    pub(super) fn lock(&self, deadline: Option<Instant>) -> Result<Locked<'_>, Refusal> {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let mutex = &self.header().mutex;
        let held = match deadline {
            None => mutex.lock()?,
            Some(deadline) => mutex.lock_until(deadline.max(Instant::now() + PATIENCE))?.ok_or(Refusal::NotNow)?,
        };
        let owner_died = held.owner_died;
        let mut locked = Locked { log: self, _held: held, view };
        if owner_died {
            locked.mend()?;
        }
        Ok(locked)
    }

    /// Puts a value; waits while the queue is full, unless that is `in_vain`.
    pub(super) fn put(
        &self,
        value: &[u8],
        deadline: Option<Instant>,
        mut in_vain: impl FnMut() -> bool,
    ) -> Result<(), Refusal> {
        let common = self.common();
        common.check_size(value.len())?;
        loop {
            let mut locked = self.lock(deadline)?;
            if common.is_closed() {
                return Err(Error::Closed.into());
            }
            if !common.is_full(self.len()) {
                locked.append(value)?;
                drop(locked);
                common.items.notify_one();
                return Ok(());
            }
            drop(locked);
            let is_full = || common.is_full(self.len());
            common.wait_for_room(deadline, || !is_full()).ok_or(Refusal::NotNow)?;
            if is_full() && in_vain() && is_full() {
                return Err(Error::Disconnected.into());
            }
        }
    }

    /// Has nobody put anything more.
    pub(super) fn close(&self) -> Result<()> {
        match self.lock(None) {
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::NotNow) => {}
            Ok(_locked) => self.common().close(),
        }
        self.common().notify_closed();
        Ok(())
    }
}

impl Locked<'_> {
    /// The area in use, mapped.
    fn area(&mut self) -> Result<&Area> {
        let id = AreaId(self.log.header().area.load(Acquire));
        match &mut self.view.0 {
            Some(area) if area.id == id => {}
            view => *view = Some(Area::open(&*self.log.fd, id)?),
        }
        self.view.0.as_ref().ok_or(Error::Disconnected)
    }

    /// Completes what the last holder of the lock could not.
    fn mend(&mut self) -> Result<()> {
        let header = self.log.header();
        let taking = header.taking.load(Acquire) as usize;
        let area = self.area()?;
        if area.end() == header.next_end.load(Acquire) as usize {
            header.put.store(header.next_put.load(Acquire), Release);
        }
        if area.is_taken(taking) {
            header.taken.store(header.next_taken.load(Acquire), Release);
        }
        Ok(())
    }

    fn append(&mut self, value: &[u8]) -> Result<()> {
        let space = space(value.len());
        if self.area()?.place_for(space).is_none() {
            self.make_room(space)?;
        }
        let header = self.log.header();
        let area = self.area()?;
        let at = area.place_for(space).ok_or_else(garbled)?;
        area.write(at, value);
        let put = header.put.load(Relaxed).wrapping_add(1);
        header.next_end.store((at + space) as u64, Release);
        header.next_put.store(put, Release);
        area.set_end(at + space);
        header.put.store(put, Release);
        Ok(())
    }

    /// Moves the values that were not taken to the next area, where there is room for `more` bytes
    /// and as many as there are.
    fn make_room(&mut self, more: usize) -> Result<()> {
        let (fd, header) = (self.log.fd.clone(), self.log.header());
        let source = self.area()?;
        let live = source.values(source.start())?;
        let bytes: usize = live.iter().map(|slot| space(slot.len)).sum();
        let (old, new) = (source.id, source.id.next(2 * bytes + more)?);
        let target = Area::create(&*fd, new)?;
        let (mut at, mut value) = (target.start(), Vec::new());
        for slot in live {
            value.clear();
            source.read(slot, &mut value)?;
            target.write(at, &value);
            at += space(slot.len);
        }
        target.set_end(at);
        // What the next to lock would mend by must not be read in the new area.
        header.taking.store(0, Release);
        header.next_end.store(0, Release);
        header.area.store(new.0, Release);
        self.view.0 = Some(target);
        Area::release(&*fd, old);
        Ok(())
    }

    /// The values that came since the reader last looked.
    pub(super) fn read(&mut self, reader: &mut Reader) -> Result<Found> {
        let area = self.area()?;
        let moved = reader.area != Some(area.id);
        let from = if moved { area.start() } else { reader.seen };
        let mut values = Vec::new();
        for slot in area.values(from)? {
            let mut bytes = Vec::new();
            area.read(slot, &mut bytes)?;
            values.push(Fresh { at: slot.at, bytes });
        }
        *reader = Reader { area: Some(area.id), seen: area.end() };
        Ok(Found { moved, values })
    }

    /// Takes the value at a place that [`read`](Locked::read) told; `false` if another process has.
    pub(super) fn take(&mut self, at: usize) -> Result<bool> {
        let header = self.log.header();
        let area = self.area()?;
        if !area.has_value(at) {
            return Err(garbled());
        }
        if area.is_taken(at) {
            return Ok(false);
        }
        let taken = header.taken.load(Relaxed).wrapping_add(1);
        header.taking.store(at as u64, Release);
        header.next_taken.store(taken, Release);
        area.mark_taken(at);
        header.taken.store(taken, Release);
        Ok(true)
    }
}

impl Store for Log {
    const KIND: ObjectKind = ObjectKind::PriorityQueue;

    fn common(&self) -> &Common {
        &self.header().common
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn count_put(&self) -> u64 {
        self.header().put.load(Acquire)
    }
}

impl AsFd for Log {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
