//! Launchers: what the environment says of the ranks that `mpirun` or `srun` has started.
//!
//! A program that is started by the launcher of another MPI runs as often as there should be ranks,
//! each time as the only one: MPI does not find the launcher that it belongs to. The launchers'
//! variables show it. Sources: `mpirun(1)` of Open MPI (`OMPI_COMM_WORLD_SIZE`), the manual of
//! MPICH's Hydra and Slurm's plugin `pmi2` (`PMI_RANK`, `PMI_SIZE`, `MPI_LOCALNRANKS`), MVAPICH2's
//! guide (`MV2_COMM_WORLD_SIZE`), the PMIx standard (`PMIX_RANK`), `srun(1)`
//! (`SLURM_STEP_NUM_TASKS`).

use std::env;
use std::ffi::OsStr;

use crate::error::{Error, Result};

/// The variables in which launchers write the number of a rank.
const RANKS: [&str; 3] = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"];

/// The number of ranks, by Open MPI's `mpirun`.
const OPEN_MPI_SIZE: &str = "OMPI_COMM_WORLD_SIZE";

/// The number of ranks, by the launchers of MPICH and its relatives; the last is that of this
/// machine.
const MPICH_SIZES: [&str; 3] = ["PMI_SIZE", "MV2_COMM_WORLD_SIZE", "MPI_LOCALNRANKS"];

/// The number of tasks of a step of Slurm, which a job has that is started by `srun`. That of the
/// allocation, `SLURM_NTASKS`, says nothing of a program: a plain one in a batch script has it,
/// too.
const SLURM_SIZE: &str = "SLURM_STEP_NUM_TASKS";

/// A number of ranks, and the variable that it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    /// At least so many.
    ranks: usize,
    variable: &'static str,
    value: usize,
}

/// What the environment says, before MPI is initialised: Open MPI adds variables to it then.
#[derive(Debug, Clone, Default)]
pub(super) struct Launcher {
    /// The number of this rank, if there is a launcher that gives numbers.
    rank: Option<usize>,
    open_mpi: Option<Claim>,
    mpich: Option<Claim>,
    /// Of those that every library could use.
    common: Option<Claim>,
}

impl Launcher {
    /// Reads the environment of this process.
    pub(super) fn from_environment() -> Self {
        Self::read(|name| env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
        let claim = |name: &'static str| number(name).map(|value| Claim { ranks: value, variable: name, value });
        let largest = |claims: [Option<Claim>; 3]| claims.into_iter().flatten().max_by_key(|claim| claim.ranks);
        // There are more ranks than the number of one of them.
        let pmix = claim("PMIX_RANK").map(|claim| Claim { ranks: claim.value.saturating_add(1), ..claim });
        Self {
            rank: RANKS.into_iter().find_map(number),
            open_mpi: claim(OPEN_MPI_SIZE),
            mpich: largest(MPICH_SIZES.map(claim)),
            common: largest([pmix, claim(SLURM_SIZE), None]),
        }
    }

    /// Returns whether a launcher may have started this process, so that MPI has to be asked.
    pub(super) fn is_there(&self) -> bool {
        let several = |claim: Option<Claim>| claim.is_some_and(|claim| claim.ranks > 1);
        self.rank.is_some() || several(self.open_mpi) || several(self.mpich) || several(self.common)
    }

    /// Returns the number of this rank, as far as the launcher has said it; MPI may not have
    /// started.
    pub(super) fn rank(&self) -> usize {
        self.rank.unwrap_or(0)
    }

    /// Fails if there are several ranks by the environment, where MPI, which is `library`, knows of
    /// one only.
    pub(super) fn check_alone(&self, library: &str) -> Result<()> {
        let Some(Claim { variable, value, .. }) = self.claim(library).filter(|claim| claim.ranks > 1) else {
            return Ok(());
        };
        let (launcher, plugin) = if is_open_mpi(library) {
            ("the `mpirun` of that Open MPI (Debian: `mpirun.openmpi`)", "srun --mpi=pmix")
        } else {
            ("the `mpirun` of that library (Debian: `mpirun.mpich`)", "srun --mpi=pmi2")
        };
        Err(Error::InvalidState(format!(
            "MPI says that this process is the only rank, but the environment speaks of several ({variable}={value}): \
             it was started by a launcher that does not belong to {library}, with which this program is linked, so \
             that the whole program would run once for each of them. Start it with {launcher}, or on Slurm with \
             `{plugin}` (`srun --mpi=list` prints what there is). If it is to run alone, start it with `env -u \
             {variable}`"
        )))
    }

    /// Returns how many ranks there should be. What the library's own launcher says comes first,
    /// then what another one says, as the launcher that was used last is not known: `mpirun -n 1`
    /// within a step of Slurm, or in a daemon of `mpirun` that is one, is one rank.
    fn claim(&self, library: &str) -> Option<Claim> {
        let (own, other) = if is_open_mpi(library) { (self.open_mpi, self.mpich) } else { (self.mpich, self.open_mpi) };
        own.or(other).or(self.common)
    }
}

/// The beginnings of the variables by which a launcher, or MPI itself, tells a process that it is a
/// rank, and with what settings of the launcher.
const LAUNCHERS: [&str; 13] = [
    "OMPI_",
    "OPAL_",
    "ORTE_",
    "PRTE_",
    "PMIX_",
    "PMI_",
    "MPI_LOCAL",
    "MPIEXEC_",
    "HYDI_",
    "MV2_COMM_WORLD_",
    "SLURM_STEP",
    "SLURM_PMI",
    "SLURM_SRUN_COMM_",
];

/// Others that do. What tells of Slurm's job stays, so that a task can start steps of it.
const SLURM_TASK: [&str; 4] = ["SLURM_PROCID", "SLURM_LOCALID", "SLURM_GTIDS", "SLURM_TASK_PID"];

/// Settings that a user makes, and that a program which a task starts should have.
const SETTINGS: [&str; 6] =
    ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_CC", "OMPI_CXX", "OMPI_FC", "OMPI_MCA_btl", "OMPI_MCA_oob_tcp"];

/// Returns whether a variable makes a process that has it a rank. Workers have none of these: what
/// a task starts is no rank, and may start ranks itself.
pub(super) fn makes_a_rank(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let begins = |with: &&str| name.starts_with(with.as_bytes());
    SLURM_TASK.iter().any(|task| name == task.as_bytes())
        || (LAUNCHERS.iter().any(begins) && !SETTINGS.iter().any(begins))
}

fn is_open_mpi(library: &str) -> bool {
    library.starts_with("Open MPI")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_MPI: &str = "Open MPI v4.1.4";
    const MPICH: &str = "MPICH Version: 4.0.2";

    fn launcher(variables: &[(&str, &str)]) -> Launcher {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name);
        Launcher::read(|name| find(name).map(|(_, value)| value.to_string()))
    }

    fn is_accepted(variables: &[(&str, &str)], library: &str) -> bool {
        launcher(variables).check_alone(library).is_ok()
    }

    #[test]
    fn launcher_of_another_library_is_found() {
        let hydra = [("PMI_RANK", "0"), ("PMI_SIZE", "3"), ("MPI_LOCALNRANKS", "3")];
        let open_mpi = [("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "3"), ("PMIX_RANK", "0")];
        let srun = [("SLURM_STEP_NUM_TASKS", "3"), ("SLURM_NTASKS", "3")];
        let srun_pmix = [("SLURM_STEP_NUM_TASKS", "3"), ("PMIX_RANK", "0")];
        let spread = [("PMI_RANK", "0"), ("MPI_LOCALNRANKS", "1"), ("PMI_SIZE", "2")];
        for (variables, library) in [
            (&hydra[..], OPEN_MPI),
            (&open_mpi, MPICH),
            (&srun, OPEN_MPI),
            (&srun, MPICH),
            (&srun_pmix, MPICH),
            (&spread, OPEN_MPI),
            // Its own launcher, too: something else went wrong.
            (&hydra, MPICH),
            (&open_mpi, OPEN_MPI),
            (&[("PMIX_RANK", "1")], OPEN_MPI),
        ] {
            assert!(launcher(variables).is_there(), "{variables:?}");
            assert!(!is_accepted(variables, library), "{variables:?} {library}");
        }
    }

    #[test]
    fn single_rank_is_accepted() {
        let batch_script = [("SLURM_NTASKS", "4"), ("SLURM_JOB_ID", "7"), ("SLURM_PROCID", "0")];
        assert!(!launcher(&batch_script).is_there());
        let step_of_one = [("SLURM_STEP_NUM_TASKS", "1"), ("SLURM_NTASKS", "4")];
        assert!(!launcher(&step_of_one).is_there());
        let in_a_step = [("SLURM_STEP_NUM_TASKS", "4"), ("OMPI_COMM_WORLD_SIZE", "1"), ("PMIX_RANK", "0")];
        let in_another = [("OMPI_COMM_WORLD_SIZE", "4"), ("PMI_SIZE", "1"), ("MPI_LOCALNRANKS", "1")];
        for (variables, library) in [
            (&[][..], OPEN_MPI),
            (&batch_script, MPICH),
            (&step_of_one, OPEN_MPI),
            (&in_a_step, OPEN_MPI),
            (&in_a_step, MPICH),
            (&in_another, MPICH),
            (&[("PMI_SIZE", "many")], MPICH),
        ] {
            assert!(is_accepted(variables, library), "{variables:?} {library}");
        }
    }

    #[test]
    fn workers_keep_what_makes_no_rank() {
        let makes_a_rank = |name: &str| makes_a_rank(OsStr::new(name));
        for name in ["OMPI_COMM_WORLD_RANK", "OMPI_MCA_ess", "PMIX_RANK", "PMI_FD", "MPI_LOCALNRANKS", "SLURM_STEP_ID"]
        {
            assert!(makes_a_rank(name), "{name}");
        }
        for name in ["PATH", "SLURM_JOB_ID", "SLURM_NTASKS", "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_btl_tcp_if_include"] {
            assert!(!makes_a_rank(name), "{name}");
        }
    }

    #[test]
    fn error_names_both_sides_and_the_way_out() {
        let error = launcher(&[("PMI_SIZE", "3")]).check_alone(OPEN_MPI).unwrap_err().to_string();
        for part in ["only rank", "PMI_SIZE=3", OPEN_MPI, "mpirun.openmpi", "srun --mpi=pmix", "env -u PMI_SIZE"] {
            assert!(error.contains(part), "{error}");
        }
        let error = launcher(&[("PMIX_RANK", "2")]).check_alone(MPICH).unwrap_err().to_string();
        assert!(error.contains("mpirun.mpich") && error.contains("srun --mpi=pmi2"), "{error}");
    }
}
