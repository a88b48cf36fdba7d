//! How long the tasks of a worker take.

/// The longest time of a task that is believed (nanoseconds, some 36 years): it is the worker that
/// measured it.
const MAX_TASK_TIME: u64 = 1 << 60;

/// Tasks, and nanoseconds, after which the worker's clock is read again. It lies on a cache line to
/// which the worker writes with each task: to read it for each took a tenth of a call's time.
const MAX_TASKS: u64 = 64;
const MAX_AGE: u64 = 100_000;

/// The mean time of a worker's latest tasks.
#[derive(Debug, Default)]
pub(super) struct TaskTime {
    /// The function of the last tasks that were sampled, and of those since.
    function: u64,
    /// Nanoseconds that each of them took.
    mean: u64,
    /// When the last sample was taken, and how many tasks had ended and nanoseconds were spent by
    /// then.
    sampled_at: u64,
    tasks: u64,
    busy: u64,
}

impl TaskTime {
    /// Takes a sample if one is due. `new` tasks of `function` have ended, and `all` of the
    /// worker's with them, which took the nanoseconds that `busy` returns. Returns the mean time of
    /// a task of `function`.
    pub(super) fn sample(
        &mut self,
        function: u64,
        (new, all): (u64, u64),
        now: u64,
        busy: impl FnOnce() -> u64,
    ) -> Option<u64> {
        let since = all.saturating_sub(self.tasks);
        let is_same = function == self.function;
        if is_same && since < MAX_TASKS && now.saturating_sub(self.sampled_at) < MAX_AGE {
            return None;
        }
        let busy = busy();
        let mut time = busy.wrapping_sub(self.busy);
        let mut tasks = since;
        if !is_same {
            // Those before were of the other function.
            time = time.saturating_sub(self.mean.saturating_mul(since.saturating_sub(new)));
            tasks = new;
        }
        if time == 0 || tasks == 0 {
            return None;
        }
        let mean = (time / tasks).min(MAX_TASK_TIME);
        *self = Self { function, mean, sampled_at: now, tasks: all, busy };
        Some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_is_taken_after_so_many_tasks_or_so_much_time() {
        let mut time = TaskTime::default();
        assert_eq!(time.sample(1, (1, 1), MAX_AGE, || 10), Some(10));
        for all in 2..=MAX_TASKS {
            assert_eq!(time.sample(1, (1, all), MAX_AGE, || unreachable!("not due")), None);
        }
        assert_eq!(time.sample(1, (1, 1 + MAX_TASKS), MAX_AGE, || 10 + 20 * MAX_TASKS), Some(20));
        assert_eq!(time.sample(1, (1, 2 + MAX_TASKS), 2 * MAX_AGE, || 15 + 20 * MAX_TASKS), Some(5));
    }

    #[test]
    fn tasks_of_another_function_are_counted_apart() {
        let mut time = TaskTime::default();
        assert_eq!(time.sample(1, (1, 1), MAX_AGE, || 10), Some(10));
        assert_eq!(time.sample(1, (2, 3), MAX_AGE, || unreachable!("not due")), None);
        assert_eq!(time.sample(2, (1, 4), MAX_AGE, || 30 + 7000), Some(7000));
        assert_eq!(time.sample(1, (1, 5), MAX_AGE, || 30 + 7000 + 12), Some(12));
    }

    #[test]
    fn any_clock_of_a_worker_is_borne() {
        let mut time = TaskTime::default();
        assert_eq!(time.sample(1, (1, 1), 0, || u64::MAX), Some(MAX_TASK_TIME));
        assert_eq!(time.sample(2, (1, 3), 0, || u64::MAX - 1), Some(MAX_TASK_TIME));
        assert_eq!(time.sample(3, (0, 2), 0, || 0), None);
    }
}
