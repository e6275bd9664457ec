//! The tests of the crate from outside, as one program: each more would link the clients of the stores once more.

mod conformance;
mod contention;
mod format;
mod journals;
mod locks;
mod samples;
mod sealing;
mod stores;
mod support;
