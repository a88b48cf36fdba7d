//! What a service is: a function, its arguments, a name.

use std::any::type_name;
use std::fmt;

use crate::error::{Error, Result};
use crate::foreign;
use crate::process::Process;
use crate::service::hooks::Panics;
use crate::service::{ServiceControl, ServiceId, ServiceWorker};
use crate::task::{Arguments, Task};
use crate::zygote::StartMethod;

/// Starts one worker.
type Start = Box<dyn Fn(ServiceWorker, StartMethod) -> Result<Process<()>> + Send>;

/// Runs in the manager when it reloads.
type OnReload = Box<dyn FnMut(&ServiceControl, ServiceId) + Send>;

/// A function that runs for as long as the program does, in one or several processes; for
/// [`ServiceManager::add`](crate::ServiceManager::add).
///
/// Its first parameter is a [`ServiceWorker`]; the others are the arguments given here, which each
/// worker gets a clone of. When the function returns or panics, or its process is killed, a new
/// worker takes the place.
///
/// The well-known counterparts are a unit file of systemd, and in Python the class `Service` of the
/// package cotyledon.
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
#[must_use = "a service does not run until a manager does to which it was added"]
pub struct Service {
    name: String,
    start: Start,
    on_reload: Vec<OnReload>,
}

impl Service {
    /// A service that runs `function(worker, arguments…)`, named after the function.
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

    /// Calls `hook` in the manager's process when the manager is told to reload (SIGHUP), after the
    /// manager's own hooks and before the service's workers are told, who ask
    /// [`reload_requested`](ServiceWorker::reload_requested).
    ///
    /// ```
    /// use multiproc::{Service, ServiceWorker};
    ///
    /// fn print(worker: ServiceWorker) {
    ///     while !worker.should_stop() {
    ///         worker.sleep(std::time::Duration::from_secs(1));
    ///     }
    /// }
    ///
    /// let five_from_now_on = |manager: &multiproc::ServiceControl, id| manager.reconfigure(id, 5).expect("it runs");
    /// let service = Service::new(print, ()).on_reload(five_from_now_on);
    /// # drop(service);
    /// ```
    pub fn on_reload(mut self, hook: impl FnMut(&ServiceControl, ServiceId) + Send + 'static) -> Self {
        self.on_reload.push(Box::new(hook));
        self
    }

    pub(super) fn reload(&mut self, control: &ServiceControl, id: ServiceId, panics: &mut Panics) {
        panics.guard_each(&mut self.on_reload, |hook| hook(control, id));
    }

    /// Sets its name, which its workers' names begin with.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts the worker of this number. Its arguments are cloned, which is code of the program's.
    pub(super) fn start(&self, number: usize, method: StartMethod) -> Result<Process<()>> {
        let worker = ServiceWorker::new(number, format!("{}-{number}", self.name));
        foreign::guard(|| (self.start)(worker, method))
            .unwrap_or_else(|panic| Err(Error::Encode(format!("cloning the service's arguments panicked: {panic}"))))
    }
}

/// The function's own name. What has none, such as a closure, is a `service`.
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
/// cloned, since each new worker gets them anew.
pub trait ServiceArguments: Clone + Send + 'static {
    /// The same with the worker before them.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn print(_: ServiceWorker) {}

    #[test]
    fn a_service_has_the_name_of_its_function_if_that_has_one() {
        assert_eq!(Service::new(print, ()).name(), "print");
        assert_eq!(Service::new(|_: ServiceWorker| (), ()).name(), "service");
        assert_eq!(Service::new(crate::partial(|_: &u8, _: ServiceWorker| (), 3), ()).name(), "service");
        assert_eq!(Service::new(print, ()).named("mine").name(), "mine");
    }
}
