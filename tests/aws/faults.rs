//! Each call of each operation is hit once by each fault, through a proxy: throttled, failed, cut before it had its effect and
//! cut after. The operation still ends right, or (a create that got through unheard) is settled by looking for what it made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use localstack::proxy::{Action, Moment, Proxy};
use resource_graph::PropertyMap;
use semantest_iac::ports::{ProviderError, ProviderErrorKind, ResourceState};

use crate::laws::Case;
use crate::support::{Account, PROJECT, with};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Throttled,
    Failed,
    CutBefore,
    CutAfter,
}

const FAULTS: [Fault; 4] = [Fault::Throttled, Fault::Failed, Fault::CutBefore, Fault::CutAfter];

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
    assert!(found.ours, "what was made is ours");
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

crate::cases::for_each_case!(survive);

/// A fault that doesn't end is reported as what it is, once the budget is used up.
#[tokio::test]
async fn what_does_not_end_is_reported_within_the_budget() {
    let account = Account::new().await;
    let case = crate::cases::role(&account).await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    for (fault, kind) in [
        (Fault::Throttled, ProviderErrorKind::Throttled),
        (Fault::Failed, ProviderErrorKind::Unavailable),
        (Fault::CutBefore, ProviderErrorKind::Unavailable),
    ] {
        let shaky = account.through(&proxy.endpoint()).await;
        proxy.set_hook(move |exchange, _| match fault {
            Fault::Throttled => Action::Answer(exchange.throttled()),
            Fault::Failed => Action::Answer(exchange.failed()),
            Fault::CutBefore | Fault::CutAfter => Action::Cut,
        });
        let context = shaky.context(case.token, "one");
        let error = shaky.provider(case.token).create(&context, &case.inputs_for(PROJECT)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.message.contains("iam:CreateRole of one failed after"), "{error}");
        assert!(error.hint.is_some(), "{error:?}");
        let calls = shaky.gate.calls.lock().unwrap().len();
        assert!((5..200).contains(&calls), "{fault:?}: {calls} calls");
    }
}

/// A refused request isn't sent again.
#[tokio::test]
async fn what_is_refused_is_sent_once() {
    let account = Account::new().await;
    let role = crate::cases::runner(&account, "runner").await;
    let inputs = with(&crate::cases::function_inputs(&account, &role, "one"), [("runtime", "cobol85".into())]);
    account.gate.calls.lock().unwrap().clear();
    let context = account.context(crate::cases::FUNCTION, "one");
    let error = account.provider(crate::cases::FUNCTION).create(&context, &inputs).await.unwrap_err();
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
    let role = crate::cases::runner(&account, "runner").await;
    proxy.set_hook(|exchange, _| {
        if !exchange.path.contains("/functions") {
            return Action::Pass;
        }
        let body =
            r#"{"Type":"User","message":"1 validation error detected: Value '{TOKEN=hunter2}' at 'environment'"}"#;
        let answer = localstack::proxy::Answer::new(400.try_into().unwrap(), body);
        Action::Answer(answer.with_header("x-amzn-errortype".try_into().unwrap(), "InvalidParameterValueException"))
    });
    let inputs = crate::cases::function_inputs(&account, &role, "one");
    assert_eq!(
        inputs.map("environment").unwrap().map("variables").unwrap().get("TOKEN"),
        Some(&Value::secret("hunter2"))
    );
    let context = shaky.context(crate::cases::FUNCTION, "one");
    let error = shaky.provider(crate::cases::FUNCTION).create(&context, &inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Refused);
    assert!(error.message.contains("{TOKEN=[secret]}") && !format!("{error:?}").contains("hunter2"), "{error:?}");
}
