//! The thread that keeps a pool going while no other thread waits for it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crate::engine::monitor::Monitor;
use crate::engine::state::State;
use crate::engine::waiters::{ANY_JOB, Duty, Role};
use crate::sys::process::ForkSafe;

/// Time that work may lie before the supervisor takes the lead, unless a callback or a future waits
/// for it. A caller that comes back sooner than this, as one that iterates does, never has to wrest
/// the lead from it.
const LINGER: Duration = Duration::from_millis(1);

/// The supervisor's thread, once it was needed.
#[derive(Default)]
pub(super) struct Supervisor {
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The thread is not parked for good.
    awake: AtomicBool,
}

/// What the supervisor does next.
#[derive(Default)]
enum Turn {
    Lead,
    Linger,
    /// Look now and then whether there are too many workers.
    Nap(Duration),
    Rest,
    #[default]
    Stop,
}

impl Supervisor {
    /// Returns the thread. If it is started now, it runs what `main` returns, which is to call
    /// [`run`](Supervisor::run). Without the thread, tasks still move whenever a thread waits.
    pub(super) fn thread<Main: FnOnce() + Send + 'static>(&self, main: impl FnOnce() -> Main) -> Option<Thread> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let builder = thread::Builder::new().name("multiproc-supervisor".into());
            let (fork_safe, main) = (ForkSafe::new(), main());
            let run = move || {
                let _fork_safe = fork_safe;
                main();
            };
            *thread = builder.spawn(run).ok();
        }
        thread.as_ref().map(|thread| thread.thread().clone())
    }

    /// Returns `true` if the thread is sure to look at the pool soon.
    pub(super) fn is_awake(&self) -> bool {
        self.awake.load(Relaxed)
    }

    /// Has the thread look at the pool.
    pub(super) fn wake(&self, thread: &Thread) {
        self.awake.store(true, Relaxed);
        thread.unpark();
    }

    /// Ends the thread; the pool must have ended already.
    pub(super) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.thread().id() != thread::current().id() {
                // It runs no foreign code, so it does not panic.
                let _ = thread.join();
            }
        }
    }

    /// Keeps the pool going until it has ended.
    pub(super) fn run(&self, monitor: &Monitor) {
        let mut seen = None;
        loop {
            monitor.owner().or_exit();
            match monitor.with(|state| self.next_turn(state, &mut seen)) {
                Turn::Lead => {
                    let over = |state: &State| {
                        state.waiters.is_lead_wanted()
                            || state.backlog.outstanding() == 0 && !state.is_end_awaited()
                            || state.lifecycle.has_ended()
                    };
                    monitor.wait_as(Role::Supervisor, ANY_JOB, None, over);
                }
                Turn::Linger => thread::park_timeout(LINGER),
                Turn::Nap(time) => thread::park_timeout(time),
                Turn::Rest => thread::park(),
                Turn::Stop => return,
            }
        }
    }

    fn next_turn(&self, state: &mut State, seen: &mut Option<u64>) -> Turn {
        if state.lifecycle.has_ended() {
            return Turn::Stop;
        }
        if state.backlog.outstanding() == 0 && !state.is_end_awaited() {
            state.waiters.set_unattended(false);
            state.retire_if_finished();
            self.awake.store(false, Relaxed);
            let Some(time) = state.time_to_shrink() else { return Turn::Rest };
            state.attend();
            return Turn::Nap(time);
        }
        match state.waiters.supervisor_duty(seen) {
            Duty::Lead => Turn::Lead,
            Duty::Linger => Turn::Linger,
            Duty::StandBy => Turn::Rest,
        }
    }
}
