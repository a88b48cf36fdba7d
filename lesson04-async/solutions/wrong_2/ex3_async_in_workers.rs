//! Wrong: all requests are under way at a time, but in one event loop of this process.
//!
//! Fails with: they ran in this very process

use multiproc::Result;

use super::given::{Page, Request, fetch};

pub fn fetch_all(requests: Vec<Request>, _processes: usize, _at_a_time: usize) -> Result<Vec<Page>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let calls: Vec<_> = requests.into_iter().map(|request| runtime.spawn(fetch(request))).collect();
        let mut pages = Vec::new();
        for call in calls {
            pages.push(call.await.expect("`fetch` does not panic"));
        }
        Ok(pages)
    })
}
