//! The same work on many items, on several threads, with the results in the order of the items.

use std::thread;

use crate::threads;

/// Rows for which another thread pays.
const ENOUGH: usize = 1 << 14;

/// The number of threads asked for; else as many as there are processors and work.
pub(super) fn fitting(wanted: Option<usize>, rows: usize) -> usize {
    if wanted.is_some() { threads::resolve(wanted) } else { threads::resolve(None).min(rows / ENOUGH + 1) }
}

/// `work(item)` for the items `0..items`; each thread takes a run of them.
pub(super) fn each<T: Send>(items: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let share = items.div_ceil(threads).max(1);
    if share >= items {
        return (0..items).map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let runs = (0..items).step_by(share).map(|first| first..(first + share).min(items));
        let started: Vec<_> = runs.map(|run| scope.spawn(move || run.map(work).collect::<Vec<T>>())).collect();
        started
            .into_iter()
            .flat_map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
