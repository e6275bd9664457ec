//! What AWS leaves out of its answers for a caller who may not see it is unknown: neither drift nor somebody else's.

use localstack::proxy::{Action, Answer, Exchange, Moment, Proxy};
use resource_graph::PropertyMap;
use semantest_iac::ports::{ProviderErrorKind, ResourceState};
use serde_json::json;

use crate::aws::cases::FUNCTION;
use crate::aws::support::{Account, PROJECT, tags, with};

/// A function of ours, and an account that is told of it what a caller without some permissions is told.
async fn function() -> (Account, Account, Proxy, ResourceState) {
    let account = Account::new().await;
    let role = crate::aws::cases::runner(&account, "runner").await;
    let inputs = crate::aws::cases::function_inputs(&account, &role, "one");
    let inputs = with(&inputs, [("tags", tags(PROJECT, FUNCTION, "one").into())]);
    let state = account.create(FUNCTION, "one", &inputs).await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let limited = account.through(&proxy.endpoint()).await;
    limited.identity().await;
    (account, limited, proxy, state)
}

/// `GetFunction`'s answer for a caller without `lambda:ListTags` and without the right to use the variables' key.
fn as_limited(state: &ResourceState) -> String {
    let text = |map: &PropertyMap, name: &str| map.string(name).unwrap_or_default().to_owned();
    let denied = json!({ "ErrorCode": "AccessDeniedException", "Message": "not authorized" });
    json!({
        "Configuration": {
            "FunctionName": "one", "FunctionArn": text(&state.outputs, "arn"), "Role": text(&state.inputs, "role"), "Version": "$LATEST",
            "Handler": "index.handler", "Runtime": "nodejs22.x", "MemorySize": 256, "Timeout": 10, "State": "Active",
            "LastUpdateStatus": "Successful", "CodeSha256": text(&state.outputs, "codeSha256"), "CodeSize": 1,
            "LastModified": text(&state.outputs, "lastModified"), "Environment": { "Error": denied },
        },
        "TagsError": { "ErrorCode": "AccessDeniedException", "Message": "not authorized to perform: lambda:ListTags" },
    })
    .to_string()
}

fn limits(proxy: &Proxy, state: &ResourceState) {
    let answer = as_limited(state);
    proxy.set_hook(move |exchange: &Exchange, moment| {
        if moment != Moment::Before || exchange.method != "GET" {
            return Action::Pass;
        }
        if exchange.path.contains("/tags/") {
            let message = "User: me is not authorized to perform: lambda:ListTags on resource: the function";
            return Action::Answer(exchange.refused(403, "AccessDeniedException", message));
        }
        if exchange.path.split('?').next().is_some_and(|path| path.ends_with("/functions/one")) {
            return Action::Answer(Answer::new(200.try_into().unwrap(), answer.clone()));
        }
        Action::Pass
    });
}

#[tokio::test]
async fn tags_and_variables_that_may_not_be_seen_are_no_drift() {
    let (_account, limited, proxy, state) = function().await;
    limits(&proxy, &state);
    let read = limited.provider(FUNCTION).read(&limited.context(FUNCTION, "one"), &state.id, &state.inputs).await;
    let read = read.unwrap().unwrap();
    for name in ["tags", "environment"] {
        assert_eq!(read.inputs.get(name), state.inputs.get(name), "{name}");
    }
}

#[tokio::test]
async fn a_function_whose_tags_may_not_be_seen_is_not_said_to_be_somebody_elses() {
    let (_account, limited, proxy, state) = function().await;
    limits(&proxy, &state);
    let context = limited.context(FUNCTION, "one");
    let error = limited.provider(FUNCTION).find(&context, &state.inputs).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Denied, "{error:?}");
    assert!(error.message.contains("whose the function one is can't be seen"), "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("allow lambda:ListTags")), "{error:?}");
}

#[tokio::test]
async fn a_bucket_that_may_not_be_looked_at_is_not_said_to_be_somebody_elses() {
    let account = Account::new().await;
    let case = crate::aws::cases::bucket(&account).await;
    let inputs = case.inputs_for(PROJECT);
    let made = account.create(case.token, "one", &inputs).await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let limited = account.through(&proxy.endpoint()).await;
    limited.identity().await;
    proxy.set_hook(|exchange, _| match exchange.method.as_str() {
        "HEAD" => Action::Answer(Answer::new(403.try_into().unwrap(), "")),
        _ => Action::Pass,
    });
    let (provider, context) = (limited.provider(case.token), limited.context(case.token, "one"));
    for error in [
        provider.find(&context, &inputs).await.map(drop).unwrap_err(),
        provider.create(&context, &inputs).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind, ProviderErrorKind::Denied, "{error:?}");
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("allow s3:ListBucket")), "{error:?}");
    }
    account.provider(case.token).delete(&account.context(case.token, "one"), &made).await.unwrap();
}
