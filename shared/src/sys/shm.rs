//! Anonymous shared memory: a sealed memfd, mapped.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::libc::c_void;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use nix::sys::signal::Signal;
use nix::sys::stat::fstat;
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use nix::unistd::ftruncate;

use crate::error::{Context, Error, Result};
use crate::sys::pid::{Owner, PerProcess};
use crate::sys::signals::without_signal;
use crate::sys::words::{Words, copy_in, copy_out};

/// The mappings that copies of this process lack: their addresses and lengths.
static KEPT: PerProcess<Mutex<BTreeMap<usize, usize>>> = PerProcess::new();

/// Creates shared memory of `len` zeroed bytes that no process can shrink, so that no peer can make
/// an access fault.
fn create_sealed(name: &str, len: usize, seals: SealFlag) -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let fd = memfd_create(name, flags).context("cannot create shared memory")?;
    grow(&fd, len)?;
    let seals = seals | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).context("cannot seal shared memory")?;
    Ok(fd)
}

/// Creates shared memory that can [`grow`] later, but never shrink.
pub(crate) fn create_growing(name: &str, len: usize) -> Result<OwnedFd> {
    create_sealed(name, len, SealFlag::empty())
}

/// Grows the memory behind `fd` to at least `len` bytes; new ones are zero.
pub(crate) fn grow(fd: impl AsFd, len: usize) -> Result<()> {
    let had = size(&fd)?;
    if had >= len {
        return Ok(());
    }
    let end = i64::try_from(len).map_err(|_| Error::Config(format!("{len} bytes of shared memory are too many")))?;
    // The limit on the size of files is one on shared memory, too, and the kernel would send a
    // signal that ends the program.
    match without_signal(Signal::SIGXFSZ, || ftruncate(&fd, end)) {
        Err(Errno::EFBIG) => {
            return Err(Error::io("shared memory larger than the limit on files (RLIMIT_FSIZE)", Errno::EFBIG));
        }
        outcome => outcome.context("cannot size shared memory")?,
    }
    if is_strict() { reserve(fd, had, len) } else { Ok(()) }
}

/// Returns whether the system promises no more memory than it has (`overcommit_memory` in
/// proc_sys_vm(5)). It kills no process to free memory then: one that touches a page of shared
/// memory for which there is no memory gets SIGBUS. So pages are reserved at creation, which fails
/// with an error.
fn is_strict() -> bool {
    static STRICT: OnceLock<bool> = OnceLock::new();
    *STRICT.get_or_init(|| fs::read("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.starts_with(b"2")))
}

/// Reserves the pages behind the bytes from `start` to `end`.
fn reserve(fd: impl AsFd, start: usize, end: usize) -> Result<()> {
    /// In pieces, because a signal interrupts the call, which has then done nothing.
    const PIECE: usize = 4 << 20;
    for start in (start..end).step_by(PIECE) {
        let len = PIECE.min(end - start);
        loop {
            match fallocate(&fd, FallocateFlags::empty(), start as i64, len as i64) {
                Err(Errno::EINTR) => {}
                // Where the system lacks the call, pages are allocated as they are touched.
                Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EPERM) => break,
                Err(errno) => return Err(Error::io("not enough memory for shared memory", errno)),
            }
        }
    }
    Ok(())
}

/// Frees the pages behind a range; they read as zeros from then on.
pub(crate) fn release(fd: impl AsFd, offset: usize, len: usize) {
    if is_strict() {
        // Touching them again may be a fault.
        return;
    }
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    // A system without the call keeps the memory until the last handle is gone.
    let _ = fallocate(fd, flags, offset as i64, len as i64);
}

/// Returns the number of bytes of the memory behind `fd`.
pub(super) fn size(fd: impl AsFd) -> Result<usize> {
    Ok(fstat(&fd).context("cannot inspect shared memory")?.st_size as usize)
}

/// Fails unless the descriptor is one of a memfd with these seals. Also fails for huge pages: where
/// the system has none left, touching them is a fault.
pub(super) fn check_sealed(fd: impl AsFd, seals: SealFlag) -> Result<()> {
    let has = fcntl(&fd, FcntlArg::F_GET_SEALS).map_or(SealFlag::empty(), SealFlag::from_bits_retain);
    let is_usual = fstatfs(&fd).is_ok_and(|facts| facts.filesystem_type() == TMPFS_MAGIC);
    if is_usual && has.contains(seals) {
        return Ok(());
    }
    Err(Error::Config("what came is not shared memory that is sealed".into()))
}

/// Bytes of shared memory in this process' address space.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    owner: Owner,
    /// Whether copies of the process lack it.
    kept: bool,
}

// SAFETY: a mapping is plain memory, valid in every thread until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: shared access only hands out the address, words that are atomic, and copies of bytes;
// code that reads and writes through the address has its own contract.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Creates shared memory of a fixed size and maps it. The descriptor is for the other process;
    /// the mapping stays without it.
    pub(crate) fn create(name: &str, len: usize) -> Result<(Self, OwnedFd)> {
        let fd = create_sealed(name, len, SealFlag::F_SEAL_GROW)?;
        Ok((Self::of(&fd, 0, len)?, fd))
    }

    /// Maps all of what another process made by [`create`](Mapping::create). Fails unless the
    /// descriptor is a memfd, sealed so that its size stays.
    pub(crate) fn open(fd: impl AsFd) -> Result<Self> {
        check_sealed(&fd, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)?;
        let len = size(&fd)?;
        Self::of(fd, 0, len)
    }

    /// Maps `len` bytes from `offset` (a multiple of the page size) on. Fails unless the descriptor
    /// is a memfd with that many bytes, sealed so that it keeps them.
    pub(crate) fn open_range(fd: impl AsFd, offset: usize, len: usize) -> Result<Self> {
        check_sealed(&fd, SealFlag::F_SEAL_SHRINK)?;
        if offset.checked_add(len).is_none_or(|end| end > size(&fd).unwrap_or(0)) {
            return Err(Error::Config("the shared memory is too small".into()));
        }
        Self::of(fd, offset, len)
    }

    fn of(fd: impl AsFd, offset: usize, len: usize) -> Result<Self> {
        let size = NonZeroUsize::new(len).ok_or_else(|| Error::Config("shared memory of 0 bytes".into()))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choosing touches no memory in use.
        // The seals keep its pages from vanishing under it.
        let start = unsafe { mmap(None, size, access, MapFlags::MAP_SHARED, fd, offset as i64) };
        Ok(Self { start: start.context("cannot map shared memory")?.cast(), len, owner: Owner::here(), kept: false })
    }

    /// Excludes the memory from copies of this process, where references to it are invalid. Code
    /// that uses it must check the [owner](Mapping::owner) before each access.
    pub(crate) fn keep_from_copies(mut self) -> Self {
        // SAFETY: the range is this mapping's; the advice changes what copies of the process find
        // there, and nothing here.
        self.kept = unsafe { madvise(self.start.cast(), self.len, MmapAdvise::MADV_DONTFORK) }.is_ok();
        if self.kept {
            let mut kept = KEPT.get().lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(self.start.addr().get(), self.len);
        }
        self
    }

    /// Returns the process that has mapped it.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the words at `offset`, which must be aligned for them and inside the mapping.
    #[inline]
    pub(crate) fn words<T: Words>(&self, offset: usize) -> &T {
        assert!(offset <= self.len && size_of::<T>() <= self.len - offset, "the words lie inside the mapping");
        // SAFETY: the range is inside the mapping, which lives as long as the reference.
        let words = unsafe { self.start.add(offset) }.cast::<T>();
        assert!(words.is_aligned(), "the words are aligned");
        // SAFETY: aligned and inside the mapping; that any bytes are a T, at any time, is the
        // contract of Words.
        unsafe { words.as_ref() }
    }
}

/// A mapping of which this process only ever has words and copies, no other reference, so that any
/// process may write to it at any time.
#[derive(Debug)]
pub(crate) struct Bytes(Mapping);

impl Bytes {
    /// Maps a range as [`Mapping::open_range`] does.
    pub(crate) fn open_range(fd: impl AsFd, offset: usize, len: usize) -> Result<Self> {
        Mapping::open_range(fd, offset, len).map(Self)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len
    }

    /// Returns the words at `offset`, as [`Mapping::words`] does.
    #[inline]
    pub(crate) fn words<T: Words>(&self, offset: usize) -> &T {
        self.0.words(offset)
    }

    /// Copies `bytes` to `offset`.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.len() && bytes.len() <= self.len() - offset, "a write lies inside the mapping");
        // SAFETY: the range is inside the mapping, and by the type's contract nothing refers to it
        // but words.
        unsafe { copy_in(bytes, self.0.start.add(offset)) };
    }

    /// Appends `len` bytes from `offset` to `out`. If another process writes there meanwhile, the
    /// copied bytes may be old or new.
    pub(crate) fn read(&self, offset: usize, len: usize, out: &mut Vec<u8>) {
        assert!(offset <= self.len() && len <= self.len() - offset, "a read lies inside the mapping");
        // SAFETY: the range is inside the mapping.
        unsafe { copy_out(self.0.start.add(offset), len, out) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.kept && !self.owner.is_here() {
            // This process never had it; something else may lie there by now.
            return;
        }
        if self.kept {
            KEPT.get().lock().unwrap_or_else(PoisonError::into_inner).remove(&self.start.addr().get());
        }
        // SAFETY: start and len are those of the mmap call; every reference into the mapping
        // borrows from self or holds it.
        let _ = unsafe { munmap(self.start.cast::<c_void>(), self.len) };
    }
}

/// Maps inaccessible memory, in a new fork, in the place of what was
/// [kept](Mapping::keep_from_copies) from it, so that no other mapping gets the addresses to which
/// its original's references point.
pub(crate) fn reserve_kept() {
    // Another thread may have held the lock at the fork, if the permit was unchecked; then the
    // addresses stay free.
    let Some(Ok(kept)) = KEPT.last().map(Mutex::try_lock) else { return };
    for (start, len) in &*kept {
        let (start, len) = (NonZeroUsize::new(*start), NonZeroUsize::new(*len));
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE | MapFlags::MAP_FIXED_NOREPLACE;
        if let Some(len) = len {
            // SAFETY: the kernel refuses to put it over anything that is mapped. It stays as long
            // as the process.
            let _ = unsafe { mmap_anonymous(start, len, ProtFlags::PROT_NONE, flags) };
        }
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use super::*;

    #[test]
    fn reserved_memory_has_its_pages() -> Result<()> {
        let fd = create_growing("multiproc-test", 64 << 10)?;
        reserve(&fd, 0, 64 << 10)?;
        assert_eq!(fstat(&fd).unwrap().st_blocks * 512, 64 << 10);
        grow(&fd, 9 << 20)?;
        reserve(&fd, 64 << 10, 9 << 20)?;
        assert_eq!(fstat(&fd).unwrap().st_blocks * 512, 9 << 20);
        Ok(())
    }
}
