//! What can run in another process: functions by name, arguments by value.
//!
//! [`Task`] is implemented for every function, and every closure that captures nothing, of up to eight serializable parameters.
//! Such a value has no size, so there is nothing to send but *which* one it is: its [name](name::Function), an offset in the
//! executable. [`partial`] adds state that is sent once to each worker.

mod arguments;
mod call;
#[cfg(feature = "tokio")]
mod concurrent;
mod name;
pub(crate) mod panic;
mod partial;
mod value;

pub use arguments::Arguments;
pub(crate) use call::{Calls, Failure, State};
#[cfg(feature = "tokio")]
pub(crate) use concurrent::Concurrent;
pub(crate) use name::Function;
pub use partial::{ByReference, ByValue, Partial, partial};
pub use value::{Argument, OwnedNotBorrowed, ReturnValue};

use crate::error::Result;
use crate::handle::Carried;

/// A function that can run in a worker, called with `Args`, a tuple of its arguments.
///
/// Implemented for `Fn(A, B, …) -> R` with up to eight parameters if the function captures nothing and its parameters and
/// result are `Serialize + DeserializeOwned + 'static`, and for what [`partial`] returns. There is no need to implement it by hand.
///
/// A closure that captures does not compile: its captured values would have to travel too, and the compiler offers no way to
/// take them out. Pass them as arguments, or with [`partial`]:
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
    note = "closures may need the types of their parameters spelled out: `|x: u64| …`",
    note = "to send state along, use `multiproc::partial(function, state)`"
)]
pub trait Task<Args: Arguments>: Sized + 'static {
    /// What the function returns.
    type Output: ReturnValue;

    /// The function's name and state, ready to be sent.
    #[doc(hidden)]
    fn prepare(self) -> Result<Prepared>;

    /// What the function is called, for people.
    #[doc(hidden)]
    fn label() -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Calls the function here.
    #[doc(hidden)]
    fn call(&self, args: Args) -> Self::Output;
}

/// A function as it travels.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) function: Function,
    pub(crate) state: Option<Carried>,
    /// What the function is called, for people.
    pub(crate) label: &'static str,
}

impl Prepared {
    /// For a job without tasks to run.
    pub(crate) fn nothing() -> Self {
        Self { function: Function(0), state: None, label: "" }
    }
}
