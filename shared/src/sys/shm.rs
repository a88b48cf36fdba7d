//! Anonymous shared memory: a sealed memfd, mapped.
#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::c_void;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;

use crate::error::{Context, Error, Result};

/// Bytes of shared memory in this process' address space.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is plain memory, valid in every thread until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: shared access only hands out the address; who reads and writes through it answers for that.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Makes `len` zeroed bytes that no process can shrink, so that no peer can make an access fault, and maps them.
    /// The descriptor is for the other process; the mapping stays without it.
    pub(crate) fn create(name: &str, len: usize) -> Result<(Self, OwnedFd)> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let fd = memfd_create(name, flags).context("cannot create shared memory")?;
        ftruncate(&fd, len as i64).context("cannot size shared memory")?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).context("cannot seal shared memory")?;
        Ok((Self::of(&fd, len)?, fd))
    }

    /// Maps what another process made. Refuses a descriptor that is not a sealed memfd of at least `least` bytes.
    pub(crate) fn open(fd: impl AsFd, least: usize) -> Result<Self> {
        let seals = fcntl(&fd, FcntlArg::F_GET_SEALS).context("not a shared memory descriptor")?;
        let len = fstat(&fd).context("cannot inspect shared memory")?.st_size as usize;
        if !SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_SHRINK) || len < least {
            return Err(Error::Config("the shared memory is not sealed or too small".into()));
        }
        Self::of(fd, len)
    }

    fn of(fd: impl AsFd, len: usize) -> Result<Self> {
        let size = NonZeroUsize::new(len).ok_or_else(|| Error::Config("shared memory of 0 bytes".into()))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choosing touches no memory in use. The seals keep its pages
        // from vanishing under it.
        let start = unsafe { mmap(None, size, access, MapFlags::MAP_SHARED, fd, 0) };
        Ok(Self { start: start.context("cannot map shared memory")?.cast(), len })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: start and len are those of the mmap call; every reference into the mapping borrows from self or holds it.
        let _ = unsafe { munmap(self.start.cast::<c_void>(), self.len) };
    }
}
