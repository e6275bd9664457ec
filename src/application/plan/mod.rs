//! From what is wanted, recorded and there to a plan, and to what the stack shows when it is carried out.

pub mod look;
mod neighbours;
pub(super) mod outputs;
pub mod planning;
pub mod preview;
pub(super) mod recorded;
pub(super) mod refresh;
mod treatment;
pub mod wanted;
