//! The traits of a task's arguments and results. They wrap serde's, so that the compiler's messages
//! say what to do.

use serde::{Deserialize, Serialize};

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

/// A task's argument, or the state of a [`partial`](crate::partial).
///
/// Implemented for every type that is `Serialize + DeserializeOwned + Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task",
    label = "cannot travel to a worker",
    note = "a task owns its arguments: `String` instead of `&str`, `Vec<T>` instead of `&[T]`",
    note = "it may run on another thread, so its arguments are `Send`: `Arc` instead of `Rc`",
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
