//! What the program wants to be told.

use crate::error::Error;
use crate::exit::ExitStatus;
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
}

impl Hooks {
    pub(super) fn reload(&mut self, control: &ServiceControl) {
        self.on_reload.iter_mut().for_each(|hook| hook(control));
    }

    pub(super) fn terminate(&mut self) {
        self.on_terminate.iter_mut().for_each(|hook| hook());
    }

    pub(super) fn new_worker(&mut self, id: ServiceId, number: usize, pid: u32) {
        self.on_new_worker.iter_mut().for_each(|hook| hook(id, number, pid));
    }

    pub(super) fn dead_worker(&mut self, id: ServiceId, number: usize, exit: ExitStatus) {
        self.on_dead_worker.iter_mut().for_each(|hook| hook(id, number, exit));
    }

    pub(super) fn error(&mut self, id: ServiceId, number: usize, error: &Error) {
        self.on_error.iter_mut().for_each(|hook| hook(id, number, error));
    }
}
