//! How ranks start and end.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use multiproc::{Error, Executor, MpiExecutor, Pool, Result};
use object::read::{Object, ObjectSection};

use super::calls::executor;
use super::launch::{Mpi, Ranks, own_rank};
use super::support::{Gate, nap, pass, square};

pub(super) fn says_who_it_is() -> Result<()> {
    println!("before");
    let executor = executor()?;
    println!("after, with ranks {:?}", executor.ranks().iter().map(|rank| rank.rank).collect::<Vec<_>>());
    // What a task prints is printed here, too.
    executor.apply(|| println!("in a task"), ())?;
    let names = |_: u32| multiproc::current_process().name;
    let mut names = executor.with_chunksize(1).map(names, 0..100)?;
    names.retain(|name| !name.starts_with("rank1-") && !name.starts_with("rank2-"));
    assert!(names.is_empty(), "{names:?}");
    executor.shutdown();
    Ok(())
}

pub(super) fn code_after_the_executor_runs_on_rank_0_only() -> Result<()> {
    let output = Ranks::new(3, "says_who_it_is").run().well();
    let count = |line: &str| output.lines().filter(|other| *other == line).count();
    assert_eq!((count("before"), count("after, with ranks [1, 2]"), count("in a task")), (3, 1, 1), "{output}");
    Ok(())
}

/// Prints how the executor starts.
pub(super) fn starts() -> Result<()> {
    match MpiExecutor::builder().processes_per_rank(1).silence(Duration::from_secs(5)).build() {
        Ok(executor) => println!("started: {}", executor.apply(square, (3,))?),
        Err(error) => println!("refused: {error}"),
    }
    Ok(())
}

pub(super) fn launcher_of_another_mpi_is_an_error_that_names_both() -> Result<()> {
    // As the other MPI's launcher would start it, and Slurm with the wrong plugin.
    let (other, library, plugin) = match Mpi::here() {
        Mpi::Open => (("PMI_RANK", "PMI_SIZE"), "Open MPI v", "srun --mpi=pmix"),
        Mpi::Mpich => (("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), "MPICH Version: ", "srun --mpi=pmi2"),
    };
    for (rank, size) in [other, ("PMIX_RANK", "SLURM_STEP_NUM_TASKS")] {
        let output = Ranks::alone("starts").env(rank, "0").env(size, "3").run().well();
        let refusal = output.strip_prefix("refused: ").unwrap_or_else(|| panic!("{output}"));
        for part in ["the only rank", &format!("({size}=3)"), library, plugin] {
            assert!(refusal.contains(part), "{output}");
        }
    }
    Ok(())
}

pub(super) fn single_rank_is_no_false_alarm() -> Result<()> {
    let batch_script = Ranks::alone("starts").env("SLURM_NTASKS", "4").env("SLURM_PROCID", "0");
    assert_eq!(batch_script.run().well(), "started: 9\n");
    let within_a_step = Ranks::new(1, "starts").env("SLURM_STEP_NUM_TASKS", "4");
    assert_eq!(within_a_step.run().well(), "started: 9\n");
    Ok(())
}

/// Prints how the executor starts, unless this is rank 2, which never gets there.
pub(super) fn never_joins() -> Result<()> {
    if own_rank() == 2 {
        nap(600_000);
    }
    let started = MpiExecutor::builder().start_timeout(Duration::from_secs(1)).build();
    println!("refused: {}", started.as_ref().map(|_| ()).unwrap_err());
    started.map(drop)
}

pub(super) fn rank_that_never_joins_is_an_error() -> Result<()> {
    let ended = Ranks::new(3, "never_joins").run();
    assert!(!ended.status.success(), "{ended:?}");
    let refusals: Vec<_> = ended.output.lines().filter(|line| line.starts_with("refused: ")).collect();
    assert!(refusals.len() == 1 && refusals[0].contains("within 1.0 s"), "{ended:?}");
    assert!(refusals[0].contains("start_timeout"), "{ended:?}");
    Ok(())
}

/// A copy of this binary that is another build, as far as can be told.
fn another_build(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let note = file.section_by_name(".note.gnu.build-id").and_then(|note| note.file_range());
    // The last byte of the linker's id, or of the file.
    let at = note.map_or(bytes.len() - 1, |(start, len)| (start + len - 1) as usize);
    bytes[at] ^= 1;
    let path = folder.join("another");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

pub(super) fn rank_with_another_build_is_an_error_that_names_it() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (env::current_exe().unwrap(), another_build(folder.path()));
    let (own, other) = (own.to_str().unwrap(), other.to_str().unwrap());
    let program = ["--program", "starts"];
    let ranks = |second: &'static str| {
        let second = if second == "other" { other } else { own };
        let first = ["-n", "2", own].into_iter().chain(program);
        Ranks::mpirun().args(first.chain([":", "-n", "1", second]).chain(program)).run()
    };
    assert_eq!(ranks("own").well(), "started: 9\n");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let error = Error::RankMismatch { rank: 2, host: host.trim().into() };
    assert_eq!(ranks("other").well(), format!("refused: {error}\n"));
    Ok(())
}

pub(super) fn starts_badly() -> Result<()> {
    // Rank 2 has no room for processes.
    if own_rank() == 2 {
        let none = nix::sys::resource::Resource::RLIMIT_NOFILE;
        nix::sys::resource::setrlimit(none, 40, 40).unwrap();
    }
    match MpiExecutor::builder().processes_per_rank(200).build() {
        Ok(_) => println!("started"),
        Err(error) => println!("refused: {}", matches!(error, Error::Io { .. })),
    }
    Ok(())
}

pub(super) fn pool_that_cannot_start_on_a_rank_is_an_error() -> Result<()> {
    assert_eq!(Ranks::new(3, "starts_badly").run().well(), "refused: true\n");
    Ok(())
}

pub(super) fn starts_twice() -> Result<()> {
    let executor = executor()?;
    println!("{}", MpiExecutor::new().is_err());
    println!("{}", executor.apply(square, (2,))?);
    drop(executor);
    println!("{}", MpiExecutor::new().is_err());
    Ok(())
}

pub(super) fn second_executor_in_a_process_is_rejected() -> Result<()> {
    assert_eq!(Ranks::new(2, "starts_twice").run().well(), "true\n4\ntrue\n");
    Ok(())
}

pub(super) fn starts_in_a_worker() -> Result<()> {
    let executor = executor()?;
    let refused = executor.apply(|| matches!(MpiExecutor::new(), Err(Error::InvalidState(_))), ())?;
    let nested = executor.apply(|| Pool::with_processes(1).and_then(|pool| pool.apply(square, (5,))), ())?;
    println!("{refused} {}", nested?);
    Ok(())
}

pub(super) fn worker_is_not_a_rank() -> Result<()> {
    assert_eq!(Ranks::new(2, "starts_in_a_worker").run().well(), "true 25\n");
    Ok(())
}

/// Drops the executor while tasks run and wait.
pub(super) fn drops() -> Result<()> {
    let executor = executor()?;
    let futures: Vec<_> = (0..20).map(|_| executor.submit(nap, (60_000,))).collect();
    executor.map_async(square, 0..3).wait_timeout(Duration::from_millis(200));
    drop(executor);
    let cancelled = futures.into_iter().filter(|_| true).map(|future| future.get());
    println!("{}", cancelled.filter(|result| matches!(result, Err(Error::Cancelled))).count());
    Ok(())
}

/// Ends with an executor that is never shut down.
pub(super) fn forgets() -> Result<()> {
    let executor = executor()?;
    let _running = executor.submit(nap, (60_000,));
    executor.apply(square, (1,))?;
    std::mem::forget(executor);
    Ok(())
}

pub(super) fn exits() -> Result<()> {
    let executor = executor()?;
    let _running = executor.submit(nap, (60_000,));
    executor.apply(square, (1,))?;
    std::process::exit(3)
}

pub(super) fn dropped_or_forgotten_executor_leaves_nothing() -> Result<()> {
    assert_eq!(Ranks::new(3, "drops").run().well(), "20\n");
    // That is for `mpirun` to complain about; it ends the others.
    // MPICH's does not mind.
    assert!(!Ranks::new(3, "forgets").run().status.success() || Mpi::here() == Mpi::Mpich);
    assert!(!Ranks::new(3, "exits").run().status.success());
    Ok(())
}

pub(super) fn shuts_down() -> Result<()> {
    let executor = executor()?;
    let gate = Gate::new();
    let held: Vec<_> = (0..4).map(|_| executor.submit(pass, (gate.path(),))).collect();
    gate.await_arrivals(4);
    let waiting: Vec<_> = (0..10).map(|n| executor.submit(square, (n,))).collect();
    executor.close();
    executor.cancel_pending();
    assert!(matches!(executor.submit(square, (1,)).get(), Err(Error::Closed)));
    let cancelled = waiting.into_iter().map(|future| future.get());
    println!("{} cancelled", cancelled.filter(|result| matches!(result, Err(Error::Cancelled))).count());
    gate.open();
    executor.shutdown();
    println!(
        "{} done",
        held.into_iter().filter(|future| future.ready()).map(|future| future.get()).filter(Result::is_ok).count()
    );
    Ok(())
}

pub(super) fn shutdown_finishes_or_cancels_accepted_tasks() -> Result<()> {
    assert_eq!(Ranks::new(3, "shuts_down").run().well(), "10 cancelled\n4 done\n");
    Ok(())
}

/// The variables that a task finds, and what it starts.
pub(super) fn starts_ranks_in_a_task() -> Result<()> {
    let executor = executor()?;
    let variables = || Command::new("env").output().map(|output| String::from_utf8(output.stdout).unwrap()).unwrap();
    let launchers = ["OMPI_COMM", "OMPI_MCA_ess", "OMPI_MCA_orte", "PMI", "SLURM_STEP", "SLURM_PROCID"];
    let found = executor.apply(variables, ())?;
    assert!(found.lines().any(|line| line.starts_with("PATH=")), "{found}");
    let of_launchers = found.lines().filter(|line| launchers.iter().any(|launcher| line.starts_with(launcher)));
    println!("launchers {:?}", of_launchers.collect::<Vec<_>>());
    let alone = || Ranks::alone("starts").run().well();
    let ranks = || Ranks::new(2, "starts").run().well();
    println!("{:?} {:?}", executor.apply(alone, ())?, executor.apply(ranks, ())?);
    Ok(())
}

pub(super) fn task_may_start_ranks_itself() -> Result<()> {
    for ranks in [1, 3] {
        let run = Ranks::new(ranks, "starts_ranks_in_a_task").env("SLURM_STEP_ID", "0").env("SLURM_PROCID", "0");
        let output = run.run().well();
        let expected = ["launchers []", r#""started: 9\n" "started: 9\n""#];
        assert_eq!(output.lines().collect::<Vec<_>>(), expected);
    }
    Ok(())
}
