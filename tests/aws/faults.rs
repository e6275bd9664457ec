//! Each call of each operation is hit once by each fault, through a proxy: throttled, failed, cut before it had its effect and
//! cut after, and refused for another change that is under way. The operation still ends right, or (a create that got through unheard) is settled by looking for what it made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localstack::proxy::{Action, Answer, Exchange, Moment, Proxy, Service};
use resource_graph::PropertyMap;
use semantest_iac::ports::{CallGate, ProviderError, ProviderErrorKind, ResourceState, Whose};

use crate::aws::cases::{FUNCTION, ROLE};
use crate::aws::laws::Case;
use crate::aws::support::{Account, PROJECT, with};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Throttled,
    Failed,
    CutBefore,
    CutAfter,
    Conflict,
}

const FAULTS: [Fault; 5] = [Fault::Throttled, Fault::Failed, Fault::CutBefore, Fault::CutAfter, Fault::Conflict];

/// The answer of a service that is busy with another change of the same thing, by the code that the called one uses.
fn conflict(exchange: &Exchange) -> Answer {
    let code = match exchange.service {
        Service::AwsQuery => "ConcurrentModification",
        Service::AwsJson => "OperationAbortedException",
        _ if exchange.path.contains("/functions") => "ResourceConflictException",
        _ => "ConflictException",
    };
    exchange.refused(409, code, "another change is under way")
}

/// Lets the request of the given number fail once; numbers count from when this is set.
fn break_call(proxy: &Proxy, number: usize, fault: Fault) -> Arc<AtomicUsize> {
    let (before, after, hits) = (AtomicUsize::new(0), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = hits.clone();
    proxy.set_hook(move |exchange, moment| {
        let seen = match moment {
            Moment::Before => before.fetch_add(1, Ordering::SeqCst),
            Moment::After => after.fetch_add(1, Ordering::SeqCst),
        };
        let action = match (fault, moment) {
            (Fault::Throttled, Moment::Before) => Action::Answer(exchange.throttled()),
            (Fault::Failed, Moment::Before) => Action::Answer(exchange.failed()),
            (Fault::Conflict, Moment::Before) => Action::Answer(conflict(exchange)),
            (Fault::CutBefore, Moment::Before) | (Fault::CutAfter, Moment::After) => Action::Cut,
            _ => return Action::Pass,
        };
        if seen != number {
            return Action::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        action
    });
    hits
}

/// Creates as the application does: what is there already and is ours is taken over.
async fn create(account: &Account, case: &Case, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
    let (provider, context) = (account.provider(case.token), account.context(case.token, "one"));
    match provider.create(&context, inputs).await {
        Err(error) if error.kind == ProviderErrorKind::AlreadyExists => {}
        other => return other,
    }
    let found = provider.find(&context, inputs).await?.expect("what exists is found");
    assert_eq!(found.whose, Whose::Ours, "what was made is ours");
    if found.state.inputs == *inputs { Ok(found.state) } else { provider.update(&context, &found.state, inputs).await }
}

async fn assert_is(account: &Account, case: &Case, state: &ResourceState, inputs: &PropertyMap, what: &str) {
    let provider = account.provider(case.token);
    let read = provider.read(&account.context(case.token, "one"), &state.id, inputs).await.unwrap();
    assert_eq!(read.unwrap_or_else(|| panic!("{what}: it is gone")).inputs, *inputs, "{what}");
}

/// Breaks every call of create, update, read and delete.
async fn survive(account: &Account, case: &Case) {
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let shaky = account.through(&proxy.endpoint()).await;
    // Who we are is asked once and known from then on.
    shaky.identity().await;
    let (provider, context) = (shaky.provider(case.token), shaky.context(case.token, "one"));
    let inputs = case.inputs_for(PROJECT);
    let changed = with(&inputs, case.updates.iter().take(3).flatten().cloned());

    for fault in FAULTS {
        for call in 0.. {
            let what = format!("{} {fault:?} at call {call}", case.token);
            let hits = break_call(&proxy, call, fault);
            let made =
                create(&shaky, case, &inputs).await.unwrap_or_else(|error| panic!("create of {what}: {error:?}"));
            let hit_create = hits.load(Ordering::SeqCst);
            proxy.remove_hook();
            assert_is(account, case, &made, &inputs, &format!("create of {what}")).await;

            let hits = break_call(&proxy, call, fault);
            let read = provider
                .read(&context, &made.id, &inputs)
                .await
                .unwrap_or_else(|error| panic!("read of {what}: {error:?}"));
            assert_eq!(read.map(|state| state.inputs).as_ref(), Some(&inputs), "read of {what}");
            let hit_read = hits.load(Ordering::SeqCst);

            let mut last = made;
            let mut hit_update = 0;
            if !case.updates.is_empty() {
                let hits = break_call(&proxy, call, fault);
                last = provider
                    .update(&context, &last, &changed)
                    .await
                    .unwrap_or_else(|error| panic!("update of {what}: {error:?}"));
                hit_update = hits.load(Ordering::SeqCst);
                proxy.remove_hook();
                assert_is(account, case, &last, &changed, &format!("update of {what}")).await;
            }

            let hits = break_call(&proxy, call, fault);
            provider.delete(&context, &last).await.unwrap_or_else(|error| panic!("delete of {what}: {error:?}"));
            let hit_delete = hits.load(Ordering::SeqCst);
            proxy.remove_hook();
            // Nothing is left: neither the resource nor a second one of its kind.
            assert_eq!(account.find(case.token, "one", &last.inputs).await, None, "{what}");
            assert_eq!(account.find(case.token, "one", &inputs).await, None, "{what}");
            if hit_create + hit_read + hit_update + hit_delete == 0 {
                assert!(call > 0, "{what}: no call was hit at all");
                break;
            }
        }
    }
    assert!(shaky.gate.throttled.load(Ordering::SeqCst) > 0, "the gate is told of throttling");
}

crate::aws::cases::for_each_case!(survive);

mod late {
    use super::*;

    /// The connection goes away, and the creation is carried out a moment after it was looked for.
    async fn is_made_once(account: &Account, case: &Case) {
        let proxy = Proxy::start(&account.endpoint()).unwrap();
        let shaky = account.through(&proxy.endpoint()).await;
        shaky.identity().await;
        proxy.clear();
        let inputs = case.inputs_for(PROJECT);
        let late = AtomicUsize::new(0);
        proxy.set_hook(move |exchange, moment| {
            let creates = exchange.method == "POST" && moment == Moment::Before;
            match creates && late.fetch_add(1, Ordering::SeqCst) == 0 {
                true => Action::Late(Duration::from_millis(80)),
                false => Action::Pass,
            }
        });
        let made = create(&shaky, case, &inputs).await.unwrap();
        let creations = proxy.exchanges().iter().filter(|exchange| exchange.method == "POST").count();
        assert_eq!(creations, 1, "what may still come is waited for");
        let provider = account.provider(case.token);
        provider.delete(&account.context(case.token, "one"), &made).await.unwrap();
        assert_eq!(account.find(case.token, "one", &inputs).await, None, "there is no second one");
    }

    crate::aws::cases::for_each_case!(is_made_once, Account::new, api authorizer integration route stage);
}

/// A fault that doesn't end is reported as what it is, once the budget is used up.
#[tokio::test]
async fn what_does_not_end_is_reported_within_the_budget() {
    let account = Account::new().await;
    let case = crate::aws::cases::role(&account).await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    for (fault, kind) in [
        (Fault::Throttled, ProviderErrorKind::Throttled),
        (Fault::Failed, ProviderErrorKind::Unavailable),
        (Fault::CutBefore, ProviderErrorKind::Unavailable),
        (Fault::Conflict, ProviderErrorKind::Conflict),
    ] {
        let shaky = account.through(&proxy.endpoint()).await;
        proxy.set_hook(move |exchange, _| match fault {
            Fault::Throttled => Action::Answer(exchange.throttled()),
            Fault::Failed => Action::Answer(exchange.failed()),
            Fault::Conflict => Action::Answer(conflict(exchange)),
            Fault::CutBefore | Fault::CutAfter => Action::Cut,
        });
        let context = shaky.context(case.token, "one");
        let error = shaky.provider(case.token).create(&context, &case.inputs_for(PROJECT)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.message.contains("iam:CreateRole of one failed after"), "{error}");
        assert!(error.hint.is_some(), "{error:?}");
        let calls = shaky.gate.calls.lock().unwrap().len();
        assert!((5..400).contains(&calls), "{fault:?}: {calls} calls");
    }
}

/// Answers requests whose method and path fit as AWS refuses them, as often as it is told; counts how often it did.
fn refuse(
    proxy: &Proxy,
    fits: impl Fn(&Exchange) -> bool + Send + Sync + 'static,
    times: usize,
    (status, code, message): (u16, &'static str, &'static str),
) -> Arc<AtomicUsize> {
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = refused.clone();
    proxy.set_hook(move |exchange, moment| {
        if moment != Moment::Before || !fits(exchange) || counted.load(Ordering::SeqCst) >= times {
            return Action::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Action::Answer(exchange.refused(status, code, message))
    });
    refused
}

const BUSY: (u16, &str, &str) =
    (409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress.");

/// A function of ours and the way to it, through a proxy.
async fn shaky_function() -> (Account, Account, Proxy, ResourceState) {
    let account = Account::new().await;
    let role = crate::aws::cases::runner(&account, "runner").await;
    let inputs = crate::aws::cases::function_inputs(&account, &role, "one");
    let state = account.create(FUNCTION, "one", &inputs).await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let shaky = account.through(&proxy.endpoint()).await;
    shaky.identity().await;
    (account, shaky, proxy, state)
}

fn changes_configuration(exchange: &Exchange) -> bool {
    exchange.method == "PUT" && exchange.path.ends_with("/configuration")
}

/// Whoever else changes the function is waited for, but not for ever, and not once the deployment is to stop.
#[tokio::test]
async fn a_function_that_refuses_every_change_is_given_up_in_time() {
    let (_account, shaky, proxy, state) = shaky_function().await;
    let (provider, context) = (shaky.provider(FUNCTION), shaky.context(FUNCTION, "one"));
    let wanted = with(&state.inputs, [("memorySize", 512.0.into())]);

    refuse(&proxy, changes_configuration, 5, BUSY);
    let updated = provider.update(&context, &state, &wanted).await.unwrap();
    assert_eq!(updated.outputs.string("version"), Some("2"));

    let begun = shaky.gate.now();
    let refused = refuse(&proxy, changes_configuration, usize::MAX, BUSY);
    let error = provider.update(&context, &updated, &state.inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Conflict, "{error:?}");
    assert!(error.hint.is_some() && error.message.contains("lambda:UpdateFunctionConfiguration of one"), "{error:?}");
    let waited = (shaky.gate.now() - begun).as_secs();
    assert!((90..100).contains(&waited), "{waited} s");
    let tries = refused.load(Ordering::SeqCst);
    assert!((50..1000).contains(&tries), "{tries} tries in {waited} s");

    shaky.gate.stopping.store(true, Ordering::SeqCst);
    let refused = refuse(&proxy, changes_configuration, usize::MAX, BUSY);
    let error = provider.update(&context, &updated, &state.inputs).await.unwrap_err();
    assert_eq!((error.kind, refused.load(Ordering::SeqCst)), (ProviderErrorKind::Conflict, 1));
}

/// The step of a function ends when its version can be called, so that no alias leads to one that can't.
#[tokio::test]
async fn a_version_is_waited_for() {
    let (_account, shaky, proxy, state) = shaky_function().await;
    let (provider, context) = (shaky.provider(FUNCTION), shaky.context(FUNCTION, "one"));
    let version = |state: &'static str| {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        proxy.set_hook(move |exchange, moment| {
            if moment != Moment::Before || !exchange.path.contains("Qualifier=") {
                return Action::Pass;
            }
            if counted.fetch_add(1, Ordering::SeqCst) >= 3 {
                return Action::Pass;
            }
            let body = format!(
                r#"{{"Configuration":{{"FunctionName":"one","State":"{state}","StateReason":"the image is broken"}}}}"#
            );
            Action::Answer(Answer::new(200.try_into().unwrap(), body))
        });
        asked
    };
    let asked = version("Pending");
    let wanted = with(&state.inputs, [("memorySize", 512.0.into())]);
    let updated = provider.update(&context, &state, &wanted).await.unwrap();
    assert_eq!((updated.outputs.string("version"), asked.load(Ordering::SeqCst)), (Some("2"), 4));

    version("Failed");
    let error = provider.update(&context, &updated, &state.inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Refused, "{error:?}");
    assert!(error.message.contains("version 3 of the function one: the image is broken"), "{error}");

    let made = version("Pending");
    let another = with(&state.inputs, [("name", "two".into())]);
    provider.create(&shaky.context(FUNCTION, "two"), &another).await.unwrap();
    assert!(made.load(Ordering::SeqCst) > 3);
}

/// What IAM has done a moment ago isn't seen everywhere at once, and Lambda sees it last.
#[tokio::test]
async fn what_iam_has_not_spread_yet_is_waited_for() {
    let account = Account::new().await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let shaky = account.through(&proxy.endpoint()).await;
    let operation = |name: &'static str| move |exchange: &Exchange| exchange.operation.as_deref() == Some(name);

    let missing = (404, "NoSuchEntity", "The role with name runner cannot be found.");
    let policy = crate::aws::cases::role_policy(&account).await;
    let refused = refuse(&proxy, operation("PutRolePolicy"), 3, missing);
    let made = shaky.create(policy.token, "one", &policy.inputs_for(PROJECT)).await;
    assert_eq!(refused.load(Ordering::SeqCst), 3);

    let attached = (409, "DeleteConflict", "Cannot delete entity, must delete policies first.");
    account.provider(policy.token).delete(&account.context(policy.token, "one"), &made).await.unwrap();
    let role = account.find(ROLE, "runner", &[("name", "runner")].into()).await.unwrap().state;
    let refused = refuse(&proxy, operation("DeleteRole"), 3, attached);
    shaky.provider(ROLE).delete(&shaky.context(ROLE, "runner"), &role).await.unwrap();
    assert_eq!(refused.load(Ordering::SeqCst), 3);

    let role = crate::aws::cases::runner(&account, "runner").await;
    let inputs = crate::aws::cases::function_inputs(&account, &role, "one");
    for message in [
        "The role defined for the function cannot be assumed by Lambda.",
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. \
         Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid \
         principal: arn:aws:iam::123456789012:role/runner",
    ] {
        let creates = |exchange: &Exchange| exchange.method == "POST" && exchange.path.ends_with("/functions");
        let refused = refuse(&proxy, creates, 3, (400, "InvalidParameterValueException", message));
        let state = shaky.create(FUNCTION, "one", &inputs).await;
        assert_eq!(refused.load(Ordering::SeqCst), 3, "{message}");
        shaky.provider(FUNCTION).delete(&shaky.context(FUNCTION, "one"), &state).await.unwrap();
    }
}

/// Waiting ends: what IAM never gets to know is reported as what it is, with the remedy.
#[tokio::test]
async fn what_iam_never_learns_is_reported() {
    let account = Account::new().await;
    let context = account.context("aws:iam/rolePolicy:RolePolicy", "one");
    let inputs = with(&crate::aws::cases::role_policy(&account).await.inputs, [("role", "missing".into())]);
    let begun = account.gate.now();
    let error = account.provider("aws:iam/rolePolicy:RolePolicy").create(&context, &inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::NotFound, "{error:?}");
    assert!(error.message.contains("iam:PutRolePolicy") && error.message.contains("missing"), "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("the role missing")), "{error:?}");
    let waited = (account.gate.now() - begun).as_secs();
    assert!((55..=62).contains(&waited), "{waited} s");

    let role = crate::aws::cases::runner(&account, "kept").await;
    let foreign = with(&inputs, [("role", "kept".into())]);
    account.create("aws:iam/rolePolicy:RolePolicy", "two", &foreign).await;
    let begun = account.gate.now();
    let error = account.provider(ROLE).delete(&account.context(ROLE, "kept"), &role).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ProviderErrorKind::Refused, Some("DeleteConflict")), "{error:?}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("detach it")), "{error:?}");
    let waited = (account.gate.now() - begun).as_secs();
    assert!((55..=62).contains(&waited), "{waited} s");
}

/// A refused request isn't sent again.
#[tokio::test]
async fn what_is_refused_is_sent_once() {
    let account = Account::new().await;
    let role = crate::aws::cases::runner(&account, "runner").await;
    let inputs = with(&crate::aws::cases::function_inputs(&account, &role, "one"), [("runtime", "cobol85".into())]);
    account.gate.calls.lock().unwrap().clear();
    let context = account.context(FUNCTION, "one");
    let error = account.provider(FUNCTION).create(&context, &inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Refused, "{error:?}");
    assert!(
        error.message.contains("lambda:CreateFunction of one failed") && error.message.contains("cobol85"),
        "{error}"
    );
    assert_eq!(account.gate.calls.lock().unwrap().len(), 1);
}

/// What AWS quotes back of a secret doesn't get into an error.
#[tokio::test]
async fn errors_quote_no_secret() {
    use resource_graph::Value;
    let account = Account::new().await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let shaky = account.through(&proxy.endpoint()).await;
    let role = crate::aws::cases::runner(&account, "runner").await;
    proxy.set_hook(|exchange, _| {
        if !exchange.path.contains("/functions") {
            return Action::Pass;
        }
        let body =
            r#"{"Type":"User","message":"1 validation error detected: Value '{TOKEN=hunter2}' at 'environment'"}"#;
        let answer = Answer::new(400.try_into().unwrap(), body);
        Action::Answer(answer.with_header("x-amzn-errortype".try_into().unwrap(), "InvalidParameterValueException"))
    });
    let inputs = crate::aws::cases::function_inputs(&account, &role, "one");
    assert_eq!(
        inputs.map("environment").unwrap().map("variables").unwrap().get("TOKEN"),
        Some(&Value::secret("hunter2"))
    );
    let context = shaky.context(FUNCTION, "one");
    let error = shaky.provider(FUNCTION).create(&context, &inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Refused);
    assert!(error.message.contains("{TOKEN=[secret]}") && !format!("{error:?}").contains("hunter2"), "{error:?}");
}
