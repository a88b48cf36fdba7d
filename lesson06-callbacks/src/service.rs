//! Services: functions that run for as long as the program does, and are looked after. One producer
//! of pages, and two printers, which are too few: more and more pages wait.
//!
//! Watch what each signal does. SIGHUP is the traditional signal for *read your settings again*.
//! The new settings ask for five printers, and fewer pages wait; the first two go on meanwhile.
//! SIGTERM means: finish what you are at, and end. A process that does not is killed after a while.
//!
//! An operator, a service as well, sends the two signals. With `-- service --stay` there is none,
//! and you are it.

// ANCHOR: program
use std::process;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Queue, Result, Service, ServiceManager, ServiceWorker, parent_process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

static STAYS: OnceLock<bool> = OnceLock::new();

/// The options of this example.
#[derive(clap::Args)]
pub struct Options {
    /// Let the example `service` run until a signal from outside ends it
    #[arg(long)]
    stay: bool,
}

/// Passes the options on to [`main`].
pub fn choose(options: Options) -> Result<()> {
    // The options are read once.
    STAYS.get_or_init(|| options.stay);
    Ok(())
}

// ANCHOR: produce
fn produce(worker: ServiceWorker, queue: Queue<String>) {
    for number in 1.. {
        if worker.should_stop() {
            return;
        }
        queue.put(format!("page {number}")).expect("the queue is open");
        // Wakes up early if it is to stop.
        worker.sleep(Duration::from_millis(100));
    }
}
// ANCHOR_END: produce

// ANCHOR: print
fn print(worker: ServiceWorker, queue: Queue<String>) {
    while !worker.should_stop() {
        if worker.reload_requested() {
            println!("{}: I read my settings again", worker.name());
        }
        // Not for ever: a printer that waits for a page cannot ask whether it should stop.
        match queue.get_timeout(Duration::from_millis(100)) {
            Ok(page) => {
                println!("{}: {page}, {} more wait", worker.name(), queue.len());
                // Printing takes its time, and is not interrupted: a page that was begun is
                // finished.
                thread::sleep(Duration::from_millis(300));
            }
            Err(Error::TimedOut { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    println!("{}: I end", worker.name());
}
// ANCHOR_END: print

/// Does what you would do in another terminal.
fn operate(worker: ServiceWorker) {
    let manager = parent_process().expect("a service has a manager").pid;
    for signal in [Signal::SIGHUP, Signal::SIGTERM] {
        worker.sleep(Duration::from_millis(1500));
        println!("operator: kill -{} {manager}", signal.as_str());
        kill(Pid::from_raw(manager as i32), signal).expect("the manager runs");
    }
    while !worker.should_stop() {
        worker.sleep(Duration::from_secs(1));
    }
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let queue = Queue::new()?;
    let mut manager = ServiceManager::new();
    manager.add(Service::new(produce, (queue.clone(),)).named("producer"), 1)?;
    let printers = manager.add(Service::new(print, (queue,)).named("printer"), 2)?;
    if STAYS.get() == Some(&true) {
        let own = process::id();
        println!("manager: kill -SIGHUP {own} makes it five printers, kill -SIGTERM {own} ends them");
    } else {
        manager.add(Service::new(operate, ()).named("operator"), 1)?;
    }

    // ANCHOR: hooks
    manager.on_new_worker(move |service, number, pid| {
        if service == printers {
            println!("manager: printer-{number} is process {pid}");
        }
    });
    manager.on_dead_worker(move |service, number, exit| {
        if service == printers {
            println!("manager: printer-{number} {exit}");
        }
    });
    manager.on_reload(move |manager| {
        println!("manager: SIGHUP, so it is five printers from now on");
        manager.reconfigure(printers, 5).expect("five are not too many");
    });
    manager.on_terminate(|| println!("manager: SIGTERM, so everybody is to end"));

    manager.run()?;
    // ANCHOR_END: hooks
    println!("manager: everybody has ended");
    Ok(())
}
// ANCHOR_END: program
