//! Services under a manager: whole programs, real signals, and what is left of them.

mod managers;
mod observe;
mod programs;
mod server;
mod signals;
mod supervisor;
mod workers;

use std::thread;
use std::time::Duration;

use multiproc::ServiceWorker;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] =
    &[signals::TESTS, workers::TESTS, supervisor::TESTS, managers::TESTS, server::TESTS];

pub(crate) const PROGRAMS: &[&[Named]] = &[programs::PROGRAMS, server::PROGRAMS];

/// Far longer than anything takes here.
const LONG: Duration = Duration::from_secs(3600);

/// Sleeps, and asks for nothing.
fn sleeper(_: ServiceWorker) {
    thread::sleep(LONG);
}
