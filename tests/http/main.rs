//! Promises over HTTP, in process, on a real Postgres.
