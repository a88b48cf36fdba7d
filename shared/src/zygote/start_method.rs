//! The ways in which worker processes are made.

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
