//! Running code of others where a panic of theirs must cost nobody else: wakers, callbacks, drops, `Serialize`, `Ord`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `code`; a panic is its message.
///
/// What `code` changes must be as the caller can use it also after a panic.
pub(crate) fn run<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(message)
}

/// Runs `code` for its effect alone.
pub(crate) fn run_or_forget(code: impl FnOnce()) {
    let _ = run(code);
}

/// The message of a panic that was caught. The payload is not dropped, since it might panic once more.
pub(crate) fn message(payload: Box<dyn Any + Send>) -> String {
    let text = crate::task::panic::message(&*payload);
    std::mem::forget(payload);
    text
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
    fn a_payload_that_panics_when_dropped_goes_no_further() {
        assert_eq!(run(|| 7), Ok(7));
        assert!(run(|| std::panic::panic_any(Bomb)).is_err());
        assert_eq!(run(|| drop(Bomb)), Err("dropped".to_string()));
    }
}
