//! How a process ended, in words.

use std::fmt;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use serde::{Deserialize, Serialize};

/// How a process ended.
///
/// Python's counterpart is the integer `Process.exitcode`: 0 and up for an exit, the negative
/// signal number for a death by signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitStatus {
    /// It called `exit` (or returned from `main`) with this code, 0 to 255.
    Exited(i32),
    /// A signal of this number ended it.
    Signaled(i32),
}

impl ExitStatus {
    /// Whether the process ended by itself with exit code 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The exit code, if the process exited by itself.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(code),
            _ => None,
        }
    }

    /// The name of the signal that ended the process, such as `"SIGKILL"`; `None` if none did, or
    /// if the signal has no name (a real-time signal).
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
    fn a_signal_is_told_by_its_name() {
        assert_eq!(ExitStatus::Signaled(9).to_string(), "killed by SIGKILL (signal 9)");
        assert_eq!(ExitStatus::Signaled(40).to_string(), "killed by signal 40");
        assert_eq!(ExitStatus::Exited(3).to_string(), "exited with code 3");
        assert!(ExitStatus::Exited(0).success() && !ExitStatus::Exited(1).success());
    }
}
