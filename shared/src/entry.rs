//! Where a child process leaves `main`.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytemuck::{Pod, Zeroable};
use nix::sys::uio::{pread, pwrite};

use crate::error::{Context, Error, Result};
use crate::nursery;
use crate::ring::TICKET_LEN;
use crate::sys::process::{self, TICKET_FD, WORK_FD};
use crate::worker::{self, Seed};

static CALLED: AtomicBool = AtomicBool::new(false);

/// Must be the first line of `main`: a process that the pool started by exec leaves `main` here and never comes back.
///
/// In every other process it does nothing but note that it was called. Starting a process by
/// [`Spawn`](crate::StartMethod::Spawn) or [`ForkServer`](crate::StartMethod::ForkServer) from a program that never called it
/// is refused with [`Error::InitMissing`], so a forgotten line cannot run `main` a second time.
///
/// What stands before it in `main` runs in every such child too. In tests and benches, where there is no `main` to edit, turn
/// on the feature `test-support`, which calls it before `main`.
///
/// A child is recognised by a sealed piece of shared memory at descriptor 3 that holds a ticket made by its parent for this
/// very build of the program, good for one use. Nothing is left in the environment that grandchildren could inherit.
///
/// Python's counterpart is the guard `if __name__ == "__main__":` (and `freeze_support()`).
///
/// ```
/// fn main() -> multiproc::Result<()> {
///     multiproc::init();
///     let pool = multiproc::Pool::with_processes(2)?;
///     assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
///     Ok(())
/// }
/// ```
pub fn init() {
    // Only the first call may find a ticket: later, descriptor 3 may be one that this process made for a child.
    if !CALLED.swap(true, Relaxed)
        && let Some(role) = take_ticket()
    {
        begin(role);
    }
}

/// `Err` with the line to add, if `init` was not called.
pub(crate) fn require_init() -> Result<()> {
    if CALLED.load(Relaxed) { Ok(()) } else { Err(Error::InitMissing) }
}

#[cfg(feature = "test-support")]
mod before_main {
    #![allow(unsafe_code)]

    // SAFETY: `init` relies on nothing that `main` would set up: in a child it never returns, elsewhere it sets a flag.
    #[ctor::ctor(unsafe)]
    fn call_init() {
        super::init();
    }
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
pub(crate) fn write_ticket(fd: impl AsFd, role: Role) -> Result<()> {
    pwrite(fd, bytemuck::bytes_of(&Ticket::new(role)?), 0).map(drop).context("cannot write a ticket")
}

/// Reads the ticket of this process, if it has one, and makes it invalid.
fn take_ticket() -> Option<(Role, u32)> {
    let fd = process::peek_fd(TICKET_FD)?;
    // Only sealed shared memory is read at all: in an ordinary program descriptor 3 may be anything.
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GET_SEALS).ok()?;
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

fn begin((role, parent): (Role, u32)) -> ! {
    let adopted = (process::adopt_fd(TICKET_FD), process::adopt_fd(WORK_FD));
    let (Some(ticket), Some(work)): (Option<OwnedFd>, Option<OwnedFd>) = adopted else { process::exit_now(70) };
    match role {
        Role::Nursery => {
            drop(ticket);
            nursery::serve_executed(work, parent)
        }
        Role::Worker => worker::run(Seed { segment: ticket, bell: work }),
    }
}
