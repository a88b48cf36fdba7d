#![allow(missing_docs)]
use multiproc::*;
use std::time::Instant;
fn spin(q: Queue<u64>) {
    for n in 0.. {
        q.put(n).unwrap();
    }
}
fn main() -> Result<()> {
    init();
    let q = Queue::<u64>::bounded(10)?;
    for _ in 0..5 {
        let t = Instant::now();
        let p = Process::new(spin, (q.clone(),)).start()?;
        let a = t.elapsed();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let t = Instant::now();
        p.kill()?;
        let b = t.elapsed();
        let _ = p.join();
        println!("start {a:?} kill {b:?} join {:?}", t.elapsed());
    }
    // throughput
    let q = Queue::<u64>::new()?;
    fn produce(q: Queue<u64>, n: u64) {
        for i in 0..n {
            q.put(i).unwrap();
        }
    }
    for _ in 0..5 {
        let p = Process::new(produce, (q.clone(), 1_000_000)).start()?;
        q.get()?;
        let t = Instant::now();
        for _ in 0..999_999 {
            q.get()?;
        }
        println!("queue {:?} an item", t.elapsed() / 1_000_000);
        p.join()?;
    }
    for _ in 0..5 {
        let t = Instant::now();
        for i in 0..1_000_000u64 {
            q.put(i)?;
        }
        let a = t.elapsed() / 1_000_000;
        for _ in 0..1_000_000u64 {
            q.get()?;
        }
        println!("one process: put {a:?} put+get {:?} an item", t.elapsed() / 1_000_000);
    }
    // pipe
    let (a, b) = pipe::<(), u64>()?;
    fn send(c: Connection<u64, ()>, n: u64) {
        for i in 0..n {
            c.send(i).unwrap();
        }
    }
    let p = Process::new(send, (b, 1_000_000)).start()?;
    a.recv()?;
    let t = Instant::now();
    for _ in 0..999_999 {
        a.recv()?;
    }
    println!("pipe {:?} an item", t.elapsed() / 1_000_000);
    p.join()?;
    let (a, b) = pipe::<(), Vec<u8>>()?;
    fn sendb(c: Connection<Vec<u8>, ()>, n: u64) {
        for _ in 0..n {
            c.send(vec![1; 8 << 20]).unwrap();
        }
    }
    let p = Process::new(sendb, (b, 50)).start()?;
    a.recv()?;
    let t = Instant::now();
    for _ in 0..49 {
        a.recv()?;
    }
    println!("pipe 8 MiB {:?} an item", t.elapsed() / 49);
    p.join()?;
    let (a, b) = pipe::<(), Vec<u8>>()?;
    fn sendr(c: Connection<Vec<u8>, ()>, n: u64) {
        let v = vec![1u8; 8 << 20];
        for _ in 0..n {
            c.send_bytes(&v).unwrap();
        }
    }
    let p = Process::new(sendr, (b, 50)).start()?;
    a.recv()?;
    let t = Instant::now();
    for _ in 0..49 {
        a.recv_bytes()?;
    }
    println!("pipe 8 MiB bytes {:?} an item", t.elapsed() / 49);
    p.join()
}
