//! What runs async code: tokio, and the smallest executor there can be.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use multiproc::Result;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there can be: polls whenever it is woken.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Runs a test in tokio.
pub(crate) fn in_tokio<Fut: Future<Output = Result<()>>>(body: fn() -> Fut) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(body())
}
