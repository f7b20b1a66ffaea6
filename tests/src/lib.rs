//! The bench that the tests stand on: a real Postgres, the whole service, actors, real clients.

pub mod clients;
pub mod described;
pub mod docker;
pub mod eventstore;
pub mod heard;
pub mod image;
pub mod oci;
pub mod postgres;
pub mod program;
pub mod registry;
pub mod site;
pub mod smtp;
pub mod table;
pub mod watched;
pub mod witness;
