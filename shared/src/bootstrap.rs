//! The bootstrap record: it makes a process made by exec a zygote or a worker, and brings back why
//! that was not possible.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytemuck::{Pod, Zeroable};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::uio::{pread, pwrite};

use crate::error::{Context, Error, Result};
use crate::sys::executable::{BuildStamp, Executable};
use crate::sys::exit::exit_now;
use crate::sys::launch::{InheritedFds, inspect_bootstrap_fd};
use crate::sys::modules::Module;
use crate::sys::rights;

/// Whether `init` was called: without it, a child made by exec would run `main`.
static INIT: AtomicBool = AtomicBool::new(false);
/// Whether this process, or the one that it was forked from, was made by exec.
static EXECUTED: AtomicBool = AtomicBool::new(false);

/// Records that `init` was called; returns whether it had been before.
pub(crate) fn record_init_call() -> bool {
    INIT.swap(true, Relaxed)
}

/// Fails if `init` was not called, with the line to add.
pub(crate) fn require_init() -> Result<()> {
    if INIT.load(Relaxed) { Ok(()) } else { Err(Error::InitMissing) }
}

/// Returns whether this process, or the one that it was forked from, was made by exec: then it has
/// loaded other libraries than its parent, and at other addresses.
pub(crate) fn is_executed() -> bool {
    EXECUTED.load(Relaxed)
}

/// What a process made by exec is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Zygote,
    Worker,
}

impl Role {
    /// Returns the number of descriptors that the role has beside the record.
    fn fd_count(self) -> usize {
        match self {
            Self::Zygote => 1,
            Self::Worker => 3,
        }
    }
}

/// The record that makes a process a zygote or a worker.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
struct BootstrapRecord {
    magic: [u8; 16],
    /// The copy of this crate that wrote it: a program may have several, of different versions.
    copy: u64,
    /// The build of the program that wrote it.
    build: BuildStamp,
    role: u64,
    parent: u64,
}

/// Bytes at the start of a record's memory that are the record's, and are read and written through
/// its descriptor.
pub(crate) const RECORD_SPACE: usize = 128;

/// Where in the record's memory the word is that says why its process could not begin; 0 while
/// nothing is known of that.
pub(crate) const FAILURE_AT: usize = RECORD_SPACE - size_of::<u64>();

const _: () = assert!(size_of::<BootstrapRecord>() <= FAILURE_AT);
const MAGIC: [u8; 16] = *b"multiproc record";

/// Returns the offset in the program of a variable of this copy of the crate: no other copy has it
/// there. `None` if the program is not found.
fn crate_offset() -> Option<u64> {
    Some((&raw const INIT as usize).wrapping_sub(Module::own()?.base) as u64)
}

/// Writes a record to the shared memory `fd`, for the process that has it as its descriptor 3.
pub(crate) fn write(fd: impl AsFd, role: Role, build: BuildStamp) -> Result<()> {
    let parent = u64::from(std::process::id());
    let copy =
        crate_offset().ok_or_else(|| Error::Executable("the place of this code in the program is not known".into()))?;
    let bootstrap = BootstrapRecord { magic: MAGIC, copy, build, role: role as u64, parent };
    pwrite(fd, bytemuck::bytes_of(&bootstrap), 0).map(drop).context("cannot write a bootstrap")
}

/// Reads the record of this process, if it has one, and makes it invalid. Returns the role, the
/// parent, and the descriptors.
pub(crate) fn take_record() -> Option<(Role, u32, InheritedFds)> {
    let bootstrap = inspect_bootstrap_fd(read_once)?;
    let role = [Role::Zygote, Role::Worker].into_iter().find(|role| *role as u64 == bootstrap.role);
    EXECUTED.store(true, Relaxed);
    // SAFETY: a valid record is written for a process that is started with it and with as many
    // descriptors as its role has; it can be read once, and has just been made invalid.
    match role.map(|role| (role, unsafe { InheritedFds::adopt(role.fd_count()) })) {
        Some((role, Some(inherited))) if rights::may_serve(&inherited.bootstrap) => {
            Some((role, bootstrap.parent as u32, inherited))
        }
        Some((_, Some(inherited))) => {
            fail(inherited.bootstrap, Failure::Rights);
            exit_now(70)
        }
        _ => exit_now(70),
    }
}

/// Reads the record in `fd`, if there is one for this copy of the crate, and makes it invalid.
fn read_once(fd: BorrowedFd<'_>) -> Option<BootstrapRecord> {
    // Only sealed shared memory is read at all: in an ordinary program descriptor 3 may be
    // anything.
    fcntl(fd, FcntlArg::F_GET_SEALS).ok()?;
    let mut bootstrap = BootstrapRecord::zeroed();
    let len = pread(fd, bytemuck::bytes_of_mut(&mut bootstrap), 0).ok()?;
    if len < size_of::<BootstrapRecord>() || bootstrap.magic != MAGIC {
        return None;
    }
    let own = Executable::running();
    if own.as_ref().is_ok_and(|own| *own == bootstrap.build) {
        if crate_offset() != Some(bootstrap.copy) {
            // For another copy of the crate, which reads it in its own `init`.
            return None;
        }
        pwrite(fd, bytemuck::bytes_of(&BootstrapRecord::zeroed()), 0).ok()?;
        return Some(bootstrap);
    }
    // Written for a child, but not for this build: to go on would run main in a child.
    fail(fd, if own.is_ok() { Failure::OtherBuild } else { Failure::NoProc });
    exit_now(70)
}

/// The reason for which a process that was started could not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The program could not be executed.
    Exec(Errno),
    /// The process is another build of the program than its parent.
    OtherBuild,
    /// There is no /proc, so that the build can't be compared.
    NoProc,
    /// A system call failed that the process needs to serve.
    Serve(Errno),
    /// A thread for the worker could not be started.
    Thread(Errno),
    /// The program's file gives the process rights that its parent lacks.
    Rights,
}

impl Failure {
    fn to_word(self) -> u64 {
        let (kind, errno) = match self {
            Self::Exec(errno) => (1, errno as i32),
            Self::OtherBuild => (2, 0),
            Self::NoProc => (3, 0),
            Self::Serve(errno) => (4, errno as i32),
            Self::Thread(errno) => (5, errno as i32),
            Self::Rights => (6, 0),
        };
        kind << 32 | u64::from(errno.cast_unsigned())
    }

    /// Decodes the word that a process wrote at [`FAILURE_AT`].
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        let errno = Errno::from_raw(word as i32);
        Some(match word >> 32 {
            1 => Self::Exec(errno),
            2 => Self::OtherBuild,
            3 => Self::NoProc,
            4 => Self::Serve(errno),
            5 => Self::Thread(errno),
            6 => Self::Rights,
            _ => return None,
        })
    }

    /// Reads the failure that the process with the record `fd` has written.
    pub(crate) fn read_from(fd: impl AsFd) -> Option<Self> {
        let mut word = [0; 8];
        pread(fd, &mut word, FAILURE_AT as i64).ok()?;
        Self::from_word(u64::from_ne_bytes(word))
    }

    /// Returns whether the next process would fail in the same way.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::OtherBuild | Self::NoProc | Self::Rights)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let system = |context, errno: Errno| Self::io(context, io::Error::from(errno));
        match failure {
            Failure::Exec(errno) => system("cannot execute the program once more for a worker", errno),
            Failure::OtherBuild => {
                Self::Executable("the file that was executed is another build of the program".into())
            }
            Failure::NoProc => Self::Executable("/proc cannot be read in a new process (is it mounted?)".into()),
            Failure::Serve(errno) => system("the process that starts workers could not begin", errno),
            Failure::Rights => Self::Executable("its file gives a new process rights that this one has not".into()),
            Failure::Thread(errno) => system("a worker cannot start a thread to work in", errno),
        }
    }
}

/// Writes to the bootstrap record why this process ends. Makes a system call only.
pub(crate) fn fail(fd: impl AsFd, failure: Failure) {
    // Where this fails, the parent has the exit code.
    let _ = pwrite(fd, &failure.to_word().to_ne_bytes(), FAILURE_AT as i64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::shm::Mapping;

    #[test]
    fn record_is_valid_once_and_for_its_own_copy_of_the_crate() {
        let (_, fd) = Mapping::create("bootstrap", 4096).unwrap();
        let build = Executable::running().unwrap();
        write(&fd, Role::Worker, build).unwrap();
        assert_eq!(read_once(fd.as_fd()).unwrap().role, Role::Worker as u64);
        assert_eq!(read_once(fd.as_fd()), None);
        let other = BootstrapRecord { magic: MAGIC, copy: crate_offset().unwrap() + 64, build, role: 0, parent: 1 };
        pwrite(&fd, bytemuck::bytes_of(&other), 0).unwrap();
        assert_eq!(read_once(fd.as_fd()), None);
        let mut left = BootstrapRecord::zeroed();
        pread(&fd, bytemuck::bytes_of_mut(&mut left), 0).unwrap();
        assert_eq!(left, other);
    }

    #[test]
    fn failure_is_read_as_it_was_written() {
        let (_, fd) = Mapping::create("bootstrap", 4096).unwrap();
        assert_eq!(Failure::read_from(&fd), None);
        let errnos = [Failure::Exec, Failure::Serve, Failure::Thread].map(|kind| kind(Errno::EAGAIN));
        for failure in errnos.into_iter().chain([Failure::OtherBuild, Failure::NoProc, Failure::Rights]) {
            fail(&fd, failure);
            assert_eq!(Failure::read_from(&fd), Some(failure));
        }
    }
}
