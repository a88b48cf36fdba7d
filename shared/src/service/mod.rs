//! Services: functions that run for as long as the program does, in processes that are replaced
//! when they end.
//!
//! The manager has one loop and no threads. What is requested (how many workers each service is to
//! have, a reload, the end) stands in one place, which any thread with a handle may change.
//! Signals, such changes and the ends of workers wake the loop, which then starts and ends workers
//! until they are what is requested. Beyond that, a worker is a [`Process`](crate::Process) like
//! any other, and ends with its program.
//!
//! - [`service_manager`]: the manager and its settings; [`definition`]: services, and hooks that
//!   the manager calls; [`service_worker`]: the first parameter of a service's function;
//! - [`manager_loop`]: the loop; [`service_control`]: the requests to it; [`worker_slot`]: the
//!   worker of one number, and when it is replaced;
//! - [`caught_signal`]: catching signals; [`systemd`]: notifications to systemd.

mod caught_signal;
mod definition;
mod manager_loop;
mod service_control;
mod service_manager;
mod service_worker;
mod systemd;
mod worker_slot;

pub use definition::{Service, ServiceArguments};
pub use service_control::{ServiceControl, ServiceId};
pub use service_manager::{ServiceManager, ServiceManagerBuilder};
pub use service_worker::ServiceWorker;
