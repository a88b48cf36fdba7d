//! Keeps state in a process of its own: others send it requests and get typed replies. What only
//! one process changes needs no lock, and a crash in there is an error here.

use std::collections::BTreeMap;

use multiproc::{Connection, Error, Process, Result, pipe};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Request {
    Change { account: String, by: i64 },
    Total,
}

/// The balance after the request, or why it was refused.
type Reply = std::result::Result<i64, String>;

/// The process: it ends when the other end of the pipe is dropped.
fn serve(requests: Connection<Reply, Request>) -> Result<()> {
    let mut accounts = BTreeMap::<String, i64>::new();
    loop {
        let reply = match requests.recv() {
            Ok(Request::Change { account, by }) => match accounts.entry(account).or_default() {
                balance if *balance + by < 0 => Err(format!("there is only {balance}")),
                balance => {
                    *balance += by;
                    Ok(*balance)
                }
            },
            Ok(Request::Total) => Ok(accounts.values().sum()),
            Err(Error::Disconnected) => return Ok(()),
            Err(error) => return Err(error),
        };
        requests.send(reply)?;
    }
}

/// The actor as its user sees it: a value with methods. `&mut self` keeps a request and its reply
/// together; for several threads, put it into a `Mutex`.
struct Bank {
    connection: Connection<Request, Reply>,
    /// Dropped after the connection, whose end it waits for.
    _process: Process<Result<()>>,
}

impl Bank {
    fn open() -> Result<Self> {
        let (connection, requests) = pipe()?;
        let process = Process::new(serve, (requests,)).start()?;
        Ok(Self { connection, _process: process })
    }

    fn ask(&mut self, request: Request) -> Result<Reply> {
        self.connection.send(request)?;
        self.connection.recv()
    }
}

fn main() -> Result<()> {
    multiproc::init();
    let mut bank = Bank::open()?;
    for by in [70, -20, -80] {
        println!("{:?}", bank.ask(Request::Change { account: "Ada".into(), by })?);
    }
    println!("{:?}", bank.ask(Request::Total)?);
    Ok(())
}
