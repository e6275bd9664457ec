//! Asking before a state is changed by hand.

use async_trait::async_trait;

use crate::application::ApplicationError;
use crate::ports::{EditPlan, MovePlan, MoveRequest, StackAddress};

/// What is about to be done.
#[derive(Clone, Copy, Debug)]
pub enum Proposal<'p> {
    /// An edit of a state.
    Edit {
        /// Of which stack.
        stack: &'p StackAddress,
        /// What it would do.
        plan: &'p EditPlan,
    },
    /// Resources go to another stack.
    Move {
        /// What was asked for.
        request: &'p MoveRequest,
        /// What it would do.
        plan: &'p MovePlan,
    },
    /// A stack is removed.
    Remove {
        /// Which.
        stack: &'p StackAddress,
    },
}

/// Says whether to go ahead. Asked while no lock is held: whoever answers may take their time.
#[async_trait]
pub trait Consent: Send + Sync {
    /// Shows the proposal and says whether to go ahead.
    ///
    /// # Errors
    /// When nobody can be asked, or the question was interrupted.
    async fn agree(&self, proposal: Proposal<'_>) -> Result<bool, ApplicationError>;
}
