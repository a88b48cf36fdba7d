//! The environment variables of the processes that this one starts.

use std::env;
use std::ffi::{OsStr, OsString};
use std::sync::OnceLock;

/// Says which variables stay behind, once it is set.
static HIDDEN: OnceLock<fn(&OsStr) -> bool> = OnceLock::new();

/// Hides the variables for which `is_hidden` is true from the processes that start from now on. The
/// first call of a process counts. To remove a variable from this process would be no way: another
/// thread, of a C library too, may read the environment.
#[cfg(feature = "mpi")]
pub(crate) fn hide(is_hidden: fn(&OsStr) -> bool) {
    let _ = HIDDEN.set(is_hidden);
}

/// Returns the variables that a process which starts now gets.
pub(crate) fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    let hidden = HIDDEN.get();
    env::vars_os().filter(move |(name, _)| hidden.is_none_or(|is_hidden| !is_hidden(name)))
}
