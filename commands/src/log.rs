//! Adapters of the log's port; one contract test holds for all of them.
