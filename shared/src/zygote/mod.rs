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

mod children;
mod client;
mod former;
mod group;
mod message;
mod orphans;
mod server;
#[cfg(all(test, not(multiproc_loom)))]
mod tests;

pub(crate) use client::ZygoteClient;
pub(crate) use former::await_former;
pub(crate) use message::Report;
pub(crate) use server::serve_executed;

/// What a zygote is called in `ps` and `top`.
const TITLE: &str = "mp-zygote";

/// How worker processes come to be.
///
/// Python's counterpart is the argument of `multiprocessing.get_context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum StartMethod {
    /// A server process is exec'd once and forks every worker: quick, and safe in a program with
    /// threads. Workers share nothing with the parent; [`init`](crate::init) must be called.
    /// The default. Where threads run before that call, so that the server cannot be forked
    /// safely, each worker is exec'd instead.
    #[default]
    ForkServer,
    /// Each worker is exec'd: the slowest start, and the cleanest slate. [`init`](crate::init) must
    /// be called.
    Spawn,
    /// Workers are forks of the parent as it was when the pool was built: they inherit its memory
    /// (large read-only data comes for free) and its open files. Refused in a program with
    /// several threads.
    Fork,
}
