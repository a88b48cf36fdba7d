//! New runs of this program: starts them, and takes over the descriptors in them.
//!
//! A new process has the descriptors that it works with at fixed numbers, and of all others only
//! standard input, output and error: the rest are closed before it begins. So what code before
//! `init` opens is its own, and is never touched.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char};
use std::iter;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::{ptr, thread};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::unistd::{ForkResult, Pid, fork, getpid};

use crate::error::{Context, Result};
use crate::sys::executable::Executable;
use crate::sys::exit::{die_with, exit_now, kill_at_end};
use crate::sys::{environment, rights, signals};

/// The number of a new process's bootstrap record.
const BOOTSTRAP_FD: RawFd = 3;
/// The numbers of its other descriptors. A zygote has its socket at the first; a worker has the
/// notifier there, its socket for handles at the second, and its lifeline at the third.
const WORK_FDS: [RawFd; 3] = [4, 5, 6];
/// The first number beyond all of these.
const FIRST_FREE_FD: RawFd = 7;

/// Starts this program once more, with `bootstrap` and `work` at their numbers, and with no rights
/// that this thread lacks. Safe with any number of threads, and its cost does not depend on the
/// memory in use.
pub(crate) fn spawn(program: &Executable, bootstrap: BorrowedFd<'_>, work: BorrowedFd<'_>) -> Result<Pid> {
    let context = "cannot start a child process";
    let (bootstrap, work) = (dup_high(bootstrap)?, dup_high(work)?);
    let start = || -> nix::Result<Pid> {
        let mut actions = PosixSpawnFileActions::init()?;
        actions.add_dup2(bootstrap.as_raw_fd(), BOOTSTRAP_FD)?;
        actions.add_dup2(work.as_raw_fd(), WORK_FDS[0])?;
        close_rest(&mut actions)?;
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
        attributes.set_sigmask(&signals::request_set())?;
        posix_spawn(&*program.path, &actions, &attributes, &own_args(), &own_env())
    };
    if !rights::would_gain(program.path()) {
        return start().context(context);
    }
    // The new process inherits it from the thread that starts it, which cannot undo it.
    let alone = || rights::forbid_new_rights().and_then(|()| start());
    let started = thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, alone);
        thread.map(|thread| thread.join().unwrap_or(Err(Errno::EIO)))
    });
    started.context(context)?.context(context)
}

/// Has the new process close all descriptors beyond the first two of ours.
#[cfg(target_env = "gnu")]
fn close_rest(actions: &mut PosixSpawnFileActions) -> nix::Result<()> {
    let actions: *mut libc::posix_spawn_file_actions_t = ptr::from_mut(actions).cast();
    // SAFETY: nix's type is a transparent wrapper of an initialized C one, and is borrowed for the
    // call.
    match unsafe { libc::posix_spawn_file_actions_addclosefrom_np(actions, WORK_FDS[0] + 1) } {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    }
}

/// Where the C library cannot do it, descriptors without close-on-exec stay open.
#[cfg(not(target_env = "gnu"))]
fn close_rest(_: &mut PosixSpawnFileActions) -> nix::Result<()> {
    Ok(())
}

/// A prepared run of this program: only system calls are left to do.
pub(crate) struct Run {
    path: CString,
    args: Strings,
    env: Strings,
    fds: [OwnedFd; 4],
    /// Whether the last of them is a lifeline.
    has_lifeline: bool,
}

impl Run {
    /// Prepares the run of a worker, with `bootstrap` and the other descriptors at their numbers.
    pub(crate) fn prepare(
        program: Executable,
        bootstrap: BorrowedFd<'_>,
        [notifier, handles]: [BorrowedFd<'_>; 2],
        lifeline: Option<BorrowedFd<'_>>,
    ) -> Result<Self> {
        let has_lifeline = lifeline.is_some();
        // There must be a descriptor at the lifeline's number. Without a lifeline it isn't used.
        let lifeline = dup_high(lifeline.unwrap_or(handles))?;
        let fds = [dup_high(bootstrap)?, dup_high(notifier)?, dup_high(handles)?, lifeline];
        Ok(Self { path: program.path, args: Strings::new(own_args()), env: Strings::new(own_env()), fds, has_lifeline })
    }

    /// Forks a process that executes this run, and that is killed with this thread. Safe beside any
    /// threads. If the exec fails, the process calls `failed`, which may make system calls only, on
    /// its bootstrap record, and exits with `code`.
    pub(crate) fn fork(&self, failed: fn(BorrowedFd<'_>, Errno), code: i32) -> nix::Result<Pid> {
        let parent = getpid();
        // SAFETY: until it executes a program or exits, the child makes system calls only and takes
        // no lock that another thread may have held: whatever needs memory was prepared.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(child),
            ForkResult::Child => {
                let errno = self.exec(parent);
                failed(self.fds[0].as_fd(), errno);
                exit_now(code)
            }
        }
    }

    /// Executes the run, in the forked child; returns only if that fails. What it sets stays after
    /// the exec, and so does the mask that blocks the signals of the process group.
    fn exec(&self, parent: Pid) -> Errno {
        die_with(parent);
        if self.has_lifeline {
            // Without it there is still the parent-death signal.
            let _ = kill_at_end(self.fds[3].as_fd());
        }
        for (fd, number) in self.fds.iter().zip(iter::once(BOOTSTRAP_FD).chain(WORK_FDS)) {
            // SAFETY: dup2 has no memory effects; what was open at the number belonged to the
            // process that this one is a copy of, whose life here ends with the exec below. Those
            // to be placed have numbers beyond.
            if let Err(errno) = Errno::result(unsafe { libc::dup2(fd.as_raw_fd(), number) }) {
                return errno;
            }
        }
        // The rest closes with the exec; an old kernel lacks the call, and leaves those open that
        // have no close-on-exec flag.
        // SAFETY: a system call on numbers, that only sets their close-on-exec flag.
        unsafe { libc::syscall(libc::SYS_close_range, FIRST_FREE_FD, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        // SAFETY: all pointers are to C strings that `self` owns, and both lists end with a null
        // pointer.
        unsafe { libc::execve(self.path.as_ptr(), self.args.as_ptr(), self.env.as_ptr()) };
        Errno::last()
    }
}

/// C strings, and the list of pointers to them that the kernel takes.
struct Strings {
    _owned: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Strings {
    fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Self { _owned: strings, pointers }
    }

    fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

/// Returns a copy of `fd` above the fixed numbers, so that placing one cannot overwrite another.
fn dup_high(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(FIRST_FREE_FD)).context("cannot duplicate a descriptor")?;
    // SAFETY: fcntl has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Returns the arguments of this process, so that a task sees those of its parent.
fn own_args() -> Vec<CString> {
    std::env::args_os().filter_map(|arg| CString::new(arg.into_vec()).ok()).collect()
}

fn own_env() -> Vec<CString> {
    let pairs = environment::variables().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        CString::new(name.into_vec())
    });
    pairs.filter_map(|pair| pair.ok()).collect()
}

/// Calls `look` with the descriptor at the number of a bootstrap record, whatever it is; `None` if
/// there is none.
pub(crate) fn inspect_bootstrap_fd<R>(look: impl FnOnce(BorrowedFd<'_>) -> Option<R>) -> Option<R> {
    // SAFETY: borrowed for the call only, and a number at which nothing is open is an error from
    // fcntl. This is the beginning of the program: no other code can close it meanwhile.
    let fd = unsafe { BorrowedFd::borrow_raw(BOOTSTRAP_FD) };
    fcntl(fd, FcntlArg::F_GETFD).ok()?;
    look(fd)
}

/// The descriptors that a new process was started with.
pub(crate) struct InheritedFds {
    pub(crate) bootstrap: OwnedFd,
    /// As many as the role in the record has.
    pub(crate) work: Vec<OwnedFd>,
}

impl InheritedFds {
    /// Takes the bootstrap record, and the first `count` other descriptors; `None` if one is not
    /// open.
    ///
    /// # Safety
    /// The process was started by [`spawn`] or [`Run::fork`] with that many, and this is the only
    /// call in its life.
    pub(crate) unsafe fn adopt(count: usize) -> Option<Self> {
        let adopt = |number: RawFd| {
            // SAFETY: a borrowed look at the number; one that is closed is an error from fcntl.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
            // SAFETY: it is open, and was made for this process, in which no other code uses it; by
            // the contract it is taken once.
            Some(unsafe { OwnedFd::from_raw_fd(number) })
        };
        let bootstrap = adopt(BOOTSTRAP_FD)?;
        let work = WORK_FDS.into_iter().take(count).map(adopt).collect::<Option<_>>()?;
        Some(Self { bootstrap, work })
    }
}
