//! The identity of this process, without a system call each time.
//!
//! It is stored in a page that the kernel wipes in every copy of the process (`MADV_WIPEONFORK`,
//! see madvise(2)), however the copy is made. So it takes one load, but for the first time in a
//! process.
#![allow(unsafe_code)]

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, SeqCst},
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

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;

    #[test]
    fn copy_is_another_process_than_its_original() {
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
    fn error_names_both_processes() {
        let other = Owner(7 << 32 | 42);
        let Err(Error::ForeignProcess { owner: 42, current }) = other.check() else { panic!("{other:?} is here") };
        assert_eq!(current, std::process::id());
    }
}
