//! The REST interface, and the commands behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing bench fails its test

mod bench;
mod budget;
mod calls;
mod commands;
mod document;
mod doors;
mod hostile;
mod lists;
mod once;
