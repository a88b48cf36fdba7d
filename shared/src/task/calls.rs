//! Calls of a task's function, inside a worker.

use std::any::Any;

use serde::de::DeserializeOwned;

use crate::codec::{self, Source};
use crate::error::Error;
use crate::fds::{self, Handles};
use crate::sys::sealed::Sealed;
use crate::task::returned_error::returned_error;
use crate::task::{Arguments, ReturnValue};

/// The calls that a trampoline makes of its function, one after the other.
///
/// A trampoline is one loop over all calls of a chunk, so that what a call costs is decoding, the
/// function and encoding, with nothing in between that the compiler cannot see through.
pub(crate) trait Calls {
    /// Begins the next call and returns its arguments, or `None` if there is none.
    fn next(&mut self) -> Option<Source<'_>>;

    /// Does what [`next`](Calls::next) does, for arguments of a fixed size. What it returns fits
    /// into registers, which is what counts there.
    fn next_fixed(&mut self) -> Option<&[u8]>;

    /// Returns the function's state, if it has one.
    fn state(&mut self) -> Option<&mut TaskState>;

    /// Ends the call. If `outcome` is `Ok`, `output` has the result, which needs these handles. It
    /// is empty afterwards.
    fn end(&mut self, outcome: Result<Handles, Failure>, output: &mut Vec<u8>);

    /// Records that the function has returned this error. The call [ends](Calls::end) after that.
    fn record_error(&mut self, _error: Error) {}

    /// Ends a call whose result is the first `len` bytes of `raw`.
    fn end_fixed(&mut self, raw: codec::fixed::Raw, len: usize);
}

/// The reason for which a call that did not panic has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments (or the state) could not be decoded.
    Decode(String),
    /// The result could not be encoded.
    Encode(String),
}

/// The bytes of a state.
pub(crate) enum StateBytes {
    Own(Vec<u8>),
    /// The same for all workers.
    Shared(Sealed),
}

/// A task's state in a worker: as it was received, and decoded at its first use.
pub(crate) struct TaskState {
    pub(crate) bytes: StateBytes,
    pub(crate) handles: Handles,
    pub(crate) value: Option<Box<dyn Any>>,
}

/// Makes all calls: decodes the arguments, calls `function`, encodes the result. With `ONCE`,
/// records a result that is an `Err`.
pub(crate) fn run_calls<Args: Arguments, R: ReturnValue, const ONCE: bool>(
    calls: &mut dyn Calls,
    function: impl Fn(&mut dyn Calls, Args) -> Result<R, Failure>,
) {
    let mut output = Vec::new();
    loop {
        let args = match Args::fixed_size() {
            Some(_) => calls.next_fixed().map(Source::Slice).map(Args::decode),
            None => calls.next().map(Args::decode),
        };
        let result = match args {
            Some(Ok(args)) => function(calls, args),
            Some(Err(why)) => Err(Failure::Decode(why)),
            None => return,
        };
        if ONCE && let Some(error) = result.as_ref().ok().and_then(returned_error) {
            calls.record_error(error);
        }
        if let (Ok(value), Some(len)) = (&result, codec::fixed::size::<R>()) {
            calls.end_fixed(codec::fixed::raw(value), len);
            continue;
        }
        let outcome = result.and_then(|result| {
            // No closure: moving the result into one would copy what was just written in pieces.
            let scope = fds::Scope::of_result();
            codec::encode_result(result, &mut output).map(|()| scope.end()).map_err(Failure::Encode)
        });
        calls.end(outcome, &mut output);
    }
}

/// Returns the function's state, decoded at its first use in this worker.
pub(crate) fn state<S: DeserializeOwned + 'static>(calls: &mut dyn Calls) -> Result<&S, Failure> {
    let missing = || Failure::Decode("the task's state did not arrive".into());
    let state = calls.state().ok_or_else(missing)?;
    if state.value.is_none() {
        let bytes = match &state.bytes {
            StateBytes::Own(bytes) => bytes,
            StateBytes::Shared(bytes) => bytes.as_slice(),
        };
        let decode = || codec::decode(Source::Slice(bytes));
        let value: S = fds::unpack(&mut state.handles, decode).map_err(Failure::Decode)?;
        state.value = Some(Box::new(value));
        // They may be as large as the value.
        state.bytes = StateBytes::Own(Vec::new());
    }
    state.value.as_ref().and_then(|value| value.downcast_ref()).ok_or_else(missing)
}
