//! The ways in which worker processes are made.

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
