//! What the program gives a manager: services (a function, its arguments, a name), and hooks, which
//! the manager calls.

use std::any::type_name;
use std::fmt;

use crate::error::{Error, Origin, Result};
use crate::exit_status::ExitStatus;
use crate::foreign;
use crate::process::Process;
use crate::service::service_control::{ServiceControl, ServiceId};
use crate::service::service_worker::ServiceWorker;
use crate::task::{Arguments, Task};
use crate::zygote::StartMethod;

/// Starts one worker.
type Start = Box<dyn Fn(ServiceWorker, StartMethod) -> Result<Process<()>> + Send>;

type OnServiceReload = Box<dyn FnMut(&ServiceControl, ServiceId) + Send>;

/// A function that runs for as long as the program does, in one or several processes, once it was
/// [added](crate::ServiceManager::add) to a manager.
///
/// Its first parameter is a [`ServiceWorker`]; the others are the arguments given here, of which
/// each worker receives a clone. When the function returns or panics, or its process is killed, a
/// new worker replaces it.
///
/// ```
/// use multiproc::{Queue, Service, ServiceWorker};
///
/// fn produce(worker: ServiceWorker, queue: Queue<u32>, first: u32) {
///     for n in (first..).take_while(|_| !worker.should_stop()) {
///         queue.put(n).expect("the queue is open");
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let service = Service::new(produce, (Queue::new()?, 7));
/// assert_eq!(service.name(), "produce");
/// # Ok(()) }
/// ```
///
/// systemd's counterpart: a unit file. Python's counterpart: the package cotyledon's `Service`.
#[must_use = "a service does not run until a manager does to which it was added"]
pub struct Service {
    name: String,
    start: Start,
    on_reload: Vec<OnServiceReload>,
}

impl Service {
    /// Returns a service that runs `function(worker, arguments…)`, named after the function.
    pub fn new<F, Args>(function: F, arguments: Args) -> Self
    where
        Args: ServiceArguments,
        F: Task<Args::WithWorker, Output = ()> + Clone + Send + 'static,
    {
        let start = move |worker: ServiceWorker, method| {
            let builder = Process::builder().name(worker.name()).daemon(true).start_method(method);
            builder.target(function.clone(), arguments.clone().with_worker(worker)).start()
        };
        Self { name: name_of::<F>(), start: Box::new(start), on_reload: Vec::new() }
    }

    /// Adds a hook, which is called in the manager's process when the manager reloads (SIGHUP):
    /// after the manager's own hooks, and before the service's workers are asked to
    /// [reload](ServiceWorker::reload_requested).
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Service, ServiceWorker};
    ///
    /// fn print(worker: ServiceWorker) {
    ///     while !worker.should_stop() {
    ///         worker.sleep(std::time::Duration::from_secs(1));
    ///     }
    /// }
    ///
    /// let service = Service::new(print, ()).on_reload(|manager, id| {
    ///     manager.reconfigure(id, 5).expect("it runs");
    /// });
    /// # drop(service);
    /// ```
    pub fn on_reload(mut self, hook: impl FnMut(&ServiceControl, ServiceId) + Send + 'static) -> Self {
        self.on_reload.push(Box::new(hook));
        self
    }

    /// Calls the hooks.
    pub(super) fn reload(&mut self, control: &ServiceControl, id: ServiceId, panics: &mut HookPanics) {
        panics.call_each(&mut self.on_reload, |hook| hook(control, id));
    }

    /// Sets the name, with which the names of its workers begin.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts the worker of this number. Its arguments are cloned, which runs code of the program.
    pub(super) fn start(&self, number: usize, method: StartMethod) -> Result<Process<()>> {
        let worker = ServiceWorker::new(number, format!("{}-{number}", self.name));
        foreign::guard(|| (self.start)(worker, method)).unwrap_or_else(|panic| {
            Err(Error::Encode(format!("cloning the service's arguments panicked: {panic}").into()))
        })
    }
}

/// Returns the function's own name; `service` for one without a name, such as a closure.
fn name_of<F>() -> String {
    let path = type_name::<F>();
    let last = path.rsplit("::").next().unwrap_or(path);
    let is_name = !last.is_empty() && last.chars().all(|c| c.is_alphanumeric() || c == '_');
    (if is_name { last } else { "service" }).to_string()
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A tuple of a service's arguments, without its [`ServiceWorker`]: up to seven values that can be
/// cloned, since each new worker receives a clone.
pub trait ServiceArguments: Clone + Send + 'static {
    /// The tuple with the worker before the arguments.
    type WithWorker: Arguments;

    #[doc(hidden)]
    fn with_worker(self, worker: ServiceWorker) -> Self::WithWorker;
}

macro_rules! service_arguments {
    ($($name:ident)*) => {
        #[allow(non_snake_case)] // The macro's type names serve as variable names.
        impl<$($name: Clone + Send + 'static),*> ServiceArguments for ($($name,)*)
        where
            (ServiceWorker, $($name,)*): Arguments,
        {
            type WithWorker = (ServiceWorker, $($name,)*);

            fn with_worker(self, worker: ServiceWorker) -> Self::WithWorker {
                let ($($name,)*) = self;
                (worker, $($name,)*)
            }
        }
    };
}

service_arguments!();
service_arguments!(A);
service_arguments!(A B);
service_arguments!(A B C);
service_arguments!(A B C D);
service_arguments!(A B C D E);
service_arguments!(A B C D E F);
service_arguments!(A B C D E F G);

type OnReload = Box<dyn FnMut(&ServiceControl) + Send>;
type OnTerminate = Box<dyn FnMut() + Send>;
type OnNewWorker = Box<dyn FnMut(ServiceId, usize, u32) + Send>;
type OnDeadWorker = Box<dyn FnMut(ServiceId, usize, ExitStatus) + Send>;
type OnError = Box<dyn FnMut(ServiceId, usize, &Error) + Send>;

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
    fn call_each<H>(&mut self, hooks: &mut [H], mut call: impl FnMut(&mut H)) {
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
            stderr: None,
            pid: std::process::id(),
            origin: Origin::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(_: ServiceWorker) {}

    #[test]
    fn service_is_named_after_its_function() {
        assert_eq!(Service::new(print, ()).name(), "print");
        assert_eq!(Service::new(|_: ServiceWorker| (), ()).name(), "service");
        assert_eq!(Service::new(crate::partial(|_: &u8, _: ServiceWorker| (), 3), ()).name(), "service");
        assert_eq!(Service::new(print, ()).named("mine").name(), "mine");
    }
}
