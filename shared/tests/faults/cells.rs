//! A cell of the matrix: a fault, at a place, in a call, under a start method; what should come of
//! it, and what does.

use std::time::{Duration, Instant};

use multiproc::{Error, Executor, Pool, PoolBuilder, Result, StartMethod};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::calls::Call;
use crate::faults::Fault;
use crate::places::{Charge, Place, arm, initializer};
use crate::support::{Death, Gate, Holdings, ProcessId, eventually, pids, square, squares, zygote};

/// The time limit of tasks in cells where a process is stopped. The tasks that are well take
/// microseconds.
const LIMIT: Duration = Duration::from_millis(500);
/// Cells of a fault that should strike in the middle of something are repeated until it does, for
/// so long at most.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) charge: Charge,
    pub(crate) method: StartMethod,
    pub(crate) call: Call,
}

pub(crate) const METHODS: [StartMethod; 3] = [StartMethod::Fork, StartMethod::Spawn, StartMethod::ForkServer];

/// Every cell in which the fault can strike.
pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in Place::ALL {
        for fault in Fault::ALL.into_iter().filter(|fault| place.suffers(*fault)) {
            for method in METHODS {
                let calls = Call::ALL.into_iter().filter(|call| call.has(place));
                cells.extend(calls.map(|call| Cell { charge: Charge(place, fault), method, call }));
            }
        }
    }
    cells
}

impl Cell {
    /// What becomes of the task or the call that the fault concerns, in the words of the table.
    pub(crate) fn expected(self) -> &'static str {
        let Charge(place, fault) = self.charge;
        match (place, fault) {
            (Place::Source, _) => "the panic goes on in the caller",
            (Place::Callback, _) => "Panicked",
            (Place::EncodeArgument, _) | (Place::EncodeResult, Fault::Refusal) => "Encode",
            (Place::DecodeResult, _) | (Place::DecodeArgument, Fault::Refusal) => "Decode",
            (Place::Initializer, Fault::Panic) => "Initializer",
            (Place::Zygote, Fault::Stop) => "WorkerLost: SIGKILL",
            (Place::Initializer | Place::Idle | Place::Zygote, _) => "right",
            (Place::DecodeArgument | Place::Run | Place::EncodeResult | Place::MidResult, _) => fault.as_loss(),
        }
    }

    /// What does come of it. `Err` says which promise was broken.
    pub(crate) fn observe(self) -> Result<String, String> {
        let until = Instant::now() + TIMEOUT;
        loop {
            let before = Holdings::now();
            let outcome = self.attempt()?;
            before.assert_kept();
            if self.charge.0 != Place::MidResult || outcome != "right" || Instant::now() > until {
                return Ok(outcome);
            }
        }
    }

    fn attempt(self) -> Result<String, String> {
        let gate = Gate::new();
        let pool = self.builder(&gate).build().map_err(|error| format!("no pool: {error}"))?;
        let charge = self.prepare(&pool, &gate);
        let outcome = self.call.make(&pool, charge)?;
        self.check_after(&pool, &outcome)?;
        Ok(outcome)
    }

    fn builder(self, gate: &Gate) -> PoolBuilder {
        let Charge(place, fault) = self.charge;
        let builder = match fault {
            Fault::OutOfMemory => Death::OutOfMemory.pool(self.method),
            Fault::Stop if place != Place::Zygote => Death::Kill.pool(self.method).task_timeout(LIMIT),
            _ => Death::Kill.pool(self.method),
        };
        match place {
            Place::Initializer => builder.initializer(initializer, (self.charge, gate.path())),
            _ => builder,
        }
    }

    /// Lets a fault strike that does not come with a task. Says what the failing task is to bring
    /// along.
    fn prepare(self, pool: &Pool, gate: &Gate) -> Charge {
        let Charge(place, fault) = self.charge;
        match place {
            Place::Idle => {
                let worker = pool.apply(arm, (fault, gate.path().join("open"))).unwrap();
                let worker = ProcessId::of(worker).unwrap();
                gate.open();
                eventually("the fault strikes", || worker.is_gone() || worker.is_stopped());
            }
            Place::Zygote => {
                pids(pool);
                let zygote = zygote();
                // The standard library's handler of memory faults lets the first one that is not
                // one pass.
                eventually("the fault strikes", || {
                    let _ = kill(Pid::from_raw(zygote.pid as i32), fault.signal().unwrap_or(Signal::SIGKILL));
                    zygote.is_gone() || zygote.is_stopped()
                });
                if fault == Fault::Stop {
                    // It changes nothing until the zygote is needed, so one of the workers is
                    // killed.
                    return Charge(Place::Run, Fault::Kill);
                }
            }
            _ => {}
        }
        self.charge
    }

    /// The pool goes on, and has lost no more than it should.
    fn check_after(self, pool: &Pool, outcome: &str) -> Result<(), String> {
        let again = pool.map(square, 0..20);
        let broken = matches!(again, Err(Error::Initializer(_)));
        match again {
            _ if broken && outcome == "Initializer" => return Ok(()),
            Ok(right) if right == squares(20) => {}
            wrong => return Err(format!("the pool's next map: {wrong:?}")),
        }
        let failed = u64::from(!matches!(outcome, "right" | "the panic goes on in the caller"))
            * u64::from(!matches!(self.charge.0, Place::DecodeResult | Place::Callback));
        // The tasks from before a panic of their source go on.
        eventually("all tasks have ended", || pool.statistics().queued + pool.statistics().running == 0);
        let stats = pool.statistics();
        if stats.failed != failed {
            return Err(format!("after it: {stats:?}"));
        }
        if self.charge.1.ends_the_process() || self.charge.1 == Fault::Stop {
            eventually("the pool has all its workers again", || pool.workers().len() == pool.processes());
        }
        Ok(())
    }
}
