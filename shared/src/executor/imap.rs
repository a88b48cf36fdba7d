//! Results as an iterator, of any backend.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::executor::backend::{Backend, LazyCall};
use crate::executor::indexed::Indexed;
use crate::executor::window::Window;
use crate::foreign;
use crate::task::{Arguments, Task};

/// The results of [`Executor::imap`](crate::Executor::imap) and
/// [`Executor::imap_unordered`](crate::Executor::imap_unordered), one by one.
///
/// An item that failed is an `Err` in its place; the iteration goes on after it. With the feature
/// `stream` it is also a `Stream`, for async functions.
#[must_use = "items are taken from their source only as results are taken from the iterator"]
#[doc(alias("IMapIterator", "IMapUnorderedIterator"))]
pub struct Imap<I: Iterator, R> {
    /// `None` once the call has failed as a whole, which the last of `ready` reports.
    call: Option<Box<dyn LazyCall<(I::Item,), R>>>,
    /// The function's name, for errors.
    label: &'static str,
    /// `None` once it has run dry.
    source: Option<I>,
    window: Window,
    /// Results that have come, of one chunk at most.
    ready: VecDeque<Result<R>>,
    /// The results are in the order of the items.
    ordered: bool,
    /// The index of the item that the next of `ready` is of, or else, if the results are in order,
    /// the next one to come.
    index: usize,
}

impl<I: Iterator, R> Imap<I, R> {
    /// Begins a call of `f` on `items`, with the options that `executor` has. `ordered` keeps the
    /// results in the items' order.
    pub(super) fn begin<F>(executor: &(impl Backend + ?Sized), f: F, items: I, ordered: bool) -> Self
    where
        (I::Item,): Arguments,
        F: Task<(I::Item,), Output = R>,
    {
        let (options, breadth) = (executor.options(), executor.breadth());
        let window = Window::new(options, breadth, executor.min_window());
        match executor.begin(f, ordered, options) {
            Ok(call) => {
                let mut this = Self::ended(VecDeque::new());
                this.call = Some(Box::new(call));
                this.source = Some(items);
                (this.label, this.ordered, this.window) = (F::label(), ordered, window);
                this.begun(breadth)
            }
            // One error, and the end.
            Err(error) => Self::ended(VecDeque::from([Err(error)])),
        }
    }

    /// Returns the iterator of a call that has ended, with these results.
    fn ended(ready: VecDeque<Result<R>>) -> Self {
        Self { call: None, label: "", source: None, window: Window::default(), ready, ordered: true, index: 0 }
    }

    /// Begins with a chunk for each of `breadth` workers; the rest of the window is filled when the
    /// first result is asked for.
    fn begun(mut self, breadth: usize) -> Self {
        for _ in 0..breadth {
            self.pull();
        }
        if let Some(call) = &self.call {
            call.run_unattended();
        }
        self
    }

    /// Returns the index of the item whose result was returned last.
    pub(super) fn returned(&self) -> usize {
        self.index.saturating_sub(1)
    }

    /// Submits a chunk from the source, if the window has room. Returns whether there may be more.
    fn pull(&mut self) -> bool {
        let (Some(call), Some(source)) = (&self.call, &mut self.source) else { return false };
        if call.check().is_err() || !self.window.has_room(|| call.task_bytes()) {
            return false;
        }
        if let Some(error) = call.refusal() {
            // Once, in the place of all that is left of the source.
            self.window.add();
            call.submit_failed(error);
            call.seal();
            drop_source(&mut self.source);
            return false;
        }
        let (chunksize, window) = (self.window.chunksize(), &mut self.window);
        let mut items = source.map(|item| {
            window.add();
            (item,)
        });
        let submitted = catch_unwind(AssertUnwindSafe(|| call.submit_chunk(&mut items, chunksize)));
        if !matches!(submitted, Ok(false)) {
            // A source that has panicked is not asked again.
            call.seal();
            drop_source(&mut self.source);
        }
        !submitted.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Returns the next result, waiting for at most `timeout`, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (without a pid) if the result is not there by then; it can be asked for
    /// again. Else what became of the item's task.
    ///
    /// Python's counterpart: `IMapIterator.next(timeout)`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Result<R>> {
        match self.advance(Instant::now().checked_add(timeout)) {
            Some(next) => next,
            None => Some(Err(Error::timed_out(timeout))),
        }
    }

    /// Returns an iterator of the same results, each with the index of its item (counted from 0, in
    /// the order of the items): after [`imap_unordered`](crate::Executor::imap_unordered) it says
    /// which result is whose. [`enumerate`](Iterator::enumerate) would count the results as they
    /// come.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let words = ["one", "two", "three"];
    /// let pool = Pool::with_processes(2)?;
    /// let lengths = pool.imap_unordered(|word: String| word.len(), words.map(String::from));
    /// for (index, length) in lengths.indexed() {
    ///     assert_eq!(length?, words[index].len());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn indexed(self) -> Indexed<I, R> {
        Indexed::new(self)
    }

    /// Returns the next result or the end; `None` if the deadline came first.
    pub(super) fn advance(&mut self, deadline: Option<Instant>) -> Option<Option<Result<R>>> {
        self.advance_by(|call| call.wait_next(deadline))
    }

    /// Returns the next result or the end, for which `wait` waits; `None` if it returns `false`.
    pub(super) fn advance_by(
        &mut self,
        wait: impl Fn(&dyn LazyCall<(I::Item,), R>) -> bool,
    ) -> Option<Option<Result<R>>> {
        loop {
            if let Some(Err(error)) = self.call.as_ref().map(|call| call.check()) {
                // One error, and the end.
                (self.call, self.source, self.ready) = (None, None, VecDeque::from([Err(error)]));
            }
            if let Some(mut result) = self.ready.pop_front() {
                self.window.remove();
                if let Err(error) = &mut result {
                    error.set_origin(self.label, Some(self.index));
                }
                self.index += 1;
                return Some(Some(result));
            }
            // A slow source must not hold back a result that is there.
            while self.pull() && self.call.as_ref().is_some_and(|call| call.check().is_ok() && !call.has_next()) {}
            let Some(call) = &self.call else { return Some(None) };
            let mut index = (!self.ordered).then_some(&mut self.index);
            if call.check().is_err() || take_next(&**call, &mut self.ready, index.as_deref_mut()) {
                continue;
            }
            if call.is_done() {
                // What came between the two looks is still to be taken.
                if take_next(&**call, &mut self.ready, index) {
                    continue;
                }
                return Some(None);
            }
            if !wait(&**call) {
                return None;
            }
        }
    }
}

/// Makes the results of the next chunk ready, if they are there. Returns whether they were. `index`
/// is set to that of the first one's item.
fn take_next<Args, R>(
    call: &dyn LazyCall<Args, R>,
    ready: &mut VecDeque<Result<R>>,
    index: Option<&mut usize>,
) -> bool {
    let first = call.take_next(ready);
    if let (Some(first), Some(index)) = (first, index) {
        *index = first;
    }
    first.is_some()
}

/// Drops a source, whose panic would be in the way of the results.
fn drop_source<I>(source: &mut Option<I>) {
    let source = source.take();
    foreign::run_or_forget(|| drop(source));
}

impl<I: Iterator, R> Iterator for Imap<I, R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        self.advance(None).flatten()
    }
}

impl<I: Iterator, R> Drop for Imap<I, R> {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            call.abandon();
        }
    }
}

impl<I: Iterator, R> fmt::Debug for Imap<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap")
            .field("chunksize", &self.window.chunksize())
            .field("window", &self.window.size())
            .field("under_way", &self.window.under_way())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A call whose only result arrives while it is asked whether it is done.
    #[derive(Default)]
    struct LateResult {
        arrived: Mutex<Option<u32>>,
    }

    impl LazyCall<(u32,), u32> for LateResult {
        fn check(&self) -> Result<()> {
            Ok(())
        }

        fn refusal(&self) -> Option<Error> {
            None
        }

        fn submit_chunk(&self, items: &mut dyn Iterator<Item = (u32,)>, _: usize) -> bool {
            items.count() < 2
        }

        fn submit_failed(&self, _: Error) {}

        fn seal(&self) {}

        fn run_unattended(&self) {}

        fn has_next(&self) -> bool {
            false
        }

        fn is_done(&self) -> bool {
            *self.arrived.lock().unwrap() = Some(7);
            true
        }

        fn take_next(&self, results: &mut VecDeque<Result<u32>>) -> Option<usize> {
            let arrived = self.arrived.lock().unwrap().take();
            results.extend(arrived.map(Ok));
            arrived.map(|_| 0)
        }

        fn wait_next(&self, _: Option<Instant>) -> bool {
            true
        }

        #[cfg(feature = "stream")]
        fn wake_at_next(&self, _: &std::task::Waker) -> bool {
            false
        }

        fn abandon(&self) {}
    }

    #[test]
    fn result_that_arrives_at_the_last_moment_is_returned() {
        let (call, source) = (Box::new(LateResult::default()) as Box<dyn LazyCall<_, u32>>, [1u32].into_iter());
        let mut results = Imap::ended(VecDeque::new());
        (results.call, results.source) = (Some(call), Some(source));
        let mut results = results.begun(1);
        assert_eq!(results.next().map(Result::unwrap), Some(7));
    }
}
