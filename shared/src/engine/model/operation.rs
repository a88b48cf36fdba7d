//! What is done to the workers and the backlog.

use proptest::prelude::*;

/// The number of jobs.
pub(super) const JOBS: usize = 3;

/// An operation; slots and jobs are taken modulo those that there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Start,
    Submit {
        job: usize,
        tasks: u32,
    },
    Dispatch,
    Run(usize),
    /// Begins a chunk without an end, and exits.
    Crash(usize),
    Receive(usize),
    TakeBack(usize),
    PassOver(usize),
    Retire(usize),
    Kill(usize),
    CancelJob(usize),
    Withdraw(usize),
    TakeAll,
}

/// Returns any operation.
pub(super) fn op() -> impl Strategy<Value = Op> {
    let slot = 0..4usize;
    prop_oneof![
        2 => Just(Op::Start),
        6 => (0..JOBS, 1..4u32).prop_map(|(job, tasks)| Op::Submit { job, tasks }),
        6 => Just(Op::Dispatch),
        5 => slot.clone().prop_map(Op::Run),
        1 => slot.clone().prop_map(Op::Crash),
        5 => slot.clone().prop_map(Op::Receive),
        2 => slot.clone().prop_map(Op::TakeBack),
        1 => slot.clone().prop_map(Op::PassOver),
        1 => slot.clone().prop_map(Op::Retire),
        1 => slot.prop_map(Op::Kill),
        2 => (0..JOBS).prop_map(Op::CancelJob),
        1 => (0..3usize).prop_map(Op::Withdraw),
        1 => Just(Op::TakeAll),
    ]
}
