//! What a row of the comparison consists of: an id, a unit, sides that do the same work, and goals.

use crate::run::Run;

/// Does a side's work once and returns the seconds that one unit of it (an item, a call, a whole
/// run) took, or what else the row counts.
pub(crate) type Repetition = Box<dyn FnMut() -> Result<f64, String>>;

/// Makes a side ready: starts its pool, outside of every measured time. A side that cannot run says
/// why.
pub(crate) type Setup = Box<dyn Fn(&Run) -> Result<Repetition, String>>;

/// The name of the side that a row is about.
pub(crate) const OURS: &str = "ours";
/// The name of the side that no library can beat: the bare work, or the system calls underneath.
pub(crate) const LIMIT: &str = "limit";

/// The unit that a row's numbers are shown in.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    /// As printed.
    pub(crate) name: &'static str,
    /// How many of it make a second; 1 for what is no time.
    pub(crate) per_second: f64,
}

/// Nanoseconds an item of a map.
pub(crate) const NS_AN_ITEM: Unit = Unit { name: "ns an item", per_second: 1e9 };
/// Nanoseconds a call.
pub(crate) const NS_A_CALL: Unit = Unit { name: "ns a call", per_second: 1e9 };
/// Microseconds a run.
pub(crate) const MICROSECONDS: Unit = Unit { name: "µs", per_second: 1e6 };
/// Milliseconds a run.
pub(crate) const MILLISECONDS: Unit = Unit { name: "ms", per_second: 1e3 };

/// Microseconds a worker process.
pub(crate) const US_A_WORKER: Unit = Unit { name: "µs a worker", per_second: 1e6 };
/// Mebibytes of memory.
pub(crate) const MEBIBYTES: Unit = Unit { name: "MiB", per_second: 1.0 };
/// Kibibytes of memory a worker process.
pub(crate) const KIB_A_WORKER: Unit = Unit { name: "KiB a worker", per_second: 1.0 };
/// Bytes of memory a task.
pub(crate) const BYTES_A_TASK: Unit = Unit { name: "bytes a task", per_second: 1.0 };

/// One way to do the row's work.
pub(crate) struct Side {
    /// As printed, and the key in the JSON file.
    pub(crate) name: &'static str,
    /// Makes it ready.
    pub(crate) setup: Setup,
    /// A side so slow that it takes part in few rounds and is not warmed up by a whole repetition.
    pub(crate) slow: bool,
    /// Ours too, at another size: no peer, but a point of the row's curve.
    pub(crate) point: bool,
    /// How much there is to do at a point of a curve; 0 without one.
    pub(crate) size: f64,
}

/// What ours must reach.
pub(crate) enum Goal {
    /// The side's number divided by ours is at least so much.
    Times {
        /// Whom ours is measured against.
        side: &'static str,
        /// How many times as much.
        times: f64,
    },
    /// Ours is no more than this, in the row's unit.
    AtMost(f64),
}

/// A row of the comparison.
pub(crate) struct Case {
    /// The name on the command line and in the JSON file.
    pub(crate) id: &'static str,
    /// One line for `--list`.
    pub(crate) what: &'static str,
    /// The unit of its numbers.
    pub(crate) unit: Unit,
    /// Ours, the peers, and the limit if it has one.
    pub(crate) sides: Vec<Side>,
    /// What ours must reach.
    pub(crate) goals: Vec<Goal>,
    /// What the size is called that ours has in a row with points.
    pub(crate) largest: &'static str,
}

impl Case {
    /// A row without sides.
    pub(crate) fn new(id: &'static str, unit: Unit, what: &'static str) -> Self {
        Self { id, what, unit, sides: Vec::new(), goals: Vec::new(), largest: "" }
    }

    /// Adds a side.
    pub(crate) fn side(
        mut self,
        name: &'static str,
        setup: impl Fn(&Run) -> Result<Repetition, String> + 'static,
    ) -> Self {
        self.sides.push(Side { name, setup: Box::new(setup), slow: false, point: false, size: 0.0 });
        self
    }

    /// Makes ours, which was added before, the last point of a curve, and says what its size is
    /// called.
    pub(crate) fn up_to(mut self, largest: &'static str, size: f64) -> Self {
        self.largest = largest;
        self.sides.iter_mut().for_each(|side| side.size = size);
        self
    }

    /// Adds a point of the curve that ours is the last point of.
    pub(crate) fn point(
        mut self,
        name: &'static str,
        size: f64,
        setup: impl Fn(&Run) -> Result<Repetition, String> + 'static,
    ) -> Self {
        self.sides.push(Side { name, setup: Box::new(setup), slow: false, point: true, size });
        self
    }

    /// Adds a side whose repetition takes seconds.
    pub(crate) fn slow_side(
        mut self,
        name: &'static str,
        setup: impl Fn(&Run) -> Result<Repetition, String> + 'static,
    ) -> Self {
        self.sides.push(Side { name, setup: Box::new(setup), slow: true, point: false, size: 0.0 });
        self
    }

    /// Whether a side is a point of our curve.
    pub(crate) fn is_point(&self, name: &str) -> bool {
        self.sides.iter().any(|side| side.point && side.name == name)
    }

    /// Adds a goal against a side.
    pub(crate) fn goal(mut self, side: &'static str, times: f64) -> Self {
        self.goals.push(Goal::Times { side, times });
        self
    }

    /// Adds a goal for our number alone.
    pub(crate) fn at_most(mut self, max: f64) -> Self {
        self.goals.push(Goal::AtMost(max));
        self
    }
}
