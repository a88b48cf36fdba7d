//! The atomics that two processes share, or loom's in their place when the protocols are being
//! checked.

#[cfg(multiproc_loom)]
pub(crate) mod model;

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
