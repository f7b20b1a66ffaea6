//! Promises over HTTP, in process, on a real Postgres.
// A test says that it failed by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod canary;
mod cli;
mod notifications;
mod service;
mod table;
mod token;
mod ui;
