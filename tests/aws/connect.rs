//! The first call of every command: who we are, and what is wrong when that can't be told.

use localstack::proxy::{Action, Answer, Proxy};
use localstack::{StartOptions, TestCloud, unique_account};
use semantest_iac::adapters::aws::{Aws, AwsSettings};
use semantest_iac::ports::{Account as _, CloudIdentity, ProviderError, ProviderErrorKind};
use std::sync::Arc;

use crate::aws::support::{Packages, REGION, installer, ministack, settings};

async fn identity(settings: AwsSettings) -> Result<CloudIdentity, ProviderError> {
    Aws::connect(settings, Arc::new(Packages::default())).await?.identity().await
}

#[tokio::test]
async fn the_account_is_asked_once() {
    let (account, proxy) = (unique_account(), Proxy::start(&ministack().await).unwrap());
    let aws = Aws::connect(settings(&proxy.endpoint(), &account), Arc::new(Packages::default())).await.unwrap();
    for _ in 0..2 {
        let identity = aws.identity().await.unwrap();
        assert_eq!((identity.account.as_str(), identity.region.as_str()), (account.as_str(), REGION));
    }
    assert_eq!(proxy.exchanges().len(), 1);
}

#[tokio::test]
async fn another_account_than_the_expected_one_is_refused() {
    let account = unique_account();
    let settings =
        AwsSettings { expected_account: Some("123456789012".into()), ..settings(&ministack().await, &account) };
    let error = identity(settings).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ProviderErrorKind::Denied, Some("wrong-account")));
    assert!(error.message.contains(&account) && error.message.contains("123456789012"), "{error}");
    assert!(error.hint.unwrap().contains("123456789012"));
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = identity(settings(&endpoint, &unique_account())).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unavailable, "{error:?}");
    assert!(error.message.contains(&endpoint) && error.message.contains("sts:GetCallerIdentity"), "{error}");
    assert!(error.hint.unwrap().contains(&endpoint));
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_named() {
    let profile = "semantest-no-such-profile";
    let settings =
        AwsSettings { profile: Some(profile.into()), local_credentials: None, ..settings(&ministack().await, "") };
    let error = identity(settings).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ProviderErrorKind::Refused, Some("unknown-profile")), "{error:?}");
    assert!(error.message.contains(profile), "{error}");
    assert!(error.hint.unwrap().contains("~/.aws/config"));
}

#[tokio::test]
async fn an_unknown_access_key_is_denied() {
    let options = StartOptions { enforce_iam: true, ..StartOptions::default() };
    let cloud = TestCloud::start(&installer(), options).await.unwrap();
    let error = identity(settings(&cloud.endpoint(), "AKIAIOSFODNN7EXAMPLE")).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Denied, "{error:?}");
    assert!(error.hint.is_some(), "{error:?}");
}

#[tokio::test]
async fn expired_and_wrong_credentials_say_what_to_do() {
    let proxy = Proxy::start(&ministack().await).unwrap();
    for (code, status, hint) in [
        ("ExpiredToken", 403, "have expired"),
        ("InvalidClientTokenId", 403, "doesn't know the access key"),
        ("SignatureDoesNotMatch", 403, "clock is off"),
        ("AccessDenied", 403, "allow sts:GetCallerIdentity"),
    ] {
        proxy.set_hook(move |_, _| {
            let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error><RequestId>r-1</RequestId></ErrorResponse>");
            let answer = Answer::new(status.try_into().unwrap(), body);
            let answer = answer.with_header("content-type".try_into().unwrap(), "text/xml");
            Action::Answer(answer.with_header("x-amzn-requestid".try_into().unwrap(), "r-1"))
        });
        let error = identity(settings(&proxy.endpoint(), &unique_account())).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref()), (ProviderErrorKind::Denied, Some(code)), "{error:?}");
        assert!(error.message.contains("[request id r-1]"), "{error}");
        assert!(error.hint.as_ref().unwrap().contains(hint), "{error:?}");
    }
    assert_eq!(proxy.exchanges().len(), 4, "a denied request is sent once");
}
