//! Eventual consistency: each call that names something made or changed a moment ago is told once that it isn't there. The
//! operation still ends right, for every type. What is old, and what is deleted, is believed to be gone at once.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use localstack::proxy::{Action, Answer, Exchange, Moment, Proxy, Service};
use semantest_iac::ports::{ProviderErrorKind, Whose};

use crate::aws::laws::Case;
use crate::aws::support::{Account, PROJECT, with};

/// An account that is reached through a proxy from the beginning, so that what a case needs was made over the same connection.
struct Proxied {
    account: Account,
    proxy: Proxy,
}

impl Deref for Proxied {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}

async fn proxied() -> Proxied {
    let proxy = Proxy::start(&crate::aws::support::ministack().await).unwrap();
    let account = Account::at(&proxy.endpoint()).await;
    account.identity().await;
    Proxied { account, proxy }
}

/// Whether the request names nothing that could be new: it makes something by its own name, or looks whether that is taken.
fn names_nothing_new(exchange: &Exchange) -> bool {
    let path = exchange.path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let is_bucket = path.matches('/').count() == 1 && matches!(exchange.method.as_str(), "HEAD" | "PUT");
    matches!(exchange.operation.as_deref(), Some("CreateRole" | "CreateLogGroup" | "GetRolePolicy"))
        || exchange.method == "POST" && path == "/v2/apis"
        || exchange.service == Service::Rest && is_bucket && !exchange.path.contains("tagging")
}

/// Whether the request takes something away from what is there, and is done where that is gone.
fn takes_away(exchange: &Exchange) -> bool {
    exchange.service == Service::Rest && exchange.method == "DELETE" && exchange.path.contains("/stages/")
}

fn not_there(exchange: &Exchange) -> Answer {
    match exchange.service {
        Service::AwsQuery => exchange.refused(404, "NoSuchEntity", "The thing cannot be found."),
        Service::AwsJson | Service::AwsCbor => exchange.refused(400, "ResourceNotFoundException", "it does not exist."),
        Service::Rest if exchange.path.starts_with("/v2/") => exchange.refused(404, "NotFoundException", "Not found"),
        _ => exchange.refused(404, "ResourceNotFoundException", "not found"),
    }
}

/// Answers the counted request of this number once with NotFound; numbers count from when this is set.
fn hide(proxy: &Proxy, number: usize, passed_over: fn(&Exchange) -> bool) -> Arc<AtomicUsize> {
    let (seen, hits) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = hits.clone();
    proxy.set_hook(move |exchange, moment| {
        if moment != Moment::Before || passed_over(exchange) || seen.fetch_add(1, Ordering::SeqCst) != number {
            return Action::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Action::Answer(not_there(exchange))
    });
    hits
}

async fn is_seen_late(account: &Proxied, case: &Case) {
    let (provider, context) = (account.provider(case.token), account.context(case.token, "one"));
    let inputs = case.inputs_for(PROJECT);
    let changed = with(&inputs, case.updates.iter().take(3).flatten().cloned());
    for number in 0.. {
        let what = format!("{} whose call {number} doesn't see what is new", case.token);
        let hidden = hide(&account.proxy, number, names_nothing_new);
        let made =
            provider.create(&context, &inputs).await.unwrap_or_else(|error| panic!("create of {what}: {error:?}"));
        let mut hits = hidden.load(Ordering::SeqCst);

        let hidden = hide(&account.proxy, number, |_| false);
        let read = provider.read(&context, &made.id, &inputs).await;
        let read = read.unwrap_or_else(|error| panic!("read of {what}: {error:?}"));
        assert_eq!(read.map(|state| state.inputs).as_ref(), Some(&inputs), "read of {what}");
        hits += hidden.load(Ordering::SeqCst);

        let hidden = hide(&account.proxy, number, |_| false);
        let found = provider.find(&context, &inputs).await;
        let found = found.unwrap_or_else(|error| panic!("find of {what}: {error:?}"));
        assert_eq!(
            found.map(|found| (found.whose, found.state.id)),
            Some((Whose::Ours, made.id.clone())),
            "find of {what}"
        );
        hits += hidden.load(Ordering::SeqCst);

        let mut last = made;
        if !case.updates.is_empty() {
            let hidden = hide(&account.proxy, number, takes_away);
            let updated = provider.update(&context, &last, &changed).await;
            last = updated.unwrap_or_else(|error| panic!("update of {what}: {error:?}"));
            hits += hidden.load(Ordering::SeqCst);
        }

        let hidden = hide(&account.proxy, number, |_| false);
        provider.delete(&context, &last).await.unwrap_or_else(|error| panic!("delete of {what}: {error:?}"));
        hits += hidden.load(Ordering::SeqCst);
        account.proxy.remove_hook();
        assert_eq!(account.find(case.token, "one", &last.inputs).await, None, "{what}");
        if hits == 0 {
            assert!(number > 0, "{what}: no call was hidden from at all");
            break;
        }
    }
}

crate::aws::cases::for_each_case!(is_seen_late, crate::aws::propagation::proxied);

/// What this program didn't make lately isn't waited for, and neither is what it has deleted itself.
#[tokio::test]
async fn what_is_old_or_deleted_is_gone_at_once() {
    let account = Account::new().await;
    let case = crate::aws::cases::role(&account).await;
    let made = account.create(case.token, "one", &case.inputs_for(PROJECT)).await;
    let later = account.through(&account.endpoint()).await;
    later.identity().await;
    let context = later.context(case.token, "one");
    later.provider(case.token).delete(&context, &made).await.unwrap();
    later.gate.calls.lock().unwrap().clear();

    let provider = later.provider(case.token);
    assert_eq!(provider.read(&context, &made.id, &made.inputs).await.unwrap(), None);
    let wanted = with(&made.inputs, [("maxSessionDuration", 7200.0.into())]);
    let error = provider.update(&context, &made, &wanted).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::NotFound, "{error:?}");
    provider.delete(&context, &made).await.unwrap();
    assert_eq!(later.gate.calls.lock().unwrap().len(), 3);
}
