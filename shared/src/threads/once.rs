//! Functions that run once in each thread of a pool: its initializer and its finalizer.

use std::fmt;
use std::sync::Arc;

use crate::codec::Source;
use crate::error::{Error, Result};
use crate::fds::{self, Payload};
use crate::pool::encode_for_each;
use crate::task::{Arguments, Task, panic, returned_error};
use crate::threads::call::panicked;

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
