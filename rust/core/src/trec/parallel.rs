//! The same work on many items, on several threads, with the results in the order of the items.

use crate::threads;

/// Rows for which another thread pays.
const ENOUGH: usize = 1 << 14;

/// The number of threads asked for, at most one a row; else as many as there are processors and work.
pub(super) fn fitting(wanted: Option<usize>, rows: usize) -> usize {
    threads::resolve(wanted).min(if wanted.is_some() { rows.max(1) } else { rows / ENOUGH + 1 })
}

/// `work(item)` for the items `0..items`; each thread takes a run of them.
pub(super) fn each<T: Send>(items: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let length = items.div_ceil(threads).max(1);
    let mut made: Vec<Option<T>> = std::iter::repeat_with(|| None).take(items).collect();
    threads::share(
        threads,
        made.chunks_mut(length).enumerate(),
        || (),
        |(), (run, made)| {
            for (item, made) in (run * length..).zip(made) {
                *made = Some(work(item));
            }
        },
    );
    made.into_iter().map(|made| made.expect("all items were worked on")).collect()
}
