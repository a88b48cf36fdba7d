//! The store of a [`PriorityQueue`](crate::PriorityQueue): a log of values as bytes, in the order
//! they came, each until it is taken.
//!
//! Only a process that knows the type of the values can tell which one is the smallest. So nothing
//! is sorted in shared memory: each process that takes values keeps a heap of its own of those it
//! has [seen](crate::queue::seen), and takes one by marking it here, under the lock.

mod area;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::{ObjectKind, Tag};
use crate::queue::control_words::Control;
use crate::queue::log::area::{Area, AreaId, space};
use crate::queue::store::{self, Refusal, Store, garbled};
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::shm::Mapping;
use crate::sys::words::words;

words! {
    /// The words of a priority queue in shared memory. All but `control` are changed under the
    /// lock.
    ///
    /// An area's end, or the mark of a value, decides what a killed process has done. The counts
    /// follow: the next holder of the lock completes them by what was stored before.
    #[derive(Debug)]
    struct Header {
        tag: Tag,
        mutex: RobustMutex,
        /// The area that the values are in, as [`AreaId`] packs it.
        area: AtomicU64,
        put: AtomicU64,
        taken: AtomicU64,
        next_end: AtomicU64,
        next_put: AtomicU64,
        /// The place of the value that is being taken.
        taking: AtomicU64,
        next_taken: AtomicU64,
        control: Control,
    }
}

/// The log, as one process sees it.
#[derive(Debug)]
pub(super) struct Log {
    fd: Arc<Descriptor>,
    header: Mapping,
    /// The area that this process worked in last.
    area: Mutex<Option<Area>>,
}

/// The log under its lock.
pub(super) struct Locked<'a> {
    log: &'a Log,
    // In this order: other processes may go on before the threads of this one may.
    _held: Held<'a>,
    mapped: MutexGuard<'a, Option<Area>>,
}

/// How far a process has read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    area: Option<AreaId>,
    end: usize,
}

/// The values that a reader has not seen before.
pub(super) struct NewValues {
    /// The values have moved to other places, so that all of them are new.
    pub(super) moved: bool,
    pub(super) values: Vec<NewValue>,
}

/// A value and its place.
pub(super) struct NewValue {
    pub(super) at: usize,
    pub(super) bytes: Vec<u8>,
}

impl Log {
    fn header(&self) -> &Header {
        self.header.words(0)
    }

    pub(super) fn lock(&self, deadline: Option<Instant>) -> Result<Locked<'_>, Refusal> {
        let mapped = self.area.lock().unwrap_or_else(PoisonError::into_inner);
        let held = store::lock(&self.header().mutex, deadline)?;
        let owner_died = held.owner_died;
        let mut locked = Locked { log: self, _held: held, mapped };
        if owner_died {
            locked.recover()?;
        }
        Ok(locked)
    }
}

impl Locked<'_> {
    /// Returns the area in use, mapped.
    fn area(&mut self) -> Result<&Area> {
        let id = AreaId::unpack(self.log.header().area.load(Acquire));
        match &mut *self.mapped {
            Some(area) if area.id() == id => {}
            mapped => *mapped = Some(Area::open(&*self.log.fd, id)?),
        }
        self.mapped.as_ref().ok_or_else(garbled)
    }

    /// Completes what the last holder of the lock could not.
    fn recover(&mut self) -> Result<()> {
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
        if self.area()?.room_for(space).is_none() {
            self.make_room(space)?;
        }
        let header = self.log.header();
        let area = self.area()?;
        let at = area.room_for(space).ok_or_else(garbled)?;
        area.write(at, value);
        let put = header.put.load(Relaxed).wrapping_add(1);
        header.next_end.store((at + space) as u64, Release);
        header.next_put.store(put, Release);
        area.set_end(at + space);
        header.put.store(put, Release);
        Ok(())
    }

    /// Moves the values that were not taken to the next area, which has room for twice as many
    /// bytes and `more`.
    fn make_room(&mut self, more: usize) -> Result<()> {
        let (fd, header) = (self.log.fd.clone(), self.log.header());
        let source = self.area()?;
        let live = source.values(source.start())?;
        let bytes: usize = live.iter().map(|span| space(span.len)).sum();
        let (old, new) = (source.id(), source.id().next(2 * bytes + more)?);
        let target = Area::create(&*fd, new)?;
        let (mut at, mut value) = (target.start(), Vec::new());
        for span in live {
            value.clear();
            source.read(span, &mut value)?;
            target.write(at, &value);
            at += space(span.len);
        }
        target.set_end(at);
        // What the next holder of the lock would recover by does not hold for the new area.
        header.taking.store(0, Release);
        header.next_end.store(0, Release);
        header.area.store(new.pack(), Release);
        *self.mapped = Some(target);
        Area::release(&*fd, old);
        Ok(())
    }

    /// Returns the values that came since the reader last looked.
    pub(super) fn read(&mut self, reader: &mut Reader) -> Result<NewValues> {
        let area = self.area()?;
        let moved = reader.area != Some(area.id());
        let from = if moved { area.start() } else { reader.end };
        let mut values = Vec::new();
        for span in area.values(from)? {
            let mut bytes = Vec::new();
            area.read(span, &mut bytes)?;
            values.push(NewValue { at: span.at, bytes });
        }
        *reader = Reader { area: Some(area.id()), end: area.end() };
        Ok(NewValues { moved, values })
    }

    /// Takes the value at a place that [`read`](Locked::read) returned; `false` if another process
    /// has taken it.
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

    fn create(capacity: u64) -> Result<OwnedFd> {
        store::create(Self::KIND, |mapping| {
            let header = mapping.words::<Header>(0);
            header.mutex.init();
            header.control.init(capacity);
        })
    }

    fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let header = store::open(Self::KIND, &*fd)?;
        Ok(Self { fd, header, area: Mutex::default() })
    }

    fn control(&self) -> &Control {
        &self.header().control
    }

    fn len(&self) -> u64 {
        let taken = self.header().taken.load(Acquire);
        self.put_count().saturating_sub(taken)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put_count(&self) -> u64 {
        self.header().put.load(Acquire)
    }

    fn try_put(&self, value: &[u8], deadline: Option<Instant>) -> Result<bool, Refusal> {
        let mut locked = self.lock(deadline)?;
        if self.control().is_closed() {
            return Err(Error::Closed.into());
        }
        let has_room = !self.is_full();
        if has_room {
            locked.append(value)?;
        }
        Ok(has_room)
    }

    fn set_closed(&self) -> Result<(), Refusal> {
        let _locked = self.lock(None)?;
        self.control().set_closed();
        Ok(())
    }
}

impl AsFd for Log {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
impl Log {
    /// Does what a process does that is killed while it puts a value: the area has it, the count
    /// does not.
    pub(super) fn kill_producer_between_end_and_count(&self, value: &[u8]) {
        let mut locked = self.lock(None).ok().unwrap();
        let before = self.put_count();
        locked.append(value).unwrap();
        self.header().put.store(before, Release);
        let Locked { _held: held, .. } = locked;
        held.die();
    }
}
