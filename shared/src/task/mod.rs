//! Tasks: functions that are sent by name, and arguments that are sent by value.
//!
//! [`Task`] is implemented for every function, and every closure that captures nothing, of up to
//! eight serializable parameters. Such a value has no size, so that only its
//! [name](function_name::Function) is sent, which leads to an entry in the executable. [`partial`]
//! adds state that is sent once to each worker.

mod arguments;
mod calls;
#[cfg(feature = "tokio")]
mod concurrent;
mod function_name;
pub(crate) mod panic;
mod returned_error;

pub use arguments::{Arguments, ByReference, ByValue, Partial, partial};
pub(crate) use calls::{Calls, Failure, StateBytes, TaskState};
#[cfg(feature = "tokio")]
pub(crate) use concurrent::Concurrent;
pub(crate) use function_name::Function;
pub(crate) use returned_error::returned_error;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fds::Payload;

/// A function that can run in a worker, called with `Args`, a tuple of its arguments.
///
/// Implemented for `Fn(A, B, …) -> R` with up to eight parameters if the function captures nothing
/// and its parameters and result are `Serialize + DeserializeOwned + Send + 'static`, and for the
/// values that [`partial`] returns. There is no need to implement it by hand.
///
/// A closure that captures variables does not compile: the captured values would have to be sent
/// too, and the compiler offers no way to take them out. Nor does one that captures a value without
/// a size unless it is `Copy + Send + Sync`: there may be only one such value. Pass captured values
/// as arguments, or with [`partial`]:
///
/// ```compile_fail
/// use multiproc::{Executor, Pool};
///
/// # fn main() -> multiproc::Result<()> {
/// let factor = 3;
/// Pool::new()?.map(move |x: u64| x * factor, 0..10u64)?;
/// # Ok(()) }
/// ```
///
/// ```
/// use multiproc::{Executor, Pool, partial};
///
/// # fn main() -> multiproc::Result<()> {
/// let factor = 3;
/// let tripled = Pool::with_processes(2)?.map(partial(|f: u64, x: u64| f * x, factor), 0..4u64)?;
/// assert_eq!(tripled, [0, 3, 6, 9]);
/// # Ok(()) }
/// ```
///
/// Python's counterpart: functions are pickled by their qualified name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run in a worker with the arguments `{Args}`",
    label = "not a function of these arguments",
    note = "a task is a function, or a closure that captures nothing, whose parameters and result are `Serialize + DeserializeOwned + Send + 'static`",
    note = "a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "instead of `Box<dyn Error>` or `anyhow::Error` return `multiproc::TaskError`, to which `?` converts",
    note = "closures may need the types of their parameters spelled out: `|x: u64| …`",
    note = "to send state along, use `multiproc::partial(function, state)`"
)]
pub trait Task<Args: Arguments>: Send + Sync + Sized + 'static {
    /// The type that the function returns.
    type Output: ReturnValue;

    /// Returns the function's name and state, ready to be sent. With `ONCE`, those of the variant
    /// that records whether the function returned `Err`.
    #[doc(hidden)]
    fn prepare_as<const ONCE: bool>(self) -> Result<Prepared>;

    /// Returns the function's name and state, ready to be sent.
    #[doc(hidden)]
    fn prepare(self) -> Result<Prepared> {
        self.prepare_as::<false>()
    }

    /// Returns the function's name for messages and traces.
    #[doc(hidden)]
    fn label() -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Calls the function here.
    #[doc(hidden)]
    fn call(&self, args: Args) -> Self::Output;
}

/// A function that a worker can make from its type alone: a function item, or a closure that
/// captures nothing.
///
/// A value that has no size can still be unique, such as a token that permits its owner an
/// operation. A worker makes as many values of the function as it needs, in any thread, so no such
/// token may be captured: the function is `Copy + Send + Sync`. Nor does a captured value say
/// anything about the worker: what it proves (that something was set up) was done in the process
/// that made it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a task's function: it captures something that cannot be copied or shared between threads",
    label = "captures what belongs to one owner or one thread",
    note = "a task's function is `Copy + Send + Sync + 'static` and captures nothing, as each worker makes its own",
    note = "pass the values as arguments, or send them along with `multiproc::partial(function, state)`"
)]
pub trait Stateless: Copy + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<F: Copy + Send + Sync + 'static> Stateless for F {}

/// A value that can be deserialized from any message, because it borrows nothing:
/// [`DeserializeOwned`](serde::de::DeserializeOwned).
///
/// Implemented for every such type. The message "implementation of `OwnedNotBorrowed` is not
/// general enough" means that the type borrows: a task owns its arguments, so it takes a `String`
/// instead of a `&str`, and a `Vec<u8>` instead of a `&[u8]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be deserialized",
    label = "does not implement `serde::Deserialize`",
    note = "a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait OwnedNotBorrowed<'de>: Deserialize<'de> {}

#[diagnostic::do_not_recommend]
impl<'de, T: Deserialize<'de>> OwnedNotBorrowed<'de> for T {}

/// A task's argument, or the state of a [`partial`].
///
/// Implemented for every type that is `Serialize + DeserializeOwned + Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task",
    label = "cannot travel to a worker",
    note = "a task owns its arguments: `String` instead of `&str`, `Vec<T>` instead of `&[T]`",
    note = "it may run on another thread, so its arguments are `Send`: the value itself instead of `Rc`",
    note = "a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait Argument: Serialize + for<'de> OwnedNotBorrowed<'de> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + for<'de> OwnedNotBorrowed<'de> + Send + 'static> Argument for T {}

/// The result of a task.
///
/// Implemented for every type that is `Serialize + DeserializeOwned + Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a task",
    label = "returns what cannot travel back",
    note = "a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "instead of `Box<dyn Error>` or `anyhow::Error` return `multiproc::TaskError`, to which `?` converts",
    note = "an async function runs with `Pool::map_concurrent` (feature `tokio`), or in a task that blocks on it"
)]
pub trait ReturnValue: Serialize + for<'de> OwnedNotBorrowed<'de> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + for<'de> OwnedNotBorrowed<'de> + Send + 'static> ReturnValue for T {}

/// A function that is ready to be sent.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) function: Function,
    pub(crate) state: Option<Payload>,
    /// The function's name for messages and traces.
    pub(crate) label: &'static str,
}

impl Prepared {
    /// Returns the function of a job without tasks.
    pub(crate) fn nothing() -> Self {
        Self { function: Function::NONE, state: None, label: "" }
    }
}
