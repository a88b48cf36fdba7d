//! Keeps state in a process of its own: others send it requests and get typed replies. What only
//! one process changes needs no lock, and a crash in there is an error here.

use std::collections::BTreeMap;

use multiproc::{Connection, Error, Process, Result, pipe};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Request {
    Deposit { account: String, amount: u64 },
    Withdraw { account: String, amount: u64 },
    Total,
}

/// A balance after the request, or why it was refused.
type Reply = std::result::Result<u64, String>;

/// The process: it ends when the other end of the pipe is dropped.
fn serve(requests: Connection<Reply, Request>) -> Result<()> {
    let mut accounts = BTreeMap::<String, u64>::new();
    loop {
        let reply = match requests.recv() {
            Ok(Request::Deposit { account, amount }) => {
                let balance = accounts.entry(account).or_default();
                *balance += amount;
                Ok(*balance)
            }
            Ok(Request::Withdraw { account, amount }) => match accounts.get_mut(&account) {
                Some(balance) if *balance >= amount => {
                    *balance -= amount;
                    Ok(*balance)
                }
                _ => Err(format!("{account} has less than {amount}")),
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
    let account = || "Ada".to_string();
    println!("{:?}", bank.ask(Request::Deposit { account: account(), amount: 70 })?);
    println!("{:?}", bank.ask(Request::Withdraw { account: account(), amount: 20 })?);
    println!("{:?}", bank.ask(Request::Withdraw { account: account(), amount: 80 })?);
    println!("{:?}", bank.ask(Request::Total)?);
    Ok(())
}
