//! Read models, search and rebuilds over a real log.
// A test says that it failed by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod browse;
mod digests;
mod feed;
mod history;
mod origin;
mod running;
mod search;
