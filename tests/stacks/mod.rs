//! The commands on stacks and states from outside: the real binary on a backend in a folder, no cloud. Each is shown to do
//! what it says, and to change nothing where it refuses.

mod edits;
mod life;
mod sealed;
pub mod support;
mod transfer;
