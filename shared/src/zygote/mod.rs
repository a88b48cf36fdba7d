//! The zygote: a small single-threaded process that forks the workers, reaps them and reports how
//! each ended.
//!
//! All three start methods have this shape. The program itself has threads as soon as it has a
//! pool, so it must not fork; and the kernel's parent-death signal is tied to the *thread* that
//! forked. A process of one thread solves both. It is an exec'd copy of the program for
//! [`ForkServer`](StartMethod::ForkServer) and [`Spawn`](StartMethod::Spawn), shared by all
//! pools while any lives, and a fork of the program for [`Fork`](StartMethod::Fork), one a pool.
//!
//! [`client`] is the program's side, [`server`] the zygote's, [`message`] what they say.
//! [`group`] has the workers of one pool as the zygote sees them, and [`orphans`] what is left of
//! a worker when it has ended: the processes that its tasks have started.

mod child_signal;
mod client;
mod group;
mod leftover;
mod message;
mod orphans;
mod server;
mod start_method;
#[cfg(all(test, not(multiproc_loom)))]
mod tests;

pub(crate) use client::ZygoteClient;
pub(crate) use leftover::reap_leftover;
pub(crate) use message::Report;
pub(crate) use server::serve_executed;
pub use start_method::StartMethod;

/// What a zygote is called in `ps` and `top`.
const TITLE: &str = "mp-zygote";
