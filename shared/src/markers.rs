//! Asserts at compile time which public types can go to, and be used by, several threads: a field
//! that is added to one of them must not change that unseen.

use crate::*;

const fn send<T: Send>() {}
const fn send_sync<T: Send + Sync>() {}

const _: () = {
    send_sync::<Error>();
    send_sync::<TaskError>();
    send_sync::<ExitStatus>();
    send_sync::<ProcessInfo>();
    send_sync::<StartMethod>();
    send_sync::<Statistics>();
    send_sync::<WorkerInfo>();

    send_sync::<Pool>();
    send_sync::<PoolBuilder>();
    send_sync::<WithOptions<'static, Pool>>();
    send_sync::<ThreadPool>();
    send_sync::<ThreadPoolBuilder>();
    send_sync::<WithOptions<'static, ThreadPool>>();
    send_sync::<AsyncResult<u64>>();
    send_sync::<AsCompleted<u64>>();
    send::<Imap<std::ops::Range<u64>, u64>>();
    send_sync::<Process<u64>>();
    send_sync::<ProcessBuilder<fn() -> u64, ()>>();

    send_sync::<Connection<u64, u64>>();
    send_sync::<Queue<u64>>();
    send_sync::<Iter<'static, u64>>();
    send_sync::<PriorityQueue<u64>>();

    send_sync::<Lock<u64>>();
    send_sync::<Value<u64>>();
    send_sync::<SharedSlice<u64>>();
    send_sync::<Event>();
    send_sync::<Condition>();
    send_sync::<Semaphore>();
    send_sync::<Barrier>();
    send_sync::<BarrierWait>();

    send_sync::<Manager>();
    send_sync::<ManagerBuilder>();
    send_sync::<ListProxy<u64>>();
    send_sync::<DictProxy<u64, u64>>();
    send_sync::<NamespaceProxy>();
    send_sync::<QueueProxy<u64>>();
    send_sync::<ServiceControl>();
    send_sync::<ServiceId>();
    send::<ServiceManager>();
    send_sync::<ServiceWorker>();

    send_sync::<Recording>();
    send_sync::<Trace>();
    send_sync::<TaskEvent>();
};
