//! How a process made by exec learns what it is.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytemuck::{Pod, Zeroable};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::uio::{pread, pwrite};

use crate::error::{Context, Error, Result};
use crate::ring::TICKET_LEN;
use crate::sys::process::{self, TICKET_FD};

/// Whether `init` was called: without it, a child made by exec would run `main`.
static INIT: AtomicBool = AtomicBool::new(false);

/// Notes that `init` was called; says whether it had been before.
pub(crate) fn note_init() -> bool {
    INIT.swap(true, Relaxed)
}

/// `Err` with the line to add, if `init` was not called.
pub(crate) fn require_init() -> Result<()> {
    if INIT.load(Relaxed) { Ok(()) } else { Err(Error::InitMissing) }
}

/// What a process made by exec is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Nursery,
    Worker,
}

/// How a child knows that it is one.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
struct Ticket {
    magic: [u8; 16],
    /// Device, inode, size and time of the executable's file: the same build or not.
    build: [u64; 5],
    role: u64,
    parent: u64,
}

const _: () = assert!(size_of::<Ticket>() <= TICKET_LEN);
const MAGIC: [u8; 16] = *b"multiproc ticket";

impl Ticket {
    fn new(role: Role) -> Result<Self> {
        let file = fs::metadata("/proc/self/exe").context("cannot inspect the executable")?;
        let build = [file.dev(), file.ino(), file.size(), file.mtime() as u64, file.mtime_nsec() as u64];
        Ok(Self { magic: MAGIC, build, role: role as u64, parent: u64::from(std::process::id()) })
    }
}

/// Writes into the shared memory `fd` what the process that finds it at its descriptor 3 shall become.
pub(crate) fn write(fd: impl AsFd, role: Role) -> Result<()> {
    pwrite(fd, bytemuck::bytes_of(&Ticket::new(role)?), 0).map(drop).context("cannot write a ticket")
}

/// Reads the ticket of this process, if it has one, and makes it invalid.
pub(crate) fn take() -> Option<(Role, u32)> {
    let fd = process::peek_fd(TICKET_FD)?;
    // Only sealed shared memory is read at all: in an ordinary program descriptor 3 may be anything.
    fcntl(fd, FcntlArg::F_GET_SEALS).ok()?;
    let mut ticket = Ticket::zeroed();
    let len = pread(fd, bytemuck::bytes_of_mut(&mut ticket), 0).ok()?;
    if len < size_of::<Ticket>() || ticket.magic != MAGIC {
        return None;
    }
    pwrite(fd, bytemuck::bytes_of(&Ticket::zeroed()), 0).ok()?;
    let role = [Role::Nursery, Role::Worker].into_iter().find(|role| *role as u64 == ticket.role);
    match (role, role.map(Ticket::new)) {
        (Some(role), Some(Ok(own))) if own.build == ticket.build => Some((role, ticket.parent as u32)),
        // Made for a child, but not for this build: to go on would run main in a child. The parent sees the exit.
        _ => process::exit_now(70),
    }
}
