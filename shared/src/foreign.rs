//! Calls of code that is not the crate's: serialization, callbacks, wakers, drops of values. It may
//! panic, which costs its call alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs foreign code. Returns the message of its panic, if it panics.
///
/// What `run` changes must be as the caller can use it also after a panic.
pub(crate) fn guard<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = message(&*payload);
        dispose(payload);
        text
    })
}

/// Runs foreign code and ignores a panic.
pub(crate) fn run_or_forget(run: impl FnOnce()) {
    let _ = guard(run);
}

/// Drops the payload of a caught panic. The drop is foreign code too, and may panic with a payload
/// that panics again.
pub(crate) fn dispose(payload: Box<dyn Any + Send>) {
    /// The number of panics in a row after which a payload is left in memory, because there may be
    /// no end to them.
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn payload_that_panics_when_dropped_goes_no_further() {
        assert_eq!(guard(|| 7), Ok(7));
        assert!(guard(|| std::panic::panic_any(Bomb)).is_err());
        assert_eq!(guard(|| drop(Bomb)), Err("dropped".to_string()));
    }
}
