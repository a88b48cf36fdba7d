//! The memory behind a priority queue: values as bytes, in the order they came, each until it is taken.
//!
//! Which value is the smallest only those can tell who know its type. So nothing is sorted in shared memory: each process that takes
//! values keeps a heap of its own of those it has seen, and to take one is to mark it here, under the lock.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zerocopy::FromBytes;

use crate::error::{Error, Result};
use crate::handle::Descriptor;
use crate::queue::common::{Common, Refusal, Store};
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::shm::{self, Mapping};

/// Where the areas begin: the header has the first page to itself. Both are whole pages on every system (up to 64 KiB).
const START: usize = 64 * 1024;

/// Bytes of an area of class 0; each class has areas twice as large, and two of them, to move from one to the other.
const SMALLEST: usize = 256 * 1024;

/// The largest class there can be: beyond any memory.
const MOST_CLASSES: u64 = 27;

/// Bytes at the start of an area: where its values end.
const AREA_HEAD: usize = 64;

/// Bytes before each value: its length, and whether it was taken.
const HEAD: usize = 16;
const TAKEN: u64 = 1;

/// How long the lock is waited for in any case: it is held for some copies at a time.
const PATIENCE: Duration = Duration::from_millis(100);

/// The words of a priority queue in shared memory. All but `common` are changed by who holds the lock.
///
/// An end and a mark decide, the counts follow; see [`Side`](crate::queue::layout::Side) for how they are mended.
#[repr(C)]
#[derive(Debug, FromBytes)]
struct Header {
    mutex: RobustMutex,
    /// Which area the values are in, as [`Area`] packs it.
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

/// An area of the memory: its class, and how often values have moved. Their places change with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area(u64);

impl Area {
    fn new(generation: u64, class: u64) -> Self {
        Self(generation << 8 | class)
    }

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

    /// The next area, of a class that holds `least` bytes.
    fn next(self, least: usize) -> Option<Self> {
        let class = (0..=MOST_CLASSES).find(|class| SMALLEST << class >= least)?;
        Some(Self::new(self.generation() + 1, class))
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
struct View(Option<(Area, Mapping)>);

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
    area: Option<Area>,
    seen: usize,
}

fn garbled() -> Error {
    Error::Decode("the memory of this queue is garbled".into())
}

fn space(len: usize) -> usize {
    HEAD + len.next_multiple_of(8)
}

impl Log {
    pub(super) fn create(capacity: u64) -> Result<OwnedFd> {
        let fd = shm::create_growing("multiproc-queue", START + SMALLEST)?;
        let mapping = Mapping::open_range(&fd, 0, START)?;
        let header = mapping.words::<Header>(0);
        header.mutex.init()?;
        header.common.init(capacity);
        Ok(fd)
    }

    pub(super) fn open(fd: Arc<Descriptor>) -> Result<Self> {
        let header = Mapping::open_range(&*fd, 0, START)?;
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

    /// Puts a value; waits while the queue is full.
    pub(super) fn put(&self, value: &[u8], deadline: Option<Instant>) -> Result<(), Refusal> {
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
            common.wait_for_room(deadline, || !common.is_full(self.len())).ok_or(Refusal::NotNow)?;
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
    fn area(&mut self) -> Result<(Area, &Mapping)> {
        let area = Area(self.log.header().area.load(Acquire));
        if self.view.0.as_ref().is_none_or(|(known, _)| *known != area) {
            self.view.0 = Some((area, Mapping::open_range(&*self.log.fd, area.offset(), area.size())?));
        }
        self.view.0.as_ref().map(|(area, mapping)| (*area, mapping)).ok_or_else(garbled)
    }

    /// Completes what the last holder of the lock could not.
    fn mend(&mut self) -> Result<()> {
        let header = self.log.header();
        let taking = header.taking.load(Acquire) as usize;
        let (_, mapping) = self.area()?;
        if end(mapping) == header.next_end.load(Acquire) as usize {
            header.put.store(header.next_put.load(Acquire), Release);
        }
        if taking >= AREA_HEAD
            && taking < mapping.len()
            && mapping.words::<AtomicU64>(taking + 8).load(Acquire) == TAKEN
        {
            header.taken.store(header.next_taken.load(Acquire), Release);
        }
        Ok(())
    }

    fn append(&mut self, value: &[u8]) -> Result<()> {
        let space = space(value.len());
        let (_, mapping) = self.area()?;
        if end(mapping) + space > mapping.len() {
            self.make_room(space)?;
        }
        let header = self.log.header();
        let (_, mapping) = self.area()?;
        let at = end(mapping);
        write_value(mapping, at, value);
        let put = header.put.load(Relaxed) + 1;
        header.next_end.store((at + space) as u64, Release);
        header.next_put.store(put, Release);
        set_end(mapping, at + space);
        header.put.store(put, Release);
        Ok(())
    }

    /// Moves the values that were not taken to the next area, where there is room for `space` more bytes and as many as there are.
    fn make_room(&mut self, space: usize) -> Result<()> {
        let (fd, header) = (self.log.fd.clone(), self.log.header());
        let (old, source) = self.area()?;
        let live: Vec<(usize, usize)> = values(source, AREA_HEAD)?;
        let bytes: usize = live.iter().map(|(_, len)| self::space(*len)).sum();
        let new = old.next(AREA_HEAD + 2 * bytes + space);
        let new = new.ok_or_else(|| Error::Config(format!("a queue cannot hold {} bytes", bytes + space)))?;
        shm::grow(&*fd, new.offset() + new.size())?;
        let target = Mapping::open_range(&*fd, new.offset(), new.size())?;
        let (mut at, mut value) = (AREA_HEAD, Vec::new());
        for (from, len) in live {
            value.clear();
            source.read(from + HEAD, len, &mut value);
            write_value(&target, at, &value);
            at += self::space(len);
        }
        set_end(&target, at);
        // What the next to lock would mend by must not be read in the new area.
        header.taking.store(0, Release);
        header.next_end.store(0, Release);
        header.area.store(new.0, Release);
        self.view.0 = Some((new, target));
        shm::release(&*fd, old.offset(), old.size());
        Ok(())
    }

    /// The values that came since the reader last looked, with their places, and whether all places known before are void.
    pub(super) fn read(&mut self, reader: &mut Reader) -> Result<(bool, Vec<(usize, Vec<u8>)>)> {
        let (area, mapping) = self.area()?;
        let moved = reader.area != Some(area);
        let from = if moved { AREA_HEAD } else { reader.seen };
        let mut fresh = Vec::new();
        for (at, len) in values(mapping, from)? {
            let mut bytes = Vec::new();
            bytes
                .try_reserve_exact(len)
                .map_err(|_| Error::Decode(format!("there is no memory for a value of {len} bytes")))?;
            mapping.read(at + HEAD, len, &mut bytes);
            fresh.push((at, bytes));
        }
        *reader = Reader { area: Some(area), seen: end(mapping) };
        Ok((moved, fresh))
    }

    /// Takes the value at a place that [`read`](Locked::read) told; `false` if another process has.
    pub(super) fn take(&mut self, at: usize) -> Result<bool> {
        let header = self.log.header();
        let (_, mapping) = self.area()?;
        let mark = mapping.words::<AtomicU64>(at + 8);
        if mark.load(Acquire) == TAKEN {
            return Ok(false);
        }
        let taken = header.taken.load(Relaxed) + 1;
        header.taking.store(at as u64, Release);
        header.next_taken.store(taken, Release);
        mark.store(TAKEN, Release);
        header.taken.store(taken, Release);
        Ok(true)
    }
}

/// Where the values of an area end.
fn end(area: &Mapping) -> usize {
    let end = area.words::<AtomicU64>(0).load(Acquire) as usize;
    end.clamp(AREA_HEAD, area.len())
}

fn set_end(area: &Mapping, end: usize) {
    area.words::<AtomicU64>(0).store(end as u64, Release);
}

fn write_value(area: &Mapping, at: usize, value: &[u8]) {
    area.words::<AtomicU64>(at).store(value.len() as u64, Relaxed);
    area.words::<AtomicU64>(at + 8).store(0, Relaxed);
    area.write(at + HEAD, value);
}

/// Places and lengths of the values from `at` on that were not taken.
fn values(area: &Mapping, mut at: usize) -> Result<Vec<(usize, usize)>> {
    let end = end(area);
    let mut values = Vec::new();
    while at < end {
        let len = area.words::<AtomicU64>(at).load(Relaxed);
        let len = usize::try_from(len).ok().filter(|len| *len <= end - at - HEAD).ok_or_else(garbled)?;
        if area.words::<AtomicU64>(at + 8).load(Acquire) != TAKEN {
            values.push((at, len));
        }
        at += space(len);
    }
    Ok(values)
}

impl Store for Log {
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
