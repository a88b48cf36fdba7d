//! Functions that run once in each worker, before its first task or after its last.

use crate::error::{Error, Result};
use crate::fds::Payload;
use crate::pool::feed::encode_with_handles;
use crate::task::{Arguments, Prepared, Task};

/// Prepares such a function and encodes its arguments.
pub(super) fn prepare_once<F: Task<Args>, Args: Arguments>(f: F, args: Args) -> Result<(Prepared, Payload)> {
    let (function, args) = (f.prepare_as::<true>()?, encode_for_each(args)?);
    function.state.as_ref().map_or(Ok(()), check_shared)?;
    Ok((function, args))
}

/// Encodes the arguments of a function that runs in every worker.
pub(crate) fn encode_for_each<Args: Arguments>(args: Args) -> Result<Payload> {
    let mut args = encode_with_handles(args, u64::MAX)?;
    args.handles = args.handles.for_many();
    check_shared(&args)?;
    Ok(args)
}

/// Refuses what only one process can have.
fn check_shared(payload: &Payload) -> Result<()> {
    if payload.handles.any_moved() {
        return Err(Error::Config(
            "a Connection has one owner, and this function runs in every worker: give the workers a Queue, or one of them its end \
             as a task's argument"
                .into(),
        ));
    }
    Ok(())
}
