//! The deployment saga against a simulated cloud and a state in memory: what it does when all goes well, and that it gets to
//! the wanted state from whatever a failure, a death or a change of mind left behind.

mod adoption;
mod deployments;
mod disk;
mod failures;
mod kills;
mod lab;
mod prefixes;
mod random;
mod scale;
mod surprises;
mod time;
mod unreadable;
