//! Calls of code that is not the crate's: serialization, callbacks, drops of values. It may panic, which costs its call alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs foreign code. Returns the message of its panic, if it panics.
pub(crate) fn guard<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    // What `run` changes of the crate's own is consistent at every call out of the crate.
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = message(&*payload);
        dispose(payload);
        text
    })
}

/// Drops the payload of a caught panic. The drop is foreign code too, and may panic with a payload that panics again.
pub(crate) fn dispose(payload: Box<dyn Any + Send>) {
    /// The number of panics in a row after which a payload is left in memory, because there may be no end to them.
    const MAX: usize = 16;
    let mut next = Some(payload);
    for _ in 0..MAX {
        let Some(payload) = next.take() else { return };
        next = catch_unwind(AssertUnwindSafe(|| drop(payload))).err();
    }
    std::mem::forget(next);
}

/// Returns the text of a panic.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "a panic whose payload is not text".to_string(),
    }
}
