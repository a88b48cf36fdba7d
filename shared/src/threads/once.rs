//! Functions that run once in each thread of a pool: its initializer and its finalizer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::codec::Source;
use crate::error::{Error, Result};
use crate::fds::{self, Payload};
use crate::pool::encode_for_each;
use crate::sys::pid::Owner;
use crate::task::{Arguments, Task, panic, returned_error};
use crate::threads::chunk::panicked;

/// A function with its arguments. They are kept encoded, since each thread has its own.
#[derive(Clone)]
pub(super) struct Once(Arc<dyn Fn() -> Result<()> + Send + Sync>);

impl Once {
    pub(super) fn new<F: Task<Args>, Args: Arguments>(f: F, args: Args) -> Result<Self> {
        let args = encode_for_each(args)?;
        Ok(Self(Arc::new(move || {
            let Payload { bytes, mut handles } = args.clone();
            let args = fds::unpack(&mut handles, || Args::decode(Source::Slice(&bytes)));
            let result = f.call(args.map_err(|why| Error::Decode(why.into()))?);
            returned_error(&result).map_or(Ok(()), Err)
        })))
    }

    /// Calls the function; returns its error, or its panic.
    pub(super) fn run(&self) -> Result<()> {
        panic::catch(|| (self.0)()).unwrap_or_else(|envelope| Err(panicked(envelope)))
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

/// What runs once in each thread of a pool.
pub(super) struct OnceInEach {
    initializer: Option<Once>,
    finalizer: Option<Once>,
    /// Set once the initializer has failed.
    error: OnceLock<Error>,
}

impl OnceInEach {
    /// Returns the initializer and the finalizer of a pool.
    pub(super) fn new([initializer, finalizer]: [Option<Once>; 2]) -> Self {
        Self { initializer, finalizer, error: OnceLock::new() }
    }

    /// Returns how the initializer failed, in any of the threads: then no task can run.
    pub(super) fn error(&self) -> Option<&Error> {
        self.error.get()
    }

    /// Runs the initializer in a thread of the pool of `owner`, before its first task. Returns
    /// whether it was well.
    pub(super) fn set_up(&self, owner: Owner) -> bool {
        let Some(initializer) = &self.initializer else { return true };
        let outcome = initializer.run();
        owner.or_exit();
        if let Err(error) = outcome {
            // The first error stays.
            let _ = self.error.set(Error::Initializer(Box::new(error)));
            return false;
        }
        true
    }

    /// Runs the finalizer at the end of a thread that was set up.
    pub(super) fn take_down(&self, owner: Owner) {
        if let Some(finalizer) = &self.finalizer {
            // There is no one to tell.
            let _ = finalizer.run();
            owner.or_exit();
        }
    }
}
