//! API Gateway: HTTP APIs and what lies within them.

pub(super) mod api;
pub(super) mod api_child;
pub(super) mod authorizer;
pub(super) mod integration;
pub(super) mod route;
pub(super) mod stage;
