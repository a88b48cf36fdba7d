//! The zygote: a small single-threaded process that forks the workers, reaps them and reports how
//! each ended.
//!
//! All three start methods have this shape. The program itself has threads as soon as it has a
//! pool, so it must not fork; and the kernel's parent-death signal is tied to the *thread* that
//! forked. A process of one thread solves both. It is an exec'd copy of the program for
//! [`ForkServer`](StartMethod::ForkServer) and [`Spawn`](StartMethod::Spawn), shared by all pools
//! as long as there is one, and a fork of the program for [`Fork`](StartMethod::Fork), one a pool.
//!
//! [`client`] is the program's side, with the process in [`handle`]; [`serve`] is the zygote's
//! side, with the loop in [`server`]. [`message`] has the messages between them. [`group`] records
//! the workers of one pool, [`child_signal`] is readable when one has ended, and [`orphans`] kills
//! the processes that the tasks of a killed worker have started. [`leftover`] reaps the zygotes of
//! a program that has replaced itself by an exec.

mod child_signal;
mod client;
mod group;
mod handle;
mod leftover;
mod message;
mod orphans;
mod serve;
mod server;
mod start_method;
#[cfg(all(test, not(multiproc_loom)))]
mod tests;

pub(crate) use client::ZygoteClient;
pub(crate) use leftover::reap_leftover;
pub(crate) use message::Report;
pub(crate) use serve::serve_executed;
pub use start_method::StartMethod;

/// The name of a zygote in `ps` and `top`.
const TITLE: &str = "mp-zygote";
