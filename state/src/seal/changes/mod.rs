//! A sealed stack becomes another: in the clear or sealed, under another key, under another name, from an older state.

pub(super) mod accept;
pub(super) mod convert;
pub(super) mod rekey;
pub(super) mod transfer;
