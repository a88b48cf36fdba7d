//! What can be waited for: how to find out whether it is ready, and how to be woken when it is.

use std::fs::File;
use std::io::PipeReader;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{ChildStderr, ChildStdout};
use std::task::Waker;
use std::time::Instant;

use crate::error::Result;
use crate::future::AsyncResult;
use crate::pipe::Connection;
use crate::process::Process;
use crate::queue::{PriorityQueue, Queue, Receiver};
use crate::shm::Watch;
use crate::sync::Event;
use crate::sys::poll::await_readable;
use crate::waitable::Waitable;

/// What lasts as long as an object is armed. Public in name only, as the trait is.
pub struct Armed(pub(super) Watch);

/// An object to wait for. Public in name only, so that no other crate implements it.
pub trait Sealed: Sync {
    /// Returns a mark of this moment, if the object is ready also by what was since.
    fn mark(&self) -> u32 {
        0
    }

    /// Returns whether it is ready now, or was since the mark.
    fn is_ready(&self, mark: u32) -> bool;

    /// Returns a descriptor that is readable when it may be ready, as far as one shows that.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Has the descriptor made readable, or `waker` called, when the object may be ready; the
    /// caller looks once more after this, and keeps what is returned.
    fn arm(&self, mark: u32, waker: &Waker) -> Result<Option<Armed>>;

    /// Takes [`arm`](Sealed::arm) back.
    fn disarm(&self, _waker: &Waker) {}
}

impl<S, R> Waitable for Connection<S, R> {}

impl<S, R> Sealed for Connection<S, R> {
    fn is_ready(&self, _mark: u32) -> bool {
        self.is_ready()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }

    fn arm(&self, _mark: u32, waker: &Waker) -> Result<Option<Armed>> {
        self.arm(waker);
        Ok(None)
    }

    fn disarm(&self, waker: &Waker) {
        self.disarm(waker);
    }
}

impl<R> Waitable for Process<R> {}

impl<R> Sealed for Process<R> {
    fn is_ready(&self, _mark: u32) -> bool {
        self.has_ended()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.sentinel()
    }

    fn arm(&self, _mark: u32, _waker: &Waker) -> Result<Option<Armed>> {
        self.attend();
        Ok(None)
    }
}

impl<T> Waitable for Queue<T> {}

impl<T> Sealed for Queue<T> {
    fn is_ready(&self, _mark: u32) -> bool {
        self.is_ready_to_get()
    }

    fn arm(&self, _mark: u32, waker: &Waker) -> Result<Option<Armed>> {
        self.watch(waker).map(Armed).map(Some)
    }
}

impl<T: Send> Waitable for PriorityQueue<T> {}

impl<T: Send> Sealed for PriorityQueue<T> {
    fn is_ready(&self, _mark: u32) -> bool {
        self.is_ready_to_get()
    }

    fn arm(&self, _mark: u32, waker: &Waker) -> Result<Option<Armed>> {
        self.watch(waker).map(Armed).map(Some)
    }
}

impl<T> Waitable for Receiver<T> {}

impl<T> Sealed for Receiver<T> {
    fn is_ready(&self, _mark: u32) -> bool {
        is_readable(self.socket())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket())
    }

    fn arm(&self, _mark: u32, _waker: &Waker) -> Result<Option<Armed>> {
        Ok(None)
    }
}

impl Waitable for Event {}

impl Sealed for Event {
    fn mark(&self) -> u32 {
        self.changes()
    }

    fn is_ready(&self, mark: u32) -> bool {
        self.was_set_since(mark)
    }

    fn arm(&self, mark: u32, waker: &Waker) -> Result<Option<Armed>> {
        self.watch(mark, waker).map(Armed).map(Some)
    }
}

impl<R: Send> Waitable for AsyncResult<R> {}

impl<R: Send> Sealed for AsyncResult<R> {
    fn is_ready(&self, _mark: u32) -> bool {
        self.ready()
    }

    fn arm(&self, _mark: u32, waker: &Waker) -> Result<Option<Armed>> {
        self.wake_when_ready(waker);
        Ok(None)
    }

    fn disarm(&self, waker: &Waker) {
        self.forget_waker(waker);
    }
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    // What the kernel refuses to look at is refused in the wait, too.
    await_readable(fd, Some(Instant::now())).unwrap_or(false)
}

/// Implements the traits for descriptors of the program's own.
macro_rules! descriptors {
    ($($Descriptor:ty)*) => {
        $(
            impl Waitable for $Descriptor {}

            impl Sealed for $Descriptor {
                fn is_ready(&self, _mark: u32) -> bool {
                    is_readable(self.as_fd())
                }

                fn descriptor(&self) -> Option<BorrowedFd<'_>> {
                    Some(self.as_fd())
                }

                fn arm(&self, _mark: u32, _waker: &Waker) -> Result<Option<Armed>> {
                    Ok(None)
                }
            }
        )*
    };
}

descriptors! {
    BorrowedFd<'_> OwnedFd File PipeReader ChildStdout ChildStderr
    TcpListener TcpStream UdpSocket UnixListener UnixStream UnixDatagram
}
