//! What a schedule is computed from, as a link to the book's page has it: `workers=4&tasks=24`.

use std::str::FromStr;

/// How long the tasks take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// All the same.
    Equal,
    /// Evenly distributed, up to twice the mean.
    Random,
    /// Most are short, and a few are very long: Pareto's distribution with the exponent 1.5. None
    /// is longer than 20 times the mean.
    Power,
    /// All the same but the last, which takes ten times as long.
    Long,
}

/// How the results are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// All at once.
    Map,
    /// Each as soon as it and those before it are there.
    Imap,
    /// Each as soon as it is there.
    ImapUnordered,
}

/// What a schedule is computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// At least 1.
    pub workers: usize,
    /// How many tasks there are.
    pub tasks: usize,
    /// Tasks in a chunk, or 0 for what the call chooses.
    pub chunk: usize,
    /// How long they take.
    pub times: Times,
    /// About how long one takes, in microseconds.
    pub mean: u64,
    /// What the parent needs to send a chunk, in microseconds.
    pub cost: u64,
    /// The part of all there is to do that the parent has to do first, in percent.
    pub serial: u64,
    /// How the results are asked for.
    pub call: Call,
    /// Whether the tasks are sorted first, by the time that they take.
    pub longest_first: bool,
    /// Of the random numbers.
    pub seed: u32,
}

impl Default for Setting {
    /// Returns what the page shows first.
    fn default() -> Self {
        Self {
            workers: 4,
            tasks: 24,
            chunk: 0,
            times: Times::Random,
            mean: 10_000,
            cost: 100,
            serial: 0,
            call: Call::Map,
            longest_first: false,
            seed: 1,
        }
    }
}

impl FromStr for Setting {
    type Err = String;

    /// Parses `key=value` pairs with `&` between them. What is not named is as at first; times are
    /// in milliseconds.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut setting = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair} lacks a value"))?;
            setting.set(key, value).ok_or_else(|| format!("{pair} is no setting"))?;
        }
        Ok(setting)
    }
}

impl Setting {
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "workers" => self.workers = value.parse().ok().filter(|workers| *workers > 0)?,
            "tasks" => self.tasks = value.parse().ok().filter(|tasks| *tasks > 0)?,
            "chunk" => self.chunk = value.parse().ok()?,
            "times" => {
                self.times = match value {
                    "equal" => Times::Equal,
                    "random" => Times::Random,
                    "power" => Times::Power,
                    "long" => Times::Long,
                    _ => return None,
                }
            }
            "mean" => self.mean = microseconds(value)?,
            "cost" => self.cost = microseconds(value)?,
            "serial" => self.serial = value.parse().ok().filter(|percent| *percent < 100)?,
            "call" => {
                self.call = match value {
                    "map" => Call::Map,
                    "imap" => Call::Imap,
                    "imap_unordered" => Call::ImapUnordered,
                    _ => return None,
                }
            }
            "sort" => self.longest_first = value == "1",
            "seed" => self.seed = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// Returns the tasks in a chunk. Where none is set, `map` makes four chunks for each worker,
    /// and the lazy calls send tasks one at a time.
    pub fn chunk_size(&self) -> usize {
        match (self.chunk, self.call) {
            (0, Call::Map) => self.tasks.div_ceil(4 * self.workers).max(1),
            (0, _) => 1,
            (chunk, _) => chunk,
        }
    }

    /// Returns the time of each task, in microseconds.
    pub fn durations(&self) -> Vec<u64> {
        let mut random = Random(self.seed);
        let mut time = |task: usize| match self.times {
            Times::Equal => self.mean,
            Times::Random => 1 + ((u64::from(random.next()) * (2 * self.mean - 1)) >> 32),
            Times::Power => {
                // Evenly distributed, above 0 and up to 1.
                let uniform = (f64::from(random.next()) + 1.0) / 4_294_967_296.0;
                let time = self.mean as f64 / 3.0 * uniform.powf(-2.0 / 3.0);
                (time as u64).clamp(1, 20 * self.mean)
            }
            Times::Long => self.mean * if task + 1 == self.tasks { 10 } else { 1 },
        };
        let mut times: Vec<_> = (0..self.tasks).map(&mut time).collect();
        if self.longest_first {
            times.sort_unstable_by(|a, b| b.cmp(a));
        }
        times
    }

    /// Returns the time of the serial part, beside tasks that take `work` together.
    pub(super) fn serial_time(&self, work: u64) -> u64 {
        work * self.serial / (100 - self.serial)
    }
}

fn microseconds(milliseconds: &str) -> Option<u64> {
    let time: f64 = milliseconds.parse().ok()?;
    (0.0..1e6).contains(&time).then_some((time * 1e3).round() as u64)
}

/// Mulberry32, a generator that is a few lines in any language.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x6D2B_79F5);
        let mut t = self.0;
        t = (t ^ (t >> 15)).wrapping_mul(t | 1);
        t ^= t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61));
        t ^ (t >> 14)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_links() {
        let setting: Setting = "workers=2&mean=0.5&cost=0&call=imap&sort=1".parse().unwrap();
        let expected =
            Setting { workers: 2, mean: 500, cost: 0, call: Call::Imap, longest_first: true, ..Setting::default() };
        assert_eq!(setting, expected);
        assert_eq!("".parse(), Ok(Setting::default()));
        for wrong in ["workers=0", "workers", "colour=red", "mean=-1", "times=odd", "serial=100"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn chunks_are_those_of_the_pool_unless_their_size_is_set() {
        let size = |text: &str| text.parse::<Setting>().unwrap().chunk_size();
        assert_eq!(size("workers=4&tasks=24"), 2);
        assert_eq!(size("workers=4&tasks=24&call=imap"), 1);
        assert_eq!(size("workers=4&tasks=24&call=imap&chunk=5"), 5);
    }

    #[test]
    fn times_have_about_the_mean_and_the_seed_decides() {
        let times = |text: &str| format!("tasks=100000&mean=10&{text}").parse::<Setting>().unwrap().durations();
        for kind in ["equal", "random", "power"] {
            let times = times(&format!("times={kind}"));
            let mean = times.iter().sum::<u64>() / times.len() as u64;
            assert!((8_000..12_000).contains(&mean), "{kind}: {mean}");
        }
        assert_eq!(times("times=power&seed=3"), times("times=power&seed=3"));
        assert_ne!(times("times=power&seed=3"), times("times=power&seed=4"));
        assert!(times("times=random&sort=1").is_sorted_by(|a, b| a >= b));
    }
}
