//! Whose values this thread encodes or decodes now.

use std::cell::RefCell;
use std::sync::Arc;

use super::link::Link;
use crate::fds::forbid;

thread_local! {
    static WITHIN: RefCell<Option<Arc<Link>>> = const { RefCell::new(None) };
}

const NO_HANDLES: &str = "a handle (connection, queue, lock, …) cannot be kept by a manager; its own lists, \
     dictionaries, namespaces and queues can";

/// Puts the former link back, also after a panic.
struct Restore(Option<Arc<Link>>);

impl Drop for Restore {
    fn drop(&mut self) {
        WITHIN.replace(self.0.take());
    }
}

/// Runs `code`, which encodes or decodes a value that the manager behind `link` keeps: a proxy in
/// it is a number, and a handle an error.
pub(in crate::manager) fn within<R>(link: &Arc<Link>, code: impl FnOnce() -> R) -> R {
    let _restore = Restore(WITHIN.replace(Some(link.clone())));
    forbid(NO_HANDLES, code)
}

/// The manager whose value is encoded or decoded now, if there is one.
pub(in crate::manager) fn current() -> Option<Arc<Link>> {
    WITHIN.with_borrow(Clone::clone)
}
