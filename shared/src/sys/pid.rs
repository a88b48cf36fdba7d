//! The identity of this process, without a system call each time, and values that belong to one
//! process and not to its forks.
//!
//! The identity is stored in a page that the kernel wipes in every copy of the process
//! (`MADV_WIPEONFORK`, see madvise(2)), however the copy is made. So it takes one load, but for the
//! first time in a process.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};

use nix::libc;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::error::{Error, Result};
use crate::sys::exit::exit_now;

/// Bytes of the page, which the kernel rounds up to its own pages.
const PAGE: usize = 4096;

/// The address of this process' word: in the page, or that of [`FORGOTTEN`] where a kernel has no
/// such pages. Null until it is first needed.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(null_mut());

/// The word of a process on a kernel without pages that a fork wipes: only a handler that runs
/// after `fork` resets it.
static FORGOTTEN: AtomicU64 = AtomicU64::new(0);

/// The last generation of this process, or of one that it is a copy of.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Returns what `std::process::id()` does, which is a system call: it would take longer than all
/// else that a free lock needs.
#[inline]
pub(crate) fn own_pid() -> u32 {
    word() as u32
}

/// A process, distinguished from every other that it is a copy of, or that is a copy of it.
///
/// A pid alone is not enough for that: it is used again, and in namespaces of their own a process
/// and its copy can have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u64);

impl Owner {
    /// Returns this process.
    #[inline]
    pub(crate) fn here() -> Self {
        Self(word())
    }

    /// Returns whether it is this process.
    #[inline]
    pub(crate) fn is_here(self) -> bool {
        self.0 == word()
    }

    /// Fails in every other process.
    #[inline]
    pub(crate) fn check(self) -> Result<()> {
        if self.is_here() { Ok(()) } else { Err(self.foreign()) }
    }

    /// Exits in every other process: a copy of this one, made by a task's code that has returned
    /// here. The contents of its buffers are its original's.
    #[inline]
    pub(crate) fn or_exit(self) {
        if !self.is_here() {
            exit_now(0);
        }
    }

    /// Returns the error of a call in a process that is not this one.
    #[cold]
    pub(crate) fn foreign(self) -> Error {
        Error::ForeignProcess { owner: self.0 as u32, current: own_pid() }
    }
}

/// Returns the generation of this process in the upper half, and its pid in the lower one.
#[inline]
fn word() -> u64 {
    // SAFETY: null, or a word that stays where it is for as long as the process lives.
    match unsafe { WORD.load(Acquire).as_ref() }.map_or(0, |word| word.load(Relaxed)) {
        0 => identify(),
        word => word,
    }
}

/// Returns a number that differs in each copy of this process; 0 if that is not possible.
#[inline]
pub(crate) fn fork_count() -> u32 {
    (word() >> 32) as u32
}

#[cold]
fn identify() -> u64 {
    let pid = u64::from(std::process::id());
    let Some(place) = place() else { return pid };
    // Counted before it is stored: a copy made in between counts on from there, and is not taken
    // for this process.
    let word = u64::from(GENERATION.fetch_add(1, SeqCst) + 1) << 32 | pid;
    // Another thread may have been quicker.
    place.compare_exchange(0, word, SeqCst, SeqCst).map_or_else(|first| first, |_| word)
}

/// Returns the word; `None` if it could not be reset in copies of this process.
fn place() -> Option<&'static AtomicU64> {
    if cfg!(miri) {
        return None;
    }
    // SAFETY: as in `word`.
    if let Some(word) = unsafe { WORD.load(Acquire).as_ref() } {
        return Some(word);
    }
    // Beside a wiped page too: qemu 7 accepts the advice, and then wipes nothing.
    let is_reset = reset_after_fork();
    let page = wiped_page();
    let fresh = match page {
        Some(page) => page.as_ptr(),
        None if is_reset => (&raw const FORGOTTEN).cast_mut(),
        None => return None,
    };
    let word = match WORD.compare_exchange(null_mut(), fresh, SeqCst, SeqCst) {
        Ok(_) => fresh,
        Err(first) => {
            if let Some(page) = page {
                // SAFETY: the page was mapped just now, and was not published.
                let _ = unsafe { munmap(page.cast(), PAGE) };
            }
            first
        }
    };
    // SAFETY: as in `word`.
    unsafe { word.as_ref() }
}

/// Maps a page of zeros that are zeros again in every copy of this process.
fn wiped_page() -> Option<NonNull<AtomicU64>> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let size = PAGE.try_into().ok()?;
    // SAFETY: a new mapping at an address of the kernel's choosing touches no memory in use.
    let page = unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_PRIVATE) }.ok()?;
    // SAFETY: the page is this function's own; the advice changes what copies of the process find
    // in it.
    if unsafe { madvise(page, PAGE, MmapAdvise::MADV_WIPEONFORK) }.is_err() {
        // SAFETY: as above.
        let _ = unsafe { munmap(page, PAGE) };
        return None;
    }
    Some(page.cast())
}

/// Has the word reset in each copy that is made by `fork`; returns whether that will happen.
fn reset_after_fork() -> bool {
    extern "C" fn forget() {
        // SAFETY: as in `word`.
        if let Some(word) = unsafe { WORD.load(Acquire).as_ref() } {
            word.store(0, Relaxed);
        }
    }
    // SAFETY: all that the handler does, in a fresh fork, is to store to an atomic.
    unsafe { libc::pthread_atfork(None, None, Some(forget)) == 0 }
}

/// A value that is dropped in the process that made it and in no copy of that process, where its
/// locks may be held, and its threads waited for, by threads that are not there.
pub(crate) struct Own<T> {
    owner: Owner,
    value: ManuallyDrop<T>,
}

impl<T> Own<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { owner: Owner::here(), value: ManuallyDrop::new(value) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Own<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> Deref for Own<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if self.owner.is_here() {
            // SAFETY: the value cannot be used after this drop, which comes once.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// A static of which each process has its own value, made at the first use. A fork does not use the
/// value of its parent, of which a lock may have been held by another thread at the fork.
pub(crate) struct PerProcess<T>(AtomicPtr<(Owner, T)>);

impl<T: Default + Send + Sync + 'static> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Returns the value of the process that this one is a copy of, until this one has its own.
    pub(crate) fn last(&self) -> Option<&'static T> {
        // SAFETY: null, or made by `Box` in `get` and never freed.
        unsafe { self.0.load(Acquire).as_ref() }.map(|(_, value)| value)
    }

    /// Returns the value of this process.
    pub(crate) fn get(&self) -> &'static T {
        let here = Owner::here();
        let found = self.0.load(Acquire);
        // SAFETY: null, or made by `Box` below and never freed.
        if let Some((owner, value)) = unsafe { found.as_ref() }
            && *owner == here
        {
            return value;
        }
        let fresh = Box::into_raw(Box::new((here, T::default())));
        match self.0.compare_exchange(found, fresh, AcqRel, Acquire) {
            // SAFETY: made just now, and never freed from here on.
            Ok(_) => unsafe { &(*fresh).1 },
            Err(first) => {
                // SAFETY: it was not published.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: another thread of this process made it, and it is never freed.
                unsafe { &(*first).1 }
            }
        }
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;

    /// Asserts that a copy of this process, made now, is another one.
    fn assert_copy_differs() {
        let owner = Owner::here();
        assert!(owner.is_here() && own_pid() == std::process::id());
        // SAFETY: the child looks at atomics, asks for its pid and ends.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                let differs = !owner.is_here() && own_pid() == std::process::id() && Owner::here().is_here();
                // SAFETY: _exit runs no code of this process.
                unsafe { libc::_exit(if differs { 0 } else { 1 }) }
            }
            ForkResult::Parent { child } => assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0))),
        }
        assert!(owner.is_here());
    }

    #[test]
    fn copy_is_another_process_than_its_original() {
        assert_copy_differs();
    }

    #[test]
    fn copy_is_another_process_where_its_page_is_not_wiped() {
        Owner::here();
        let page = NonNull::new(WORD.load(Acquire)).unwrap().cast();
        // SAFETY: the page of the word; the advice changes what copies of the process find in it.
        let advise = |advice| unsafe { madvise(page, PAGE, advice) }.unwrap();
        advise(MmapAdvise::MADV_KEEPONFORK);
        assert_copy_differs();
        advise(MmapAdvise::MADV_WIPEONFORK);
    }

    #[test]
    fn error_names_both_processes() {
        let other = Owner(7 << 32 | 42);
        let Err(Error::ForeignProcess { owner: 42, current }) = other.check() else { panic!("{other:?} is here") };
        assert_eq!(current, std::process::id());
    }

    #[test]
    fn all_threads_of_a_process_have_the_same_value() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| COUNT.get().fetch_add(1, Relaxed));
            }
        });
        assert_eq!(COUNT.get().load(Relaxed), 8);
    }
}
