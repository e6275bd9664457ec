//! What somebody changed by hand shows when a resource is read, and the next update takes it back.

use aws_sdk_apigatewayv2::types::RouteSettings;
use resource_graph::Value;

use crate::aws::cases::{self, FUNCTION};
use crate::aws::support::{Account, PROJECT, map, with};

#[tokio::test]
async fn limits_that_nobody_asked_for_show_and_go() {
    let account = Account::new().await;
    let case = cases::stage(&account).await;
    let (provider, context) = (account.provider(case.token), account.context(case.token, "one"));
    let made = account.create(case.token, "one", &case.inputs_for(PROJECT)).await;
    let gateway = aws_sdk_apigatewayv2::Client::new(&account.sdk().await);
    let limits = RouteSettings::builder().throttling_burst_limit(2).throttling_rate_limit(1.0).build();
    let api = made.inputs.string("apiId").unwrap();
    gateway.update_stage().api_id(api).stage_name(&made.id).default_route_settings(limits).send().await.unwrap();

    let found = provider.read(&context, &made.id, &made.inputs).await.unwrap().unwrap();
    let shown = found.inputs.map("defaultRouteSettings").unwrap();
    assert_eq!(shown.get("throttlingRateLimit"), Some(&Value::from(1.0)));
    assert_eq!(shown.get("throttlingBurstLimit"), Some(&Value::from(2.0)));

    let mended = provider.update(&context, &found, &made.inputs).await.unwrap();
    // Nothing takes a stage's limits away again; these are what an account has anyway.
    let settings = gateway.get_stage().api_id(api).stage_name(&made.id).send().await.unwrap().default_route_settings;
    let settings = settings.unwrap();
    assert_eq!((settings.throttling_rate_limit(), settings.throttling_burst_limit()), (Some(10_000.0), Some(5_000)));
    let found = provider.read(&context, &made.id, &made.inputs).await.unwrap().unwrap();
    assert_eq!(found.inputs, mended.inputs);
}

/// API Gateway knows logs of its own for the stages of WebSocket APIs only, and refuses what is said of them for an HTTP API:
/// what is recorded of every stage isn't sent.
#[tokio::test]
async fn what_an_http_api_does_not_know_is_not_sent() {
    let account = Account::new().await;
    let proxy = localstack::proxy::Proxy::start(&account.endpoint()).unwrap();
    let account = account.through(&proxy.endpoint()).await;
    proxy.set_hook(|exchange, moment| {
        let is_stage = exchange.path.contains("/stages") && matches!(exchange.method.as_str(), "POST" | "PATCH");
        let body = String::from_utf8_lossy(&exchange.body);
        let is_refused = body.contains("dataTraceEnabled") || body.contains("loggingLevel");
        match is_stage && is_refused && moment == localstack::proxy::Moment::Before {
            true => localstack::proxy::Action::Answer(exchange.refused(
                400,
                "BadRequestException",
                "Execution logs are not supported on protocolType HTTP",
            )),
            false => localstack::proxy::Action::Pass,
        }
    });
    let case = cases::stage(&account).await;
    let (provider, context) = (account.provider(case.token), account.context(case.token, "one"));
    let recorded = map([("dataTraceEnabled", false.into()), ("loggingLevel", "OFF".into())]);
    let inputs = with(&case.inputs_for(PROJECT), [("defaultRouteSettings", recorded)]);
    let made = account.create(case.token, "one", &inputs).await;
    let found = provider.read(&context, &made.id, &made.inputs).await.unwrap().unwrap();
    let limited = with(&inputs, [("defaultRouteSettings", map([("throttlingBurstLimit", 7.0.into())]))]);
    let updated = provider.update(&context, &found, &limited).await.unwrap();
    let shown = updated.inputs.map("defaultRouteSettings").unwrap();
    assert_eq!(shown.get("throttlingBurstLimit"), Some(&Value::from(7.0)));
}

/// Code in S3 is named by its hash, so other code in the function shows although Lambda doesn't say where its code came from.
#[tokio::test]
async fn other_code_than_that_of_the_object_shows_and_goes() {
    let account = Account::new().await;
    let object = cases::bucket_object(&account).await;
    let Value::Archive(archive) = account.package("one") else { unreachable!() };
    let key = format!("{}.zip", archive.hash.unwrap());
    let inputs = with(&object.inputs_for(PROJECT), [("key", key.as_str().into())]);
    account.create(object.token, "one", &inputs).await;
    let role = cases::runner(&account, "runner").await;
    let inputs = with(
        &cases::function_inputs(&account, &role, "one"),
        [("code", Value::Null), ("s3Bucket", inputs.get("bucket").cloned().unwrap()), ("s3Key", key.as_str().into())],
    );
    let made = account.create(FUNCTION, "one", &inputs).await;
    let (provider, context) = (account.provider(FUNCTION), account.context(FUNCTION, "one"));
    let read = async || provider.read(&context, &made.id, &inputs).await.unwrap().unwrap();
    assert_eq!(read().await.inputs, inputs);

    let lambda = aws_sdk_lambda::Client::new(&account.sdk().await);
    let other = std::fs::read(account.package_path("two")).unwrap();
    lambda.update_function_code().function_name("one").zip_file(other.into()).send().await.unwrap();
    let found = read().await;
    assert_ne!(found.inputs.get("s3Key"), inputs.get("s3Key"));
    provider.update(&context, &found, &inputs).await.unwrap();
    let mended = read().await;
    assert_eq!(mended.inputs, inputs);
    assert_eq!(mended.outputs.get("codeSha256"), made.outputs.get("codeSha256"));
}

/// Versioning that was turned on by hand makes the objects before it versions called `null`; these go with the bucket.
#[tokio::test]
async fn a_bucket_that_keeps_versions_goes_with_all_of_them() {
    let account = Account::new().await;
    let case = cases::bucket(&account).await;
    let (provider, context) = (account.provider(case.token), account.context(case.token, "one"));
    let made = account.create(case.token, "one", &case.inputs_for(PROJECT)).await;
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&account.sdk().await).force_path_style(true).build(),
    );
    let put =
        async |key: &str| s3.put_object().bucket(&made.id).key(key).body(b"x".to_vec().into()).send().await.unwrap();
    put("before").await;
    put("deleted").await;
    let enabled = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning().bucket(&made.id).versioning_configuration(enabled).send().await.unwrap();
    put("before").await;
    put("after").await;
    s3.delete_object().bucket(&made.id).key("deleted").send().await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(60), provider.delete(&context, &made)).await.unwrap().unwrap();
    assert!(s3.head_bucket().bucket(&made.id).send().await.is_err());
}
