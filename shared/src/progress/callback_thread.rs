//! The thread of the parent that runs callbacks, one after the other.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam::channel::{Sender, unbounded};

use crate::foreign;
use crate::progress::WhenDone;
use crate::sys::pid::Owner;

/// Runs callbacks one after the other, in a thread that is started for the first of them.
#[derive(Default)]
pub(crate) struct CallbackThread(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Running(Sender<WhenDone>, JoinHandle<()>),
    Stopped,
}

impl CallbackThread {
    /// Queues `run`. If the pool has ended, or no thread can be started, runs it at once on the
    /// caller's thread.
    pub(crate) fn run(&self, run: WhenDone) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle = *state {
            let (sender, jobs) = unbounded::<WhenDone>();
            let builder = thread::Builder::new().name("multiproc-callbacks".into());
            let owner = Owner::here();
            let serve = move || {
                jobs.iter().for_each(|run| {
                    foreign::run_or_forget(run);
                    owner.or_exit();
                });
            };
            if let Ok(thread) = builder.spawn(serve) {
                *state = State::Running(sender, thread);
            }
        }
        let left = match &*state {
            State::Running(sender, _) => sender.send(run).err().map(|refused| refused.0),
            _ => Some(run),
        };
        drop(state);
        if let Some(run) = left {
            foreign::run_or_forget(run);
        }
    }

    /// Waits until all callbacks have run (unless this is one of them), and ends the thread.
    pub(crate) fn stop(&self) {
        let state = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Stopped);
        if let State::Running(sender, thread) = state {
            drop(sender);
            if thread.thread().id() != thread::current().id() {
                // A callback's panic is caught there, so the thread does not panic.
                let _ = thread.join();
            }
        }
    }
}
