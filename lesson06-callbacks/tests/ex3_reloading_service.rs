//! The tests of exercise 3: a service that reloads.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use course::testing::exercise::{TIMEOUT, attempt, isolated, varied};
use multiproc::{ExitStatus, Queue, Service, ServiceControl, ServiceManager};
use tempfile::tempdir;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex3_reloading_service.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex3_reloading_service.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex3_reloading_service.rs"]
pub mod given;

use exercise::serve;
use given::Answer;

/// One service at work, as its user and its operator see it.
struct Office {
    settings: PathBuf,
    jobs: Queue<u64>,
    answers: Queue<Answer>,
    control: ServiceControl,
    /// What its workers have failed with.
    errors: Arc<Mutex<Vec<String>>>,
}

impl Office {
    fn set_factor(&self, factor: u64) {
        write_factor(&self.settings, factor);
    }

    fn ask(&self, job: u64) {
        self.jobs.put(job).unwrap();
    }

    fn answer(&self) -> Answer {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Ok(answer) = self.answers.get_timeout(Duration::from_millis(50)) {
                return answer;
            }
            let errors = self.errors.lock().unwrap();
            assert!(
                errors.is_empty(),
                "the service has failed: {errors:?}. Expected it to go on until it is told to stop"
            );
            assert!(
                Instant::now() < end,
                "a job was put into the queue, and no answer came within {TIMEOUT:?}: expected one. Hint: does the \
                 loop go on when no job has come for a while?"
            );
        }
    }

    /// Puts jobs until one is answered with that factor. Returns all answers.
    fn ask_until_factor(&self, factor: u64) -> Vec<Answer> {
        let end = Instant::now() + TIMEOUT;
        let mut answers = Vec::new();
        loop {
            self.ask(7);
            let answer = self.answer();
            answers.push(answer.clone());
            if answer.product == 7 * factor {
                return answers;
            }
            assert!(
                Instant::now() < end,
                "the service was told to reload, and goes on with its old factor: {answer:?}. Expected the factor \
                 {factor}. Hint: `reload_requested` says when to read the settings again"
            );
        }
    }
}

/// Replaces the settings at once, so that the service never reads half a file.
fn write_factor(settings: &Path, factor: u64) {
    let new = settings.with_extension("new");
    fs::write(&new, format!("{factor}\n")).unwrap();
    fs::rename(new, settings).unwrap();
}

/// What came of a service that has ended.
struct Served<R> {
    played: R,
    /// The numbers of jobs and of answers that are left in the queues.
    left: (usize, usize),
}

/// Runs the service, with the factor 2 at first, and `play` beside it. When that returns, the
/// service is told to end, and has to do so in good order.
fn serving<R: Send + 'static>(play: impl FnOnce(&Office) -> R + Send + 'static) -> Served<R> {
    attempt(move || {
        let folder = tempdir().unwrap();
        let settings = folder.path().join("settings");
        write_factor(&settings, 2);
        let (jobs, answers) = (Queue::new().unwrap(), Queue::new().unwrap());
        let mut manager = ServiceManager::builder().graceful_deadline(TIMEOUT).build().unwrap();
        manager.add(Service::new(serve, (settings.clone(), jobs.clone(), answers.clone())), 1).unwrap();

        let (errors, ends) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<ExitStatus>>>::default());
        let (note_error, note_end) = (errors.clone(), ends.clone());
        manager.on_error(move |_, _, error| note_error.lock().unwrap().push(error.to_string()));
        manager.on_dead_worker(move |_, _, exit| note_end.lock().unwrap().push(exit));

        let control = manager.control();
        let office =
            Office { settings, jobs: jobs.clone(), answers: answers.clone(), control: control.clone(), errors };
        thread::scope(|scope| {
            let player = scope.spawn(move || {
                let played = catch_unwind(AssertUnwindSafe(|| play(&office)));
                control.terminate();
                played
            });
            manager.run().unwrap();
            let played = player.join().unwrap().unwrap_or_else(|payload| resume_unwind(payload));
            let ends = ends.lock().unwrap();
            let well = ends.iter().all(|end| end.success());
            assert!(
                well,
                "told to stop, the service ended so: {ends:?}. Expected it to return by itself. Hint: look at \
                 `should_stop` between two jobs, and wait for a job with a timeout"
            );
            Served { played, left: (jobs.len(), answers.len()) }
        })
    })
    .value
}

#[test]
fn jobs_are_multiplied_by_the_factor_of_the_settings() {
    isolated(|| {
        let jobs = varied(6, 0..1_000);
        let asked = jobs.clone();
        let answers = serving(move |office| {
            asked.iter().for_each(|job| office.ask(*job));
            Vec::from_iter(asked.iter().map(|_| office.answer()))
        })
        .played;
        let found: Vec<_> = answers.iter().map(|answer| (answer.job, answer.product)).collect();
        let expected: Vec<_> = jobs.iter().map(|job| (*job, 2 * job)).collect();
        assert_eq!(found, expected, "the jobs with their answers, and those that were expected: each once, times 2");
    });
}

#[test]
fn a_reload_brings_the_new_factor_to_the_same_process() {
    isolated(|| {
        let pids = serving(|office| {
            office.ask(7);
            let first = office.answer();
            assert_eq!(first.product, 14, "7 times 2");
            let mut pids = BTreeSet::from([first.pid]);
            for factor in [3, 5] {
                office.set_factor(factor);
                office.control.reload();
                pids.extend(office.ask_until_factor(factor).iter().map(|answer| answer.pid));
            }
            pids
        })
        .played;
        assert_eq!(
            pids.len(),
            1,
            "the jobs were answered by {pids:?}: expected one process, since a service that reloads stays the same \
             process. Hint: read the settings in the loop, and go on"
        );
    });
}

#[test]
fn settings_are_read_again_only_when_the_service_is_told() {
    isolated(|| {
        let answer = serving(|office| {
            office.ask(7);
            office.answer();
            office.set_factor(3);
            for _ in 0..5 {
                office.ask(7);
            }
            (0..5).map(|_| office.answer().product).max()
        })
        .played;
        assert_eq!(
            answer,
            Some(14),
            "the largest product of 7, and what was expected. Hint: no reload was requested, so the service keeps its \
             factor 2"
        );
    });
}

#[test]
fn no_job_is_lost_or_done_twice_over_reloads() {
    isolated(|| {
        let answers = serving(|office| {
            // The service runs before it is told anything.
            office.ask(0);
            let mut answers = vec![office.answer()];
            for job in 1..60 {
                office.ask(job);
                if job % 15 == 0 {
                    office.set_factor(2 + job / 15);
                    office.control.reload();
                }
            }
            answers.extend((1..60).map(|_| office.answer()));
            answers
        })
        .played;
        let mut jobs: Vec<_> = answers.iter().map(|answer| answer.job).collect();
        jobs.sort_unstable();
        assert_eq!(
            jobs,
            Vec::from_iter(0..60),
            "the jobs that were answered, and those that were asked for: expected each once, whenever the reload comes"
        );
        for Answer { job, product, .. } in answers {
            assert!(
                (2..=5).any(|factor| product == job * factor),
                "{product} is no product of {job} and a factor there was"
            );
        }
    });
}

#[test]
fn a_job_that_was_taken_is_answered_before_the_end() {
    isolated(|| {
        let (jobs, answers) = serving(|office| {
            office.ask(0);
            office.answer();
            (1..=500).for_each(|job| office.ask(job));
        })
        .left;
        assert_eq!(
            jobs + answers,
            500,
            "the number of jobs that are left and of answers, of 500 jobs: expected each job to be in one of the \
             queues. Hint: told to stop, the service answers what it has taken, and takes no more"
        );
    });
}
