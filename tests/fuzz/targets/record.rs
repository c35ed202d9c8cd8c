//! Any bytes for `parsers::record`.
#![no_main]

#[allow(dead_code, reason = "each target calls one of them")]
#[path = "../parsers.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(parsers::record(bytes)));
