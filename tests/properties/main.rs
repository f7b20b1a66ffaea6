//! Every row of the oracle, and properties over generated worlds.
