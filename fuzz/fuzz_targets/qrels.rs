//! Any bytes as qrels.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../property.rs"]
mod property;

fuzz_target!(|data: &[u8]| property::check::<i64>(data));
