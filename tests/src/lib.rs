//! The bench that the tests stand on: a real Postgres, the whole service, actors, real clients.
