//! One call of a task's function, inside a worker.

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::task::Arguments;
use crate::wire::{self, Source};

/// What a trampoline works with.
pub(crate) struct Call<'a> {
    pub(crate) input: Source<'a>,
    pub(crate) output: &'a mut Vec<u8>,
    pub(crate) state: Option<&'a mut State>,
}

/// Why a call has no result, short of a panic.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments (or the state) could not be decoded.
    Decode(String),
    /// The result could not be encoded.
    Encode(String),
}

/// A task's state in a worker: its bytes, and the value once it was needed.
pub(crate) struct State {
    pub(crate) bytes: Vec<u8>,
    pub(crate) value: Option<Box<dyn Any>>,
}

impl Call<'_> {
    pub(crate) fn arguments<Args: Arguments>(&mut self) -> Result<Args, Failure> {
        let input = std::mem::replace(&mut self.input, Source::Slice(&[]));
        Args::decode(input).map_err(Failure::Decode)
    }

    pub(crate) fn finish<R: Serialize + 'static>(&mut self, result: R) -> Result<(), Failure> {
        wire::encode(result, self.output).map_err(Failure::Encode)
    }

    /// The task's state, decoded at its first use in this worker.
    pub(crate) fn state<S: DeserializeOwned + 'static>(&mut self) -> Result<&S, Failure> {
        let missing = || Failure::Decode("the task's state did not arrive".into());
        let state = self.state.as_mut().ok_or_else(missing)?;
        if state.value.is_none() {
            let value: S = wire::decode(Source::Slice(&state.bytes)).map_err(Failure::Decode)?;
            state.value = Some(Box::new(value));
        }
        state.value.as_ref().and_then(|value| value.downcast_ref()).ok_or_else(missing)
    }
}
