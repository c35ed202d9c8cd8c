//! The command line; the exit code is decided here.
fn main() {}
