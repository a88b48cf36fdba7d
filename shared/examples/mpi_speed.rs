//! Speed.
use multiproc::{Executor, MpiExecutor};
use std::time::Instant;
fn add(n: u64) -> u64 { n + 1 }
fn main() -> multiproc::Result<()> {
    multiproc::init();
    let e = MpiExecutor::builder().processes_per_rank(1).build()?;
    e.map(add, 0..1000u64)?;
    for _ in 0..3 {
        let n = 300_000u64;
        let t = Instant::now();
        let r = e.with_chunksize(1).map(add, 0..n)?;
        assert_eq!(r.len() as u64, n);
        println!("map chunksize 1: {:.3} us/task", t.elapsed().as_secs_f64() * 1e6 / n as f64);
        let t = Instant::now();
        let f: Vec<_> = (0..n).map(|i| e.submit(add, (i,))).collect();
        let mid = t.elapsed();
        let mut s = 0; for f in f { s += f.get()?; }
        assert!(s > 0);
        println!("submit: {:.3} us/task (submitting {:.3})", t.elapsed().as_secs_f64() * 1e6 / n as f64, mid.as_secs_f64()*1e6/n as f64);
        let t = Instant::now();
        e.map(add, 0..10_000_000u64)?;
        println!("map default: {:.3} us/task", t.elapsed().as_secs_f64() * 1e6 / 1e7);
        let t = Instant::now();
        let n = 2000;
        for i in 0..n { e.apply(add, (i,))?; }
        println!("apply one by one: {:.1} us", t.elapsed().as_secs_f64() * 1e6 / n as f64);
        let t = Instant::now();
        let n = 300_000u64;
        let s: u64 = e.imap(add, 0..n).sum::<multiproc::Result<u64>>()?;
        assert!(s > 0);
        println!("imap: {:.3} us/task", t.elapsed().as_secs_f64() * 1e6 / n as f64);
    }
    Ok(())
}
