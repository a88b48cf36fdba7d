//! Catches the panics of tasks, with message, location and backtrace.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::foreign::{dispose, message};
use crate::protocol::Envelope;

thread_local! {
    /// Whether this thread runs a task.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    /// The latest panic in a task, as the hook has recorded it.
    static SEEN: RefCell<Option<Envelope>> = const { RefCell::new(None) };
}

/// Installs a panic hook that records a panic in a task instead of printing it. Other panics (in
/// threads that a task started) go to the hook that was there before.
pub(crate) fn install_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| if IN_TASK.get() { record(info) } else { before(info) }));
}

/// The panic hook that is set, by the address of what it captures.
pub(crate) struct HookMark(*const ());

/// Returns which hook is set.
pub(crate) fn mark_hook() -> HookMark {
    let hook = panic::take_hook();
    let mark = HookMark((&raw const *hook).cast());
    panic::set_hook(hook);
    mark
}

/// Installs a panic hook over one that foreign code has set since `mark`: it records a panic in a
/// task, and then calls that hook, for every panic.
pub(crate) fn install_over_hook_since(mark: HookMark) {
    let hook = panic::take_hook();
    if (&raw const *hook).cast::<()>() == mark.0 {
        return panic::set_hook(hook);
    }
    panic::set_hook(Box::new(move |info| {
        if IN_TASK.get() {
            record(info);
        }
        hook(info);
    }));
}

/// Calls [`install_hook`], once in this program.
pub(crate) fn install_hook_once() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(install_hook);
}

fn record(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    let envelope = Envelope {
        message: message(info.payload()),
        location: info.location().map(ToString::to_string),
        backtrace: captured.then(|| backtrace.to_string()),
    };
    SEEN.set(Some(envelope));
}

/// Runs a task's code; returns its panic as an envelope.
pub(crate) fn catch<R>(task: impl FnOnce() -> R) -> Result<R, Envelope> {
    // A task may run other tasks, and goes on after them.
    let outer = IN_TASK.replace(true);
    // The task's values are dropped with its frames, and what the worker keeps is consistent at
    // every call out.
    let outcome = panic::catch_unwind(AssertUnwindSafe(task));
    let outcome = outcome.map_err(|payload| {
        let text = message(&*payload);
        // The record may be of a panic that the task caught itself, if no hook was called for this
        // one.
        let seen = SEEN.take().filter(|seen| seen.message == text);
        // Still as part of the task, so that a panic of the payload's drop is not printed.
        dispose(payload);
        seen.unwrap_or(Envelope { message: text, location: None, backtrace: None })
    });
    IN_TASK.set(outer);
    outcome
}

/// Encodes an envelope.
pub(crate) fn encode(envelope: &Envelope) -> Vec<u8> {
    // Plain strings, which postcard can always encode.
    postcard::to_stdvec(envelope).unwrap_or_default()
}
