//! The thread that keeps a pool going while nobody waits for it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::core::{Core, Leader, Phase};
use crate::sys::threads::ForkSafe;

/// How long work may lie before the supervisor takes the lead, unless somebody waits for it by
/// callback or future. A caller that comes back sooner than this, as one that iterates does, never
/// has to wrest the lead from it.
const LINGER: Duration = Duration::from_millis(1);

/// The supervisor's thread, once it was needed.
#[derive(Default)]
pub(super) struct Supervisor {
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The thread is not parked for good.
    awake: AtomicBool,
}

impl Supervisor {
    /// Ends the thread; the engine's phase must say so already.
    pub(super) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.thread().id() != thread::current().id() {
                // It runs no code of others, so it does not panic.
                let _ = thread.join();
            }
        }
    }

    fn handle(&self, engine: &Arc<Engine>) -> Option<Thread> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let engine = Arc::downgrade(engine);
            let builder = thread::Builder::new().name("multiproc-supervisor".into());
            // Without the thread, tasks still move whenever somebody waits.
            let harmless = ForkSafe::new();
            let run = move || {
                let _harmless = harmless;
                if let Some(engine) = engine.upgrade() {
                    engine.run_supervisor();
                }
            };
            *thread = builder.spawn(run).ok();
        }
        thread.as_ref().map(|thread| thread.thread().clone())
    }
}

/// What the supervisor does next.
#[derive(Default)]
enum Turn {
    Lead,
    Linger,
    /// Look now and then whether there are too many workers.
    Doze(Duration),
    Rest,
    #[default]
    Stop,
}

impl Engine {
    /// Has the supervisor let workers go that have nothing to do, if there may be such.
    pub(super) fn keep_elastic(self: &Arc<Self>) {
        if self.config.max_processes > self.config.processes {
            let keeper = self.supervisor.handle(self);
            self.with(|core| core.keeper = keeper);
        }
    }

    /// Has the supervisor keep the pool going; `unattended` if somebody waits without a thread of
    /// his own.
    pub(crate) fn supervise(self: &Arc<Self>, unattended: bool) {
        if self.is_outside || !self.owner.is_here() {
            return;
        }
        if unattended {
            self.with(|core| core.unattended = true);
        }
        if (unattended || !self.supervisor.awake.load(Relaxed))
            && let Some(thread) = self.supervisor.handle(self)
        {
            self.supervisor.awake.store(true, Relaxed);
            thread.unpark();
        }
    }

    fn run_supervisor(&self) {
        let mut leads = u64::MAX;
        loop {
            self.owner.or_exit();
            match self.with(|core| self.next_turn(core, &mut leads)) {
                Turn::Lead => {
                    let over = |core: &Core| core.lead_wanted || core.outstanding == 0 || core.phase == Phase::Ended;
                    self.wait_as(Leader::Supervisor, 0, None, over);
                }
                Turn::Linger => thread::park_timeout(LINGER),
                Turn::Doze(time) => thread::park_timeout(time),
                Turn::Rest => thread::park(),
                Turn::Stop => return,
            }
        }
    }

    fn next_turn(&self, core: &mut Core, leads: &mut u64) -> Turn {
        if core.phase == Phase::Ended {
            return Turn::Stop;
        }
        if core.outstanding == 0 {
            core.unattended = false;
            core.retire_if_closing();
            self.supervisor.awake.store(false, Relaxed);
            let Some(time) = core.may_shrink() else { return Turn::Rest };
            core.attend();
            return Turn::Doze(time);
        }
        let since = std::mem::replace(leads, core.leads);
        if core.leader.is_none() && !core.lead_wanted && (core.unattended || since == core.leads) {
            return Turn::Lead;
        }
        if core.leader.is_some() && since == core.leads {
            // That caller may lead for long, and says when it stops.
            core.relief = Some(thread::current());
            *leads = u64::MAX;
            return Turn::Rest;
        }
        Turn::Linger
    }
}
