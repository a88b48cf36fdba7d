//! A result in a process that it does not belong to.

use std::task::Waker;
use std::time::Instant;

use crate::engine::WhenDone;
use crate::error::Result;
use crate::future::{FutureState, Later};
use crate::sys::pid::Owner;

/// What a result is in every process but its own: there from the start, and the error that says so.
/// Nothing of what its own process knows of it is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elsewhere(pub(super) Owner);

impl<R> Later<R> for Elsewhere {
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

    /// Here is no callback thread: it runs at once.
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
