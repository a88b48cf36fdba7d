//! The clients' side: a [link](link::Link) to the manager in each process, with a session for every
//! call that is under way.

mod answer;
mod context;
#[cfg(feature = "manager-tcp")]
mod dial;
mod link;

pub(super) use answer::Answer;
pub(super) use context::{current, within};
pub(super) use link::{Link, Route, hear_welcome, say_hello};
