//! Read models, search and rebuilds over a real log.
