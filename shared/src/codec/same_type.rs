//! Values as the type that they are, for generic code that serves some types in a way of its own.
#![expect(unsafe_code)]

use std::any::TypeId;

/// Returns `value` as a `U`, if it is one or refers to one. `U` has no lifetimes.
#[inline(always)]
pub(super) fn as_type<T: ?Sized, U: 'static>(value: &T) -> Option<&U> {
    // `typeid::of` gives the identity of `T` with each of its lifetimes replaced by `'static`.
    if typeid::of::<T>() == TypeId::of::<U>() {
        // SAFETY: `U` has no lifetimes (see above and the calls below), so that equal identities
        // mean that `T` is `U` itself.
        return Some(unsafe { &*std::ptr::from_ref(value).cast::<U>() });
    }
    if is_reference::<T>() && typeid::of::<T>() == TypeId::of::<&'static U>() {
        // SAFETY: `T` is `&'a U` for some `'a` that outlives the borrow of `value`, which is all
        // that the result lives for.
        return Some(unsafe { *std::ptr::from_ref(value).cast::<&U>() });
    }
    None
}

/// Returns whether `T` is a reference, by its name: this saves a comparison of identities where it
/// is none.
#[inline(always)]
pub(super) fn is_reference<T: ?Sized>() -> bool {
    std::any::type_name::<T>().as_bytes().first() == Some(&b'&')
}

/// Returns `value` as a mutable `U`, as [`as_type`] does.
#[inline(always)]
pub(super) fn as_type_mut<T, U: 'static>(value: &mut T) -> Option<&mut U> {
    // SAFETY: as for the first conversion of `as_type`.
    (typeid::of::<T>() == TypeId::of::<U>()).then(|| unsafe { &mut *std::ptr::from_mut(value).cast::<U>() })
}
