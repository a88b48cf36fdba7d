//! Catching a task's panic, whole.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::protocol::Envelope;

thread_local! {
    /// Whether this thread runs a task.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw of the latest panic in a task.
    static SEEN: RefCell<Option<Envelope>> = const { RefCell::new(None) };
}

/// From now on a panic in a task is noted instead of printed. Other panics (in threads that a task started) go to the
/// hook that was there before.
pub(crate) fn install_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| if IN_TASK.get() { note(info) } else { before(info) }));
}

/// As [`install_hook`], once in this program.
pub(crate) fn install_hook_once() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(install_hook);
}

fn note(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    let envelope = Envelope {
        message: message(info.payload()),
        location: info.location().map(ToString::to_string),
        backtrace: captured.then(|| backtrace.to_string()),
    };
    SEEN.set(Some(envelope));
}

pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "a panic whose payload is not text".to_string(),
    }
}

/// Runs a task's code; a panic becomes an envelope.
pub(crate) fn catch<R>(task: impl FnOnce() -> R) -> Result<R, Envelope> {
    // A task may run others, and goes on after them.
    let outer = IN_TASK.replace(true);
    // The task's values are dropped with its frames, and what the worker keeps is consistent at every call out.
    let outcome = panic::catch_unwind(AssertUnwindSafe(task));
    IN_TASK.set(outer);
    outcome.map_err(|payload| {
        let text = message(&*payload);
        // A payload may panic once more when it is dropped; it is left alone rather than trusted.
        std::mem::forget(payload);
        // What was seen may be of a panic that the task caught itself, if no hook was called for this one.
        let seen = SEEN.take().filter(|seen| seen.message == text);
        seen.unwrap_or(Envelope { message: text, location: None, backtrace: None })
    })
}

/// An envelope's bytes.
pub(crate) fn encode(envelope: &Envelope) -> Vec<u8> {
    // Plain strings: postcard has nothing to refuse in them.
    postcard::to_stdvec(envelope).unwrap_or_default()
}
