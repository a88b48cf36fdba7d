//! Where a fault strikes: the types and tasks that carry it to its place.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use multiproc::__parts as parts;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::faults::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    EncodeArgument,
    DecodeArgument,
    Run,
    EncodeResult,
    DecodeResult,
    Initializer,
    /// A worker that has nothing to do.
    Idle,
    /// A worker that has written a part of a large result.
    MidResult,
    Zygote,
    Callback,
    /// The iterator that the items come from.
    Source,
}

impl Place {
    pub(crate) const ALL: [Self; 11] = [
        Self::EncodeArgument,
        Self::DecodeArgument,
        Self::Run,
        Self::EncodeResult,
        Self::DecodeResult,
        Self::Initializer,
        Self::Idle,
        Self::MidResult,
        Self::Zygote,
        Self::Callback,
        Self::Source,
    ];

    /// Whether the fault can strike there. What kills the program itself is no concern of its
    /// pool's.
    pub(crate) fn suffers(self, fault: Fault) -> bool {
        match self {
            Self::EncodeArgument | Self::DecodeResult => matches!(fault, Fault::Refusal | Fault::Panic),
            Self::DecodeArgument | Self::EncodeResult => true,
            Self::Run | Self::Initializer => fault != Fault::Refusal,
            Self::Idle | Self::MidResult => !matches!(fault, Fault::Refusal | Fault::Panic),
            Self::Zygote => fault.signal().is_some(),
            Self::Callback | Self::Source => fault == Fault::Panic,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncodeArgument => "encoding an argument",
            Self::DecodeArgument => "decoding an argument",
            Self::Run => "running a task",
            Self::EncodeResult => "encoding a result",
            Self::DecodeResult => "decoding a result",
            Self::Initializer => "the initializer",
            Self::Idle => "a worker with nothing to do",
            Self::MidResult => "half-way through a large result",
            Self::Zygote => "the zygote",
            Self::Callback => "a callback",
            Self::Source => "the source of the items",
        })
    }
}

/// A fault and where it is to strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge(pub(crate) Place, pub(crate) Fault);

/// Sets the charge off if this is its place.
pub(crate) fn pass(charge: Option<Charge>, here: Place) -> Result<(), &'static str> {
    match charge {
        Some(Charge(place, fault)) if place == here => fault.strike(),
        _ => Ok(()),
    }
}

/// An argument: a number, and perhaps a charge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Argument(pub(crate) u64, pub(crate) Option<Charge>);

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        pass(self.1, Place::EncodeArgument).map_err(S::Error::custom)?;
        (self.0, self.1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (number, charge) = Deserialize::deserialize(deserializer)?;
        pass(charge, Place::DecodeArgument).map_err(D::Error::custom)?;
        Ok(Self(number, charge))
    }
}

/// What the task makes of an [`Argument`]: the number's square, and ballast if the result is to be
/// a large one.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer(pub(crate) u64, Option<Charge>, Ballast);

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        pass(self.1, Place::EncodeResult).map_err(S::Error::custom)?;
        (self.0, self.1, &self.2).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (number, charge, ballast) = Deserialize::deserialize(deserializer)?;
        pass(charge, Place::DecodeResult).map_err(D::Error::custom)?;
        Ok(Self(number, charge, ballast))
    }
}

/// Bytes that are copied in one piece.
#[derive(Debug, PartialEq)]
struct Ballast(Vec<u8>);

impl Serialize for Ballast {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ballast {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(|bytes| Self(bytes.to_vec()))
    }
}

/// The task of every cell.
pub(crate) fn task(Argument(number, charge): Argument) -> Answer {
    pass(charge, Place::Run).unwrap_or_default();
    let ballast = match charge {
        Some(Charge(Place::MidResult, fault)) => strike_half_way(fault),
        _ => Vec::new(),
    };
    Answer(number * number, charge, Ballast(ballast))
}

/// The same for tuples of arguments.
pub(crate) fn task_of_two(argument: Argument, _other: u8) -> Answer {
    task(argument)
}

/// A result that streams through its ring in more than a hundred pieces.
const LARGE: usize = 32 << 20;
/// How much of it the parent has been shown when the fault strikes.
const SHOWN: u64 = 1 << 20;

/// A large result, and a thread that watches how far it has gone and strikes in the middle.
fn strike_half_way(fault: Fault) -> Vec<u8> {
    let tail = parts::own_segment().unwrap().start + parts::RESULTS_TAIL as u64;
    let memory = File::open("/proc/self/mem").unwrap();
    let shown = move || {
        let mut bytes = [0; 8];
        memory.read_exact_at(&mut bytes, tail).unwrap();
        u64::from_ne_bytes(bytes)
    };
    let from = shown();
    thread::spawn(move || {
        while shown() < from + SHOWN {
            std::hint::spin_loop();
        }
        fault.strike()
    });
    vec![7; LARGE]
}

/// The initializer of a cell. A panic strikes in every worker, anything else in the first only: a
/// pool whose every worker dies at its start is another promise.
pub(crate) fn initializer(charge: Charge, folder: PathBuf) {
    let first = File::create_new(folder.join("initialized")).is_ok();
    if first || charge.1 == Fault::Panic {
        pass(Some(charge), Place::Initializer).unwrap_or_default();
    }
}

/// Leaves a thread behind that strikes once there is a file of that name, while the worker has
/// nothing to do. Says who it is.
pub(crate) fn arm(fault: Fault, go: PathBuf) -> u32 {
    thread::spawn(move || {
        while !Path::new(&go).exists() {
            thread::sleep(Duration::from_millis(1));
        }
        fault.strike()
    });
    std::process::id()
}
