//! A web service that computes in processes. It has a deadline for each request, refuses more than
//! it can hold, gives up work that nobody waits for, and finishes what it has begun before it ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use multiproc::{Error, Executor, Pool};
use serde::Deserialize;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Stands for work that takes its time.
fn work(ms: u64) -> String {
    std::thread::sleep(Duration::from_millis(ms));
    format!("worked for {ms} ms")
}

/// What a request asks for: work, and how long it is willing to wait.
#[derive(Deserialize)]
struct Order {
    ms: u64,
    within_ms: u64,
}

/// Answers a request. When its client goes, the server drops this future, and with it the task.
async fn answer(State(pool): State<Arc<Pool>>, Query(order): Query<Order>) -> (StatusCode, String) {
    let task = pool.submit(work, (order.ms,)).cancel_on_drop();
    match timeout(Duration::from_millis(order.within_ms), task).await {
        Ok(Ok(text)) => (StatusCode::OK, text),
        Ok(Err(Error::Full)) => (StatusCode::SERVICE_UNAVAILABLE, "busy: try again later".into()),
        Ok(Err(error @ Error::WorkerLost { .. })) => (StatusCode::BAD_GATEWAY, error.to_string()),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "not done in time".into()),
    }
}

async fn status(State(pool): State<Arc<Pool>>) -> String {
    let now = pool.statistics();
    format!("{} submitted, {} running, {} cancelled", now.submitted, now.running, now.cancelled)
}

async fn serve(pool: Arc<Pool>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    let terminated = spawn_blocking(move || signals.forever().next());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let service = Router::new().route("/work", get(answer)).route("/status", get(status)).with_state(pool);
    // After SIGTERM no connection is accepted, and those that wait for an answer get it.
    let drained = async move {
        let _ = terminated.await;
    };
    axum::serve(listener, service).with_graceful_shutdown(drained).await
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    multiproc::init(); // before there is a runtime with threads
    // What waits and runs is four tasks at most: each further one is `Error::Full` at once.
    let pool = Arc::new(Pool::builder().processes(2).reject_when_reached(4).build()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(pool.clone()))?;
    pool.shutdown();
    println!("drained");
    Ok(())
}
