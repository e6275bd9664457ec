//! Buckets and containers are far away: answers get lost, servers vanish, credentials don't suffice. Nothing is lost, and
//! whoever waits is told why.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use localstack::proxy::{Action, Answer, Moment, Proxy};
use serde_json::{Value, json};
use state::{Error, RefusalKind, StackStore, StoreOptions, StoreUrl, UpdateInfo};

use super::{lock, shorten_lease, waiting};
use crate::conformance::places::Place;
use crate::support::{FakeProcesses, FakeTime, checkpoint, id, lock_options, owner, topics};

fn proxy(place: &Place) -> &Proxy {
    place.proxy.as_ref().expect("a server far away")
}

/// A deployment over a state with one topic, by a machine that dies at the first failure. Gives the number of records that
/// are durable.
async fn deploy(store: &StackStore, durable: &AtomicUsize) -> state::Result<()> {
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await?;
    let base = store.load(&id()).await?.expect("a state");
    let journal = store.create_journal(&lock, "d-2", json!({}), Some(base.digest())).await?;
    for number in 1..=3 {
        journal.append_durable(&json!({ "number": number })).await?;
        durable.store(number, Ordering::SeqCst);
    }
    store.save_during(&lock, &checkpoint(2), Some(&base.revision), Some(&journal)).await?;
    store.record_history(&lock, &UpdateInfo { kind: "update".to_owned(), ..UpdateInfo::default() }).await?;
    journal.finish().await?;
    lock.release().await
}

/// What another machine finds, once the lease of the first has run out: all that was durable, once; it ends what was begun.
async fn go_on(place: &Place, durable: usize) {
    shorten_lease(place).await;
    let store = place.open();
    let lock = store.lock(&id(), &owner("there", 1), &waiting()).await.unwrap();
    let found = store.load(&id()).await.unwrap().expect("the state is never gone");
    assert!(matches!(topics(&found.checkpoint), 1 | 2));
    if let Some((journal, writer)) = store.resume_journal(&lock).await.unwrap() {
        let numbers: Vec<u64> =
            journal.records.iter().map(|record| record.parse::<Value>().unwrap()["number"].as_u64().unwrap()).collect();
        assert!(numbers.len() >= durable, "{numbers:?} of {durable}");
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert!(journal.belongs_to(Some(&found.digest())));
        writer.finish().await.unwrap();
    }
    let archived = store.event_log(&id(), "d-2").await.unwrap();
    assert!(durable == 0 || archived.is_some_and(|archived| archived.records.len() >= durable));
    store.save(&lock, &checkpoint(3), Some(&found.revision)).await.unwrap();
    lock.release().await.unwrap();
    assert_eq!(topics(&store.load(&id()).await.unwrap().unwrap().checkpoint), 3);
}

async fn begin(place: &Place) -> FakeTime {
    let time = FakeTime::new();
    for key in place.files().await.keys() {
        place.delete(key).await;
    }
    let store = place.open_with(time.options());
    let first = lock(&store).await;
    store.save(&first, &checkpoint(1), None).await.unwrap();
    first.release().await.unwrap();
    time
}

/// Every other request of a deployment in turn takes effect, and its answer is lost.
pub async fn a_lost_answer_loses_nothing(place: &Place) {
    let proxy = proxy(place);
    for lost in (0..).step_by(2) {
        let time = begin(place).await;
        let count = AtomicUsize::new(0);
        proxy.set_hook(move |_, moment| match moment {
            Moment::After if count.fetch_add(1, Ordering::SeqCst) == lost => Action::Cut,
            _ => Action::Pass,
        });
        proxy.clear();
        let durable = AtomicUsize::new(0);
        let result = deploy(&place.open_with(time.options()), &durable).await;
        let requests = proxy.exchanges().len();
        proxy.remove_hook();
        match &result {
            // A write that was carried out without an answer is no other program's.
            Err(Error::Changed { .. } | Error::LockLost(_) | Error::Locked(_)) => panic!("request {lost}: {result:?}"),
            Err(error) => assert!(error.to_string().contains("127.0.0.1"), "request {lost}: {error}"),
            Ok(()) => {}
        }
        go_on(place, durable.into_inner()).await;
        if lost >= requests {
            assert!(lost > 20, "only {lost} requests");
            break;
        }
    }
}

/// The server is gone from a request on, for good.
pub async fn a_store_that_vanishes_loses_nothing(place: &Place) {
    let proxy = proxy(place);
    for after in (2..36).step_by(11) {
        let time = begin(place).await;
        let count = AtomicUsize::new(0);
        proxy.set_hook(move |_, moment| match moment {
            Moment::Before if count.fetch_add(1, Ordering::SeqCst) >= after => Action::Cut,
            _ => Action::Pass,
        });
        let durable = AtomicUsize::new(0);
        let began = Instant::now();
        let error = deploy(&place.open_with(time.options()), &durable).await.unwrap_err();
        proxy.remove_hook();
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
        assert!(error.to_string().contains("127.0.0.1") && error.hint().is_some(), "{error}");
        go_on(place, durable.into_inner()).await;
    }
}

/// What the server answers, and what is made of it.
pub async fn refusals_are_told_with_what_to_do(place: &Place) {
    begin(place).await;
    let proxy = proxy(place);
    for (status, code, text, hint) in [
        (403, "AccessDenied", "access denied (AccessDenied: because)", "read, write and delete"),
        (403, "AuthenticationFailed", "refuses the credentials", "check the keys"),
        (400, "ExpiredToken", "the credentials have expired", "log in again"),
        (404, "NoSuchBucket", "isn't there", "create it first"),
        (404, "ContainerNotFound", "isn't there", "create it first"),
    ] {
        proxy.set_hook(move |_, _| {
            let status = status.try_into().unwrap();
            let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>because</Message></Error>");
            Action::Answer(Answer::new(status, body))
        });
        let store = place.open();
        let error = store.load(&id()).await.unwrap_err();
        let (told, advice) = (error.to_string(), error.hint().unwrap());
        assert!(told.starts_with(&format!("failed to read {}/.pulumi/meta.yaml: ", place.url)), "{told}");
        assert!(told.contains(text), "{told}");
        assert!(advice.contains(hint), "{advice}");
        for inner in ["object_store", "Generic", "retries", "reqwest", "http"] {
            assert!(!told.contains(inner), "{told}");
        }
    }
    proxy.remove_hook();
}

/// Credentials that may read and not write.
pub async fn who_may_only_read_is_told_so_before_anything_is_begun(place: &Place) {
    begin(place).await;
    let before = place.files().await;
    proxy(place).set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.method != "GET" && exchange.method != "HEAD" => Action::Answer(Answer::new(
            403.try_into().unwrap(),
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        )),
        _ => Action::Pass,
    });
    let store = place.open();
    assert_eq!(topics(&store.load(&id()).await.unwrap().unwrap().checkpoint), 1);
    let error = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap_err();
    proxy(place).remove_hook();
    let refusal = match &error {
        Error::Refused { action: "write", refusal, .. } => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal.kind, RefusalKind::Denied);
    assert_eq!(place.files().await, before);
}

pub async fn a_bucket_that_is_not_there_is_named(place: &Place) {
    let mut url = place.url.clone();
    match &mut url {
        StoreUrl::S3(url) => url.bucket = "not-there-at-all".to_owned(),
        StoreUrl::Azure(url) => url.container = "not-there-at-all".to_owned(),
        StoreUrl::File { .. } => unreachable!(),
    }
    let store = StackStore::open(&url, StoreOptions::default(), &place.access).unwrap();
    for error in [
        store.load(&id()).await.unwrap_err(),
        store.stacks(None).await.unwrap_err(),
        store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("not-there-at-all") && error.to_string().contains("isn't there"), "{error}");
        assert!(error.hint().unwrap().contains("create it first"));
    }
}

/// Nobody listens: told within seconds, and by the server's name.
pub async fn a_server_that_does_not_answer_is_named_soon(place: &Place) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut url = place.url.clone();
    match &mut url {
        StoreUrl::S3(url) => url.endpoint = Some(format!("http://{free}")),
        StoreUrl::Azure(url) => url.domain = Some(free.to_string()),
        StoreUrl::File { .. } => unreachable!(),
    }
    let store = StackStore::open(&url, StoreOptions::default(), &place.access).unwrap();
    let began = Instant::now();
    let error = store.load(&id()).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(error.to_string().contains(&format!("{free} can't be reached (Connection refused")), "{error}");
    assert!(error.hint().unwrap().contains("check the network"));
}

/// What is recorded while a write is on its way goes out with the next: 200 records at a tenth of a second for each request
/// take few of them.
pub async fn records_are_written_in_groups_however_far_the_store_is(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    let proxy = proxy(place);
    proxy.set_delay(Duration::from_millis(100));
    proxy.clear();
    let began = Instant::now();
    for number in 0..200 {
        journal.append(&json!({ "number": number }));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    journal.flush().await.unwrap();
    let took = began.elapsed();
    proxy.set_delay(Duration::ZERO);
    let segments = proxy.exchanges().iter().filter(|exchange| exchange.is_write()).count() as u128;
    // One is on its way at a time, and takes what has come meanwhile.
    assert!(segments <= took.as_millis() / 100 + 1, "{segments} segments in {took:?}");
    assert_eq!(store.read_journal(&id()).await.unwrap().unwrap().records.len(), 200);
}

/// A journal is gone with its first segment: what a removal leaves that was cut off is none, and in nobody's way.
pub async fn a_journal_whose_removal_was_cut_off_is_none(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    for number in 1..=3 {
        journal.append_durable(&json!({ "number": number })).await.unwrap();
    }
    drop(journal);
    let folder = ".semantest/journal/shop/dev";
    let segments = place.names(folder).await;
    assert!(segments.len() > 3, "{segments:?}");
    place.delete(&format!("{folder}/{}", segments[0])).await;
    let store = place.open();
    assert!(store.read_journal(&id()).await.unwrap().is_none());
    let journal = store.create_journal(&lock, "d-2", json!({}), None).await.unwrap();
    journal.append_durable(&json!({ "number": 4 })).await.unwrap();
    journal.finish().await.unwrap();
    assert_eq!(store.event_log(&id(), "d-2").await.unwrap().unwrap().records.len(), 1);
    assert_eq!(place.names(folder).await, [""; 0]);
}

/// A machine stands still while the header of its journal is on its way. Another one takes over, deploys and ends; or is still
/// at it. The header comes late, and is in nobody's way.
pub async fn a_header_that_arrives_after_a_takeover_is_taken_back(place: &Place) {
    for ended in [true, false] {
        let (here, there) = (place.open(), place.open());
        let options = lock_options(&FakeProcesses::default());
        let dead = here.lock(&id(), &owner("here", 1), &options).await.unwrap();
        let slow = dead.fencing_token();
        proxy(place).set_hook(move |exchange, moment| {
            let is_header =
                exchange.method == "PUT" && exchange.path.contains(&format!("/journal/shop/dev/{:08}", slow * 1000));
            match is_header && moment == Moment::Before {
                true => Action::Delay(Duration::from_secs(5)),
                false => Action::Pass,
            }
        });
        let late = tokio::spawn(async move { here.create_journal(&dead, "d-1", json!({}), None).await.map(drop) });
        tokio::time::sleep(Duration::from_millis(300)).await;
        shorten_lease(place).await;
        let lock = there.lock(&id(), &owner("there", 1), &waiting()).await.unwrap();
        let journal = there.create_journal(&lock, "d-2", json!({}), None).await.unwrap();
        journal.append_durable(&json!({ "number": 1 })).await.unwrap();
        let open = match ended {
            true => {
                journal.finish().await.unwrap();
                None
            }
            false => Some(journal),
        };
        let error = late.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::LockLost(_)), "{error}");
        proxy(place).remove_hook();
        if let Some(journal) = open {
            journal.append_durable(&json!({ "number": 2 })).await.unwrap();
            assert_eq!(there.read_journal(&id()).await.unwrap().unwrap().records.len(), 2);
            journal.finish().await.unwrap();
        }
        assert!(place.open().read_journal(&id()).await.unwrap().is_none());
        assert_eq!(place.names(".semantest/journal/shop/dev").await, [""; 0]);
        lock.release().await.unwrap();
    }
}

/// A machine that was taken for dead writes one more segment just before it is kept from it: what it was told to be durable is
/// in the journal that the other one goes on with.
pub async fn what_was_told_to_be_durable_is_in_the_journal_of_who_took_over(place: &Place) {
    let (here, there) = (place.open(), place.open());
    let options = lock_options(&FakeProcesses::default());
    let dead = here.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let journal = here.create_journal(&dead, "d-1", json!({}), None).await.unwrap();
    for number in 1..=2 {
        journal.append_durable(&json!({ "number": number })).await.unwrap();
    }
    // The second record is still on its way.
    let segment = format!(".semantest/journal/shop/dev/{:08}-00000002.jsonl", dead.fencing_token() * 1000);
    let second = place.get(&segment).await;
    place.delete(&segment).await;
    shorten_lease(place).await;
    let lock = there.lock(&id(), &owner("there", 1), &waiting()).await.unwrap();
    // The fence is an empty segment. It is slow, and comes second.
    let proxy = proxy(place);
    proxy.set_hook(|exchange, moment| {
        let is_fence = exchange.method == "PUT" && exchange.path.contains("/journal/") && exchange.length == 0;
        match is_fence && moment == Moment::Before {
            true => Action::Delay(Duration::from_secs(1)),
            false => Action::Pass,
        }
    });
    let arrival = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        place.put(&segment, second).await;
    };
    let (resumed, ()) = tokio::join!(there.resume_journal(&lock), arrival);
    let (found, resumed) = resumed.unwrap().unwrap();
    assert_eq!(found.records.len(), 2);
    resumed.append_durable(&json!({ "number": 3 })).await.unwrap();
    assert!(journal.append_durable(&json!({ "number": 666 })).await.is_err());
    proxy.remove_hook();
    assert_eq!(place.open().read_journal(&id()).await.unwrap().unwrap().records.len(), 3);
    resumed.finish().await.unwrap();
    lock.release().await.unwrap();
}

/// A gateway between here and the store tries each write a second time, though the first one succeeded: the condition doesn't
/// hold any more, and the answer says so. Nobody else was there.
pub async fn what_something_in_between_tried_twice_is_no_conflict(place: &Place) {
    begin(place).await;
    let store = place.open();
    proxy(place).set_hook(|exchange, moment| {
        let is_condition = |name: &str| exchange.headers.contains_key(name);
        let is_conditional = is_condition("if-match") || is_condition("if-none-match");
        let is_written = exchange.status.is_some_and(|status| (200..300).contains(&status));
        match exchange.method == "PUT" && is_conditional && moment == Moment::After && is_written {
            true => Action::Answer(Answer::new(412.try_into().unwrap(), "")),
            false => Action::Pass,
        }
    });
    let durable = AtomicUsize::new(0);
    deploy(&store, &durable).await.unwrap();
    proxy(place).remove_hook();
    assert_eq!(durable.load(Ordering::SeqCst), 3);
    assert_eq!(topics(&store.load(&id()).await.unwrap().unwrap().checkpoint), 2);
    assert!(store.read_journal(&id()).await.unwrap().is_none());
    let held = lock(&store).await;
    held.release().await.unwrap();
}

/// Reading a stack takes these requests, whatever its size.
pub async fn reading_takes_few_requests(place: &Place) {
    begin(place).await;
    for size in [1, 400] {
        let store = place.open();
        let held = lock(&store).await;
        let base = store.load(&id()).await.unwrap().unwrap().revision;
        store.save(&held, &checkpoint(size), Some(&base)).await.unwrap();
        held.release().await.unwrap();
        let (store, proxy) = (place.open(), proxy(place));
        proxy.clear();
        let (loaded, journal) = store.load_with_journal(&id()).await.unwrap();
        assert_eq!((topics(&loaded.unwrap().checkpoint), journal.is_none()), (size, true));
        let requests: Vec<String> =
            proxy.exchanges().into_iter().map(|exchange| format!("{} {}", exchange.method, exchange.path)).collect();
        assert_eq!(requests.len(), 4, "{requests:#?}");
        assert_eq!(proxy.writes(), 0);
    }
}

/// S3 is asked in each write to encrypt what it stores, as the URL says; unasked the bucket does what it is set to do.
#[tokio::test]
async fn each_write_to_a_bucket_asks_for_the_encryption_of_the_url() {
    let place = Place::s3().await;
    let StoreUrl::S3(plain) = &place.url else { panic!("{}", place.url) };
    assert_eq!(plain.encryption, state::S3Encryption::Unasked, "the URL names none");
    for (encryption, kind, key) in [
        (state::S3Encryption::Aes256, Some("AES256"), None),
        (state::S3Encryption::Kms { key: Some("alias/state".to_owned()) }, Some("aws:kms"), Some("alias/state")),
        (state::S3Encryption::Unasked, None, None),
    ] {
        begin(&place).await;
        let url = StoreUrl::S3(state::S3Url { encryption, ..plain.clone() });
        let store = StackStore::open(&url, StoreOptions::default(), &place.access).unwrap();
        let proxy = proxy(&place);
        proxy.clear();
        deploy(&store, &AtomicUsize::new(0)).await.unwrap();
        let writes: Vec<_> = proxy.exchanges().into_iter().filter(|exchange| exchange.method == "PUT").collect();
        assert!(writes.len() > 8, "{}", writes.len());
        assert!(writes.iter().any(|write| write.headers.contains_key("x-amz-copy-source")), "copies are writes, too");
        for write in writes {
            let header = |name: &str| write.headers.get(name).map(String::as_str);
            assert_eq!(header("x-amz-server-side-encryption"), kind, "{}", write.path);
            assert_eq!(header("x-amz-server-side-encryption-aws-kms-key-id"), key, "{}", write.path);
        }
    }
}

/// A service that takes every write, whatever its condition is, is noticed before anything is written into a stack. It is
/// asked once for each stack: the lease that is made then stays.
#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused() {
    for ignored in [&["if-none-match"][..], &["if-match"], &["if-match", "if-none-match"]] {
        let place = Place::s3().await;
        proxy(&place).keep_back(ignored);
        let options = lock_options(&FakeProcesses::default());
        let error = place.open().lock(&id(), &owner("here", 1), &options).await.unwrap_err();
        assert!(matches!(error, Error::Unconditional { .. }), "{ignored:?}: {error}");
        assert!(error.hint().unwrap().contains("conditional writes"));
        let left: Vec<String> = place.files().await.into_keys().filter(|key| !key.ends_with("meta.yaml")).collect();
        assert_eq!(left, Vec::<String>::new());
    }
    let place = Place::s3().await;
    for writes in [7, 4] {
        proxy(&place).clear();
        let options = lock_options(&FakeProcesses::default());
        place.open().lock(&id(), &owner("here", 1), &options).await.unwrap().release().await.unwrap();
        let found = proxy(&place).exchanges().into_iter().filter(|exchange| exchange.is_write());
        let found: Vec<String> = found.map(|exchange| format!("{} {}", exchange.method, exchange.path)).collect();
        assert_eq!(found.len(), writes, "{found:#?}");
    }
}

/// S3 says where a bucket is when it is asked in another region.
#[tokio::test]
async fn the_region_of_a_bucket_is_told() {
    let place = Place::s3().await;
    proxy(&place).set_hook(|_, _| {
        let answer = Answer::new(301.try_into().unwrap(), "");
        Action::Answer(answer.with_header("x-amz-bucket-region".parse().unwrap(), "eu-central-1"))
    });
    let error = place.open().load(&id()).await.unwrap_err();
    assert!(error.to_string().contains("the bucket is in another region"), "{error}");
    assert!(error.hint().unwrap().contains("?region=eu-central-1"));
}

/// Who has no credentials is told so, without a request.
#[tokio::test]
async fn missing_credentials_are_told_as_such() {
    #[derive(Debug)]
    struct Nobody;
    #[async_trait::async_trait]
    impl state::S3Credentials for Nobody {
        async fn keys(&self) -> Result<state::S3Keys, state::NoCredentials> {
            Err(state::NoCredentials {
                message: "the profile 'x' gives none".to_owned(),
                hint: Some("log in".to_owned()),
            })
        }
    }
    let mut place = Place::s3().await;
    place.access.s3.as_mut().unwrap().credentials = Arc::new(Nobody);
    proxy(&place).clear();
    let error = place.open().load(&id()).await.unwrap_err();
    assert!(error.to_string().ends_with("no credentials (the profile 'x' gives none)"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("log in"));
    assert!(proxy(&place).exchanges().is_empty());
}
