//! The threads that wait for results: one of them leads and drives the pool meanwhile, the others
//! follow. And the wake-ups that wait until the lock is released.

use std::thread::{self, Thread, ThreadId};

use crate::engine::events::PoolEvent;
use crate::foreign::run_or_forget;
use crate::progress::{CallbackThread, Completions};

/// The job of a thread that waits for workers rather than for results of one job.
pub(super) const ANY_JOB: u64 = 0;

/// A thread's role while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Supervisor,
}

/// The waiting threads of a pool. There is at most one leader, which neither follows nor stands by.
pub(super) struct Waiters {
    leader: Option<Role>,
    /// The number of times that the lead was taken, and the thread that took it last.
    term: u64,
    leader_thread: Option<ThreadId>,
    /// The number of times that a caller took the lead.
    caller_terms: u64,
    /// The leader sleeps: a worker that is given something must notify it.
    asleep: bool,
    /// A caller wants the lead that the supervisor has.
    lead_wanted: bool,
    /// Threads that wait while another leads, and the jobs they wait for.
    followers: Vec<(u64, Thread)>,
    /// The supervisor, if it sleeps until the caller that leads now stops.
    standby: Option<Thread>,
    /// The supervisor, if it lets workers go that have had nothing to do for long.
    shrinker: Option<Thread>,
    /// A job is waited for without a thread, by a callback or a future.
    unattended: bool,
    /// The last wait was so short that a busy one would have seen its end.
    spin_pays: bool,
}

/// What the supervisor does for waiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Takes the lead.
    Lead,
    /// Looks again soon.
    Linger,
    /// Sleeps until the leader stops.
    StandBy,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Self {
            leader: None,
            term: 0,
            leader_thread: None,
            caller_terms: 0,
            asleep: false,
            lead_wanted: false,
            followers: Vec::new(),
            standby: None,
            shrinker: None,
            unattended: false,
            spin_pays: true,
        }
    }

    /// Makes this thread the leader if there is none, and returns its term. A caller that finds the
    /// supervisor in the lead asks for it.
    pub(super) fn take_lead(&mut self, role: Role) -> Option<u64> {
        match self.leader {
            None => {
                self.leader = Some(role);
                self.term += 1;
                self.leader_thread = Some(thread::current().id());
                if role == Role::Caller {
                    self.caller_terms += 1;
                    self.lead_wanted = false;
                }
                Some(self.term)
            }
            Some(leader) => {
                self.lead_wanted |= leader == Role::Supervisor && role == Role::Caller;
                None
            }
        }
    }

    /// Returns `true` if the lead that was taken for this term is still held.
    pub(super) fn is_led_in(&self, term: u64) -> bool {
        self.leader.is_some() && self.term == term
    }

    /// Returns `true` if this thread leads.
    pub(super) fn is_led_here(&self) -> bool {
        self.leader.is_some() && self.leader_thread == Some(thread::current().id())
    }

    /// Adds this thread to the followers, on behalf of `job`.
    pub(super) fn follow(&mut self, job: u64) {
        debug_assert!(self.leader_thread != Some(thread::current().id()) || self.leader.is_none());
        self.followers.push((job, thread::current()));
    }

    /// Removes this thread from the followers.
    pub(super) fn unfollow(&mut self) {
        let this = thread::current().id();
        self.followers.retain(|(_, thread)| thread.id() != this);
    }

    /// Records that a thread stops waiting, which led if `leading`. If none leads now, one of those
    /// that still wait is woken to.
    pub(super) fn leave(&mut self, leading: bool, wakeups: &mut DeferredWakeups) {
        if leading {
            debug_assert!(!self.asleep, "a leader that stops is awake");
            self.leader = None;
            if let Some(standby) = self.standby.take() {
                wakeups.add_thread(&standby);
            }
        }
        // The caller that wanted the lead may have run out of time before it was free.
        self.lead_wanted &= !self.followers.is_empty();
        if self.leader.is_none()
            && let Some((_, thread)) = self.followers.first()
        {
            wakeups.add_thread(thread);
        }
    }

    /// Returns `true` if the leader sleeps.
    #[inline]
    pub(super) fn is_asleep(&self) -> bool {
        self.asleep
    }

    pub(super) fn set_asleep(&mut self, asleep: bool) {
        self.asleep = asleep;
    }

    /// Returns `true` if a caller wants the lead that the supervisor has.
    pub(super) fn is_lead_wanted(&self) -> bool {
        self.lead_wanted
    }

    /// Returns `true` if a busy wait is likely to see the end of the next wait. While long tasks
    /// run it would only take a CPU from them.
    pub(super) fn does_spin_pay(&self) -> bool {
        self.spin_pays
    }

    /// Records whether a busy wait would have seen the end of the last one.
    pub(super) fn set_spin_pays(&mut self, pays: bool) {
        self.spin_pays = pays;
    }

    /// Wakes the followers that wait for `job`, or for any.
    #[inline]
    pub(super) fn wake_for(&self, job: u64, wakeups: &mut DeferredWakeups) {
        for (id, thread) in &self.followers {
            if *id == job || *id == ANY_JOB {
                wakeups.add_thread(thread);
            }
        }
    }

    /// Wakes the followers that wait for workers rather than results.
    pub(super) fn wake_for_workers(&self, wakeups: &mut DeferredWakeups) {
        self.wake_for(ANY_JOB, wakeups);
    }

    /// Wakes all followers.
    pub(super) fn wake_all(&self, wakeups: &mut DeferredWakeups) {
        self.followers.iter().for_each(|(_, thread)| wakeups.add_thread(thread));
    }

    /// Sets the thread that lets workers go that have had nothing to do for long.
    pub(super) fn set_shrinker(&mut self, thread: Option<Thread>) {
        self.shrinker = thread;
    }

    /// Wakes the thread that lets workers go: it may sleep for good, with no worker too many until
    /// now.
    pub(super) fn wake_shrinker(&self, wakeups: &mut DeferredWakeups) {
        if let Some(thread) = &self.shrinker {
            wakeups.add_thread(thread);
        }
    }

    /// Records whether a job is waited for without a thread.
    pub(super) fn set_unattended(&mut self, unattended: bool) {
        self.unattended = unattended;
    }

    /// Returns what the supervisor, on whose thread this runs, does while there is work.
    /// `seen` is the number of callers' terms at its last look.
    pub(super) fn supervisor_duty(&mut self, seen: &mut Option<u64>) -> Duty {
        let since = seen.replace(self.caller_terms);
        let unchanged = since == Some(self.caller_terms);
        if self.leader.is_none() && !self.lead_wanted && (self.unattended || unchanged) {
            return Duty::Lead;
        }
        if self.leader.is_some() && unchanged {
            // That caller may lead for long, and wakes this thread when it stops.
            self.standby = Some(thread::current());
            *seen = None;
            return Duty::StandBy;
        }
        Duty::Linger
    }
}

/// What is to be woken and run once the lock is released: all of it runs foreign code, or code that
/// takes the lock.
#[derive(Default)]
pub(super) struct DeferredWakeups {
    threads: Vec<Thread>,
    completions: Completions,
    events: Vec<PoolEvent>,
}

impl DeferredWakeups {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty() && self.completions.is_empty() && self.events.is_empty()
    }

    /// Returns `true` if wakers or a subscriber are to be called, whose foreign code may take its
    /// time.
    #[inline]
    pub(super) fn has_wakers(&self) -> bool {
        self.completions.has_wakers() || !self.events.is_empty()
    }

    /// Adds an event for the program's subscriber.
    #[cfg(feature = "tracing")]
    pub(super) fn add_event(&mut self, event: PoolEvent) {
        self.events.push(event);
    }

    /// Adds a thread, unless it was the last that was added.
    pub(super) fn add_thread(&mut self, thread: &Thread) {
        if self.threads.last().is_none_or(|last| last.id() != thread.id()) {
            self.threads.push(thread.clone());
        }
    }

    /// Adds what is to be woken and run because a job is done.
    #[inline]
    pub(super) fn add_completions(&mut self, completions: Completions) {
        self.completions.extend(completions);
    }

    /// Queues the callbacks. The lock is held, so that who finds under it that all tasks are done
    /// finds their callbacks queued.
    #[inline]
    pub(super) fn queue_callbacks(&mut self, callbacks: &CallbackThread) {
        self.completions.queue_callbacks(callbacks);
    }

    /// Wakes and runs everything. The lock is not held.
    pub(super) fn run(self, callbacks: &CallbackThread) {
        // The threads that lead or follow come first, while a waker takes its time.
        self.threads.into_iter().for_each(|thread| thread.unpark());
        self.completions.run(callbacks);
        self.events.into_iter().for_each(|event| run_or_forget(|| event.emit()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_takes_the_lead_over_from_the_supervisor() {
        let (mut waiters, mut wakeups) = (Waiters::new(), DeferredWakeups::default());
        let term = waiters.take_lead(Role::Supervisor).unwrap();
        assert_eq!(waiters.take_lead(Role::Caller), None);
        assert!(waiters.is_lead_wanted() && waiters.is_led_in(term));
        waiters.followers.push((1, thread::current()));
        waiters.leave(true, &mut wakeups);
        assert!(!wakeups.is_empty(), "the follower is woken to lead");
        waiters.unfollow();
        assert_eq!(waiters.take_lead(Role::Caller), Some(term + 1));
        assert!(!waiters.is_lead_wanted() && !waiters.is_led_in(term));
    }

    #[test]
    fn supervisor_leads_only_while_no_caller_does() {
        let (mut waiters, mut wakeups, mut seen) = (Waiters::new(), DeferredWakeups::default(), None);
        waiters.take_lead(Role::Caller).unwrap();
        assert_eq!(waiters.supervisor_duty(&mut seen), Duty::Linger, "it has not looked before");
        assert_eq!(waiters.supervisor_duty(&mut seen), Duty::StandBy);
        waiters.leave(true, &mut wakeups);
        assert!(!wakeups.is_empty(), "the standby is woken");
        assert_eq!(waiters.supervisor_duty(&mut seen), Duty::Linger);
        assert_eq!(waiters.supervisor_duty(&mut seen), Duty::Lead);
    }
}
