//! What the program wants to be told.

use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::foreign;
use crate::service::{ServiceControl, ServiceId};

type OnReload = Box<dyn FnMut(&ServiceControl) + Send>;
type OnTerminate = Box<dyn FnMut() + Send>;
type OnNewWorker = Box<dyn FnMut(ServiceId, usize, u32) + Send>;
type OnDeadWorker = Box<dyn FnMut(ServiceId, usize, ExitStatus) + Send>;
type OnError = Box<dyn FnMut(ServiceId, usize, &Error) + Send>;

/// Functions of the program, each list in the order in which they were given.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) on_reload: Vec<OnReload>,
    pub(super) on_terminate: Vec<OnTerminate>,
    pub(super) on_new_worker: Vec<OnNewWorker>,
    pub(super) on_dead_worker: Vec<OnDeadWorker>,
    pub(super) on_error: Vec<OnError>,
    pub(super) panics: Panics,
}

impl Hooks {
    pub(super) fn reload(&mut self, control: &ServiceControl) {
        self.panics.guard_each(&mut self.on_reload, |hook| hook(control));
    }

    pub(super) fn terminate(&mut self) {
        self.panics.guard_each(&mut self.on_terminate, |hook| hook());
    }

    pub(super) fn new_worker(&mut self, id: ServiceId, number: usize, pid: u32) {
        self.panics.guard_each(&mut self.on_new_worker, |hook| hook(id, number, pid));
    }

    pub(super) fn dead_worker(&mut self, id: ServiceId, number: usize, exit: ExitStatus) {
        self.panics.guard_each(&mut self.on_dead_worker, |hook| hook(id, number, exit));
    }

    pub(super) fn error(&mut self, id: ServiceId, number: usize, error: &Error) {
        self.panics.guard_each(&mut self.on_error, |hook| hook(id, number, error));
    }
}

/// The panics of hooks. The first one is kept for the manager's end; the panic hook of the program
/// has printed each as it came.
#[derive(Default)]
pub(super) struct Panics(Option<String>);

impl Panics {
    /// Calls `call` with each of `hooks`. A panic ends that call alone.
    pub(super) fn guard_each<H>(&mut self, hooks: &mut [H], mut call: impl FnMut(&mut H)) {
        for hook in hooks {
            if let Err(panic) = foreign::guard(|| call(hook)) {
                self.0.get_or_insert(panic);
            }
        }
    }

    /// Returns the first panic as an error.
    pub(super) fn outcome(&mut self) -> Result<()> {
        let Some(panic) = self.0.take() else { return Ok(()) };
        Err(Error::Panicked {
            message: format!("in a hook of the service manager: {panic}"),
            location: None,
            backtrace: None,
            pid: std::process::id(),
        })
    }
}
