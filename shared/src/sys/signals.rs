//! What a signal does to this process, and to others.
#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::mem::MaybeUninit;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What a signal does: its handler, or none.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// What `signal` does to this process now.
    pub(crate) fn of(signal: Signal) -> io::Result<Self> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: without a new action the call only writes the present one to where it is told to.
        Errno::result(unsafe { libc::sigaction(signal as i32, std::ptr::null(), now.as_mut_ptr()) })?;
        // SAFETY: it was written, or the call had failed.
        Ok(Self(unsafe { now.assume_init() }))
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Has `signal`, whose disposition this was once in this process, do the same again.
    pub(crate) fn restore(&self, signal: Signal) {
        // SAFETY: the kernel has had this very action for this signal, and functions of a program stay where they are.
        // The call fails for signals that nobody can handle, and those never had another disposition.
        unsafe { libc::sigaction(signal as i32, &self.0, std::ptr::null_mut()) };
    }
}

/// Runs `act` without the signal that the kernel sends to this thread if that fails: the error says it all.
pub(crate) fn without<R>(signal: Signal, act: impl FnOnce() -> nix::Result<R>) -> nix::Result<R> {
    let own: SigSet = [signal].into_iter().collect();
    let before = own.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let outcome = act();
    if outcome.is_err() && !before.contains(signal) {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time are valid, and nothing is to be written. It takes the signal if there is one; nobody can have
        // handled it since it was blocked.
        unsafe { libc::sigtimedwait(own.as_ref(), std::ptr::null_mut(), &now) };
    }
    // It fails only for a mask that is none.
    let _ = before.thread_set_mask();
    outcome
}

/// Whether process `pid` has set a handler for `signal`, or ignores it.
pub(crate) fn is_provided_for(pid: u32, signal: Signal) -> bool {
    // proc_pid_status(5): the masks are in hexadecimal, and signal 1 is the lowest bit.
    let has = |line: &str| {
        let mask = line.strip_prefix("SigCgt:").or(line.strip_prefix("SigIgn:"))?;
        Some(u64::from_str_radix(mask.trim(), 16).ok()? >> (signal as i32 - 1) & 1 == 1)
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().filter_map(has).any(|set| set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_ignores_a_broken_pipe_and_nobody_provides_for_usr2() -> io::Result<()> {
        assert!(Disposition::of(Signal::SIGPIPE)?.is_ignored());
        assert!(is_provided_for(std::process::id(), Signal::SIGPIPE));
        assert!(!Disposition::of(Signal::SIGUSR2)?.is_ignored());
        assert!(!is_provided_for(std::process::id(), Signal::SIGUSR2));
        Ok(())
    }
}
