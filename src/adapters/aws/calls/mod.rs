//! How the adapter talks to AWS: one call at a time with a permit for it, failures classified once, retries within budgets.

mod absence;
mod action;
mod failure;
mod hint;
mod retry;
mod sender;

pub(super) use absence::{Absence, Recent};
pub(super) use action::{Action, LOG_DELIVERY};
pub(super) use failure::{Class, Failure, NO_TAGS};
pub(super) use retry::{Backoff, Patience};
pub(super) use sender::{DirectGate, Sender};
