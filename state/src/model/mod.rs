//! A state and its resources: what they are made of, the rules that they keep, and changing them one by one.

pub mod deployment;
pub mod editor;
pub mod integrity;
pub(crate) mod order;
pub mod record;
pub mod references;
pub mod rename;
pub mod resource;
pub mod reveal;
