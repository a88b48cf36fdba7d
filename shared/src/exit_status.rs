//! The exit status of a process.

use std::fmt;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use serde::{Deserialize, Serialize};

/// The way in which a process ended.
///
/// Python's counterpart: `Process.exitcode`, an integer: 0 and up for an exit, the negative number
/// of the signal that killed the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitStatus {
    /// The process called `exit` (or returned from `main`) with this code, 0 to 255.
    Exited(i32),
    /// The signal of this number killed the process.
    Signaled(i32),
}

impl ExitStatus {
    /// Returns whether the process exited with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    /// Returns the exit code, or `None` if a signal killed the process.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(code),
            _ => None,
        }
    }

    /// Returns the name of the signal that killed the process, such as `"SIGKILL"`, or `None` if
    /// none did or the signal has no name (a real-time signal).
    #[must_use]
    pub fn signal_name(self) -> Option<&'static str> {
        match self {
            Self::Signaled(number) => Signal::try_from(number).ok().map(Signal::as_str),
            _ => None,
        }
    }

    pub(crate) fn from_wait(status: WaitStatus) -> Option<Self> {
        match status {
            WaitStatus::Exited(_, code) => Some(Self::Exited(code)),
            WaitStatus::Signaled(_, signal, _) => Some(Self::Signaled(signal as i32)),
            _ => None,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signaled(number) => match self.signal_name() {
                Some(name) => write!(f, "killed by {name} (signal {number})"),
                None => write!(f, "killed by signal {number}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_the_name_of_the_signal() {
        assert_eq!(ExitStatus::Signaled(9).to_string(), "killed by SIGKILL (signal 9)");
        assert_eq!(ExitStatus::Signaled(40).to_string(), "killed by signal 40");
        assert_eq!(ExitStatus::Exited(3).to_string(), "exited with code 3");
        assert!(ExitStatus::Exited(0).success() && !ExitStatus::Exited(1).success());
    }
}
