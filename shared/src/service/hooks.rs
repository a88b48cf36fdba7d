//! Hooks: functions of the program that the manager calls.

use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::foreign;
use crate::service::control::{ServiceControl, ServiceId};

pub(super) type OnReload = Box<dyn FnMut(&ServiceControl) + Send>;
pub(super) type OnTerminate = Box<dyn FnMut() + Send>;
pub(super) type OnNewWorker = Box<dyn FnMut(ServiceId, usize, u32) + Send>;
pub(super) type OnDeadWorker = Box<dyn FnMut(ServiceId, usize, ExitStatus) + Send>;
pub(super) type OnError = Box<dyn FnMut(ServiceId, usize, &Error) + Send>;

/// The hooks of a manager, each list in the order in which they were added.
#[derive(Default)]
pub(super) struct Hooks {
    on_reload: Vec<OnReload>,
    on_terminate: Vec<OnTerminate>,
    on_new_worker: Vec<OnNewWorker>,
    on_dead_worker: Vec<OnDeadWorker>,
    on_error: Vec<OnError>,
    panics: HookPanics,
}

/// Adds hooks.
impl Hooks {
    pub(super) fn on_reload(&mut self, hook: OnReload) {
        self.on_reload.push(hook);
    }

    pub(super) fn on_terminate(&mut self, hook: OnTerminate) {
        self.on_terminate.push(hook);
    }

    pub(super) fn on_new_worker(&mut self, hook: OnNewWorker) {
        self.on_new_worker.push(hook);
    }

    pub(super) fn on_dead_worker(&mut self, hook: OnDeadWorker) {
        self.on_dead_worker.push(hook);
    }

    pub(super) fn on_error(&mut self, hook: OnError) {
        self.on_error.push(hook);
    }
}

/// Calls the hooks.
impl Hooks {
    pub(super) fn reload(&mut self, control: &ServiceControl) {
        self.panics.call_each(&mut self.on_reload, |hook| hook(control));
    }

    pub(super) fn terminate(&mut self) {
        self.panics.call_each(&mut self.on_terminate, |hook| hook());
    }

    pub(super) fn new_worker(&mut self, id: ServiceId, number: usize, pid: u32) {
        self.panics.call_each(&mut self.on_new_worker, |hook| hook(id, number, pid));
    }

    pub(super) fn dead_worker(&mut self, id: ServiceId, number: usize, exit: ExitStatus) {
        self.panics.call_each(&mut self.on_dead_worker, |hook| hook(id, number, exit));
    }

    pub(super) fn error(&mut self, id: ServiceId, number: usize, error: &Error) {
        self.panics.call_each(&mut self.on_error, |hook| hook(id, number, error));
    }

    /// Returns the panics so far, for the hooks of services.
    pub(super) fn panics(&mut self) -> &mut HookPanics {
        &mut self.panics
    }
}

/// The panics of hooks. The first one is kept until the manager's end; the program's panic hook has
/// printed each at once.
#[derive(Default)]
pub(super) struct HookPanics(Option<String>);

impl HookPanics {
    /// Calls `call` with each of `hooks`. A panic ends that call alone.
    pub(super) fn call_each<H>(&mut self, hooks: &mut [H], mut call: impl FnMut(&mut H)) {
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
