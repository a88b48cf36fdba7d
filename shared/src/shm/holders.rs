//! Words of shared memory that belong to somebody, so that it shows when they were killed: a
//! [slot](Slot), which one thread can take, and a [registration](Registration) of a process that
//! holds a handle.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::unistd::Pid;

use crate::error::Result;
use crate::sys::mutex::{Held, RobustMutex, is_own};
use crate::sys::pid::{Owner, own_pid};
use crate::sys::proc_stat::ProcStat;
use crate::sys::shm::Mapping;
use crate::sys::words::words;

words! {
    /// A slot that one thread can take, and that is free again when its process has ended, however
    /// it ended. The process that creates the memory must [`init`](Slot::init)ialise it.
    #[derive(Debug)]
    pub(crate) struct Slot {
        mutex: RobustMutex,
        /// Not 0 while the slot is taken, and after its holder was killed, until that is found out.
        mark: AtomicU32,
        unused: AtomicU32,
    }
}

/// A slot that this thread has taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct SlotGuard<'a> {
    slot: &'a Slot,
    held: Held<'a>,
}

impl Slot {
    pub(crate) fn init(&self) {
        self.mutex.init();
    }

    /// Takes the slot and marks it with `mark`; returns `None` if a live thread has it, this one
    /// included.
    pub(crate) fn try_take(&self, mark: u32) -> Result<Option<SlotGuard<'_>>> {
        let Some(held) = self.try_lock()? else { return Ok(None) };
        self.mark.store(mark, Release);
        Ok(Some(SlotGuard { slot: self, held }))
    }

    /// Returns the mark of the thread that has the slot, or had it when it was killed; 0 if the
    /// slot is free.
    pub(crate) fn mark(&self) -> u32 {
        self.mark.load(Acquire)
    }

    /// Changes the mark for the thread that has the slot. That thread may leave, and another come,
    /// unless the caller keeps them from it.
    pub(crate) fn set_mark(&self, mark: u32) {
        self.mark.store(mark, Release);
    }

    /// Returns whether the thread that marked the slot was killed since; the slot is free from then
    /// on.
    pub(crate) fn is_orphaned(&self) -> Result<bool> {
        // A look must not keep others from a slot that its holder leaves meanwhile.
        if self.mark() == 0 || !self.mutex.is_abandoned() {
            return Ok(false);
        }
        let held = self.try_lock()?;
        // The thread may have left properly in between.
        let orphaned = held.is_some() && self.mark() != 0;
        if orphaned {
            self.set_mark(0);
        }
        Ok(orphaned)
    }

    fn try_lock(&self) -> Result<Option<Held<'_>>> {
        match self.mutex.try_lock() {
            Err(error) if is_own(&error) => Ok(None),
            outcome => outcome,
        }
    }
}

impl SlotGuard<'_> {
    pub(crate) fn mark(&self) -> u32 {
        self.slot.mark()
    }

    /// Returns whether the slot was taken in this process.
    pub(crate) fn is_here(&self) -> bool {
        self.held.is_own()
    }
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        // A copy in a forked process has no slot.
        if self.is_here() {
            self.slot.set_mark(0);
        }
    }
}

/// Packs a process into a word: its id, and above that when it started, in ticks. 0 is no process.
fn pack(pid: u32, start: u64) -> u64 {
    u64::from(pid) | start << 32
}

/// Returns the process of a number, if there is one.
fn look_up(pid: u32) -> Option<ProcStat> {
    ProcStat::of(Pid::from_raw(pid.cast_signed()))
}

/// Returns this process as a word; 0 if its start is unknown.
fn own_word() -> u64 {
    look_up(own_pid()).map_or(0, |own| pack(own_pid(), own.start))
}

/// Returns whether the process behind a word has ended.
pub(crate) fn has_ended(process: u64) -> bool {
    let pid = process as u32;
    match look_up(pid) {
        Some(found) => found.has_ended() || pack(pid, found.start) != process,
        // Without /proc no process has ended.
        None => look_up(own_pid()).is_some(),
    }
}

/// A word of shared memory by which this process is registered as one that holds a handle, until
/// this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    mapping: Arc<Mapping>,
    /// Where the word lies.
    at: usize,
    process: u64,
    /// A copy of this process is not registered.
    owner: Owner,
}

/// All registrations of this process.
static ALL: Mutex<Vec<Weak<Registration>>> = Mutex::new(Vec::new());

impl Registration {
    /// Registers this process in the first free one of some words. Returns `None` if all are taken,
    /// or this process cannot be distinguished from others.
    pub(crate) fn new(mapping: &Arc<Mapping>, mut words: impl Iterator<Item = usize>) -> Option<Arc<Self>> {
        let process = own_word();
        let register =
            |at: &usize| mapping.words::<AtomicU64>(*at).compare_exchange(0, process, AcqRel, Relaxed).is_ok();
        let at = words.find(|at| process != 0 && register(at))?;
        let registration = Arc::new(Self { mapping: mapping.clone(), at, process, owner: Owner::here() });
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&registration));
        Some(registration)
    }

    /// Returns this process, as the word has it.
    pub(crate) fn process(&self) -> u64 {
        self.process
    }

    fn unregister(&self) {
        // Unless another process has found that this one was killed.
        if self.owner.is_here() {
            let _ = self.mapping.words::<AtomicU64>(self.at).compare_exchange(self.process, 0, AcqRel, Relaxed);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// Removes all registrations of this process, which is about to exit: handles in statics are not
/// dropped.
pub(crate) fn unregister_all() {
    let all = std::mem::take(&mut *ALL.lock().unwrap_or_else(PoisonError::into_inner));
    all.iter().filter_map(Weak::upgrade).for_each(|registration| registration.unregister());
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn look_at_a_slot_keeps_nobody_from_it() {
        let (mapping, _) = Mapping::create("multiproc-test", 4096).unwrap();
        let slot = mapping.words::<Slot>(0);
        slot.init();
        let (over, begun) = (AtomicBool::new(false), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                begun.wait();
                while !over.load(Relaxed) {
                    assert!(!slot.is_orphaned().unwrap());
                }
            });
            begun.wait();
            let refused = (0..1_000_000).filter(|_| slot.try_take(1).unwrap().is_none()).count();
            over.store(true, Relaxed);
            assert_eq!(refused, 0);
        });
    }

    #[test]
    fn own_process_lives_and_another_of_its_number_does_not() {
        assert_ne!(own_word(), 0);
        assert!(!has_ended(own_word()));
        assert!(has_ended(own_word() + (1 << 32)));
    }
}
