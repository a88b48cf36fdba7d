//! Proxies: what stands for an object of a manager in any process.
//!
//! A proxy is an [`Object`] of a known kind.

mod dict;
mod list;
mod object;
mod queue;

pub use dict::{DictProxy, NamespaceProxy};
pub use list::ListProxy;
pub use queue::QueueProxy;

pub(super) use object::{Object, ValueWriter};

/// A proxy of any kind: [`ListProxy`], [`DictProxy`], [`NamespaceProxy`], [`QueueProxy`].
///
/// Proxies can be cloned, sent to other processes as arguments, and kept in other objects of the
/// same manager; all copies stand for the same object. Two are equal if they do. The trait is
/// implemented by this crate only.
///
/// Python's counterpart: `multiprocessing.managers.BaseProxy`.
#[doc(alias("BaseProxy"))]
pub trait Proxy: sealed::Sealed {
    #[doc(hidden)]
    fn object(&self) -> &Object;
}

mod sealed {
    pub trait Sealed {}
}

/// Implements what all proxies can do, whatever their elements are.
macro_rules! proxy {
    ($name:ident <$($element:ident),*> $text:literal) => {
        impl<$($element),*> $name<$($element),*> {
            /// Returns the proxy of an object of this kind.
            pub(in crate::manager) fn of(object: $crate::manager::proxy::Object) -> Self {
                Self { object, elements: std::marker::PhantomData }
            }
        }

        impl<$($element),*> Clone for $name<$($element),*> {
            fn clone(&self) -> Self {
                Self::of(self.object.clone())
            }
        }

        impl<$($element),*> PartialEq for $name<$($element),*> {
            fn eq(&self, other: &Self) -> bool {
                self.object == other.object
            }
        }

        impl<$($element),*> Eq for $name<$($element),*> {}

        impl<$($element),*> std::fmt::Debug for $name<$($element),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple($text).field(&self.object).finish()
            }
        }

        impl<$($element),*> serde::Serialize for $name<$($element),*> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.object.serialize(serializer)
            }
        }

        impl<'de, $($element),*> serde::Deserialize<'de> for $name<$($element),*> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serde::Deserialize::deserialize(deserializer).map(Self::of)
            }
        }

        impl<$($element),*> $crate::manager::proxy::sealed::Sealed for $name<$($element),*> {}

        impl<$($element),*> $crate::manager::proxy::Proxy for $name<$($element),*> {
            fn object(&self) -> &$crate::manager::proxy::Object {
                &self.object
            }
        }
    };
}
use proxy;
