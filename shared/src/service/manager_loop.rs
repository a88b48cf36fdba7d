//! The manager's loop: looks for what has happened and what is requested, acts on it, sleeps.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::error::{Context, Error, Result};
use crate::service::caught_signal::CaughtSignal;
use crate::service::definition::{Hooks, Service};
use crate::service::service_control::{ServiceControl, ServiceId};
use crate::service::systemd::Systemd;
use crate::service::worker_slot::{DelayBounds, WorkerSlot};
use crate::sys::pid::Owner;
use crate::sys::poll::Notifier;
use crate::sys::signals::Disposition;
use crate::zygote::StartMethod;

/// The longest time between two looks at the workers, even if nothing signals the end of one. What
/// signals it is a descriptor, which a child of the worker may have inherited.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(1);

/// The time between the end of a worker and the next look for how it ended.
const EXIT_INTERVAL: Duration = Duration::from_millis(2);

/// The process whose manager runs, if any: a process has one SIGTERM. (A forked child is another
/// process.)
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// The settings of a manager.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// The time from SIGTERM to SIGKILL.
    pub(super) deadline: Duration,
    pub(super) respawn: DelayBounds,
    pub(super) method: StartMethod,
}

impl Default for Settings {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(10), respawn: DelayBounds::default(), method: StartMethod::default() }
    }
}

/// The right to run a manager, which only one per process has.
struct RunPermit;

impl RunPermit {
    fn claim() -> Result<Self> {
        let own = std::process::id();
        match RUNNING.swap(own, SeqCst) {
            other if other == own => Err(Error::InvalidState(
                "a ServiceManager runs in this process already; add the services to that one".into(),
            )),
            _ => Ok(Self),
        }
    }
}

impl Drop for RunPermit {
    fn drop(&mut self) {
        RUNNING.store(0, SeqCst);
    }
}

/// The signals that a manager catches.
struct SignalSources {
    reload: CaughtSignal,
    terminate: CaughtSignal,
    interrupt: Option<CaughtSignal>,
}

impl SignalSources {
    fn open() -> Result<Self> {
        let catch = |signal| CaughtSignal::new(signal).context("cannot catch a signal");
        // A shell starts background jobs with SIGINT ignored: Ctrl-C is not meant for them.
        let ignored = Disposition::of(Signal::SIGINT).context("cannot look at a signal")?.is_ignored();
        Ok(Self {
            reload: catch(Signal::SIGHUP)?,
            terminate: catch(Signal::SIGTERM)?,
            interrupt: if ignored { None } else { Some(catch(Signal::SIGINT)?) },
        })
    }

    fn all(&self) -> impl Iterator<Item = &CaughtSignal> {
        std::iter::once(&self.reload).chain(self.ending())
    }

    /// Returns the signals that end the manager.
    fn ending(&self) -> impl Iterator<Item = &CaughtSignal> {
        std::iter::once(&self.terminate).chain(&self.interrupt)
    }
}

/// A service and its workers.
struct RunningService {
    id: ServiceId,
    service: Service,
    /// By number.
    slots: Vec<WorkerSlot>,
}

/// A manager that runs. Dropping it ends all workers at once.
struct RunningManager {
    services: Vec<RunningService>,
    hooks: Hooks,
    settings: Settings,
    control: ServiceControl,
    notifier: Arc<Notifier>,
    systemd: Systemd,
    stopping: bool,
    signals: SignalSources,
    _permit: RunPermit,
    owner: Owner,
}

/// Runs services until they are terminated and have all ended.
pub(super) fn run(
    services: Vec<(ServiceId, Service)>,
    hooks: Hooks,
    settings: Settings,
    control: ServiceControl,
) -> Result<()> {
    let permit = RunPermit::claim()?;
    let notifier = Arc::new(Notifier::new()?);
    control.state().listen(notifier.clone());
    let services = services.into_iter().map(|(id, service)| RunningService { id, service, slots: Vec::new() });
    let mut manager = RunningManager {
        services: services.collect(),
        hooks,
        settings,
        control,
        notifier,
        systemd: Systemd::from_env(),
        stopping: false,
        signals: SignalSources::open()?,
        _permit: permit,
        owner: Owner::here(),
    };
    let outcome = manager.run();
    manager.control.state().end();
    outcome.and_then(|()| manager.hooks.panics().outcome())
}

impl RunningManager {
    fn run(&mut self) -> Result<()> {
        // A first worker that cannot be started is an error; later ones are tried again.
        if let Some(error) = self.fill_slots() {
            return Err(error);
        }
        self.systemd.ready();
        loop {
            // A hook may have forked: the copy has no workers, and nothing to run.
            self.owner.check()?;
            // In this order: a signal to the whole group arrives here before it has ended a worker,
            // so that no worker is replaced that ended because all are to end.
            self.check_workers();
            self.handle_requests();
            self.fill_slots();
            if self.stopping && self.services.iter().all(|service| service.slots.is_empty()) {
                return Ok(());
            }
            self.sleep()?;
        }
    }

    /// Carries out what signals and the control ask for.
    fn handle_requests(&mut self) {
        self.notifier.clear();
        let terminate = self.signals.ending().any(CaughtSignal::has_come) || self.control.state().is_terminated();
        self.signals.ending().for_each(CaughtSignal::clear_wakeups);
        if terminate && !self.stopping {
            self.stopping = true;
            self.control.state().end();
            self.systemd.stopping();
            self.hooks.terminate();
        }
        let reload = self.signals.reload.take() | self.control.state().take_reload();
        if reload && !self.stopping {
            self.systemd.reloading();
            self.hooks.reload(&self.control);
            if !self.owner.is_here() {
                return;
            }
            for RunningService { id, service, .. } in &mut self.services {
                service.reload(&self.control, *id, self.hooks.panics());
            }
            self.slots().for_each(WorkerSlot::reload);
            self.fill_slots();
            self.systemd.ready();
        }
    }

    /// Looks for workers that have ended, and kills those whose deadline has passed.
    fn check_workers(&mut self) {
        for RunningService { id, slots, .. } in &mut self.services {
            for slot in slots {
                slot.enforce_deadline();
                if let Some(end) = slot.take_end(self.settings.respawn) {
                    if let Some(error) = &end.error {
                        self.hooks.error(*id, slot.number(), error);
                    }
                    self.hooks.dead_worker(*id, slot.number(), end.exit);
                }
            }
        }
    }

    /// Gives each service as many slots as are requested, and each slot that is due a worker.
    /// Returns the first error, if any, of starting a worker.
    fn fill_slots(&mut self) -> Option<Error> {
        let mut first_error = None;
        for RunningService { id, service, slots } in &mut self.services {
            let requested = if self.stopping { 0 } else { self.control.state().workers(*id) };
            for slot in slots.iter_mut().filter(|slot| slot.number() >= requested) {
                slot.terminate(self.settings.deadline);
            }
            slots.retain(|slot| slot.number() < requested || !slot.is_vacant());
            for number in 0..requested {
                if let Err(at) = slots.binary_search_by_key(&number, WorkerSlot::number) {
                    slots.insert(at, WorkerSlot::new(number));
                }
            }
            for slot in slots.iter_mut().filter(|slot| slot.number() < requested && slot.is_due()) {
                match service.start(slot.number(), self.settings.method) {
                    Ok(process) => {
                        let pid = process.pid();
                        slot.fill(process);
                        self.hooks.new_worker(*id, slot.number(), pid);
                    }
                    Err(error) => {
                        slot.postpone(self.settings.respawn);
                        self.hooks.error(*id, slot.number(), &error);
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        first_error
    }

    fn slots(&self) -> impl Iterator<Item = &WorkerSlot> {
        self.services.iter().flat_map(|service| &service.slots)
    }

    /// Sleeps until a signal, a request, the end of a worker, or the time for the next thing to do.
    fn sleep(&self) -> Result<()> {
        let now = Instant::now();
        let mut until = self.slots().filter_map(WorkerSlot::due).fold(now + LIVENESS_INTERVAL, Instant::min);
        let mut fds: Vec<_> = self.signals.all().map(|signal| PollFd::new(signal.as_fd(), PollFlags::POLLIN)).collect();
        fds.push(PollFd::new(self.notifier.as_fd(), PollFlags::POLLIN));
        for process in self.slots().filter_map(WorkerSlot::process) {
            if process.has_hung_up() {
                until = until.min(now + EXIT_INTERVAL);
            } else {
                fds.extend(process.sentinel().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            }
        }
        // Rounded up, so as not to spin through the last millisecond.
        let left = until.saturating_duration_since(now) + Duration::from_micros(999);
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::io("cannot wait for signals and workers", errno)),
        }
    }
}
