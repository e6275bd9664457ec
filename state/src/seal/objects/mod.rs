//! The sealed files of a stack: how each is named, headed, read and written.

pub(super) mod checkpoint;
pub(super) mod frames;
pub(super) mod header;
pub(super) mod inventory;
pub(super) mod journal;
pub(super) mod logs;
pub(super) mod names;
