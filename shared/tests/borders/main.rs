//! Where a pool meets its system: signals for the process group, ends that nobody asked for, and
//! what a program is when it builds a pool.
//!
//! Each test runs in a process of its own; see `support/runner.rs`.

mod ends;
mod orderly;
mod rights;
mod services;
mod signals;
mod started;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod unusual;

use std::process::ExitCode;

use multiproc::StartMethod;
use support::{named, run_each_in_a_process};

use ends::*;
use orderly::*;
use rights::*;
use services::*;
use signals::*;
use started::*;
use state::*;
use unusual::*;

/// All start methods. Programs are told one by its number here.
const METHODS: [StartMethod; 3] = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork];

/// The arguments of a program of this binary, after its name.
fn arguments() -> Vec<String> {
    std::env::args().skip(3).collect()
}

/// The start method that this program was told.
fn told_method() -> StartMethod {
    METHODS[arguments()[0].parse::<usize>().unwrap()]
}

fn main() -> ExitCode {
    run_each_in_a_process(
        named! {
            signals_for_the_group_end_no_worker
            signals_during_the_start_end_nothing
            ignored_signals_stay_ignored
            started_programs_have_the_signals_of_the_program
            signals_to_a_process_have_their_effect
            signals_a_task_sends_itself_have_their_effect
            workers_end_with_their_zygote
            workers_with_file_capabilities_end_with_their_zygote
            workers_end_with_a_program_whose_zygote_is_stopped
            started_processes_end_with_a_killed_worker
            started_processes_end_with_the_program
            started_processes_of_an_orderly_end_are_kept
            an_orderly_end_runs_what_belongs_to_it
            the_end_of_the_program_is_its_own
            an_orderly_end_has_a_limit
            an_initializer_that_returns_an_error_fails_every_task
            workers_of_the_fork_server_are_what_the_program_is
            spawned_workers_are_what_the_program_is
            forked_workers_are_what_the_program_is
            later_workers_are_what_the_program_was
            workers_have_the_rights_that_the_program_has_kept
            a_task_that_becomes_another_users_program_is_let_go
            services_are_drained_by_sigterm
            services_in_a_cgroup_with_a_quota_are_drained_by_sigterm
            a_service_under_nohup_survives_its_terminal
            unusual_programs_have_pools_like_others
            a_program_whose_children_are_in_another_pid_namespace_is_refused
            refused_system_calls_are_an_error_or_no_matter
            a_task_that_becomes_another_program_costs_itself
            workers_that_became_other_programs_end_with_the_program
        },
        named! {
            drains starts_pools ignores builds_and_waits starts_a_process serves ends_with_marks loses_its_zygote
            is_unusual is_refused has_sleepers keeps_its_rights gives_up_its_rights
            loses_tasks_to_root has_distant_children
        },
    )
}
