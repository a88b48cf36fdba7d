//! The tasks, and what should come of each.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use multiproc::{Error, ExitStatus, Result};
use serde::{Deserialize, Serialize};

use crate::trouble::Trouble;

/// The time limit of a task. Those that are not to reach it take far less, also on a machine with
/// other things to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);

/// The largest argument and result in bytes: a dozen times what a ring holds.
const LARGEST: usize = 3 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Ending {
    Well,
    Panics,
    Exits,
    Aborts,
    /// Runs until it is stopped.
    Endless,
}

/// What a task gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) number: u64,
    ending: Ending,
    argument: Vec<u8>,
    /// Bytes of its result.
    wanted: usize,
}

/// What a task returns: its number, a sum over its argument, and as many bytes as it was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) number: u64,
    sum: u64,
    bytes: Vec<u8>,
}

impl Order {
    /// Mostly small, mostly well.
    pub(crate) fn random(number: u64, random: &mut Rng) -> Self {
        let ending = match random.u32(..1000) {
            0..10 => Ending::Panics,
            10..13 => Ending::Exits,
            13..16 => Ending::Aborts,
            16 => Ending::Endless,
            _ => Ending::Well,
        };
        let argument = vec![number as u8; size(random)];
        Self { number, ending, argument, wanted: size(random) }
    }
}

fn size(random: &mut Rng) -> usize {
    match random.u32(..100) {
        0 => random.usize(..LARGEST),
        1..10 => random.usize(..100_000),
        _ => random.usize(..200),
    }
}

/// The task.
pub(crate) fn work(order: Order) -> Product {
    match order.ending {
        Ending::Well => {}
        Ending::Panics => panic!("as ordered"),
        Ending::Exits => std::process::exit(3),
        Ending::Aborts => std::process::abort(),
        Ending::Endless => loop {
            thread::park();
        },
    }
    Product { number: order.number, sum: sum(&order.argument), bytes: vec![!order.number as u8; order.wanted] }
}

/// The same for `starmap`.
pub(crate) fn work_on(order: Order, extra: u64) -> Product {
    let product = work(order);
    Product { sum: product.sum + extra - extra, ..product }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

/// What a task needs to be known again when its result is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) number: u64,
    ending: Ending,
    sum: u64,
    wanted: usize,
}

impl From<&Order> for Expected {
    fn from(order: &Order) -> Self {
        Self { number: order.number, ending: order.ending, sum: sum(&order.argument), wanted: order.wanted }
    }
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Right,
    Lost,
    Cancelled,
    TimedOut,
    Wrong,
}

impl Expected {
    pub(crate) fn judge(&self, result: &Result<Product>, call: &CallFacts<'_>) -> Outcome {
        match result {
            Ok(product) if self.is_right(product) => Outcome::Right,
            Ok(_) => Outcome::Wrong,
            Err(error) => self.judge_error(error, call),
        }
    }

    fn is_right(&self, product: &Product) -> bool {
        let Product { number, sum, bytes } = product;
        let right =
            self.ending == Ending::Well && *number == self.number && *sum == self.sum && bytes.len() == self.wanted;
        right && bytes.iter().all(|byte| *byte == !self.number as u8)
    }

    /// An error is right if there is a reason for it: the order, what the caller did, or what was
    /// done to the worker.
    pub(crate) fn judge_error(&self, error: &Error, call: &CallFacts<'_>) -> Outcome {
        match error {
            Error::Panicked { message, .. } if self.ending == Ending::Panics && message == "as ordered" => {
                Outcome::Right
            }
            Error::WorkerLost { pid, exit, .. } => match (self.ending, exit) {
                (Ending::Exits, ExitStatus::Exited(3)) | (Ending::Aborts, ExitStatus::Signaled(6)) => Outcome::Lost,
                (_, ExitStatus::Signaled(9)) if call.trouble.has_killed(*pid, call.began) => Outcome::Lost,
                _ => Outcome::Wrong,
            },
            Error::TimedOut { pid: Some(pid), .. }
                if self.ending == Ending::Endless || call.trouble.has_stopped(*pid, call.began) =>
            {
                Outcome::TimedOut
            }
            Error::Cancelled if call.cancelled => Outcome::Cancelled,
            _ => Outcome::Wrong,
        }
    }
}

/// What is to be known of a call to judge its errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallFacts<'a> {
    pub(crate) trouble: &'a Trouble,
    pub(crate) began: std::time::Instant,
    pub(crate) cancelled: bool,
}
