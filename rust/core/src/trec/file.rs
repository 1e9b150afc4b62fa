//! A whole file in memory, read by several threads: most of the time goes into pages that are touched first. Large pages
//! saved an eighth of it where the process had just given them back, and took longer where they had to come from further
//! away, as in the first run of a process on a virtual machine.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::threads;

/// Bytes for which another thread pays.
const ENOUGH: usize = 1 << 22;

/// Reads a file, or whatever else has a path.
pub fn read(path: &Path, threads: Option<usize>) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    let threads = threads::resolve(threads).min(found.len() as usize / ENOUGH);
    if threads < 2 || !found.is_file() {
        return fs::read(path);
    }
    let mut bytes = vec![0; found.len() as usize];
    let length = bytes.len().div_ceil(threads);
    let part = |number: usize, into: &mut [u8]| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start((number * length) as u64))?;
        file.read_exact(into)
    };
    let parts = bytes.chunks_mut(length).enumerate();
    let results = threads::share(
        threads,
        parts,
        || Ok(()),
        |result: &mut io::Result<()>, (number, into)| {
            if result.is_ok() {
                *result = part(number, into);
            }
        },
    );
    results.into_iter().collect::<io::Result<()>>()?;
    Ok(bytes)
}
