//! The log: one contract for every adapter, and the traps of keeping one in Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing helper fails its test

mod checked;
mod contract;
mod copy;
mod database;
mod elsewhere;
mod embedded;
mod eventstore;
mod facts;
mod faults;
mod model;
mod port;
mod traps;
