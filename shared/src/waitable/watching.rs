//! A wait for several objects: looks at all of them, and has them wake the one that waits.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::error::Result;
use crate::sys::poll::Notifier;
use crate::waitable::Waitable;
use crate::waitable::objects::Armed;

/// Returns the indices of the objects that are ready, or were since their marks.
pub(super) fn find_ready(objects: &[&dyn Waitable], marks: &[u32]) -> Vec<usize> {
    (0..objects.len()).filter(|at| objects[*at].is_ready(marks[*at])).collect()
}

/// Objects that are waited for, and what wakes the waiter: their descriptors and a notifier of its
/// own, which the wakers of those without a descriptor notify.
///
/// The waiter calls [`ready`](Watching::ready), and if nothing is, sleeps until one of the
/// [descriptors](Watching::descriptors) is readable. Nothing is lost in between: the objects are
/// armed before they are looked at for the last time, and what is notified stays so until the next
/// call.
pub(super) struct Watching<'a> {
    objects: Vec<&'a dyn Waitable>,
    notifier: Arc<WakeNotifier>,
    waker: Waker,
    state: Mutex<State>,
}

struct State {
    marks: Vec<u32>,
    /// Those of objects that are watched, whether or not they are armed now.
    watches: Vec<Option<Armed>>,
    /// The number of objects that are armed: these, from the first on.
    armed: usize,
}

/// A notifier that a waker notifies.
struct WakeNotifier(Notifier);

impl Wake for WakeNotifier {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify();
    }
}

impl<'a> Watching<'a> {
    /// Waits for what becomes ready after `marks`, which are those of the objects.
    pub(super) fn new(objects: &[&'a dyn Waitable], marks: Vec<u32>) -> Result<Self> {
        let notifier = Arc::new(WakeNotifier(Notifier::new()?));
        let watches = objects.iter().map(|_| None).collect();
        Ok(Self {
            objects: objects.to_vec(),
            waker: Waker::from(notifier.clone()),
            notifier,
            state: Mutex::new(State { marks, watches, armed: 0 }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the indices of the objects that are ready, or were since the last call. If there is
    /// none, one of the descriptors will be readable when there may be some.
    pub(super) fn ready(&self) -> Result<Vec<usize>> {
        let mut state = self.lock();
        self.disarm(&mut state);
        // Before the look, so that what comes after it is notified again.
        self.notifier.0.clear();
        let found = self.look(&mut state);
        if !found.is_empty() {
            return Ok(found);
        }
        self.arm(&mut state)?;
        let found = self.look(&mut state);
        if !found.is_empty() {
            self.disarm(&mut state);
        }
        Ok(found)
    }

    fn look(&self, state: &mut State) -> Vec<usize> {
        let found = find_ready(&self.objects, &state.marks);
        found.iter().for_each(|at| state.marks[*at] = self.objects[*at].mark());
        found
    }

    fn arm(&self, state: &mut State) -> Result<()> {
        for (at, object) in self.objects.iter().enumerate() {
            if !state.watches[at].as_ref().is_some_and(|armed| armed.0.is_waiting()) {
                state.watches[at] = object.arm(state.marks[at], &self.waker)?;
            }
            state.armed = at + 1;
        }
        Ok(())
    }

    fn disarm(&self, state: &mut State) {
        let armed = std::mem::take(&mut state.armed);
        self.objects[..armed].iter().for_each(|object| object.disarm(&self.waker));
    }

    /// Returns the descriptors to sleep at.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let own = self.notifier.0.as_fd();
        std::iter::once(own).chain(self.objects.iter().filter_map(|object| object.descriptor()))
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut state = self.lock();
        self.disarm(&mut state);
    }
}
