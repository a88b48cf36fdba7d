//! The peers, one file each.

pub(crate) mod cpython;
pub(crate) mod ipc_channel;
pub(crate) mod procspawn;
pub(crate) mod rayon;
pub(crate) mod sequential;
