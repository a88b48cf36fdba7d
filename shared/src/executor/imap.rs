//! Results as an iterator, of any backend.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::executor::backend::{Backend, LazyCall};
use crate::foreign;
use crate::task::{Arguments, Task};

/// The results of [`Executor::imap`](crate::Executor::imap) and
/// [`Executor::imap_unordered`](crate::Executor::imap_unordered), one by one.
///
/// An item that failed is an `Err` in its place; the iteration goes on after it. With the feature
/// `stream` it is also a `Stream`, for async functions.
#[must_use = "items are taken from their source only as results are taken from the iterator"]
pub struct Imap<I: Iterator, R> {
    /// `None` once the call has failed as a whole, which the last of `ready` reports.
    call: Option<Box<dyn LazyCall<(I::Item,), R>>>,
    /// `None` once it has run dry.
    source: Option<I>,
    chunksize: usize,
    window: usize,
    /// Items taken from the source and not yet returned.
    under_way: usize,
    /// Results that have come.
    ready: VecDeque<Result<R>>,
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
        let window = options.window(breadth, executor.min_window());
        match executor.begin(f, ordered) {
            Ok(call) => Self::new(Box::new(call), items, options.chunksize().unwrap_or(1), window, breadth),
            Err(error) => {
                // One error, and the end.
                let ready = VecDeque::from([Err(error)]);
                Self { call: None, source: None, chunksize: 1, window: 1, under_way: 0, ready }
            }
        }
    }

    /// Begins with a chunk for each of `breadth` workers; the rest of the window is filled when the
    /// first result is asked for.
    fn new(call: Box<dyn LazyCall<(I::Item,), R>>, source: I, chunksize: usize, window: usize, breadth: usize) -> Self {
        let (call, source) = (Some(call), Some(source));
        let mut this = Self { call, source, chunksize, window, under_way: 0, ready: VecDeque::new() };
        for _ in 0..breadth {
            this.pull();
        }
        if let Some(call) = &this.call {
            call.run_unattended();
        }
        this
    }

    /// Submits a chunk from the source, if the window has room. Returns whether there may be more.
    fn pull(&mut self) -> bool {
        let (Some(call), Some(source)) = (&self.call, &mut self.source) else { return false };
        if self.under_way.saturating_add(self.chunksize) > self.window || call.check().is_err() {
            return false;
        }
        if let Some(error) = call.refusal() {
            // Once, in the place of all that is left of the source.
            self.under_way += 1;
            call.submit_failed(error);
            call.seal();
            drop_source(&mut self.source);
            return false;
        }
        let under_way = &mut self.under_way;
        let mut items = source.map(|item| {
            *under_way += 1;
            (item,)
        });
        let submitted = catch_unwind(AssertUnwindSafe(|| call.submit_chunk(&mut items, self.chunksize)));
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
            None => Some(Err(Error::TimedOut { after: timeout, pid: None })),
        }
    }

    /// Returns the next result or the end; `None` if the deadline came first.
    fn advance(&mut self, deadline: Option<Instant>) -> Option<Option<Result<R>>> {
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
            if let Some(result) = self.ready.pop_front() {
                self.under_way = self.under_way.saturating_sub(1);
                return Some(Some(result));
            }
            // A slow source must not hold back a result that is there.
            while self.pull() && self.call.as_ref().is_some_and(|call| call.check().is_ok() && !call.has_next()) {}
            let Some(call) = &self.call else { return Some(None) };
            if call.check().is_err() || call.take_next(&mut self.ready) {
                continue;
            }
            if call.is_done() {
                // What came between the two looks is still to be taken.
                if call.take_next(&mut self.ready) {
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
            .field("chunksize", &self.chunksize)
            .field("window", &self.window)
            .field("under_way", &self.under_way)
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

        fn take_next(&self, results: &mut VecDeque<Result<u32>>) -> bool {
            let arrived = self.arrived.lock().unwrap().take();
            results.extend(arrived.map(Ok));
            arrived.is_some()
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
        let mut results = Imap::new(Box::new(LateResult::default()), [1u32].into_iter(), 1, 1, 1);
        assert_eq!(results.next().map(Result::unwrap), Some(7));
    }
}
