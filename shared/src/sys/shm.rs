//! Anonymous shared memory: a sealed memfd, mapped.
#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::libc::c_void;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::Signal;
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;
use zerocopy::FromBytes;

use crate::error::{Context, Error, Result};
use crate::sys::signals::without;

/// Makes shared memory of `len` zeroed bytes that no process can shrink, so that no peer can make an access fault.
fn create_sealed(name: &str, len: usize, seals: SealFlag) -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let fd = memfd_create(name, flags).context("cannot create shared memory")?;
    grow(&fd, len)?;
    let seals = seals | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).context("cannot seal shared memory")?;
    Ok(fd)
}

/// Makes shared memory that can [`grow`] later, but never shrink.
pub(crate) fn create_growing(name: &str, len: usize) -> Result<OwnedFd> {
    create_sealed(name, len, SealFlag::empty())
}

/// Has the memory behind `fd` be `len` bytes at least; new ones are zero.
pub(crate) fn grow(fd: impl AsFd, len: usize) -> Result<()> {
    if size(&fd)? >= len {
        return Ok(());
    }
    let end = i64::try_from(len).map_err(|_| Error::Config(format!("{len} bytes of shared memory are too many")))?;
    // The limit on the size of files is one on shared memory, too, and the kernel would send a signal that ends the program.
    match without(Signal::SIGXFSZ, || ftruncate(&fd, end)) {
        Err(Errno::EFBIG) => {
            Err(Error::io("shared memory larger than the limit on files (RLIMIT_FSIZE)", Errno::EFBIG))
        }
        outcome => outcome.context("cannot size shared memory"),
    }
}

/// Gives the pages behind a range back to the system; they read as zeros from then on.
pub(crate) fn release(fd: impl AsFd, offset: usize, len: usize) {
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    // A system that cannot do it keeps the memory until the last handle is gone.
    let _ = fallocate(fd, flags, offset as i64, len as i64);
}

/// Bytes of the memory behind `fd`.
fn size(fd: impl AsFd) -> Result<usize> {
    Ok(fstat(&fd).context("cannot inspect shared memory")?.st_size as usize)
}

/// Bytes of shared memory in this process' address space.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is plain memory, valid in every thread until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: shared access only hands out the address, words that are atomic, and copies of bytes; who reads and writes through the
// address answers for that.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Makes shared memory of a fixed size and maps it. The descriptor is for the other process; the mapping stays without it.
    pub(crate) fn create(name: &str, len: usize) -> Result<(Self, OwnedFd)> {
        let fd = create_sealed(name, len, SealFlag::F_SEAL_GROW)?;
        Ok((Self::of(&fd, 0, len)?, fd))
    }

    /// Maps what another process made. Refuses a descriptor that is not a sealed memfd of at least `least` bytes.
    pub(crate) fn open(fd: impl AsFd, least: usize) -> Result<Self> {
        let len = size(&fd)?;
        Self::open_range(fd, 0, len.max(least))
    }

    /// Maps `len` bytes from `offset` (a multiple of the page size) on; otherwise as [`open`](Mapping::open).
    pub(crate) fn open_range(fd: impl AsFd, offset: usize, len: usize) -> Result<Self> {
        let seals = fcntl(&fd, FcntlArg::F_GET_SEALS).context("not a shared memory descriptor")?;
        let sealed = SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_SHRINK);
        if !sealed || offset.checked_add(len).is_none_or(|end| end > size(&fd).unwrap_or(0)) {
            return Err(Error::Config("the shared memory is not sealed or too small".into()));
        }
        Self::of(fd, offset, len)
    }

    fn of(fd: impl AsFd, offset: usize, len: usize) -> Result<Self> {
        let size = NonZeroUsize::new(len).ok_or_else(|| Error::Config("shared memory of 0 bytes".into()))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choosing touches no memory in use. The seals keep its pages
        // from vanishing under it.
        let start = unsafe { mmap(None, size, access, MapFlags::MAP_SHARED, fd, offset as i64) };
        Ok(Self { start: start.context("cannot map shared memory")?.cast(), len })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The words at `offset`, which must be aligned for them and inside the mapping.
    ///
    /// `T` must consist of atomics, as other processes change them at any time; `FromBytes` says that they cannot make it invalid.
    pub(crate) fn words<T: FromBytes>(&self, offset: usize) -> &T {
        assert!(offset + size_of::<T>() <= self.len, "the words lie inside the mapping");
        // SAFETY: the range is inside the mapping, which lives as long as the reference.
        let words = unsafe { self.start.add(offset) }.cast::<T>();
        assert!(words.is_aligned(), "the words are aligned");
        // SAFETY: aligned, inside the mapping, any bytes are a T, and by the contract above it is made of atomics.
        unsafe { words.as_ref() }
    }

    /// Copies `bytes` to `offset`. The caller sees to it that nobody else works on that range.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.len && bytes.len() <= self.len - offset, "a write lies inside the mapping");
        // SAFETY: the range is inside the mapping, and no borrow of it exists: bytes are only ever copied in and out.
        unsafe { self.start.add(offset).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    /// Appends `len` bytes from `offset` to `out`. Should somebody write there meanwhile, the copy is of no use, and that is all.
    pub(crate) fn read(&self, offset: usize, len: usize, out: &mut Vec<u8>) {
        assert!(offset <= self.len && len <= self.len - offset, "a read lies inside the mapping");
        out.reserve(len);
        // SAFETY: the range is inside the mapping, `out` has room for `len` more bytes, and they are all written before its length
        // says so.
        unsafe {
            let target = out.as_mut_ptr().add(out.len());
            self.start.as_ptr().add(offset).copy_to_nonoverlapping(target, len);
            out.set_len(out.len() + len);
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: start and len are those of the mmap call; every reference into the mapping borrows from self or holds it.
        let _ = unsafe { munmap(self.start.cast::<c_void>(), self.len) };
    }
}
