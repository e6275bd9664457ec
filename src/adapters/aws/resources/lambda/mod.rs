//! Lambda: functions and what leads to them.

pub(super) mod alias;
pub(super) mod function;
pub(super) mod function_reference;
pub(super) mod function_url;
pub(super) mod permission;
