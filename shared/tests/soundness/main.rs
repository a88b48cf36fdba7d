//! What no safe program, and no process that was given a handle, can bring about: undefined
//! behaviour, a crash, a write elsewhere.
//!
//! All of it is safe code, which each module forbids to be otherwise: what it does, any program can
//! do.

#[path = "../support/mod.rs"]
mod support;

mod arrivals;
mod confused;
mod garbled;
mod holders;
mod memory;
mod reentrant;
