//! Waiting, and driving the pool meanwhile.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::engine::Engine;
use crate::engine::core::{Core, Effects, Leader};
use crate::ring::{SPIN_NS, Spin};
use crate::sys::clock;
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

impl Engine {
    /// Waits until `done`, on behalf of job `job` (0 for any). `false` if the deadline came first.
    /// In a process that the engine does not belong to, there is nothing to wait for.
    pub(super) fn wait(&self, job: u64, deadline: Option<Instant>, done: impl FnMut(&Core) -> bool) -> bool {
        self.wait_as(Leader::Caller, job, deadline, done)
    }

    pub(super) fn wait_as(
        &self,
        role: Leader,
        job: u64,
        deadline: Option<Instant>,
        mut done: impl FnMut(&Core) -> bool,
    ) -> bool {
        if !self.owner.is_here() {
            return true;
        }
        let mut place = Place { engine: self, term: 0 };
        let mut spin = self.locked(|core| core.new_spin());
        loop {
            if !self.owner.is_here() {
                // A waker has forked, and this is the copy.
                return true;
            }
            let next = self.locked(|core| {
                if done(core) {
                    return Next::Finish(true);
                }
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Next::Finish(false);
                }
                if !core.is_led_in(place.term) && !core.take_lead(role) {
                    core.followers.push((job, thread::current()));
                    return Next::Follow;
                }
                place.term = core.term;
                match core.step() {
                    true if done(core) => Next::Finish(true),
                    true => {
                        spin = core.new_spin();
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
                    let slept = clock::now_ns();
                    self.sleep(Some(place.term), deadline);
                    spin = self.locked(|core| {
                        core.spin_pays = clock::now_ns() - slept < SPIN_NS;
                        core.new_spin()
                    });
                }
                Next::Follow => {
                    self.bell_if_wanted(role);
                    match deadline {
                        Some(deadline) => thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
                        None => thread::park(),
                    }
                    let this = thread::current().id();
                    self.with(|core| core.followers.retain(|(_, thread)| thread.id() != this));
                }
            }
        }
    }

    /// A caller that found the supervisor leading has it look up.
    fn bell_if_wanted(&self, role: Leader) {
        if role == Leader::Caller && self.with(|core| core.lead_wanted && core.asleep) {
            self.notifier.notify();
        }
    }

    /// Sleeps until a worker rings, the zygote reports, something is due, or the deadline. One that
    /// leads, in a `term`, does so if it still does by then.
    pub(super) fn sleep(&self, term: Option<u64>, deadline: Option<Instant>) {
        let Some((look, zygote)) = self.with(Core::fall_asleep) else { return };
        if term.is_some_and(|term| self.with(|core| !core.is_led_in(term))) {
            return;
        }
        let until = [look, deadline].into_iter().flatten().min();
        let time = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = time.map(TimeSpec::from_duration);
        let slept = clock::now_ns();
        let mut fds = vec![PollFd::new(self.notifier.as_fd(), PollFlags::POLLIN)];
        if let Some(zygote) = &zygote {
            fds.push(PollFd::new(AsFd::as_fd(&**zygote), PollFlags::POLLIN));
        }
        // Interrupted or not: whoever sleeps here looks again.
        let _ = ppoll(&mut fds, timeout, None);
        self.notifier.clear();
        self.with(|core| {
            core.woke(slept, time, clock::now_ns());
            core.wake_up();
        });
    }
}

/// A waiting thread's place, which it gives up in whatever way it leaves.
struct Place<'a> {
    engine: &'a Engine,
    /// The term in which it leads, or led.
    term: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.engine.with(|core| core.leave(core.is_led_in(self.term)));
    }
}

impl Core {
    /// Becomes the leader if there is none. A caller who finds the supervisor in the lead asks for
    /// it.
    fn take_lead(&mut self, role: Leader) -> bool {
        match self.leader {
            // What moves there moves in the thread that carries it.
            _ if self.is_outside() => false,
            None => {
                self.leader = Some(role);
                self.term += 1;
                self.leads_in = Some(thread::current().id());
                if role == Leader::Caller {
                    self.leads += 1;
                    self.lead_wanted = false;
                }
                true
            }
            Some(Leader::Supervisor) if role == Leader::Caller => {
                self.lead_wanted = true;
                false
            }
            Some(_) => false,
        }
    }

    /// Whether the lead that was taken for this term is still held.
    fn is_led_in(&self, term: u64) -> bool {
        self.leader.is_some() && self.term == term
    }

    /// Gives the lead up if this thread has it. It is about to run wakers, which may wait for the
    /// pool, or for others that do.
    pub(super) fn lend_lead(&mut self) {
        if self.leader.is_some() && self.leads_in == Some(thread::current().id()) {
            if self.asleep {
                self.wake_up();
            }
            self.leave(true);
        }
    }

    /// A busy wait, as long as is of use: while long tasks run it would only take a CPU from them.
    fn new_spin(&self) -> Spin {
        if self.spin_pays { Spin::new(self.config.spin) } else { Spin::brief(self.config.spin) }
    }

    /// A thread stops waiting. If nobody leads now, one of those who still wait shall.
    fn leave(&mut self, leading: bool) {
        if leading {
            self.leader = None;
            self.effects.unpark.extend(self.relief.take());
        }
        self.retire_if_closing();
        // Who wanted the lead may have run out of time before it was free.
        self.lead_wanted &= !self.followers.is_empty();
        if self.leader.is_none()
            && let Some((_, thread)) = self.followers.first()
        {
            self.effects.unpark.push(thread.clone());
        }
    }

    /// Asks every worker to ring, and looks once more. `None` if there is something to do after
    /// all; else when to look again at the latest, and where the zygote reports.
    fn fall_asleep(&mut self) -> Option<(Option<Instant>, Option<Arc<ZygoteClient>>)> {
        self.asleep = true;
        for link in self.living() {
            link.header().parent_awaits(link.is_sending());
        }
        if self.step() | self.attend() {
            self.wake_up();
            return None;
        }
        let most = self.longest_sleep().map(|most| Instant::now() + most);
        Some(([self.next_look(), most].into_iter().flatten().min(), self.zygote.clone()))
    }

    fn wake_up(&mut self) {
        self.asleep = false;
        for link in self.living() {
            link.header().parent_woke();
        }
        self.attend();
    }
}

impl Effects {
    pub(super) fn is_empty(&self) -> bool {
        self.wakers.is_empty() && self.when_done.is_empty() && self.unpark.is_empty()
    }
}
