//! Functions by name: an offset in the executable, valid in every process of the same build.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::task::Calls;

/// A function that makes all calls of one task function.
pub(crate) type Trampoline = fn(&mut dyn Calls);

/// Names a [`Trampoline`]: its distance from the start of the executable. The loader may place the executable anywhere; the
/// distances stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Function(pub(crate) u64);

unsafe extern "C" {
    // Defined by the linker (GNU ld, lld and mold alike): the first byte of the executable's image, and the byte after its code.
    static __executable_start: u8;
    static etext: u8;
}

fn bounds() -> (usize, usize) {
    (&raw const __executable_start as usize, &raw const etext as usize)
}

impl Function {
    pub(crate) fn name(trampoline: Trampoline) -> Result<Self> {
        let (start, end) = bounds();
        let address = trampoline as usize;
        if !(start..end).contains(&address) {
            return Err(Error::Config(
                "the task's function is not part of the executable (is it in a dynamic library?), so a worker could not find it".into(),
            ));
        }
        Ok(Self((address - start) as u64))
    }

    /// The function of this name, if it lies in the executable's code.
    pub(crate) fn resolve(self) -> Option<Trampoline> {
        let (start, end) = bounds();
        let address = start.checked_add(usize::try_from(self.0).ok()?)?;
        if !(start..end).contains(&address) {
            return None;
        }
        // SAFETY: names are made by `name` above from trampolines only, and reach this process from its parent, which was
        // checked to run the same build; so there is a trampoline at this address.
        Some(unsafe { std::mem::transmute::<usize, Trampoline>(address) })
    }
}

/// The function of type `F`, in a process where no value of `F` was ever made. Does not compile for an `F` that carries data.
pub(crate) fn conjure<F: 'static>() -> &'static F {
    const {
        assert!(
            size_of::<F>() == 0,
            "this closure captures variables (or is a function pointer), which cannot travel to another process: \
             pass the values as arguments, or send them along with `partial(function, state)`"
        );
    }
    // SAFETY: F has no size, so any aligned address holds a value of it and nothing is read through the reference. A
    // value exists: naming this instance took one in the parent. F is 'static, so it holds no borrow that could have ended, and
    // a reference runs no destructor.
    unsafe { NonNull::<F>::dangling().as_ref() }
}
