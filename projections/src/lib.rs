//! The read side: folds over the log that may be thrown away and made again.
//!
//! Projections never decide, never call out, and never fail on an odd past.
