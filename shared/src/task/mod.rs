//! What can run in another process: functions by name, arguments by value.
//!
//! [`Task`] is implemented for every function, and every closure that captures nothing, of up to
//! eight serializable parameters. Such a value has no size, so there is nothing to send but *which*
//! one it is: its [name](name::Function), which leads to an entry in the executable. [`partial`]
//! adds state that is sent once to each worker.

mod argument;
mod arguments;
mod calls;
#[cfg(feature = "tokio")]
mod concurrent;
mod name;
pub(crate) mod panic;
mod partial;
mod returned_error;

pub use argument::{Argument, OwnedNotBorrowed, ReturnValue};
pub use arguments::Arguments;
pub(crate) use calls::{Calls, Failure, TaskState};
#[cfg(feature = "tokio")]
pub(crate) use concurrent::Concurrent;
pub(crate) use name::Function;
pub use partial::{ByReference, ByValue, Partial, partial};

use crate::error::Result;
use crate::fds::Payload;

/// A function that can run in a worker, called with `Args`, a tuple of its arguments.
///
/// Implemented for `Fn(A, B, …) -> R` with up to eight parameters if the function captures nothing
/// and its parameters and result are `Serialize + DeserializeOwned + 'static`, and for what
/// [`partial`] returns. There is no need to implement it by hand.
///
/// A closure that captures does not compile: its captured values would have to travel too, and the
/// compiler offers no way to take them out. Nor does one that captures a value without a size
/// unless it is `Copy + Send + Sync`: such a value may be a token of which there is one. Pass what
/// is captured as arguments, or with [`partial`]:
///
/// ```compile_fail
/// # use multiproc::Pool;
/// # fn main() -> multiproc::Result<()> {
/// let factor = 3;
/// Pool::new()?.map(move |x: u64| x * factor, 0..10u64)?;
/// # Ok(()) }
/// ```
///
/// ```
/// use multiproc::{Pool, partial};
///
/// # fn main() -> multiproc::Result<()> {
/// let factor = 3;
/// let tripled = Pool::with_processes(2)?.map(partial(|f: u64, x: u64| f * x, factor), 0..4u64)?;
/// assert_eq!(tripled, [0, 3, 6, 9]);
/// # Ok(()) }
/// ```
///
/// Python pickles functions by their qualified name, to the same effect.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run in a worker with the arguments `{Args}`",
    label = "not a function of these arguments",
    note = "a task is a function, or a closure that captures nothing, whose parameters and result are `Serialize + DeserializeOwned + 'static`",
    note = "a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "instead of `Box<dyn Error>` or `anyhow::Error` return `multiproc::TaskError`, to which `?` converts",
    note = "closures may need the types of their parameters spelled out: `|x: u64| …`",
    note = "to send state along, use `multiproc::partial(function, state)`"
)]
pub trait Task<Args: Arguments>: Sized + 'static {
    /// What the function returns.
    type Output: ReturnValue;

    /// The function's name and state, ready to be sent. With `ONCE`, of the variant that tells
    /// whether the function returned `Err`.
    #[doc(hidden)]
    fn prepare_as<const ONCE: bool>(self) -> Result<Prepared>;

    /// The function's name and state, ready to be sent.
    #[doc(hidden)]
    fn prepare(self) -> Result<Prepared> {
        self.prepare_as::<false>()
    }

    /// What the function is called, for people.
    #[doc(hidden)]
    fn label() -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Calls the function here.
    #[doc(hidden)]
    fn call(&self, args: Args) -> Self::Output;
}

/// What a worker can have by knowing its type alone: a function, or a closure that captures
/// nothing.
///
/// A value that has no size can still be one of a kind, such as a token whose owner alone may do
/// something. A worker makes as many of the function as it needs, in whatever thread, so nothing of
/// that sort may be captured: the function is `Copy + Send + Sync`. Nor does a captured value say
/// anything about the worker: what it stands for (that something was set up) was done in the
/// process that made it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a task's function: it captures something that cannot be copied or shared between threads",
    label = "captures what belongs to one owner or one thread",
    note = "a task's function is `Copy + Send + Sync + 'static` and captures nothing, as each worker makes its own",
    note = "pass the values as arguments, or send them along with `multiproc::partial(function, state)`"
)]
pub trait Stateless: Copy + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<F: Copy + Send + Sync + 'static> Stateless for F {}

/// A function as it travels.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) function: Function,
    pub(crate) state: Option<Payload>,
    /// What the function is called, for people.
    pub(crate) label: &'static str,
}

impl Prepared {
    /// For a job without tasks to run.
    pub(crate) fn nothing() -> Self {
        Self { function: Function::NONE, state: None, label: "" }
    }
}
