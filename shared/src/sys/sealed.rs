//! Bytes in shared memory that nobody can change any more, so that many processes read one copy.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::slice;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::c_void;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::error::{Context, Error, Result};
use crate::sys::shm::{check_sealed, grow, size};

/// What keeps the bytes as they are: their number, and each of them.
const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_WRITE);

/// Copies `bytes` into new shared memory, and seals it.
pub(crate) fn seal(name: &str, bytes: &[u8]) -> Result<OwnedFd> {
    let context = "cannot create shared memory";
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).context(context)?;
    grow(&fd, bytes.len())?;
    let mut file = File::from(fd);
    file.write_all(bytes).context(context)?;
    let seals = SEALS | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).context("cannot seal shared memory")?;
    Ok(file.into())
}

/// Sealed bytes, mapped.
#[derive(Debug)]
pub(crate) struct Sealed {
    start: NonNull<u8>,
    len: NonZeroUsize,
}

impl Sealed {
    /// Maps all bytes behind `fd`. Fails unless they are sealed, or if there are none.
    pub(crate) fn open(fd: impl AsFd) -> Result<Self> {
        check_sealed(&fd, SEALS)?;
        let len = NonZeroUsize::new(size(&fd)?).ok_or_else(|| Error::Config("shared memory of 0 bytes".into()))?;
        // Private, because the kernel refuses a shared mapping of memory that is sealed against
        // writing; pages that are only read are the same.
        // SAFETY: a new mapping at an address of the kernel's choosing touches no memory in use.
        // The seals keep its pages from vanishing under it.
        let start = unsafe { mmap(None, len, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, fd, 0) };
        Ok(Self { start: start.context("cannot map shared memory")?.cast(), len })
    }

    /// Returns the bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: the mapping has so many bytes, and lives as long as the reference. No process can
        // write to them: the seal refuses that, and could not be set while one could.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len.get()) }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // SAFETY: start and len are those of the mmap call; every reference into the mapping
        // borrows from self.
        let _ = unsafe { munmap(self.start.cast::<c_void>(), self.len.get()) };
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_read_and_cannot_be_changed() -> Result<()> {
        let bytes: Vec<u8> = (0..100_000).map(|at| at as u8).collect();
        let fd = seal("multiproc-test", &bytes)?;
        assert_eq!(Sealed::open(&fd)?.as_slice(), bytes);
        let mut file = File::from(fd);
        assert!(file.write_all(b"other").is_err() && file.set_len(5).is_err());
        Ok(())
    }

    #[test]
    fn memory_that_can_change_is_refused() -> Result<()> {
        assert!(Sealed::open(crate::sys::shm::create_growing("multiproc-test", 4096)?).is_err());
        assert!(Sealed::open(File::open("/proc/self/exe").unwrap()).is_err());
        assert!(Sealed::open(seal("multiproc-test", b"")?).is_err());
        Ok(())
    }
}
