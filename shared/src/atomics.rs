//! The atomics that two processes share, or loom's in their place when the protocols are being
//! checked.

#[cfg(not(multiproc_loom))]
pub(crate) use std::{
    sync::atomic::{AtomicU32, AtomicU64, fence},
    thread,
};
#[cfg(multiproc_loom)]
pub(crate) use {
    loom::thread,
    model::{AtomicU32, AtomicU64, fence},
};

/// loom's atomics, which a test can weaken on purpose: a model that finds no fault then would find
/// none either if one were made.
#[cfg(multiproc_loom)]
pub(crate) mod model {
    use std::cell::Cell;
    use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release};

    use loom::sync::atomic;

    /// A fault that a thread has from now on.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Weakness {
        /// Its fences do nothing.
        Fences,
        /// Its stores are relaxed.
        Releases,
        /// Its loads are relaxed.
        Acquires,
        /// It changes words in two steps, a load and a store.
        Swaps,
    }

    thread_local! {
        /// The thread of the model that is weak, and how. (They all run on the one thread of their
        /// test.)
        static WEAK: Cell<Option<(loom::thread::ThreadId, Weakness)>> = const { Cell::new(None) };
    }

    /// Weakens the calling thread of a model.
    #[cfg(test)]
    pub(crate) fn weaken_this_thread(weakness: Weakness) {
        WEAK.set(Some((loom::thread::current().id(), weakness)));
    }

    fn is_weak(weakness: Weakness) -> bool {
        WEAK.get().is_some_and(|(thread, its)| its == weakness && thread == loom::thread::current().id())
    }

    /// Returns the ordering that the calling thread gets in place of this one.
    fn granted(asked: Ordering) -> Ordering {
        match asked {
            Release if is_weak(Weakness::Releases) => Relaxed,
            AcqRel if is_weak(Weakness::Releases) => Acquire,
            Acquire if is_weak(Weakness::Acquires) => Relaxed,
            AcqRel if is_weak(Weakness::Acquires) => Release,
            asked => asked,
        }
    }

    pub(crate) fn fence(order: Ordering) {
        if !is_weak(Weakness::Fences) {
            atomic::fence(order);
        }
    }

    macro_rules! weakenable {
        ($($name:ident: $word:ty;)*) => {$(
            #[derive(Debug, Default)]
            pub(crate) struct $name(atomic::$name);

            #[allow(dead_code, reason = "both have what one of them is used for")]
            impl $name {
                pub(crate) fn load(&self, order: Ordering) -> $word {
                    self.0.load(granted(order))
                }

                pub(crate) fn store(&self, value: $word, order: Ordering) {
                    self.0.store(value, granted(order));
                }

                pub(crate) fn fetch_add(&self, value: $word, order: Ordering) -> $word {
                    if is_weak(Weakness::Swaps) {
                        let before = self.0.load(order_of_load(order));
                        self.0.store(before.wrapping_add(value), Relaxed);
                        return before;
                    }
                    self.0.fetch_add(value, granted(order))
                }

                pub(crate) fn fetch_or(&self, bits: $word, order: Ordering) -> $word {
                    self.0.fetch_or(bits, granted(order))
                }

                pub(crate) fn fetch_and(&self, bits: $word, order: Ordering) -> $word {
                    self.0.fetch_and(bits, granted(order))
                }

                pub(crate) fn compare_exchange(
                    &self,
                    current: $word,
                    new: $word,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$word, $word> {
                    self.0.compare_exchange(current, new, granted(success), granted(failure))
                }
            }
        )*};
    }

    weakenable! {
        AtomicU32: u32;
        AtomicU64: u64;
    }

    fn order_of_load(order: Ordering) -> Ordering {
        if order == AcqRel { Acquire } else { Relaxed }
    }
}
