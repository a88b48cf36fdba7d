//! Names of functions: the place of their entry in the program, valid in every process of the same
//! build.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::ptr::NonNull;

use crate::bootstrap;
use crate::error::{Error, Result};
use crate::sys::modules::Module;
use crate::task::{Calls, Stateless};

/// A function that makes all [calls](Calls) of one task function.
pub(crate) type Trampoline = fn(&mut dyn Calls);

/// The constant that a name leads to: it holds a [`Trampoline`]. There is one for each task
/// function that the program names.
///
/// A number that is no name is refused: it must lead to a constant with the marks of an entry.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry {
    mark: u64,
    /// The mark, rotated and masked. The program has the two side by side nowhere else, as the code
    /// that checks them computes one from the other.
    turned: u64,
    trampoline: Trampoline,
}

const MARK: u64 = 0xa7c3_59e1_0d86_f24b;

const fn turn(mark: u64) -> u64 {
    mark.rotate_left(23) ^ 0x5b1d_93f6_c842_07ae
}

impl Entry {
    pub(crate) const fn new(trampoline: Trampoline) -> Self {
        Self { mark: MARK, turned: turn(MARK), trampoline }
    }

    /// Finds the entry at `address`, which may be any number.
    fn find(module: &Module, address: usize) -> Option<&'static Self> {
        if !address.is_multiple_of(align_of::<Self>()) || !module.has_constant(address, size_of::<Self>()) {
            return None;
        }
        let words = NonNull::new(std::ptr::with_exposed_provenance_mut::<[u64; size_of::<Self>() / 8]>(address))?;
        // SAFETY: aligned, and so many bytes there are loaded and constant.
        let [mark, turned, code] = unsafe { words.read() };
        if mark != MARK || turned != turn(black_box(mark)) || !module.has_code(code as usize) {
            return None;
        }
        // SAFETY: only `new` puts these words side by side, and a constant cannot have changed:
        // this is an entry. It stays as long as the module is loaded, as all of its functions do.
        Some(unsafe { words.cast::<Self>().as_ref() })
    }
}

/// Names an [`Entry`]: by its distance from the start of the program, as the loader may place the
/// program anywhere while the distances stay; or, in a shared library, by its address, which means
/// the same in forks of this process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Function(pub(crate) u64);

/// The name is an address, below the tag of the library that it lies in.
const IN_LIBRARY: u64 = 1 << 63;
/// Addresses are shorter than this.
const ADDRESS_BITS: u32 = 48;
const TAG: u64 = 0x7fff;

impl Function {
    /// The name for a job without tasks.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn name(entry: &'static Entry) -> Result<Self> {
        let address = std::ptr::from_ref(entry).expose_provenance();
        if let Some(own) = Module::own()
            && own.has_constant(address, size_of::<Entry>())
        {
            return Ok(Self((address - own.base) as u64));
        }
        let library = Module::of(address).filter(|module| Entry::find(module, address).is_some());
        match library {
            Some(library) if (address as u64) >> ADDRESS_BITS == 0 => {
                Ok(Self(IN_LIBRARY | (u64::from(library.tag) & TAG) << ADDRESS_BITS | address as u64))
            }
            _ => Err(Error::Config("the task's function is not among the constants of a program or library".into())),
        }
    }

    /// Finds the function of this name.
    ///
    /// # Errors
    /// Returns why there is none.
    pub(crate) fn resolve(self) -> Result<Trampoline, &'static str> {
        let unknown = "this process does not have the task's function: it is in a library that was loaded after the process began";
        let entry = if self.0 & IN_LIBRARY == 0 {
            let own = Module::own().ok_or(unknown)?;
            own.base.checked_add(self.0 as usize).and_then(|address| Entry::find(own, address))
        } else if bootstrap::is_executed() {
            return Err("the task's function is in a shared library, and only a fork of the program finds it there");
        } else {
            let address = (self.0 & ((1 << ADDRESS_BITS) - 1)) as usize;
            let tag = self.0 >> ADDRESS_BITS & TAG;
            let library = Module::of(address).filter(|library| u64::from(library.tag) & TAG == tag);
            library.and_then(|library| Entry::find(&library, address))
        };
        Ok(entry.ok_or(unknown)?.trampoline)
    }
}

/// Fails to compile for an `F` that has data.
pub(crate) const fn require_stateless<F: Stateless>() {
    const {
        assert!(
            size_of::<F>() == 0,
            "this closure captures variables (or is a function pointer), which cannot travel to another process: \
             pass the values as arguments, or send them along with `partial(function, state)`"
        );
    }
}

/// Returns the function of type `F`, in a process that may never have made a value of it. Fails to
/// compile for an `F` that has data.
///
/// # Safety
/// The program has made a value of `F`, here or in the process that sent the name of a function
/// with this type: a type whose values cannot be made, or not by all code, may use one as a proof.
pub(crate) unsafe fn zst_ref<F: Stateless>() -> &'static F {
    require_stateless::<F>();
    // SAFETY: F has no size, so any aligned address holds a value of it and nothing is read through
    // the reference. A value was made, by the caller's contract, and as F is Copy and Sync, there
    // may be any number of them, in any thread. F is 'static, so it holds no borrow that could have
    // ended, and a reference runs no destructor.
    unsafe { NonNull::<F>::dangling().as_ref() }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    fn nothing(_: &mut dyn Calls) {}

    fn entry() -> &'static Entry {
        const { &Entry::new(nothing) }
    }

    #[test]
    fn name_leads_to_its_function() {
        let name = Function::name(entry()).unwrap();
        assert!(std::ptr::fn_addr_eq(name.resolve().unwrap(), nothing as Trampoline));
    }

    #[test]
    fn address_of_a_function_is_no_name() {
        let base = Module::own().unwrap().base;
        assert!(Function((nothing as Trampoline as usize - base) as u64).resolve().is_err());
    }

    #[test]
    fn writable_copy_of_an_entry_is_refused() {
        static COPY: LazyLock<Box<Entry>> = LazyLock::new(|| Box::new(Entry::new(nothing)));
        let copy: &'static Entry = &COPY;
        assert!(Function::name(copy).is_err());
        let base = Module::own().unwrap().base;
        let address = std::ptr::from_ref(copy).expose_provenance();
        assert!(Function(address.wrapping_sub(base) as u64 & !IN_LIBRARY).resolve().is_err());
    }

    #[test]
    fn no_number_near_a_name_is_one() {
        let Function(name) = Function::name(entry()).unwrap();
        let near = (1..4096).flat_map(|by| [name - by, name + by]);
        let others = near.filter_map(|number| Function(number).resolve().ok());
        // Entries of other functions may be its neighbours; whatever is found is one.
        others.for_each(|found| assert!(Module::own().unwrap().has_code(found as usize)));
        assert!(Function(name + 1).resolve().is_err());
        assert!(Function(name | IN_LIBRARY).resolve().is_err());
    }

    proptest! {
        #[test]
        fn any_number_is_a_name_or_an_error(number: u64) {
            let _ = Function(number).resolve();
            let _ = Function(number % (1 << 24)).resolve();
        }
    }
}
