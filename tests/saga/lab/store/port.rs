//! The ports of a stack's store over the one in memory.

use resource_graph::Cancellation;

use super::*;

/// The port; a type of its own, since locked stacks hold the store.
pub struct StorePort(pub Arc<MemoryStore>);

#[async_trait]
impl StackStore for StorePort {
    fn location(&self) -> String {
        "memory".into()
    }

    async fn read(&self) -> Result<StackSnapshot, StoreError> {
        self.0.access("read", |_| Ok(())).await?;
        self.0.snapshot()
    }

    async fn is_locked(&self) -> Result<bool, StoreError> {
        Ok(self.0.state().lock != Lock::Free)
    }

    async fn lock(
        &self,
        _request: LockRequest,
        _cancellation: &Cancellation,
        notices: &dyn NoticeHandler,
    ) -> Result<Arc<dyn LockedStack>, StoreError> {
        let number = self
            .0
            .access("lock", |state| {
                if let Lock::Held(_) = state.lock {
                    return Err(failed(StoreErrorKind::Locked, "held by somebody@elsewhere (pid 7)"));
                }
                if state.lock == Lock::Left {
                    notices.notice(Notice::LockTakenOver { report: "its process is dead".into() });
                }
                state.locks += 1;
                state.writes += 1;
                state.lock = Lock::Held(state.locks);
                Ok(state.locks)
            })
            .await?;
        Ok(Arc::new(Held { store: Arc::clone(&self.0), number, base: Mutex::default() }))
    }

    async fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        Ok(self.0.state().history.iter().rev().take(limit).cloned().collect())
    }

    async fn deployments(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.state().archive.iter().map(|(id, _)| id.clone()).collect())
    }

    async fn events(&self, deployment: &str, from: usize) -> Result<Vec<DomainEvent>, StoreError> {
        let state = self.0.state();
        let found = state.archive.iter().find(|(id, _)| id == deployment);
        Ok(found.map(|(_, events)| events[from..].to_vec()).unwrap_or_default())
    }
}

struct Held {
    store: Arc<MemoryStore>,
    number: u64,
    /// Resources and pending operations, as they were read.
    base: Mutex<(Vec<ResourceRecord>, Vec<ResourceRecord>)>,
}

impl Held {
    async fn write<T>(
        &self,
        label: &str,
        work: impl FnOnce(&mut State) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let number = self.number;
        self.store
            .access(label, move |state| {
                if state.lock != Lock::Held(number) {
                    return Err(failed(StoreErrorKind::LockLost, "somebody broke the lock"));
                }
                state.writes += 1;
                state.version += 1;
                work(state)
            })
            .await
    }
}

#[async_trait]
impl LockedStack for Held {
    fn takeover(&self) -> Option<String> {
        None
    }

    fn predecessor_seen(&self) -> Option<i64> {
        None
    }

    async fn read(&self) -> Result<StackSnapshot, StoreError> {
        self.store.access("read under the lock", |_| Ok(())).await?;
        let (folded, pending) = {
            let state = self.store.state();
            (state.folded(), state.without_owner())
        };
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = (folded, pending);
        self.store.snapshot()
    }

    fn encode(&self, record: &ResourceRecord) -> Result<ResourceImage, StoreError> {
        let mut state = self.store.state();
        state.images.push(record.clone());
        let text = (state.images.len() - 1).to_string();
        let raw = serde_json::value::RawValue::from_string(text).expect("a number is JSON");
        Ok(ResourceImage(raw.into()))
    }

    fn encode_adopted(&self, _from: &Urn, record: &ResourceRecord) -> Result<ResourceImage, StoreError> {
        self.encode(record)
    }

    async fn begin(&self, first: &DomainEvent) -> Result<(), StoreError> {
        self.write("begin", |state| {
            if state.journal.is_some() {
                state.unsound.push("a journal was begun before the one before was settled".into());
            }
            state.journal = Some(Journal { events: vec![first.clone()], durable: 1 });
            Ok(())
        })
        .await
    }

    fn append(&self, event: &DomainEvent) {
        let mut state = self.store.state();
        if state.lock == Lock::Held(self.number)
            && let Some(journal) = &mut state.journal
        {
            journal.events.push(event.clone());
        }
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.write("flush", |state| {
            if let Some(journal) = &mut state.journal {
                journal.durable = journal.events.len();
            }
            Ok(())
        })
        .await
    }

    fn failure(&self) -> Option<StoreError> {
        let is_ours = self.store.state().lock == Lock::Held(self.number);
        (!is_ours).then(|| failed(StoreErrorKind::LockLost, "somebody broke the lock"))
    }

    async fn check_lock(&self) -> Result<(), StoreError> {
        self.failure().map_or(Ok(()), Err)
    }

    async fn checkpoint(&self, changes: &[CheckpointChange], creating: &[ResourceImage]) -> Result<(), StoreError> {
        let (mut resources, mut pending) = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.write("checkpoint", |state| {
            let creating: Vec<ResourceRecord> = creating.iter().map(|image| state.image(image)).collect();
            let key = |record: &ResourceRecord| (record.urn.clone(), record.init_errors.is_empty());
            pending.retain(|record| creating.iter().all(|begun| key(begun) != key(record)));
            pending.extend(creating);
            pending.retain(|record| {
                changes.iter().all(|change| {
                    let is_seen = record.init_errors.is_empty() || matches!(change, CheckpointChange::Settled { .. });
                    *change.urn() != record.urn || !is_seen
                })
            });
            state.fold(&mut resources, changes);
            state.verify(&resources, "checkpoint");
            (state.resources, state.pending, state.exists) = (resources, pending, true);
            Ok(())
        })
        .await
    }

    async fn audit(&self, deployment: &str, lines: String) -> Result<(), StoreError> {
        self.write("audit", |state| {
            state.audit.insert(deployment.to_owned(), lines);
            Ok(())
        })
        .await
    }

    async fn settle(&self, entry: Option<&HistoryEntry>) -> Result<(), StoreError> {
        self.write("settle", |state| {
            state.history.extend(entry.cloned());
            if let Some(journal) = state.journal.take() {
                let id = journal.events.first().map(|event| event.aggregate_id.clone()).unwrap_or_default();
                state.archive.push((id, journal.events));
            }
            Ok(())
        })
        .await
    }

    async fn finish(&self, entry: &HistoryEntry, keep_open: bool) -> Result<(), StoreError> {
        self.write("finish", |state| {
            state.history.push(entry.clone());
            match state.journal.take() {
                Some(mut journal) if keep_open => {
                    journal.durable = journal.events.len();
                    state.journal = Some(journal);
                }
                Some(journal) => state.archive.push((entry.deployment_id.clone(), journal.events)),
                None => {}
            }
            Ok(())
        })
        .await
    }

    async fn release(&self) -> Result<(), StoreError> {
        let number = self.number;
        self.store
            .access("release", move |state| {
                if state.lock == Lock::Held(number) {
                    state.lock = Lock::Free;
                }
                Ok(())
            })
            .await
    }
}
