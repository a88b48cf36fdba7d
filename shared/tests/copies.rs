//! Copies of a process: what belongs to its original is of no use in a copy, and the original does
//! not notice.
//!
//! Copies are made by forks, which are for processes of one thread, so each test runs in a process
//! of its own; see `support/runner.rs`.

mod support;

#[path = "copies/inherited.rs"]
mod inherited;
#[path = "copies/memory.rs"]
mod memory;
#[path = "copies/tasks.rs"]
mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use multiproc::{Error, Result, StartMethod};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork};
use support::{named, run_each_in_a_process};

use inherited::*;
use memory::*;
use tasks::*;

fn main() -> ExitCode {
    run_each_in_a_process(
        named! {
            static_pool_is_refused_in_forked_workers_for_100_rounds
            static_pool_is_refused_by_every_call
            static_pool_is_refused_in_a_forked_process
            dropped_copy_of_a_busy_pool_does_nothing
            unwinding_copy_of_a_program_does_nothing
            exiting_copy_of_a_program_does_nothing
            copy_made_while_threads_use_the_pool_does_not_hang
            copy_of_a_copy_is_refused_too
            inherited_process_is_refused
            inherited_results_are_refused
            inherited_iterators_end_after_one_error
            inherited_thread_pool_is_refused
            inherited_manager_is_refused
            inherited_connection_is_refused
            inherited_service_control_is_refused
            call_that_forks_while_it_takes_its_items_is_refused_in_the_copy
            copy_of_a_worker_ends
            copy_of_a_worker_that_panics_ends
            copy_of_a_worker_made_by_arguments_and_results_ends
            copy_of_an_initializer_ends
            copy_of_a_process_ends
            copy_of_a_thread_of_the_pool_ends
            copy_of_a_callback_ends
            inherited_guards_give_no_access
            inherited_references_give_no_access
            inherited_permit_is_not_given_back
            inherited_slice_is_refused
            handles_that_are_sent_work_beside_inherited_ones
            threads_of_the_original_do_not_count_in_the_copy
        },
        named! {},
    )
}

const METHODS: [StartMethod; 3] = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork];

/// Runs `act` in a copy of this process, made without the crate, and fails unless it comes to its
/// end there.
#[allow(unsafe_code, reason = "it is what is tested")]
fn in_a_copy(act: impl FnOnce()) {
    // SAFETY: the child runs code that may take locks of the C library's allocator, which sees to its
    // own; other locks are what is tested, and the alarm ends a child that hangs.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            alarm::set(60);
            let outcome = catch_unwind(AssertUnwindSafe(act));
            // SAFETY: _exit runs no code of this process.
            unsafe { nix::libc::_exit(i32::from(outcome.is_err())) }
        }
        ForkResult::Parent { child } => assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0))),
    }
}

/// Forks; says whether this is the copy.
#[allow(unsafe_code, reason = "it is what is tested")]
fn fork_here() -> bool {
    // SAFETY: as in `in_a_copy`.
    matches!(unsafe { fork() }.unwrap(), ForkResult::Child)
}

/// Whether an error says that something of `owner` was used here.
fn names(error: &Error, owner: u32) -> bool {
    let both =
        format!("{error}").contains(&owner.to_string()) && format!("{error}").contains(&std::process::id().to_string());
    both && matches!(error, Error::ForeignProcess { owner: o, current } if *o == owner && *current == std::process::id())
}

/// Fails unless a call was refused because what it was made to belongs to process `owner`.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T>, owner: u32) {
    assert!(outcome.as_ref().is_err_and(|error| names(error, owner)), "{outcome:?}");
}
