//! Every row of the oracle, and properties over generated worlds.
// A test says that it failed by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod laws;
mod oracle;
mod past;
mod scopes;
mod settings;
mod table;
mod table_rows;
mod worlds;
