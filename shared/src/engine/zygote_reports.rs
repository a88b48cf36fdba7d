//! The zygote's reports of workers that were started, refused or have ended, and its own end.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::engine::state::State;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::identity::{self, ProcessInfo, register};
use crate::sys::process;
use crate::zygote::{Report, ZygoteClient};

/// Time that the kernel has to end the workers of a zygote that has ended. The signal was sent
/// before the zygote could be reaped; a running worker has it as soon as it is interrupted.
const TIME_TO_DIE: Duration = Duration::from_millis(2);

impl State {
    /// Handles the zygote's reports. Returns `true` if there were any.
    pub(super) fn handle_reports(&mut self) -> bool {
        let Some(zygote) = self.zygote.clone() else { return false };
        let mut any = false;
        loop {
            match zygote.report() {
                Ok(None) => {
                    if any && self.waiters.is_asleep() {
                        // The leader waits for these very reports, and would not find them any
                        // more.
                        self.notifier.notify();
                    }
                    return any;
                }
                Ok(Some(report)) => self.handle_report(report),
                Err(_) => {
                    drop(zygote);
                    self.on_zygote_exit();
                    return true;
                }
            }
            any = true;
        }
    }

    fn handle_report(&mut self, report: Report) {
        match report {
            Report::Started { worker, pid } => {
                self.starts.on_started();
                if let Some(worker) = self.workers.on_started(worker, pid) {
                    let depth = identity::current_process().depth + 1;
                    register(ProcessInfo { name: worker.name().into(), pid, daemon: self.config.daemon, depth });
                }
            }
            Report::Refused { worker, errno } => {
                if let Some(slot) = self.workers.slot_of(worker) {
                    self.remove_unstarted(slot);
                }
                let error = std::io::Error::from_raw_os_error(errno);
                self.on_start_failed(Error::io("cannot start a worker process", error));
            }
            Report::Exited { worker, status } => {
                if let Some(slot) = self.workers.slot_of(worker) {
                    self.on_worker_exit(slot, status);
                    self.replace_missing();
                }
            }
        }
        self.waiters.wake_for_workers(&mut self.deferred);
    }

    /// Removes a worker whose process was never started.
    fn remove_unstarted(&mut self, slot: usize) {
        if let Some(worker) = self.workers.remove(slot) {
            self.put_all_back(worker.into_chunks().0);
        }
    }

    /// Deals with the end of the zygote: the kernel kills its workers, each of which loses what it
    /// ran, and a new zygote starts new ones.
    pub(super) fn on_zygote_exit(&mut self) {
        let Some(zygote) = self.zygote.take() else { return };
        if self.lifecycle.has_ended() {
            return;
        }
        let (cause, is_final) = zygote.cause();
        // This reaps it, if it is a child of this process.
        drop(zygote);
        if self.config.replace {
            self.take_all_back();
        }
        std::thread::sleep(TIME_TO_DIE);
        self.remove_all_killed(&cause);
        if is_final {
            return self.break_down(cause);
        }
        if self.is_finished() {
            return;
        }
        match ZygoteClient::new(self.config.method, self.config.unchecked) {
            Ok(zygote) => {
                self.zygote = Some(Arc::new(zygote));
                self.replace_missing();
            }
            Err(error) => self.break_down(error),
        }
    }

    /// Removes the workers of a zygote that has ended because of `cause`. They count as one
    /// failure, however many they are.
    fn remove_all_killed(&mut self, cause: &Error) {
        let failures = self.starts.failures();
        for slot in self.workers.slots() {
            self.starts.rewind(failures);
            match self.workers.get(slot).map(|worker| worker.pid()) {
                None => {}
                Some(0) => {
                    self.remove_unstarted(slot);
                    self.starts.on_never_started();
                    if self.starts.is_hopeless() {
                        self.break_down(cause.clone());
                    }
                }
                Some(pid) => {
                    process::reap_if_adopted(Pid::from_raw(pid.cast_signed()));
                    self.on_worker_exit(slot, ExitStatus::Signaled(Signal::SIGKILL as i32));
                }
            }
        }
    }
}
