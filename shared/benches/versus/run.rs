//! What the sides of all rows share.

use std::cell::RefCell;
use std::rc::Rc;

use crate::case::Repetition;
use crate::measure::{Effort, processors};
use crate::peers::cpython::Cpython;

/// A run of the bench: its effort, and the interpreter that answers for CPython.
pub(crate) struct Run {
    effort: Effort,
    interpreter: Result<Rc<RefCell<Cpython>>, String>,
}

impl Run {
    /// Starts the interpreter, if there is one.
    pub(crate) fn new(effort: Effort) -> Self {
        let interpreter = Cpython::start(processors()).map(|python| Rc::new(RefCell::new(python)));
        Self { effort, interpreter }
    }

    /// How patient it is.
    pub(crate) fn effort(&self) -> Effort {
        self.effort
    }

    /// The interpreter's version, or why there is none.
    pub(crate) fn python(&self) -> Result<String, &str> {
        match &self.interpreter {
            Ok(python) => Ok(python.borrow().version().to_owned()),
            Err(reason) => Err(reason),
        }
    }

    /// How many items a repetition of `full` items has in this run.
    pub(crate) fn items(&self, full: u64) -> u64 {
        match self.effort {
            Effort::Check => (full / 1000).max(2),
            Effort::Quick | Effort::Full => full,
        }
    }

    /// How many items a side has that takes seconds.
    pub(crate) fn long(&self, full: u64) -> u64 {
        match self.effort {
            Effort::Check => 1000,
            Effort::Quick => full / 20,
            Effort::Full => full,
        }
    }

    /// How many worker processes "many" are.
    pub(crate) fn processes(&self) -> u64 {
        if self.effort == Effort::Check { 4 } else { 256 }
    }

    /// CPython's side of a row whose unit is the whole run: `size` is its argument.
    pub(crate) fn cpython_run(&self, function: &str, size: u64) -> Result<Repetition, String> {
        let python = Rc::clone(self.interpreter.as_ref()?);
        let command = format!("{function} {size}");
        Ok(Box::new(move || python.borrow_mut().ask(&command)))
    }

    /// CPython's side of a row that counts something in an interpreter of its own.
    pub(crate) fn cpython_quantity(&self, function: &str, items: u64) -> Result<Repetition, String> {
        self.cpython_run(&format!("fresh_{function}"), items)
    }

    /// CPython's side of a row: the named function of its script, for so many items.
    pub(crate) fn cpython(&self, function: &str, items: u64) -> Result<Repetition, String> {
        let mut run = self.cpython_run(function, items)?;
        Ok(Box::new(move || Ok(run()? / items as f64)))
    }
}
