//! ipc-channel: typed channels between processes, as Servo uses them. It has no pool. Its sender is
//! cheap to clone, so that one channel is its queue as well as its pipe.

use std::process::{Child, Command};

use ipc_channel::IpcError;
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

use crate::case::Repetition;
use crate::channels::Order;
use crate::measure::timed;

/// The argument that makes this executable the process that sends, before the name under which its
/// parent waits.
pub(crate) const PRODUCER: &str = "--ipc-channel-producer";

/// What the producer gives its parent.
#[derive(Serialize, Deserialize)]
struct Ends {
    orders: IpcSender<Order>,
    numbers: IpcReceiver<u64>,
    bytes: IpcBytesReceiver,
}

/// A process that sends what it is told to.
struct Producer {
    child: Child,
    ends: Option<Ends>,
}

impl Producer {
    fn start() -> Result<Self, String> {
        let (server, name) = IpcOneShotServer::<Ends>::new().map_err(|error| error.to_string())?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let child = Command::new(program).args([PRODUCER, &name]).spawn().map_err(|error| error.to_string())?;
        let (_, ends) = server.accept().map_err(told)?;
        Ok(Self { child, ends: Some(ends) })
    }

    fn ends(&self) -> Result<&Ends, String> {
        self.ends.as_ref().ok_or_else(|| "the producer has stopped".to_owned())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // The end of its orders is what tells it to end.
        drop(self.ends.take());
        if let Err(error) = self.child.wait() {
            eprintln!("a producer cannot be waited for: {error}");
        }
    }
}

/// Numbers from one process to another.
pub(crate) fn numbers(items: u64) -> Result<Repetition, String> {
    let producer = Producer::start()?;
    let work = move || {
        let ends = producer.ends()?;
        ends.orders.send(Order::Numbers(items)).map_err(told)?;
        (0..items).try_fold(0, |sum, _| Ok(sum + ends.numbers.recv().map_err(told)?))
    };
    Ok(timed(items, work, move |sum| Order::check_numbers(items, sum)))
}

/// Messages of `len` bytes from one process to another.
pub(crate) fn bytes(len: usize, items: u64) -> Result<Repetition, String> {
    let producer = Producer::start()?;
    let work = move || {
        let ends = producer.ends()?;
        ends.orders.send(Order::Bytes(len, items)).map_err(told)?;
        (0..items).try_fold(0, |sum, _| Ok(sum + ends.bytes.recv().map_err(told)?.len()))
    };
    Ok(timed(items, work, move |sum| Order::check_bytes(len, items, sum)))
}

/// The life of the process that sends.
pub(crate) fn produce(name: String) -> Result<(), String> {
    let ((orders_in, orders), (out, numbers)) = (channel()?, channel::<u64>()?);
    let (bytes_out, bytes) = ipc::bytes_channel().map_err(told)?;
    let parent: IpcSender<Ends> = IpcSender::connect(name).map_err(told)?;
    parent.send(Ends { orders: orders_in, numbers, bytes }).map_err(told)?;
    while let Ok(order) = orders.recv() {
        match order {
            Order::Numbers(items) => (0..items).try_for_each(|n| out.send(n)).map_err(told)?,
            Order::Bytes(len, items) => {
                let message = vec![1; len];
                (0..items).try_for_each(|_| bytes_out.send(&message)).map_err(told)?;
            }
        }
    }
    Ok(())
}

fn channel<T: Serialize + for<'de> Deserialize<'de>>() -> Result<(IpcSender<T>, IpcReceiver<T>), String> {
    ipc::channel().map_err(told)
}

fn told(error: impl Into<IpcError>) -> String {
    error.into().to_string()
}
