//! Destructors of a thread's variables may use everything, whatever else of the thread is gone.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;

use multiproc::{Connection, Executor, Manager, Pool, Queue, Result, channel, pipe};

use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    destructors_of_a_threads_variables_send_values
};

/// A value of more than one encoding: with names, text and numbers.
type Value = Vec<(String, std::result::Result<u32, std::time::Duration>)>;

fn value() -> Value {
    vec![("one".into(), Ok(1)), ("two".into(), Err(std::time::Duration::from_secs(2)))]
}

/// Does its work when it is dropped.
struct AtEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|work| work());
    }
}

thread_local! {
    static FIRST: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
    static LAST: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

fn destructors_of_a_threads_variables_send_values() -> Result<()> {
    let pool = Arc::new(Pool::with_processes(1)?);
    let manager = Manager::new()?;
    let stored = manager.list::<Value>()?;
    let queue = Queue::new()?;
    let (ours, theirs) = pipe::<(), Value>()?;
    let (sender, receiver) = channel()?;
    let theirs: &Connection<Value, ()> = &theirs;
    thread::scope(|scope| {
        let work = || {
            let (pool, stored, queue, sender) = (pool.clone(), stored.clone(), queue.clone(), sender.clone());
            move || {
                assert_eq!(pool.apply(|value: Value| value, (value(),)).unwrap(), value());
                stored.push(value()).unwrap();
                queue.put(value()).unwrap();
                sender.send(value()).unwrap();
            }
        };
        let ends = [work(), work()];
        scope.spawn(move || {
            let [first, last] = ends;
            // Destructors run in the reverse order of these first uses, and the crate's own
            // variables are used between them.
            LAST.with_borrow_mut(|at_end| at_end.0 = Some(Box::new(last)));
            theirs.send(value()).unwrap();
            FIRST.with_borrow_mut(|at_end| at_end.0 = Some(Box::new(first)));
        });
    });
    assert_eq!(ours.recv()?, value());
    for _ in 0..2 {
        assert_eq!(queue.get()?, value());
        assert_eq!(receiver.recv()?, value());
    }
    assert_eq!(stored.to_vec()?, [value(), value()]);
    Ok(())
}
