//! A mutex in shared memory that survives its holder.
//!
//! It is the C library's process-shared *robust* mutex: the kernel itself walks the list of those a dying thread holds, so that no
//! moment exists in which a killed process takes one with it. (POSIX.1-2008, `pthread_mutexattr_setrobust`.)
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::libc::{self, pthread_mutex_t};
use zerocopy::FromBytes;

use crate::error::{Context, Error, Result};

/// Tries before the kernel is asked to wait: a lock that is held for some memory copies only is free by then.
const TRIES: u32 = 200;

/// The longest wait that is asked of the kernel at once. It measures by the wall clock, which may be set while we wait. And who is
/// woken by an unlock may be killed before it can lock, and the others' wake-up with it, if somebody else was quicker and knows
/// of no waiters.
const STRETCH: Duration = Duration::from_millis(500);

/// Lies in memory that several processes have mapped. It must be [`init`](RobustMutex::init)ialised by the one that made the memory.
#[repr(C, align(8))]
#[derive(Debug, FromBytes)]
pub(crate) struct RobustMutex([AtomicU64; 6]);

const _: () = assert!(size_of::<pthread_mutex_t>() <= size_of::<RobustMutex>());
const _: () = assert!(align_of::<pthread_mutex_t>() <= align_of::<RobustMutex>());

/// A locked mutex; dropping it unlocks. It stays on its thread, as the C library demands.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    mutex: &'a RobustMutex,
    /// The one who held it before died with it: what it guards may be half changed.
    pub(crate) owner_died: bool,
    thread: PhantomData<*const ()>,
}

impl RobustMutex {
    fn raw(&self) -> *mut pthread_mutex_t {
        self.0.as_ptr().cast_mut().cast()
    }

    /// Makes the zeroed memory a mutex.
    pub(crate) fn init(&self) -> Result<()> {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised by the first call before the others use them. The mutex is valid memory of
        // the right size and alignment (asserted above), all zero, and not shared yet.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes))?;
            check(libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED))?;
            check(libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST))?;
            check(libc::pthread_mutexattr_settype(attributes, libc::PTHREAD_MUTEX_ERRORCHECK))?;
            let outcome = check(libc::pthread_mutex_init(self.raw(), attributes));
            libc::pthread_mutexattr_destroy(attributes);
            outcome
        }
    }

    /// Locks. Fails with `EDEADLK` if this very thread holds it already.
    pub(crate) fn lock(&self) -> Result<Held<'_>> {
        if let Some(held) = self.try_for_a_moment()? {
            return Ok(held);
        }
        loop {
            if let Some(held) = self.lock_for(STRETCH)? {
                return Ok(held);
            }
        }
    }

    /// Locks, if nobody holds it.
    pub(crate) fn try_lock(&self) -> Result<Option<Held<'_>>> {
        // SAFETY: the memory is a mutex (`init`), or zeros, which are a plain one.
        match unsafe { libc::pthread_mutex_trylock(self.raw()) } {
            libc::EBUSY => Ok(None),
            outcome => self.held(outcome).map(Some),
        }
    }

    fn try_for_a_moment(&self) -> Result<Option<Held<'_>>> {
        for _ in 0..TRIES {
            if let Some(held) = self.try_lock()? {
                return Ok(Some(held));
            }
            std::hint::spin_loop();
        }
        Ok(None)
    }

    /// Locks, or gives up at `deadline`.
    pub(crate) fn lock_until(&self, deadline: Instant) -> Result<Option<Held<'_>>> {
        if let Some(held) = self.try_for_a_moment()? {
            return Ok(Some(held));
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.try_lock();
            }
            if let Some(held) = self.lock_for(left.min(STRETCH))? {
                return Ok(Some(held));
            }
        }
    }

    /// Locks, or gives up after a stretch of time.
    fn lock_for(&self, stretch: Duration) -> Result<Option<Held<'_>>> {
        let since_epoch = (SystemTime::now() + stretch).duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = libc::timespec {
            tv_sec: since_epoch.as_secs() as libc::time_t,
            tv_nsec: since_epoch.subsec_nanos().into(),
        };
        // SAFETY: as in `try_lock`; the time is only read.
        match unsafe { libc::pthread_mutex_timedlock(self.raw(), &until) } {
            libc::ETIMEDOUT => Ok(None),
            outcome => self.held(outcome).map(Some),
        }
    }

    fn held(&self, outcome: i32) -> Result<Held<'_>> {
        let owner_died = outcome == libc::EOWNERDEAD;
        if owner_died {
            // SAFETY: this thread holds the mutex, in the state that this call ends. What the mutex guards is the caller's to mend.
            check(unsafe { libc::pthread_mutex_consistent(self.raw()) })?;
        } else {
            check(outcome)?;
        }
        Ok(Held { mutex: self, owner_died, thread: PhantomData })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread holds it: a Held is made only then, and does not leave its thread.
        unsafe { libc::pthread_mutex_unlock(self.mutex.raw()) };
    }
}

/// Whether a lock was refused because this very thread holds it.
pub(crate) fn is_own(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.raw_os_error() == Some(libc::EDEADLK))
}

fn check(outcome: i32) -> Result<()> {
    match outcome {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)).context("cannot use a lock in shared memory"),
    }
}
