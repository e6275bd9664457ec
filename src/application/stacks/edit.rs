//! Edits of states by hand: planned, shown, agreed to, made.

use super::consent::{Consent, Proposal};
use crate::application::{ApplicationError, ErrorKind};
use crate::domain::deployment::ErrorDetail;
use crate::ports::{
    EditPlan, LockRequest, MovePlan, MoveRequest, NoticeHandler, RemoveRequest, StackAddress, StackAdministration,
    StateEdit, StateProblem,
};

/// How the lock of a stack that is changed is taken, and who hears of what takes time.
#[derive(Clone, Copy)]
pub struct Locking<'l> {
    /// How long to wait for it.
    pub request: LockRequest,
    /// Who hears.
    pub notices: &'l dyn NoticeHandler,
}

/// Makes an edit of a state after somebody has agreed to what it does. Gives what it does, and whether it was made: not
/// where there is nothing to do, and where nobody agreed.
///
/// # Errors
/// When it can't be made; nothing was changed then.
pub async fn edit(
    store: &dyn StackAdministration,
    stack: &StackAddress,
    edit: &StateEdit,
    locking: Locking<'_>,
    consent: &dyn Consent,
) -> Result<(EditPlan, bool), ApplicationError> {
    let plan = store.plan_edit(stack, edit).await?;
    if !plan.remaining.is_empty() {
        return Err(not_repairable(stack, &plan));
    }
    if plan.changes.is_empty() || !consent.agree(Proposal::Edit { stack, plan: &plan }).await? {
        return Ok((plan, false));
    }
    store.edit(stack, edit, &plan, locking.request, locking.notices).await?;
    Ok((plan, true))
}

/// A state that a repair wouldn't make sound: every problem that would be left.
fn not_repairable(stack: &StackAddress, plan: &EditPlan) -> ApplicationError {
    let detail = |message: &String| ErrorDetail {
        code: "not-repairable".to_owned(),
        message: message.clone(),
        ..ErrorDetail::default()
    };
    let error = ApplicationError { kind: ErrorKind::Failed, details: plan.remaining.iter().map(detail).collect() };
    let name = stack.qualified();
    error.with_hint(format!(
        "what to do about it would be a guess, so nothing was changed: `semantest-iac stack export --stack {name}` it to a \
         file, keep a copy, put it right by hand, and `semantest-iac stack import --stack {name}` it"
    ))
}

/// Moves resources to another stack after somebody has agreed. Gives what it does, and whether it was made.
///
/// # Errors
/// When it can't be made.
pub async fn move_resources(
    store: &dyn StackAdministration,
    request: &MoveRequest,
    locking: Locking<'_>,
    consent: &dyn Consent,
) -> Result<(MovePlan, bool), ApplicationError> {
    let plan = store.plan_move(request).await?;
    if !consent.agree(Proposal::Move { request, plan: &plan }).await? {
        return Ok((plan, false));
    }
    store.move_resources(request, &plan, locking.request, locking.notices).await?;
    Ok((plan, true))
}

/// Removes a stack after somebody has agreed; says whether it was.
///
/// # Errors
/// When there is no such stack, or something is left in it.
pub async fn remove(
    store: &dyn StackAdministration,
    stack: &StackAddress,
    request: RemoveRequest,
    locking: Locking<'_>,
    consent: &dyn Consent,
) -> Result<bool, ApplicationError> {
    // Whether there is such a stack is said before anything is asked.
    store.tags(stack).await?;
    if !consent.agree(Proposal::Remove { stack }).await? {
        return Ok(false);
    }
    store.remove(stack, request, locking.request, locking.notices).await?;
    Ok(true)
}

/// What is told once of all that a repair may put right.
const REPAIR: &str = "`semantest-iac state repair` shows what it would put right, and asks before it does";

/// Everything that is wrong with a stack as one error; nothing when nothing is.
///
/// # Errors
/// When there is no such stack or the store can't be read, and with all that is wrong.
pub async fn verify(
    store: &dyn StackAdministration,
    stack: &StackAddress,
    secrets: bool,
) -> Result<(), ApplicationError> {
    let problems = store.problems(stack, secrets).await?;
    if problems.is_empty() {
        return Ok(());
    }
    let last = problems.iter().rposition(|problem| problem.repairable);
    let detail = |(place, problem): (usize, StateProblem)| ErrorDetail {
        code: "unsound".to_owned(),
        message: problem.message,
        hint: problem.hint.or_else(|| (Some(place) == last).then(|| REPAIR.to_owned())),
        ..ErrorDetail::default()
    };
    let details = problems.into_iter().enumerate().map(detail).collect();
    Err(ApplicationError { kind: ErrorKind::Failed, details })
}
