//! What the tests share: a harness that gives each test a process and a deadline and checks that it
//! leaves nothing behind, tasks, and ways to look at processes and to end them.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses a part of it")]

mod cgroup;
mod checks;
mod death;
mod gate;
mod harness;
mod kill;
mod leftovers;
mod processes;
mod programs;
mod tasks;

use multiproc::StartMethod;

pub(crate) use cgroup::Cgroup;
pub(crate) use checks::{can_run_nothing, eventually, is_config, is_invalid_state, message, pids};
pub(crate) use death::{Death, a_death_costs_one_task, assert_died};
pub(crate) use gate::{Gate, arrive, pass};
pub(crate) use harness::{DEADLINE, Named, named, note, run_each_in_a_process, run_one_by_one};
pub(crate) use kill::{Random, killed, poisoned_by};
pub(crate) use leftovers::{Holdings, descriptors, leaves_nothing};
pub(crate) use processes::{
    ProcessId, descendants, descendants_of, end_hung, holdings, processor_ticks, resident_kib, zygote, zygote_while,
};
pub(crate) use programs::{Program, announce, arguments, told_method};
pub(crate) use tasks::{fail_if_odd, nap, own_pid, square, squares};

/// All start methods. Programs are told one by its number here.
pub(crate) const METHODS: [StartMethod; 3] = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork];
