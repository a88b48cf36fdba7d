//! The lock around a pool's state, what happens once it is released, and waiting: a thread that
//! waits drives the pool meanwhile.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::engine::state::State;
use crate::engine::waiters::Role;
use crate::progress::{CallbackThread, WhenDone};
use crate::ring::{SPIN_NS, Spin};
use crate::sys::now_ns;
use crate::sys::pid::Own;
use crate::sys::pid::Owner;
use crate::sys::poll::Notifier;
use crate::zygote::ZygoteClient;

/// What a waiting thread does next.
enum Next {
    Finish(bool),
    /// Something moved: look again at once.
    Again,
    /// Nothing moved: look again after a moment, or sleep.
    Idle,
    /// Another thread leads.
    Follow,
}

/// A pool's state with its lock. Foreign code (wakers, callbacks) runs only once the lock is
/// released.
pub(super) struct Monitor {
    owner: Owner,
    state: Own<Mutex<State>>,
    notifier: Arc<Notifier>,
    callbacks: Own<CallbackThread>,
}

impl Monitor {
    pub(super) fn new(state: State) -> Self {
        Self {
            owner: Owner::here(),
            notifier: state.notifier.clone(),
            state: Own::new(Mutex::new(state)),
            callbacks: Own::new(CallbackThread::default()),
        }
    }

    /// Returns the process that it belongs to.
    #[inline]
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Reads or changes the state under its lock; then does what was deferred, without it. In a
    /// process that the state does not belong to, leaves the lock alone and returns the default.
    #[inline]
    pub(super) fn with<R: Default>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        if self.owner.is_here() { self.locked(act) } else { R::default() }
    }

    /// Does what [`with`](Monitor::with) does. The caller has checked that the state belongs to
    /// this process.
    pub(super) fn locked<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut state);
        state.wake_if_over();
        if state.deferred.is_empty() {
            return answer;
        }
        if state.deferred.has_wakers() {
            state.lend_lead();
        }
        let mut deferred = std::mem::take(&mut state.deferred);
        deferred.queue_callbacks(&self.callbacks);
        drop(state);
        deferred.run(&self.callbacks);
        answer
    }

    /// Closes the descriptors in a copy of the process that the state belongs to.
    pub(super) fn close_copies(&self) {
        // A thread that is not here may have held the lock, in the middle of a change; then they
        // stay open.
        if let Ok(mut state) = self.state.try_lock() {
            state.close_copies();
        }
    }

    /// Runs `run` on the callback thread.
    pub(super) fn run_callback(&self, run: WhenDone) {
        self.callbacks.run(run);
    }

    /// Waits until the callbacks that were queued have run. Returns `false` if the deadline came
    /// first.
    pub(super) fn wait_for_callbacks(&self, deadline: Option<Instant>) -> bool {
        self.callbacks.wait_idle(deadline)
    }

    /// Waits until all callbacks have run, and ends their thread.
    pub(super) fn stop_callbacks(&self) {
        self.callbacks.stop();
    }

    /// Has every waiting thread look again.
    pub(super) fn notify_all(&self) {
        self.with(|state| state.waiters.wake_all(&mut state.deferred));
        self.notifier.notify();
    }

    /// Waits until `done`, on behalf of job `job` (or
    /// [`ANY_JOB`](crate::engine::waiters::ANY_JOB)). Returns `false` if the deadline came first.
    /// In a process that the state does not belong to, there is nothing to wait for.
    pub(super) fn wait(&self, job: u64, deadline: Option<Instant>, done: impl FnMut(&State) -> bool) -> bool {
        self.wait_as(Role::Caller, job, deadline, done)
    }

    /// Waits like [`wait`](Monitor::wait), in the given role.
    pub(super) fn wait_as(
        &self,
        role: Role,
        job: u64,
        deadline: Option<Instant>,
        mut done: impl FnMut(&State) -> bool,
    ) -> bool {
        if !self.owner.is_here() {
            return true;
        }
        let mut wait = Wait { monitor: self, term: 0 };
        let mut spin = self.locked(|state| new_spin(state));
        loop {
            if !self.owner.is_here() {
                // A waker has forked, and this is the copy.
                return true;
            }
            let next = self.locked(|state| {
                if done(state) {
                    return Next::Finish(true);
                }
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Next::Finish(false);
                }
                if !wait.leads(state) && !wait.take_lead(state, role) {
                    state.waiters.follow(job);
                    return Next::Follow;
                }
                match state.step() {
                    true if done(state) => Next::Finish(true),
                    true => {
                        spin = new_spin(state);
                        Next::Again
                    }
                    false => Next::Idle,
                }
            });
            match next {
                Next::Finish(answer) => return answer,
                Next::Again => {}
                Next::Idle if spin.again() => {}
                Next::Idle => {
                    let slept = now_ns();
                    self.sleep(Some(wait.term), deadline);
                    spin = self.locked(|state| {
                        state.waiters.set_spin_pays(now_ns() - slept < SPIN_NS);
                        new_spin(state)
                    });
                }
                Next::Follow => {
                    self.notify_if_lead_wanted(role);
                    match deadline {
                        Some(deadline) => thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
                        None => thread::park(),
                    }
                    self.with(|state| state.waiters.unfollow());
                }
            }
        }
    }

    /// Wakes the supervisor if it leads and sleeps, and a caller wants the lead.
    fn notify_if_lead_wanted(&self, role: Role) {
        if role == Role::Caller && self.with(|state| state.waiters.is_lead_wanted() && state.waiters.is_asleep()) {
            self.notifier.notify();
        }
    }

    /// Sleeps until a worker notifies its parent, the zygote reports, something is due, or the
    /// deadline. A thread that leads in a `term` sleeps only if it still does by then.
    pub(super) fn sleep(&self, term: Option<u64>, deadline: Option<Instant>) {
        let Some((look, zygote)) = self.with(State::fall_asleep) else { return };
        if term.is_some_and(|term| self.with(|state| !state.waiters.is_led_in(term))) {
            return;
        }
        let until = [look, deadline].into_iter().flatten().min();
        let time = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = time.map(TimeSpec::from_duration);
        let slept = now_ns();
        let mut fds = vec![PollFd::new(self.notifier.as_fd(), PollFlags::POLLIN)];
        if let Some(zygote) = &zygote {
            fds.push(PollFd::new(AsFd::as_fd(&**zygote), PollFlags::POLLIN));
        }
        // Interrupted or not: the caller looks again.
        let _ = ppoll(&mut fds, timeout, None);
        self.notifier.clear();
        self.with(|state| {
            if state.has_limits() {
                state.watchdog.woke(slept, time, now_ns());
            }
            state.wake_up();
        });
    }
}

/// Returns a busy wait, as long as it is of use.
fn new_spin(state: &State) -> Spin {
    if state.waiters.does_spin_pay() { Spin::new(state.config.spin) } else { Spin::brief(state.config.spin) }
}

impl State {
    /// Has every worker notify the leader, and looks once more. Returns `None` if there is
    /// something to do after all; else when to look again at the latest, and the zygote, whose
    /// reports wake the leader, too.
    fn fall_asleep(&mut self) -> Option<(Option<Instant>, Option<Arc<ZygoteClient>>)> {
        self.waiters.set_asleep(true);
        self.workers.iter().for_each(|worker| worker.header().parent_awaits(worker.is_sending()));
        if self.step() | self.attend() {
            self.wake_up();
            return None;
        }
        Some((self.next_look(), self.zygote.clone()))
    }

    /// Records that the leader is awake, and looks at what may have woken it.
    fn wake_up(&mut self) {
        self.waiters.set_asleep(false);
        self.workers.iter().for_each(|worker| worker.header().parent_woke());
        self.attend();
    }

    /// Records that a thread stops waiting, which led if `leading`.
    fn leave(&mut self, leading: bool) {
        self.retire_if_finished();
        self.waiters.leave(leading, &mut self.deferred);
    }

    /// Gives the lead up if this thread has it. It is about to call wakers, which may wait for the
    /// pool, or for threads that do.
    fn lend_lead(&mut self) {
        if self.waiters.is_led_here() {
            if self.waiters.is_asleep() {
                self.wake_up();
            }
            self.leave(true);
        }
    }
}

/// A thread's wait. It gives up the lead in whatever way it ends, an unwinding included.
struct Wait<'a> {
    monitor: &'a Monitor,
    /// The term in which the thread leads, or led.
    term: u64,
}

impl Wait<'_> {
    fn leads(&self, state: &State) -> bool {
        state.waiters.is_led_in(self.term)
    }

    /// Takes the lead, if it is free. Where the tasks run elsewhere, it is the I/O thread that
    /// moves what can move.
    fn take_lead(&mut self, state: &mut State, role: Role) -> bool {
        if state.remote.is_some() {
            return false;
        }
        let term = state.waiters.take_lead(role);
        self.term = term.unwrap_or(self.term);
        term.is_some()
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.monitor.with(|state| {
            let leading = self.leads(state);
            state.leave(leading);
        });
    }
}
