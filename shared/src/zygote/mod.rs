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
//! the workers of one pool. [`children`] reports that one has ended, and kills the processes that
//! the tasks of a killed worker have started.

mod children;
mod client;
mod group;
mod handle;
mod message;
mod serve;
mod server;

pub(crate) use client::ZygoteClient;
pub(crate) use handle::reap_leftover;
pub(crate) use message::Report;
pub(crate) use serve::serve_executed;

/// The name of a zygote in `ps` and `top`.
const TITLE: &str = "mp-zygote";

/// The way in which worker processes are started.
///
/// Python's counterpart: the argument of `multiprocessing.get_context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum StartMethod {
    /// A server process is exec'd once and forks every worker: quick, and safe in a program with
    /// threads. Workers share nothing with the parent; [`init`](crate::init) must be called. This
    /// is the default. Where threads run before that call, so that the server cannot be forked
    /// safely, each worker is exec'd instead.
    #[default]
    ForkServer,
    /// Each worker is exec'd: the slowest start, and a new process image for each worker.
    /// [`init`](crate::init) must be called.
    Spawn,
    /// Workers are forks of the parent as it was when the pool was built: they inherit its memory
    /// (large read-only data need not be sent) and its open files. Building a pool fails in a
    /// program with several threads.
    Fork,
}
