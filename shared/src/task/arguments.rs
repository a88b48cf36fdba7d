//! Tuples of arguments, the functions that take them, and functions with their first argument
//! fixed.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use crate::codec::{self, NameWriter, Source};
use crate::error::Result;
use crate::fds::{self, Payload};
use crate::task::calls::{Calls, run_calls, state};
use crate::task::function_name::{Entry, Function, require_stateless, zst_ref};
use crate::task::{Argument, Prepared, ReturnValue, Stateless, Task};

/// A tuple of arguments that can travel to another process: up to eight values, each
/// `Serialize + DeserializeOwned + Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of a task's arguments",
    label = "not a tuple of up to eight arguments",
    note = "a single argument is a tuple, too: `(argument,)`",
    note = "a task takes up to eight arguments: put more of them into a struct or a tuple"
)]
pub trait Arguments: Send + Sized + 'static {
    /// Appends the arguments to a message. Their names go to `names`, if there is one.
    #[doc(hidden)]
    fn encode(self, names: Option<&mut NameWriter>, out: &mut Vec<u8>) -> Result<(), String>;

    /// Reads the arguments of a message.
    #[doc(hidden)]
    fn decode(source: Source<'_>) -> Result<Self, String>;

    /// Returns the size of the arguments in bytes, if that is [fixed](codec::fixed).
    #[doc(hidden)]
    #[inline]
    fn fixed_size() -> Option<usize> {
        None
    }

    /// Returns the bytes of arguments that have a fixed size.
    #[doc(hidden)]
    #[inline]
    fn raw(&self) -> codec::fixed::Raw {
        0
    }
}

impl Arguments for () {
    fn encode(self, _: Option<&mut NameWriter>, _: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn decode(_: Source<'_>) -> Result<Self, String> {
        Ok(())
    }
}

/// A single argument is the whole message; of several, each is preceded by its length.
impl<A: Argument> Arguments for (A,) {
    #[inline]
    fn encode(self, names: Option<&mut NameWriter>, out: &mut Vec<u8>) -> Result<(), String> {
        codec::encode_part(self.0, names, out)
    }

    #[inline]
    fn decode(source: Source<'_>) -> Result<Self, String> {
        match codec::fixed::value(source.bytes()) {
            Some(argument) => Ok((argument,)),
            None => codec::decode(source).map(|argument| (argument,)),
        }
    }

    #[inline]
    fn fixed_size() -> Option<usize> {
        codec::fixed::size::<A>()
    }

    #[inline]
    fn raw(&self) -> codec::fixed::Raw {
        codec::fixed::raw(&self.0)
    }
}

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
    fn function(&self) -> &F
    where
        F: Stateless,
    {
        // SAFETY: `partial` alone makes a `Partial`, and takes a value of F.
        unsafe { zst_ref::<F>() }
    }
}

impl<F, S: serde::Serialize + 'static, By> Partial<F, S, By> {
    fn prepared(self, entry: &'static Entry, label: &'static str) -> Result<Prepared> {
        let Payload { mut bytes, mut handles } = Payload::default();
        fds::pack(&mut handles, || codec::guard_encoding::<S>(|| codec::encode(self.state, &mut bytes)))?;
        let function = Function::name(entry)?;
        Ok(Prepared { function, state: Some(Payload { bytes, handles: handles.for_many() }), label })
    }
}

macro_rules! arguments {
    ($($name:ident)*) => {
        #[allow(non_snake_case)] // The macro's type names serve as variable names.
        impl<$($name: Argument),*> Arguments for ($($name,)*) {
            fn encode(self, mut names: Option<&mut NameWriter>, out: &mut Vec<u8>) -> Result<(), String> {
                let ($($name,)*) = self;
                $(codec::encode_next($name, names.as_deref_mut(), out)?;)*
                Ok(())
            }

            #[inline]
            fn decode(source: Source<'_>) -> Result<Self, String> {
                let (mut bytes, names) = (source.bytes(), source.names());
                $(let $name = codec::decode_next(&mut bytes, names)?;)*
                if bytes.is_empty() { Ok(($($name,)*)) } else { Err(format!("{} bytes are left over", bytes.len())) }
            }
        }
    };
}

macro_rules! functions {
    ($($name:ident)*) => {
        #[allow(non_snake_case)] // As above.
        impl<Func, $($name,)* R> Task<($($name,)*)> for Func
        where
            Func: Fn($($name),*) -> R + Stateless,
            R: ReturnValue,
            $($name: Argument,)*
        {
            type Output = R;

            fn prepare_as<const ONCE: bool>(self) -> Result<Prepared> {
                fn run<Func, $($name,)* R, const ONCE: bool>(calls: &mut dyn Calls)
                where
                    Func: Fn($($name),*) -> R + Stateless,
                    R: ReturnValue,
                    $($name: Argument,)*
                {
                    // SAFETY: only `prepare_as` names this function, and takes a value of Func.
                    let function = unsafe { zst_ref::<Func>() };
                    run_calls::<_, _, ONCE>(calls, |_, ($($name,)*): ($($name,)*)| Ok(function($($name),*)));
                }
                Ok(Prepared { function: Function::name(const { &Entry::new(run::<Func, $($name,)* R, ONCE>) })?, state: None, label: Self::label() })
            }

            // What cannot go to a process is refused here, too.
            fn call(&self, ($($name,)*): ($($name,)*)) -> R {
                require_stateless::<Func>();
                self($($name),*)
            }
        }
    };
}

macro_rules! partials {
    ($($name:ident)*) => {
        #[allow(non_snake_case)] // As above.
        impl<Func, State, $($name,)* R> Task<($($name,)*)> for Partial<Func, State, ByReference>
        where
            Func: Fn(&State $(, $name)*) -> R + Stateless,
            State: Argument + Sync,
            R: ReturnValue,
            $($name: Argument,)*
        {
            type Output = R;

            fn prepare_as<const ONCE: bool>(self) -> Result<Prepared> {
                fn run<Func, State, $($name,)* R, const ONCE: bool>(calls: &mut dyn Calls)
                where
                    Func: Fn(&State $(, $name)*) -> R + Stateless,
                    State: Argument + Sync,
                    R: ReturnValue,
                    $($name: Argument,)*
                {
                    // SAFETY: only a `Partial` names this function, and is made from a value of
                    // Func.
                    let function = unsafe { zst_ref::<Func>() };
                    run_calls::<_, _, ONCE>(calls, |calls, ($($name,)*): ($($name,)*)| {
                        Ok(function(state::<State>(calls)? $(, $name)*))
                    });
                }
                self.prepared(const { &Entry::new(run::<Func, State, $($name,)* R, ONCE>) }, Self::label())
            }

            fn label() -> &'static str {
                std::any::type_name::<Func>()
            }

            fn call(&self, ($($name,)*): ($($name,)*)) -> R {
                self.function()(&self.state $(, $name)*)
            }
        }

        #[allow(non_snake_case)] // As above.
        impl<Func, State, $($name,)* R> Task<($($name,)*)> for Partial<Func, State, ByValue>
        where
            Func: Fn(State $(, $name)*) -> R + Stateless,
            State: Argument + Sync + Clone,
            R: ReturnValue,
            $($name: Argument,)*
        {
            type Output = R;

            fn prepare_as<const ONCE: bool>(self) -> Result<Prepared> {
                fn run<Func, State, $($name,)* R, const ONCE: bool>(calls: &mut dyn Calls)
                where
                    Func: Fn(State $(, $name)*) -> R + Stateless,
                    State: Argument + Sync + Clone,
                    R: ReturnValue,
                    $($name: Argument,)*
                {
                    // SAFETY: as for a function that takes the state by reference.
                    let function = unsafe { zst_ref::<Func>() };
                    run_calls::<_, _, ONCE>(calls, |calls, ($($name,)*): ($($name,)*)| {
                        let state = state::<State>(calls)?.clone();
                        Ok(function(state $(, $name)*))
                    });
                }
                self.prepared(const { &Entry::new(run::<Func, State, $($name,)* R, ONCE>) }, Self::label())
            }

            fn label() -> &'static str {
                std::any::type_name::<Func>()
            }

            fn call(&self, ($($name,)*): ($($name,)*)) -> R {
                self.function()(self.state.clone() $(, $name)*)
            }
        }
    };
}

arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);
arguments!(A B C D E F G H);

functions!();
functions!(A);
functions!(A B);
functions!(A B C);
functions!(A B C D);
functions!(A B C D E);
functions!(A B C D E F);
functions!(A B C D E F G);
functions!(A B C D E F G H);

partials!();
partials!(A);
partials!(A B);
partials!(A B C);
partials!(A B C D);
partials!(A B C D E);
partials!(A B C D E F);
partials!(A B C D E F G);
