//! The contract that every log adapter keeps, and the traps of a log on Postgres.
