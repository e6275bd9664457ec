//! The deployment saga against a simulated cloud and a state in memory: what it does when all goes well, and that it gets to
//! the wanted state from whatever a failure, a death or a change of mind left behind.

mod adoption;
mod cloud;
mod deployments;
mod disk;
mod failures;
mod faults;
mod kills;
mod kinds;
mod lab;
mod program;
mod random;
mod scale;
mod store;
mod surprises;
mod time;
