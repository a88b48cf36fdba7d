//! A result in a process that it does not belong to.

use std::task::Waker;
use std::time::Instant;

use crate::error::Result;
use crate::future::{FutureState, PendingResult};
use crate::progress::WhenDone;
use crate::sys::pid::Owner;

/// A result in every process but its own: ready from the start, and [`Error::ForeignProcess`]. It
/// touches nothing that the result's own process may have been changing when this one was forked.
///
/// [`Error::ForeignProcess`]: crate::Error::ForeignProcess
#[derive(Debug, Clone, Copy)]
pub(super) struct ForeignResult(pub(super) Owner);

impl<R> PendingResult<R> for ForeignResult {
    fn is_done(&self) -> bool {
        true
    }

    fn wait_done(&self, _deadline: Option<Instant>) -> bool {
        true
    }

    fn wait_for(&self, _deadline: Option<Instant>, done: &dyn Fn() -> bool) -> bool {
        done()
    }

    fn notify(&self) {}

    fn wake_when_done(&self, _waker: &Waker) -> bool {
        false
    }

    fn forget_waker(&self, _waker: &Waker) {}

    /// Runs it at once: this process has no callback thread.
    fn run_when_done(&self, run: WhenDone) {
        run();
    }

    fn cancel(&self) -> bool {
        false
    }

    fn state(&self) -> FutureState {
        FutureState::Done
    }

    fn all_well(&self) -> bool {
        false
    }

    fn take(&self) -> Result<R> {
        Err(self.0.foreign())
    }
}
