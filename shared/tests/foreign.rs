//! Code of others under the pool's feet, and waits that end: what a waker, a drop, a callback, a
//! source or a task does costs who made it.
//!
//! Each test runs in a process of its own; see `support/runner.rs`.

mod support;

#[path = "foreign/panics.rs"]
mod panics;
#[path = "foreign/streams.rs"]
mod streams;
#[path = "foreign/waits.rs"]
mod waits;

use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

use multiproc::{Pool, Result, StartMethod};
use panics::*;
use streams::*;
use support::{named, run_each_in_a_process, square, squares};
use waits::*;

const METHODS: [StartMethod; 3] = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork];

/// Far more than anything here takes, and less than a test may.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    run_each_in_a_process(
        named! {
            a_waker_that_panics_stops_nobody
            a_waker_that_panics_in_the_leaders_hands_costs_no_lead
            a_callback_that_panics_with_a_bomb_costs_its_own_result
            a_result_that_panics_in_the_callback_thread_stops_no_callback
            a_payload_that_panics_when_dropped_is_an_error_of_its_task
            a_panic_of_a_source_reaches_its_caller_and_nobody_else
            a_lazy_source_that_panics_ends_after_what_came_before
            a_source_that_panics_when_dropped_ends_its_iteration
            a_state_that_panics_when_dropped_costs_no_worker
            arguments_that_panic_cost_their_own_task
            the_lock_of_standard_output_stops_no_worker
            a_lock_of_c_streams_stops_no_worker
            what_a_task_printed_comes_out_although_it_left_a_thread
            a_worker_without_descriptors_is_replaced_at_once
            nothing_of_the_pools_lands_in_a_file_of_a_task
            wait_ends_with_the_process_whatever_it_has_started
            wait_ends_with_a_process_whose_result_is_large
            wait_knows_how_a_killed_process_ended
            join_in_a_callback_ends
            two_threads_may_join_and_get
            lazy_calls_of_a_closed_pool_end_after_one_error
            time_limits_leave_out_the_time_that_the_program_was_stopped
            time_limits_leave_out_the_time_that_the_program_was_frozen
            time_limits_count_the_time_that_only_a_worker_was_stopped
        },
        named! { works_within_limits },
    )
}

/// Checks that calls of every kind work.
fn is_well(pool: &Pool) -> Result<()> {
    let (sender, receiver) = channel();
    let mut later = pool.apply_async(square, (5,)).callback(move |value| sender.send(*value).unwrap());
    assert_eq!(receiver.recv_timeout(LONG), Ok(25));
    assert_eq!(later.get_timeout(LONG)?, 25);
    assert_eq!(pollster::block_on(pool.apply_async(square, (6,)))?, 36);
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    assert_eq!(pool.imap(square, 0..50).collect::<Result<Vec<_>>>()?, squares(50));
    Ok(())
}
