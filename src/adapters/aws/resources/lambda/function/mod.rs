//! `aws:lambda/function:Function`: the code and configuration of a function, and its published versions. Its id is its name.
//!
//! `properties` holds the typed inputs and outputs, `upload` the code's way to Lambda, `settle` the waits for Lambda's own
//! states, `versions` finds and removes published versions, `resource` has the operations.

mod properties;
mod resource;
mod settle;
mod upload;
mod versions;

pub(in crate::adapters::aws) use resource::Function;
pub(in crate::adapters::aws::resources) use resource::tags_of;
