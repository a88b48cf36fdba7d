//! What can go wrong in a process, and how a pool's error tells of it.

use std::fmt;

use multiproc::{Error, ExitStatus};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::support::Death;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// Serialization says that it cannot be done.
    Refusal,
    Panic,
    ExitZero,
    ExitThree,
    Abort,
    Segfault,
    Kill,
    /// SIGSTOP, without a SIGCONT.
    Stop,
    StackOverflow,
    OutOfMemory,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::Refusal,
        Self::Panic,
        Self::ExitZero,
        Self::ExitThree,
        Self::Abort,
        Self::Segfault,
        Self::Kill,
        Self::Stop,
        Self::StackOverflow,
        Self::OutOfMemory,
    ];

    /// Has this process suffer it, now. Comes back only with a refusal, or when another process
    /// continues a stopped process.
    pub(crate) fn strike(self) -> Result<(), &'static str> {
        match self {
            Self::Refusal => return Err("out of order"),
            Self::Panic => Death::Panic.die(),
            Self::ExitZero => Death::ExitZero.die(),
            Self::ExitThree => Death::ExitThree.die(),
            Self::Abort => Death::Abort.die(),
            Self::Segfault => Death::Segfault.die(),
            Self::Kill => Death::Kill.die(),
            Self::Stop => kill(Pid::this(), Signal::SIGSTOP).unwrap_or_default(),
            Self::StackOverflow => Death::StackOverflow.die(),
            Self::OutOfMemory => Death::OutOfMemory.die(),
        }
        Ok(())
    }

    /// The signal by which another process suffers it, if there is one.
    pub(crate) fn signal(self) -> Option<Signal> {
        match self {
            Self::Abort => Some(Signal::SIGABRT),
            Self::Segfault => Some(Signal::SIGSEGV),
            Self::Kill => Some(Signal::SIGKILL),
            Self::Stop => Some(Signal::SIGSTOP),
            _ => None,
        }
    }

    /// Whether it is the end of a process.
    pub(crate) fn ends_the_process(self) -> bool {
        !matches!(self, Self::Refusal | Self::Panic | Self::Stop)
    }

    /// How the loss of a worker that suffered it is told.
    pub(crate) fn as_loss(self) -> &'static str {
        match self {
            Self::ExitZero => "WorkerLost: exit 0",
            Self::ExitThree => "WorkerLost: exit 3",
            Self::Abort | Self::OutOfMemory => "WorkerLost: SIGABRT",
            // With the standard library's handler in place the process aborts after a message,
            // without it it just dies.
            Self::StackOverflow => "WorkerLost: SIGABRT or SIGSEGV",
            Self::Segfault => "WorkerLost: SIGSEGV",
            Self::Kill => "WorkerLost: SIGKILL",
            Self::Stop => "TimedOut",
            Self::Panic | Self::Refusal => "Panicked",
        }
    }

    /// An error in the words of the table.
    pub(crate) fn describe(self, error: &Error) -> String {
        let text = match error {
            Error::Panicked { .. } => "Panicked",
            Error::Encode(_) => "Encode",
            Error::Decode(_) => "Decode",
            Error::TimedOut { pid: Some(_), .. } => "TimedOut",
            Error::Initializer(_) => "Initializer",
            Error::WorkerLost { exit, .. } => match (self, exit) {
                (Self::StackOverflow, ExitStatus::Signaled(6 | 11)) => self.as_loss(),
                (_, ExitStatus::Signaled(_)) => {
                    return format!("WorkerLost: {}", exit.signal_name().unwrap_or("a signal"));
                }
                (_, ExitStatus::Exited(code)) => return format!("WorkerLost: exit {code}"),
                (_, other) => return format!("WorkerLost: {other}"),
            },
            other => return format!("{other:?}"),
        };
        text.to_string()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refusal => "serialization error",
            Self::Panic => "panic",
            Self::ExitZero => "exit(0)",
            Self::ExitThree => "exit(3)",
            Self::Abort => "abort",
            Self::Segfault => "memory fault",
            Self::Kill => "SIGKILL",
            Self::Stop => "SIGSTOP",
            Self::StackOverflow => "stack overflow",
            Self::OutOfMemory => "out of memory",
        })
    }
}
