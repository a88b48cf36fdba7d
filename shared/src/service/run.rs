//! The manager's loop: look what has happened and what is wanted, do what follows, sleep.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::error::{Context, Error, Result};
use crate::service::builder::Settings;
use crate::service::control::{ServiceControl, ServiceId};
use crate::service::definition::Service;
use crate::service::hooks::Hooks;
use crate::service::seat::Seat;
use crate::service::signals::Caught;
use crate::service::systemd::Systemd;
use crate::sys::notifier::Notifier;
use crate::sys::pid::Owner;
use crate::sys::signals::Disposition;

/// How often to look at the workers even if nothing says that one has ended. All that says so is a
/// descriptor, which a child of the worker may have inherited.
const LOOK: Duration = Duration::from_secs(1);

/// How soon to look again for how a worker ended once it has.
const SOON: Duration = Duration::from_millis(2);

/// The process whose manager runs, if any: there is one SIGTERM a process. (A forked child is
/// another.)
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Leave to run.
struct Sole;

impl Sole {
    fn claim() -> Result<Self> {
        let own = std::process::id();
        match RUNS.swap(own, SeqCst) {
            other if other == own => {
                Err(Error::Config("a ServiceManager runs in this process already; add the services to that one".into()))
            }
            _ => Ok(Self),
        }
    }
}

impl Drop for Sole {
    fn drop(&mut self) {
        RUNS.store(0, SeqCst);
    }
}

/// The signals that a manager hears.
struct Ears {
    reload: Caught,
    terminate: Caught,
    interrupt: Option<Caught>,
}

impl Ears {
    fn open() -> Result<Self> {
        let catch = |signal| Caught::new(signal).context("cannot catch a signal");
        // A shell starts what runs in the background with Ctrl-C ignored; it is meant for others then.
        let ignored = Disposition::of(Signal::SIGINT).context("cannot look at a signal")?.is_ignored();
        Ok(Self {
            reload: catch(Signal::SIGHUP)?,
            terminate: catch(Signal::SIGTERM)?,
            interrupt: if ignored { None } else { Some(catch(Signal::SIGINT)?) },
        })
    }

    fn all(&self) -> impl Iterator<Item = &Caught> {
        [&self.reload, &self.terminate].into_iter().chain(&self.interrupt)
    }
}

/// A service and its workers.
struct Group {
    id: ServiceId,
    service: Service,
    /// By number.
    seats: Vec<Seat>,
}

/// A manager that runs. Dropping it ends all workers at once.
struct Run {
    groups: Vec<Group>,
    hooks: Hooks,
    settings: Settings,
    control: ServiceControl,
    notifier: Arc<Notifier>,
    systemd: Systemd,
    stopping: bool,
    ears: Ears,
    _sole: Sole,
    owner: Owner,
}

/// Runs services until they are terminated and have all ended.
pub(super) fn run(
    services: Vec<(ServiceId, Service)>,
    hooks: Hooks,
    settings: Settings,
    control: ServiceControl,
) -> Result<()> {
    let sole = Sole::claim()?;
    let notifier = Arc::new(Notifier::new()?);
    control.0.listen(notifier.clone());
    let groups = services.into_iter().map(|(id, service)| Group { id, service, seats: Vec::new() }).collect();
    let systemd = Systemd::from_env();
    let ears = Ears::open()?;
    let mut run = Run {
        groups,
        hooks,
        settings,
        control,
        notifier,
        systemd,
        stopping: false,
        ears,
        _sole: sole,
        owner: Owner::here(),
    };
    let outcome = run.serve();
    run.control.0.end();
    outcome.and_then(|()| run.hooks.panics.outcome())
}

impl Run {
    fn serve(&mut self) -> Result<()> {
        // What cannot be started at all is an error; later it is a matter of trying again.
        if let Some(error) = self.fill() {
            return Err(error);
        }
        self.systemd.ready();
        loop {
            // A hook may have forked: the copy has no workers, and nothing to run.
            self.owner.check()?;
            self.hear();
            self.look();
            self.fill();
            if self.stopping && self.groups.iter().all(|group| group.seats.is_empty()) {
                return Ok(());
            }
            self.sleep()?;
        }
    }

    /// Does what signals and the control ask for.
    fn hear(&mut self) {
        self.notifier.clear();
        let told = self.ears.all().skip(1).any(Caught::has_come) || self.control.0.is_terminated();
        self.ears.all().skip(1).for_each(Caught::quiet);
        if told && !self.stopping {
            self.stopping = true;
            self.control.0.end();
            self.systemd.stopping();
            self.hooks.terminate();
        }
        let reload = self.ears.reload.take() | self.control.0.take_reload();
        if reload && !self.stopping {
            self.systemd.reloading();
            self.hooks.reload(&self.control);
            if !self.owner.is_here() {
                return;
            }
            for group in &mut self.groups {
                group.service.reload(&self.control, group.id, &mut self.hooks.panics);
            }
            self.seats().for_each(|seat| seat.reload());
            self.fill();
            self.systemd.ready();
        }
    }

    /// Looks for workers that have ended.
    fn look(&mut self) {
        for group in &mut self.groups {
            for seat in &mut group.seats {
                seat.insist();
                if let Some(end) = seat.look(self.settings.pace) {
                    if let Some(error) = &end.error {
                        self.hooks.error(group.id, seat.number, error);
                    }
                    self.hooks.dead_worker(group.id, seat.number, end.exit);
                }
            }
        }
    }

    /// Has each service have the seats it should, with workers on those that are due. Returns the
    /// first reason, if any, why a worker could not be started.
    fn fill(&mut self) -> Option<Error> {
        let mut refused = None;
        for group in &mut self.groups {
            let wanted = if self.stopping { 0 } else { self.control.0.workers(group.id) };
            for seat in group.seats.iter_mut().filter(|seat| seat.number >= wanted) {
                seat.ask_to_leave(self.settings.deadline);
            }
            group.seats.retain(|seat| seat.number < wanted || !seat.is_vacant());
            for number in 0..wanted {
                if let Err(at) = group.seats.binary_search_by_key(&number, |seat| seat.number) {
                    group.seats.insert(at, Seat::new(number));
                }
            }
            for seat in group.seats.iter_mut().filter(|seat| seat.number < wanted && seat.wants_worker()) {
                match group.service.start(seat.number, self.settings.method) {
                    Ok(process) => {
                        let pid = process.pid();
                        seat.take(process);
                        self.hooks.new_worker(group.id, seat.number, pid);
                    }
                    Err(error) => {
                        seat.put_off(self.settings.pace);
                        self.hooks.error(group.id, seat.number, &error);
                        refused.get_or_insert(error);
                    }
                }
            }
        }
        refused
    }

    fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.groups.iter().flat_map(|group| &group.seats)
    }

    /// Sleeps until a signal, a word from the control, a worker's end, or the time for the next
    /// thing to do.
    fn sleep(&self) -> Result<()> {
        let now = Instant::now();
        let mut until = self.seats().filter_map(Seat::due).fold(now + LOOK, Instant::min);
        let mut fds: Vec<_> = self.ears.all().map(|caught| PollFd::new(caught.as_fd(), PollFlags::POLLIN)).collect();
        fds.push(PollFd::new(self.notifier.as_fd(), PollFlags::POLLIN));
        for process in self.seats().filter_map(Seat::process) {
            if process.has_hung_up() {
                until = until.min(now + SOON);
            } else {
                fds.push(PollFd::new(process.sentinel(), PollFlags::POLLIN));
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
