//! Programs that only tests need: put into the cache folder on first use, as the emulators are.

pub mod pulumi;
