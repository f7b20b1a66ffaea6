//! The token endpoint: each edge case of docker clients and registries is a test named after its
//! sentence, in the order of the protocol notes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

mod answers;
mod authentication;
mod bench;
mod hostile;
mod recorder;
mod registry;
mod replay;
mod requests;
mod rights;
mod vault;
