//! Killing processes that share state, and what the others are told.

use std::fmt::Debug;

use multiproc::{Error, ExitStatus, Process, Result};

/// Kills a process; says which it was.
pub(crate) fn killed<R: Debug>(process: Process<R>) -> Result<u32> {
    process.kill()?;
    let pid = process.pid();
    let lost = process.join();
    assert!(matches!(lost, Err(Error::WorkerLost { exit: ExitStatus::Signaled(9), .. })), "{lost:?}");
    Ok(pid)
}

/// The process that is said to have died.
pub(crate) fn poisoned_by<T>(outcome: Result<T>) -> u32 {
    match outcome {
        Err(Error::Poisoned { pid }) => pid,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is not poisoned"),
    }
}

/// Numbers for random moments, the same in each run. (Marsaglia, "Xorshift RNGs", 2003.)
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % end
    }

    /// Sleeps for a few milliseconds at most.
    pub(crate) fn nap(&mut self) {
        std::thread::sleep(std::time::Duration::from_micros(self.below(8000) as u64));
    }
}
