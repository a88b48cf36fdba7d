//! `MpiExecutor`, on several ranks of this machine: what a pool promises, it promises too, and a
//! lost rank costs the tasks that it had.
//!
//! Each test runs in a process of its own and starts `mpirun`, which starts this binary again; see
//! `launch.rs`.

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod idle;
mod launch;
mod losses;
mod starts;
mod tasks;

use std::process::ExitCode;

use support::{named, run_one_by_one};

use calls::*;
use idle::*;
use losses::*;
use starts::*;
use tasks::*;

fn main() -> ExitCode {
    run_one_by_one(
        &[named! {
            calls_return_what_a_pool_returns
            tasks_run_in_a_local_pool_without_mpirun
            large_arguments_and_results_go_there_and_back values_of_all_sizes_go_there_and_back
            endless_source_is_read_as_far_as_its_window large_results_are_bounded_by_their_bytes
            all_workers_of_all_ranks_have_work
            queued_tasks_move_to_an_idle_rank
            statistics_count_every_task_once long_task_is_counted_while_it_runs
            lost_worker_fails_one_task_and_no_rank
            panic_arrives_in_full
            time_limit_and_initializer_apply_on_every_rank
            cancelling_ends_only_its_task
            abandoned_tasks_are_not_started
            handles_are_rejected
            results_that_cannot_be_decoded_are_errors
            code_after_the_executor_runs_on_rank_0_only
            rank_with_another_build_is_an_error_that_names_it
            launcher_of_another_mpi_is_an_error_that_names_both
            single_rank_is_no_false_alarm
            rank_that_never_joins_is_an_error
            pool_that_cannot_start_on_a_rank_is_an_error
            second_executor_in_a_process_is_rejected
            task_may_start_ranks_itself settings_of_the_pool_apply_or_are_refused
            worker_is_not_a_rank
            dropped_or_forgotten_executor_leaves_nothing
            shutdown_finishes_or_cancels_accepted_tasks
            killed_rank_fails_only_its_tasks
            tasks_of_a_lost_rank_are_begun_again_if_asked_to
            stopped_rank_is_lost_in_bounded_time
            rank_that_comes_back_stays_lost
            every_task_fails_when_all_ranks_are_lost
            rank_that_works_on_a_large_state_is_not_lost
            mpirun_ends_all_ranks_without_recovery
            nothing_outlives_a_killed_rank_0
            nothing_outlives_a_killed_mpirun
            sixteen_idle_ranks_use_no_cpu_time
        }],
        &[named! {
            checks_calls checks_large_values checks_values_of_all_sizes checks_an_endless_source checks_bounds checks_breadth checks_give_back
            checks_statistics checks_running checks_deaths checks_panics checks_limits checks_cancelling checks_abandoning
            checks_handles checks_decoding says_who_it_is starts starts_ranks_in_a_task checks_settings never_joins
            starts_badly starts_twice starts_in_a_worker drops forgets exits shuts_down loses_a_rank tries_again
            loses_all_ranks sends_a_large_state works_for_long does_nothing
        }],
    )
}
