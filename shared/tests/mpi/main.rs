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
            calls_give_what_those_of_a_pool_give_on_any_number_of_ranks
            without_mpirun_the_tasks_run_in_a_pool_of_this_process
            large_arguments_and_results_go_there_and_back
            an_endless_source_is_read_as_far_as_its_window
            all_workers_of_all_ranks_have_work
            what_waits_on_one_rank_is_asked_back_for_another
            statistics_count_every_task_once a_long_task_is_counted_while_it_runs
            a_death_costs_one_task_and_no_rank
            a_panic_comes_whole
            a_time_limit_and_an_initializer_hold_on_every_rank
            a_cancelled_task_ends_alone
            what_nobody_wants_any_more_is_not_begun
            handles_are_refused
            results_that_cannot_be_decoded_are_errors
            what_follows_the_executor_runs_on_rank_0_alone
            another_build_on_a_rank_is_an_error_that_names_it
            a_pool_that_cannot_start_on_a_rank_is_an_error
            there_is_one_executor_in_the_life_of_a_process
            a_worker_is_no_rank
            a_program_that_drops_or_forgets_its_executor_leaves_nothing
            shutting_down_waits_for_what_was_taken_or_cancels_it
            a_killed_rank_costs_the_tasks_that_it_had
            a_stopped_rank_is_lost_in_bounded_time
            a_rank_that_comes_back_stays_lost_and_ends_nobody
            with_all_ranks_lost_every_task_fails
            without_recovery_mpirun_ends_everything
            nothing_outlives_a_killed_rank_0
            nothing_outlives_a_killed_mpirun
            sixteen_idle_ranks_leave_the_cpu_alone
        }],
        &[named! {
            checks_calls checks_large_values checks_an_endless_source checks_breadth checks_give_back
            checks_statistics checks_running checks_deaths checks_panics checks_limits checks_cancelling checks_abandoning
            checks_handles checks_decoding says_who_it_is starts starts_badly starts_twice starts_in_a_worker drops forgets exits
            shuts_down loses_a_rank loses_all_ranks works_for_long does_nothing
        }],
    )
}
