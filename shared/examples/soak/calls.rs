//! One random call, and the count of what came of its tasks.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use multiproc::{AsyncResult, Executor, Pool, Result};

use crate::report::Tally;
use crate::trouble::Trouble;
use crate::work::{CallFacts, Expected, Order, Outcome, Product, work, work_on};

/// A caller of pools.
pub(crate) struct Caller<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) trouble: &'a Trouble,
    pub(crate) random: Rng,
}

impl Caller<'_> {
    /// Makes a call and waits for all that comes of it.
    pub(crate) fn call(&mut self, pool: &Pool) {
        let count = match self.random.u32(..20) {
            0 => self.random.usize(..1000),
            1..5 => self.random.usize(..100),
            _ => self.random.usize(..10),
        };
        let chunksize = self.random.usize(1..1 + count.max(1));
        let kind = self.random.u32(..8);
        let count = if kind < 2 { 1 } else { count };
        let orders: Vec<_> = (0..count).map(|_| Order::random(self.random.u64(..), &mut self.random)).collect();
        let expected: Vec<Expected> = orders.iter().map(Expected::from).collect();
        let mut facts = CallFacts { trouble: self.trouble, began: Instant::now(), cancelled: false };
        self.tally.tasks.fetch_add(count as u64, Relaxed);
        let batched = pool.with_chunksize(chunksize);
        match kind {
            0 => self.count_each(&expected, orders.into_iter().map(|order| pool.apply(work, (order,))), &facts),
            1 => {
                let results: Vec<_> = orders.into_iter().map(|order| pool.apply_async(work, (order,))).collect();
                for (expected, result) in expected.iter().zip(results) {
                    facts.cancelled = self.disturb(&result);
                    self.count_each(std::slice::from_ref(expected), [result.get()], &facts);
                }
            }
            2 => self.count_all(&expected, batched.map(work, orders), &facts),
            3 => self.count_all(&expected, batched.starmap(work_on, with_extra(orders)), &facts),
            4 => {
                let result = batched.map_async(work, orders);
                facts.cancelled = self.disturb(&result);
                self.count_all(&expected, result.get(), &facts);
            }
            5 => {
                let result = batched.starmap_async(work_on, with_extra(orders));
                facts.cancelled = self.disturb(&result);
                self.count_all(&expected, result.get(), &facts);
            }
            6 => {
                let taken = self.taken(count);
                self.count_each(&expected[..taken], batched.imap(work, orders).take(taken), &facts);
                self.tally.tasks.fetch_sub((count - taken) as u64, Relaxed);
            }
            _ => {
                let taken = self.taken(count);
                self.count_unordered(&expected, taken, batched.imap_unordered(work, orders).take(taken), &facts);
                self.tally.tasks.fetch_sub((count - taken) as u64, Relaxed);
            }
        }
    }

    /// How many results of a lazy call are taken before it is dropped: mostly all.
    fn taken(&mut self, count: usize) -> usize {
        if self.random.u32(..4) == 0 { self.random.usize(..=count) } else { count }
    }

    /// Sometimes cancels, after a moment. Says whether it did.
    fn disturb<R: serde::de::DeserializeOwned + Send + 'static>(&mut self, result: &AsyncResult<R>) -> bool {
        if self.random.u32(..4) > 0 {
            return false;
        }
        thread::sleep(Duration::from_micros(self.random.u64(..2000)));
        result.cancel();
        true
    }

    /// Counts results that come in order, one a task.
    fn count_each(
        &self,
        expected: &[Expected],
        results: impl IntoIterator<Item = Result<Product>>,
        facts: &CallFacts<'_>,
    ) {
        let mut results = results.into_iter();
        for one in expected {
            match results.next() {
                Some(result) => self.count_one(one, &result, facts),
                None => drop(self.tally.missing.fetch_add(1, Relaxed)),
            }
        }
        self.tally.doubled.fetch_add(results.count() as u64, Relaxed);
    }

    fn count_one(&self, expected: &Expected, result: &Result<Product>, facts: &CallFacts<'_>) {
        let outcome = expected.judge(result, facts);
        if outcome == Outcome::Wrong {
            let result = result.as_ref().map(|product| product.number);
            return self.tally.complain(1, &format!("{expected:?} gave {result:?}"));
        }
        self.tally.count(outcome, 1);
    }

    /// Counts the tasks of a call that gives all results or the first error.
    fn count_all(&self, expected: &[Expected], result: Result<Vec<Product>>, facts: &CallFacts<'_>) {
        match result {
            Ok(products) => self.count_each(expected, products.into_iter().map(Ok), facts),
            Err(error) => {
                let outcomes = expected.iter().map(|one| one.judge_error(&error, facts));
                match outcomes.into_iter().find(|outcome| *outcome != Outcome::Wrong) {
                    Some(outcome) => self.tally.count(outcome, expected.len() as u64),
                    None => self
                        .tally
                        .complain(expected.len() as u64, &format!("a map of {} tasks gave {error:?}", expected.len())),
                }
            }
        }
    }

    /// Counts results that come in any order, `count` of those expected. Errors do not say which
    /// task's they are, so they are matched with those left.
    fn count_unordered(
        &self,
        expected: &[Expected],
        count: usize,
        results: impl Iterator<Item = Result<Product>>,
        facts: &CallFacts<'_>,
    ) {
        let mut open: HashMap<u64, Expected> = expected.iter().map(|one| (one.number, *one)).collect();
        let mut errors = Vec::new();
        let mut came = 0;
        for result in results {
            came += 1;
            match &result {
                Ok(product) => match open.remove(&product.number) {
                    Some(one) => self.count_one(&one, &result, facts),
                    None => drop(self.tally.doubled.fetch_add(1, Relaxed)),
                },
                Err(_) => errors.push(result),
            }
        }
        self.tally.missing.fetch_add(count.saturating_sub(came) as u64, Relaxed);
        let mut open: Vec<_> = open.into_values().collect();
        while !errors.is_empty() && !open.is_empty() {
            let (error, one) = self.best_match(&errors, &open, facts).unwrap_or((0, 0));
            self.count_one(&open.swap_remove(one), &errors.swap_remove(error), facts);
        }
        self.tally.doubled.fetch_add(errors.len() as u64, Relaxed);
    }

    /// An error and the task that it is counted as the end of: the error that fewest tasks can
    /// have, and of these the task that fewest errors can be of. So what may end any task
    /// leaves those alone that others need.
    fn best_match(
        &self,
        errors: &[Result<Product>],
        open: &[Expected],
        facts: &CallFacts<'_>,
    ) -> Option<(usize, usize)> {
        let fits = |error: &Result<Product>, one: &Expected| one.judge(error, facts) != Outcome::Wrong;
        let tasks_of = |error: &Result<Product>| open.iter().filter(|one| fits(error, one)).count();
        let counts = errors.iter().map(tasks_of).enumerate().filter(|(_, tasks)| *tasks > 0);
        let (error, _) = counts.min_by_key(|(_, tasks)| *tasks)?;
        let errors_of = |one: &Expected| errors.iter().filter(|error| fits(error, one)).count();
        let candidates = open.iter().enumerate().filter(|(_, one)| fits(&errors[error], one));
        let (one, _) = candidates.min_by_key(|(_, one)| errors_of(one))?;
        Some((error, one))
    }
}

fn with_extra(orders: Vec<Order>) -> Vec<(Order, u64)> {
    orders.into_iter().zip(1..).collect()
}
