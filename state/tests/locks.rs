//! Locks and leases: one holder at a time, whoever it is and however it ends.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::support::{
    FailingStore, FakeProcesses, FakeTime, checkpoint, files, id, lock_options, owner, store, topics,
};
use state::{
    Error, LockLost, LockOptions, Owner, StackLock, StackStore, StoreOptions, SystemProcesses, TakeoverReason,
};

fn locked(result: state::Result<StackLock>) -> state::Locked {
    match result {
        Err(Error::Locked(locked)) => locked,
        Ok(_) => panic!("there are two holders"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn who_comes_second_is_told_who_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let time = FakeTime::new();
    let store = StackStore::open_folder(folder.path(), time.options()).unwrap();
    let options = lock_options(&FakeProcesses::default());
    let lock = store.lock(&id(), &owner("ci-1", 42), &options).await.unwrap();
    let error = locked(store.lock(&id(), &owner("ci-2", 7), &options).await);
    let names: Vec<String> = files(&folder.path().join(".pulumi/locks/organization/shop/dev")).into_keys().collect();
    let [name] = names.as_slice() else { panic!("{names:?}") };
    let expected = format!(
        "the stack is currently locked by 1 lock(s). Wait for the other process(es) to end.\n  \
         file://{}/.pulumi/locks/organization/shop/dev/{name}: created by ann@ci-1 (pid 42) at 2027-01-15T08:00:00Z",
        folder.path().display()
    );
    assert_eq!(error.to_string(), expected);
    let today = StackStore::open_folder(folder.path(), StoreOptions::default()).unwrap();
    assert_eq!(today.holders(&id(), &owner("ci-2", 7), &options).await.unwrap(), error.holders);
    let until = error.holders[0].lease_until.unwrap();
    assert!(error.hint().contains(&until.format("until %Y-%m-%dT%H:%M:%SZ").to_string()), "{}", error.hint());
    assert!(error.hint().contains("`--lock-timeout`") && error.hint().contains("`semantest-iac cancel`"));
    lock.release().await.unwrap();
    assert_eq!(store.lock_holders(&id()).await.unwrap(), []);
    let again = store.lock(&id(), &owner("ci-2", 7), &options).await.unwrap();
    assert_eq!(again.fencing_token(), 2);
    assert_eq!(again.takeover(), None);
}

#[tokio::test]
async fn a_lock_of_pulumis_with_its_side_file_is_one_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let locks = folder.path().join(".pulumi/locks/organization/shop/dev");
    std::fs::create_dir_all(&locks).unwrap();
    let lock = r#"{"pid":4242,"username":"alice","hostname":"ci-1","timestamp":"2026-11-22T10:00:00Z"}"#;
    std::fs::write(locks.join("7d7c52c4-0000-4000-8000-000000000001.json"), lock).unwrap();
    std::fs::write(locks.join("7d7c52c4-0000-4000-8000-000000000001.json.attrs"), r#"{"md5":"x"}"#).unwrap();
    let error = locked(store.lock(&id(), &owner("ci-2", 7), &lock_options(&FakeProcesses::default())).await);
    let pids: Vec<u32> = error.holders.iter().map(|holder| holder.pid).collect();
    assert_eq!(pids, [4242]);
    store.cancel(&id(), &owner("here", 9), &lock_options(&FakeProcesses::default())).await.unwrap();
    assert_eq!(files(&locks).into_keys().collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn the_lock_file_is_what_pulumi_reads() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let _lock = store.lock(&id(), &owner("ci-1", 42), &lock_options(&FakeProcesses::default())).await.unwrap();
    let files = files(&folder.path().join(".pulumi/locks/organization/shop/dev"));
    let (name, content) = files.iter().next().unwrap();
    let stem = name.strip_suffix(".json").unwrap();
    assert_eq!(uuid::Uuid::parse_str(stem).unwrap().get_version_num(), 4);
    let file: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(content).unwrap();
    let keys: Vec<&str> = file.keys().map(String::as_str).collect();
    assert_eq!(
        {
            let mut keys = keys;
            keys.sort_unstable();
            keys
        },
        ["hostname", "pid", "timestamp", "username"]
    );
    assert_eq!((&file["pid"], &file["username"], &file["hostname"]), (&42.into(), &"ann".into(), &"ci-1".into()));
    chrono::DateTime::parse_from_rfc3339(file["timestamp"].as_str().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_that_start_at_once_exactly_one_wins() {
    let options = lock_options(&FakeProcesses::default());
    for _round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let starters = (0..8).map(|number| {
            // Each its own store, as each process has.
            let (store, options) = (store(folder.path()), options.clone());
            tokio::spawn(async move { store.lock(&id(), &owner("here", number), &options).await })
        });
        let results = futures::future::join_all(starters).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            results.into_iter().map(Result::unwrap).partition(|result: &state::Result<StackLock>| result.is_ok());
        assert_eq!(won.len(), 1);
        let holder = won[0].as_ref().unwrap();
        for result in lost {
            let error = locked(result);
            assert_eq!(error.holders.len(), 1, "{error}");
            assert!(error.holders[0].user == "ann" && error.holders[0].host == "here");
        }
        holder.verify().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_waits_gets_the_lock_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    let lock = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let waiting = LockOptions { timeout: Some(Duration::from_secs(600)), ..options.clone() };
    let waiter = tokio::spawn({
        let store = store.clone();
        async move { store.lock(&id(), &owner("here", 2), &waiting).await }
    });
    // Dropping gives it back, too.
    drop(lock);
    assert_eq!(waiter.await.unwrap().unwrap().fencing_token(), 2);
}

#[tokio::test]
async fn waiting_ends_with_who_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    let _lock = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let waiting = LockOptions { timeout: Some(Duration::from_millis(50)), ..options };
    assert_eq!(locked(store.lock(&id(), &owner("here", 2), &waiting).await).holders[0].pid, 1);
}

#[tokio::test]
async fn a_dead_process_of_this_machine_loses_its_lock_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let processes = FakeProcesses::default();
    let options = lock_options(&processes);
    let dead = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let base = store.save(&dead, &checkpoint(1), None).await.unwrap();
    locked(store.lock(&id(), &owner("here", 2), &options).await);
    processes.kill(1);
    // Another machine doesn't know that: there a process of the same id may live.
    locked(store.lock(&id(), &owner("elsewhere", 2), &options).await);
    let lock = store.lock(&id(), &owner("here", 2), &options).await.unwrap();
    let takeover = lock.takeover().unwrap();
    assert_eq!((takeover.from.pid, takeover.reason), (1, TakeoverReason::ProcessGone));
    assert!(takeover.to_string().ends_with("that process is not running any more"), "{takeover}");
    assert!(lock.fencing_token() > dead.fencing_token());
    // The dead one's lock file is gone, ours is the only one.
    assert_eq!(store.lock_holders(&id()).await.unwrap()[0].pid, 2);
    // Should the dead one live after all, it notices before it writes.
    let error = store.save(&dead, &checkpoint(2), Some(&base)).await.unwrap_err();
    assert!(matches!(error, Error::LockLost(_)), "{error}");
    assert_eq!(topics(&store.load(&id()).await.unwrap().unwrap().checkpoint), 1);
    // And giving its lock back leaves ours alone.
    dead.release().await.unwrap();
    lock.verify().await.unwrap();
    locked(store.lock(&id(), &owner("here", 3), &options).await);
}

#[tokio::test]
async fn a_process_whose_id_is_used_again_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    let before = Owner { process_start: "start of an older 1".to_owned(), ..owner("here", 1) };
    let _dead = store.lock(&id(), &before, &options).await.unwrap();
    let lock = store.lock(&id(), &owner("here", 2), &options).await.unwrap();
    assert_eq!(lock.takeover().unwrap().reason, TakeoverReason::ProcessGone);
}

#[tokio::test]
async fn elsewhere_a_lock_is_taken_over_when_its_lease_has_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    let first = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    written_before(folder.path(), Duration::from_secs(30));
    locked(store.lock(&id(), &owner("elsewhere", 2), &options).await);
    let written = written_before(folder.path(), Duration::from_secs(32));
    let second = store.lock(&id(), &owner("elsewhere", 2), &options).await.unwrap();
    let TakeoverReason::LeaseRanOut(at) = second.takeover().unwrap().reason else { panic!("{:?}", second.takeover()) };
    assert_eq!(at, chrono::DateTime::<chrono::Utc>::from(written) + Duration::from_secs(30));
    let error = first.verify().await.unwrap_err();
    assert!(error.to_string().contains("was taken over by ann@elsewhere (pid 2)"), "{error}");
    assert!(matches!(error, Error::LockLost(LockLost::TakenOver { .. })) && error.hint().is_some());
}

/// Makes the lease's file look as if it had been written before, and says when.
fn written_before(folder: &std::path::Path, age: Duration) -> std::time::SystemTime {
    let written = std::time::SystemTime::now() - age;
    let lease = folder.join(".semantest/leases/shop/dev.json");
    std::fs::File::options().write(true).open(lease).unwrap().set_modified(written).unwrap();
    written
}

#[tokio::test]
async fn clocks_that_differ_neither_break_a_lock_nor_keep_a_dead_ones() {
    const YEAR: Duration = Duration::from_secs(366 * 86_400);
    for (holder_ahead, other_ahead) in [(YEAR, Duration::ZERO), (Duration::ZERO, YEAR), (YEAR, 2 * YEAR)] {
        let folder = tempfile::tempdir().unwrap();
        let ahead = |by: Duration| {
            let time = Arc::new(move || chrono::Utc::now() + by);
            StackStore::open_folder(folder.path(), StoreOptions { time, ..StoreOptions::default() }).unwrap()
        };
        let (here, elsewhere) = (ahead(holder_ahead), ahead(other_ahead));
        let options = lock_options(&FakeProcesses::default());
        let lock = here.lock(&id(), &owner("here", 1), &options).await.unwrap();
        locked(elsewhere.lock(&id(), &owner("elsewhere", 2), &options).await);
        lock.verify().await.unwrap();
        written_before(folder.path(), Duration::from_secs(32));
        let taken = elsewhere.lock(&id(), &owner("elsewhere", 2), &options).await.unwrap();
        assert!(matches!(taken.takeover().unwrap().reason, TakeoverReason::LeaseRanOut(_)));
    }
}

#[tokio::test]
async fn who_waits_takes_a_lease_over_that_stays_the_same_for_its_whole_duration() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    let lock = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    // As a lease of 50 ms, whose holder doesn't renew it; the store's clock says that it was written in the future.
    let lease = folder.path().join(".semantest/leases/shop/dev.json");
    let mut content: serde_json::Value = serde_json::from_slice(&std::fs::read(&lease).unwrap()).unwrap();
    let heartbeat: chrono::DateTime<chrono::Utc> = content["held"]["heartbeat"].as_str().unwrap().parse().unwrap();
    content["held"]["expires"] = (heartbeat + Duration::from_millis(50)).to_rfc3339().into();
    std::fs::write(&lease, serde_json::to_vec(&content).unwrap()).unwrap();
    let waiting = LockOptions { timeout: Some(Duration::from_secs(60)), ..options };
    let taken = store.lock(&id(), &owner("elsewhere", 2), &waiting).await.unwrap();
    assert!(matches!(taken.takeover().unwrap().reason, TakeoverReason::LeaseRanOut(_)));
    assert!(matches!(lock.verify().await, Err(Error::LockLost(LockLost::TakenOver { .. }))));
}

#[tokio::test]
async fn a_takeover_that_dies_halfway_leaves_no_lock_file_that_nobody_removes() {
    let folder = tempfile::tempdir().unwrap();
    let processes = FakeProcesses::default();
    let options = lock_options(&processes);
    let _dead = store(folder.path()).lock(&id(), &owner("here", 1), &options).await.unwrap();
    processes.kill(1);
    // The second one dies after it has taken the lease, before it removes the lock file of the first.
    let local = Arc::new(state::store::local::LocalStore::new(folder.path().to_owned()));
    let failing = Arc::new(FailingStore::new(local, 1, std::io::ErrorKind::Other));
    let prefix = object_store::path::Path::from_absolute_path(folder.path()).unwrap();
    let dying = StackStore::over_object_store(failing, prefix, "file:///x", StoreOptions::default());
    dying.lock(&id(), &owner("here", 2), &options).await.unwrap_err();
    processes.kill(2);
    let third = store(folder.path()).lock(&id(), &owner("here", 3), &options).await.unwrap();
    assert_eq!(third.fencing_token(), 3);
    third.verify().await.unwrap();
    assert_eq!(files(&folder.path().join(".pulumi/locks/organization/shop/dev")).len(), 1);
}

/// The lock file of the dead one can't be removed for a while, at each of the calls of a takeover: it is not taken for a lock of
/// Pulumi's later.
#[tokio::test]
async fn a_takeover_that_fails_halfway_is_made_by_the_next() {
    for (fails_from, calls) in (0..5).flat_map(|from| (1..4).map(move |calls| (from, calls))) {
        let folder = tempfile::tempdir().unwrap();
        let processes = FakeProcesses::default();
        let options = lock_options(&processes);
        let _dead = store(folder.path()).lock(&id(), &owner("here", 1), &options).await.unwrap();
        processes.kill(1);
        let local = Arc::new(state::store::local::LocalStore::new(folder.path().to_owned()));
        let failing = Arc::new(FailingStore::new(local, fails_from, std::io::ErrorKind::Other));
        failing.recover_after(calls);
        let prefix = object_store::path::Path::from_absolute_path(folder.path()).unwrap();
        let other = StackStore::over_object_store(failing, prefix, "file:///x", StoreOptions::default());
        // It lives on, and may try again.
        if let Ok(lock) = other.lock(&id(), &owner("here", 2), &options).await {
            let _ = lock.release().await;
        }
        let observer = owner("here", 3);
        let third = match store(folder.path()).lock(&id(), &observer, &options).await {
            // What could not be given back either has to run out, or its process to die.
            Err(Error::Locked(_)) => {
                processes.kill(2);
                store(folder.path()).lock(&id(), &observer, &options).await
            }
            result => result,
        };
        let third = third.unwrap_or_else(|error| panic!("failing from {fails_from}, {calls} times: {error}"));
        third.release().await.unwrap();
        assert_eq!(files(&folder.path().join(".pulumi/locks/organization/shop/dev")).len(), 0, "{fails_from} {calls}");
    }
}

#[tokio::test]
async fn a_lock_that_cannot_be_renewed_in_time_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let local = Arc::new(state::store::local::LocalStore::new(folder.path().to_owned()));
    // The store's version file, the lease, two writes that it has to refuse, and the lock file; then no heartbeat gets through.
    let failing = Arc::new(FailingStore::new(local, 5, std::io::ErrorKind::TimedOut));
    let prefix = object_store::path::Path::from_absolute_path(folder.path()).unwrap();
    let store = StackStore::over_object_store(failing.clone(), prefix, "file:///x", StoreOptions::default());
    let options = LockOptions { lease: Duration::from_millis(900), ..lock_options(&FakeProcesses::default()) };
    let lock = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    lock.verify().await.unwrap();
    assert!(matches!(lock.lost().await, LockLost::RanOut { .. }));
    assert!(failing.has_failed());
    assert!(matches!(lock.verify().await, Err(Error::LockLost(LockLost::RanOut { .. }))));
}

#[tokio::test]
async fn takeovers_and_cancellations_are_written_down_beside_the_audit_logs() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let processes = FakeProcesses::default();
    let options = lock_options(&processes);
    let _dead = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    processes.kill(1);
    let _lock = store.lock(&id(), &owner("here", 2), &options).await.unwrap();
    store.cancel(&id(), &owner("here", 3), &options).await.unwrap();
    let audit = files(&folder.path().join(".semantest/audit/shop/dev"));
    let lines: Vec<serde_json::Value> =
        audit.values().map(|content| serde_json::from_slice(content.trim_ascii_end()).unwrap()).collect();
    let told =
        |line: &serde_json::Value| format!("{} {}", line["action"].as_str().unwrap(), line["detail"].as_str().unwrap());
    assert_eq!(lines.len(), 2);
    let taken = told(&lines[0]);
    assert!(
        taken.starts_with("take-over-lock ann@here (pid 2): took over the lock of ann@here (pid 1), held since"),
        "{taken}"
    );
    let cancelled = told(&lines[1]);
    assert!(
        cancelled.starts_with("cancel-lock ann@here (pid 3): removed the lock of ann@here (pid 2) (file://"),
        "{cancelled}"
    );
}

#[tokio::test]
async fn a_lease_without_a_lock_file_is_cancelled_too_and_a_newcomers_lock_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    assert_eq!(store.cancel(&id(), &owner("here", 9), &options).await.unwrap(), []);
    let lock = store.lock(&id(), &owner("elsewhere", 1), &options).await.unwrap();
    let locks = folder.path().join(".pulumi/locks/organization/shop/dev");
    files(&locks).keys().for_each(|name| std::fs::remove_file(locks.join(name)).unwrap());
    locked(store.lock(&id(), &owner("here", 2), &options).await);
    let cancelled = store.cancel(&id(), &owner("here", 9), &options).await.unwrap();
    assert_eq!((cancelled.len(), cancelled[0].holder.pid, cancelled[0].is_dead), (1, 1, false));
    let next = store.lock(&id(), &owner("here", 2), &options).await.unwrap();
    assert!(matches!(lock.verify().await, Err(Error::LockLost(LockLost::TakenOver { .. }))));
    next.verify().await.unwrap();
}

#[tokio::test]
async fn a_heartbeat_keeps_a_lease_running_and_notices_when_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let processes = FakeProcesses::default();
    let options = LockOptions { lease: Duration::from_millis(900), ..lock_options(&processes) };
    let lease = || std::fs::read(folder.path().join(".semantest/leases/shop/dev.json")).unwrap();
    let lock = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let before = lease();
    // Ends with the first heartbeat; a test that hangs here has none.
    while lease() == before {
        tokio::task::yield_now().await;
    }
    // `pulumi cancel` removes the lock file and nothing else.
    let locks = folder.path().join(".pulumi/locks/organization/shop/dev");
    for name in files(&locks).keys() {
        std::fs::remove_file(locks.join(name)).unwrap();
    }
    assert!(matches!(lock.lost().await, LockLost::Cancelled { .. }));
    assert!(matches!(lock.verify().await, Err(Error::LockLost(LockLost::Cancelled { .. }))));
}

#[tokio::test]
async fn a_cancelled_lock_stops_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let options = lock_options(&FakeProcesses::default());
    let lock = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let base = store.save(&lock, &checkpoint(1), None).await.unwrap();
    let cancelled = store.cancel(&id(), &owner("here", 9), &options).await.unwrap();
    assert_eq!((cancelled[0].holder.pid, cancelled[0].is_dead), (1, false));
    let stacks = folder.path().join(".pulumi/stacks");
    let before = files(&stacks);
    let error = store.save(&lock, &checkpoint(2), Some(&base)).await.unwrap_err();
    assert!(error.to_string().contains("was cancelled by somebody else"), "{error}");
    assert!(matches!(store.record_history(&lock, &state::UpdateInfo::default()).await, Err(Error::LockLost(_))));
    assert!(matches!(store.set_tags(&lock, [].into()).await, Err(Error::LockLost(_))));
    assert_eq!(files(&stacks), before);
    // Anybody may go on at once.
    let next = store.lock(&id(), &owner("here", 2), &options).await.unwrap();
    next.verify().await.unwrap();
}

#[tokio::test]
async fn pulumis_own_lock_is_never_broken() {
    let folder = tempfile::tempdir().unwrap();
    let time = FakeTime::new();
    let store = StackStore::open_folder(folder.path(), time.options()).unwrap();
    let processes = FakeProcesses::default();
    processes.kill(4242);
    let locks = folder.path().join(".pulumi/locks/organization/shop/dev");
    std::fs::create_dir_all(&locks).unwrap();
    let foreign = locks.join("7d7c52c4-0000-4000-8000-000000000001.json");
    let content = r#"{"pid":4242,"username":"alice","hostname":"ci-1","timestamp":"2026-11-22T10:00:00Z"}"#;
    std::fs::write(&foreign, content).unwrap();
    for _ in 0..2 {
        let error = locked(store.lock(&id(), &owner("here", 1), &lock_options(&processes)).await);
        assert!(error.to_string().contains("created by alice@ci-1 (pid 4242) at 2026-11-22T10:00:00Z"), "{error}");
        assert_eq!(std::fs::read_to_string(&foreign).unwrap(), content);
        assert_eq!(files(&locks).len(), 1, "ours is gone again");
        time.advance(Duration::from_secs(86_400));
    }
    // One that can't be understood counts as well.
    std::fs::write(&foreign, "{").unwrap();
    assert_eq!(
        locked(store.lock(&id(), &owner("here", 1), &lock_options(&processes)).await).holders[0].user,
        "unknown"
    );
    std::fs::remove_file(&foreign).unwrap();
    store.lock(&id(), &owner("here", 1), &lock_options(&processes)).await.unwrap();
}

#[tokio::test]
async fn a_damaged_lease_is_named_and_one_that_is_cut_off_is_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = folder.path().join(".semantest/leases/shop/dev.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for content in ["[]", "nonsense", r#"{"version":2,"token":1,"held":null}"#] {
        std::fs::write(&path, content).unwrap();
        let error = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{content}: {error}");
    }
    let mut token = 1;
    for content in ["", "{", r#"{"version":1,"tok"#] {
        std::fs::write(&path, content).unwrap();
        let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
        lock.release().await.unwrap();
        let lease: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let next = lease["token"].as_u64().unwrap();
        assert!(next > token, "numbers never come back");
        token = next;
    }
}

/// Not a test of its own: what the next tests run as another process. It takes the lock, adds to a number in a file
/// without any protection but the lock, and gives the lock back; or it holds the lock until it is killed.
#[test]
fn as_another_process() {
    let Some(folder) = std::env::var_os("STATE_TEST_FOLDER") else { return };
    let hold = std::env::var_os("STATE_TEST_HOLD").is_some();
    let folder = std::path::PathBuf::from(folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = StackStore::open_folder(&folder, StoreOptions::default()).unwrap();
        let owner = Owner::this_process("ann", "here", &SystemProcesses);
        let options = LockOptions {
            timeout: Some(Duration::from_secs(300)),
            processes: Arc::new(SystemProcesses),
            ..LockOptions::default()
        };
        let number = folder.join("number");
        for _ in 0..5 {
            let lock = store.lock(&id(), &owner, &options).await.unwrap();
            if hold {
                std::fs::write(folder.join("held"), "").unwrap();
                std::future::pending::<()>().await;
            }
            let before: u32 = std::fs::read_to_string(&number).unwrap().parse().unwrap();
            tokio::task::yield_now().await;
            std::fs::write(&number, (before + 1).to_string()).unwrap();
            lock.release().await.unwrap();
        }
    });
}

fn another_process(folder: &std::path::Path, hold: bool) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "locks::as_another_process", "--nocapture"]).env("STATE_TEST_FOLDER", folder);
    if hold {
        command.env("STATE_TEST_HOLD", "1");
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn processes_that_take_turns_lose_no_update() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("number"), "0").unwrap();
    let children: Vec<_> = (0..8).map(|_| another_process(folder.path(), false)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("number")).unwrap(), "40");
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[tokio::test]
async fn a_killed_process_loses_its_lock_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = another_process(folder.path(), true);
    while !folder.path().join("held").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the other process has ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let store = store(folder.path());
    let owner = Owner::this_process("bob", "here", &SystemProcesses);
    let options = LockOptions::default();
    assert_eq!(locked(store.lock(&id(), &owner, &options).await).holders[0].pid, child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    let lock = store.lock(&id(), &owner, &options).await.unwrap();
    let takeover = lock.takeover().unwrap();
    assert_eq!((takeover.from.pid, takeover.reason), (child.id(), TakeoverReason::ProcessGone));
    assert_eq!(store.lock_holders(&id()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_cancelled_lock_stops_the_journal_at_its_next_group() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let journal = store.create_journal(&lock, "d-1", serde_json::json!({}), None).await.unwrap();
    journal.append_durable(&1).await.unwrap();
    // `pulumi cancel` removes the lock file and nothing else.
    let locks = folder.path().join(".pulumi/locks/organization/shop/dev");
    files(&locks).keys().for_each(|name| std::fs::remove_file(locks.join(name)).unwrap());
    let error = journal.append_durable(&2).await.unwrap_err();
    assert!(matches!(error, Error::LockLost(LockLost::Cancelled { .. })), "{error}");
    assert!(matches!(journal.failure(), Some(Error::LockLost(_))));
    assert!(matches!(lock.known_loss(), Some(LockLost::Cancelled { .. })));
    assert_eq!(store.read_journal(&id()).await.unwrap().unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_journal_that_was_taken_over_says_so_and_not_that_a_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let journal = store.create_journal(&lock, "d-1", serde_json::json!({}), None).await.unwrap();
    journal.append_durable(&1).await.unwrap();
    let _other = store.resume_journal(&lock).await.unwrap().unwrap();
    for error in [journal.append_durable(&2).await.unwrap_err(), journal.failure().unwrap()] {
        assert!(matches!(error, Error::Journal(state::JournalError::Fenced { .. })), "{error}");
        assert!(error.to_string().ends_with("nothing more was recorded"), "{error}");
        assert!(!error.hint().unwrap().contains("space"));
    }
}
