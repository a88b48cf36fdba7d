//! Functions with their first argument fixed.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use serde::Serialize;

use crate::codec;
use crate::error::Result;
use crate::fds::{self, Payload};
use crate::task::name::{Entry, Function, zst_ref};
use crate::task::{Prepared, Stateless};

/// A function and its first argument, made by [`partial`].
#[derive(Debug, Clone, Copy)]
pub struct Partial<F, S, By> {
    state: S,
    function: PhantomData<F>,
    by: PhantomData<By>,
}

/// A marker: the function of a [`Partial`] takes the state as `&S`.
#[derive(Debug, Clone, Copy)]
pub enum ByReference {}

/// A marker: the function of a [`Partial`] takes the state as `S`, a clone for each call.
#[derive(Debug, Clone, Copy)]
pub enum ByValue {}

/// Fixes the first argument of `function` to `state`, which is sent once to each worker and decoded
/// there once.
///
/// The function takes the state by reference (`fn(&S, A, …) -> R`), or by value (`fn(S, A, …) ->
/// R`, a clone for each call). The state takes the place of a closure's captured variables, and
/// makes a method of an object a task: `partial(Solver::solve, solver)`.
///
/// Python's counterpart: `functools.partial`.
///
/// ```
/// use multiproc::{Executor, Pool, partial};
///
/// fn power(exponent: u32, base: u64) -> u64 {
///     base.pow(exponent)
/// }
///
/// fn lookup(table: &Vec<String>, index: usize) -> String {
///     table[index].clone()
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// assert_eq!(pool.map(partial(power, 3), [1u64, 2, 3])?, [1, 8, 27]);
///
/// let table = vec!["zero".to_string(), "one".to_string()];
/// assert_eq!(pool.map(partial(lookup, table), [1usize, 0])?, ["one", "zero"]);
/// # Ok(()) }
/// ```
#[must_use]
pub fn partial<F, S, By>(_function: F, state: S) -> Partial<F, S, By> {
    Partial { state, function: PhantomData, by: PhantomData }
}

impl<F, S, By> Partial<F, S, By> {
    pub(super) fn state(&self) -> &S {
        &self.state
    }

    pub(super) fn function(&self) -> &F
    where
        F: Stateless,
    {
        // SAFETY: `partial` alone makes a `Partial`, and takes a value of F.
        unsafe { zst_ref::<F>() }
    }
}

impl<F, S: Serialize + 'static, By> Partial<F, S, By> {
    pub(super) fn prepared(self, entry: &'static Entry, label: &'static str) -> Result<Prepared> {
        let Payload { mut bytes, mut handles } = Payload::default();
        fds::pack(&mut handles, || codec::guard_encoding::<S>(|| codec::encode(self.state, &mut bytes)))?;
        let function = Function::name(entry)?;
        Ok(Prepared { function, state: Some(Payload { bytes, handles }), label })
    }
}
