use std::sync::mpsc;

use async_trait::async_trait;
use resource_graph::{ResourceRecord, Urn};

use super::*;
use crate::domain::deployment::{DeploymentCommand, ResourceImage};
use crate::ports::{HistoryEntry, StackSnapshot};

/// A stack of which only the journal is used: it notes who appends what.
#[derive(Default)]
struct JournalOnly(Mutex<Vec<String>>);

#[async_trait]
impl LockedStack for JournalOnly {
    fn takeover(&self) -> Option<String> {
        None
    }

    fn predecessor_seen(&self) -> Option<i64> {
        None
    }

    fn failure(&self) -> Option<StoreError> {
        None
    }

    async fn check_lock(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn read(&self) -> Result<StackSnapshot, StoreError> {
        unreachable!()
    }

    fn encode(&self, _: &ResourceRecord) -> Result<ResourceImage, StoreError> {
        unreachable!()
    }

    fn encode_adopted(&self, _: &Urn, _: &ResourceRecord) -> Result<ResourceImage, StoreError> {
        unreachable!()
    }

    async fn begin(&self, first: &DomainEvent) -> Result<(), StoreError> {
        self.append(first);
        Ok(())
    }

    fn append(&self, event: &DomainEvent) {
        self.0.lock().unwrap().push(event.event_id.clone());
    }

    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn checkpoint(&self, _: &[CheckpointChange], _: &[ResourceImage]) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn audit(&self, _: &str, _: String) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn settle(&self, _: Option<&HistoryEntry>) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn finish(&self, _: &HistoryEntry, _: bool) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn release(&self) -> Result<(), StoreError> {
        unreachable!()
    }
}

struct FixedClock;

impl WallClock for FixedClock {
    fn now_ms(&self) -> i64 {
        0
    }

    fn fresh_id(&self) -> String {
        String::new()
    }

    fn fresh_uuid(&self) -> String {
        String::new()
    }
}

/// Says when it is called, and returns when it is let.
struct Slow {
    called: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl EventHandler for Slow {
    fn handle(&self, _: &DomainEvent) {
        let _ = self.called.send(());
        let _ = self.go_on.lock().unwrap().recv();
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl EventHandler for Heard {
    fn handle(&self, event: &DomainEvent) {
        self.0.lock().unwrap().push(event.event_id.clone());
    }
}

fn request() -> DeploymentEvent {
    DeploymentEvent::DeploymentRequested {
        command: DeploymentCommand::Deploy,
        project: "shop".into(),
        stack: "aws-test".into(),
        environment: "test".into(),
        provider: "aws".into(),
        components: Vec::new(),
        program_version: "0".into(),
        source: Default::default(),
        message: String::new(),
    }
}

fn saga_started() -> DeploymentEvent {
    DeploymentEvent::SagaStarted {
        saga_id: "d1".into(),
        saga_name: "Deployment".into(),
        correlation_id: "c1".into(),
        initial_context: Default::default(),
    }
}

fn dispatcher(stack: &Arc<JournalOnly>, handlers: Vec<Arc<dyn EventHandler>>) -> Dispatcher {
    let deployment = Deployment::new("d1", "c1".to_owned(), "tester");
    let begun = Dispatcher::begin(deployment, request(), Arc::clone(stack) as _, handlers, Arc::new(FixedClock));
    futures::executor::block_on(begun).unwrap()
}

#[test]
fn a_handler_that_takes_its_time_keeps_nobody_from_the_journal() {
    let (called, is_called) = mpsc::channel();
    let (let_go, go_on) = mpsc::channel();
    let slow = Slow { called, go_on: Mutex::new(go_on) };
    let stack = Arc::<JournalOnly>::default();
    let_go.send(()).unwrap();
    let dispatcher = dispatcher(&stack, vec![Arc::new(slow)]);
    is_called.recv().unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| dispatcher.dispatch(saga_started()).unwrap());
        is_called.recv().unwrap();
        // Before, all of these waited for the handler.
        assert!(dispatcher.changes().is_empty() && dispatcher.unknown().is_empty());
        dispatcher.append(saga_started()).unwrap();
        assert_eq!(stack.0.lock().unwrap().len(), 3);
        drop(let_go);
        first.join().unwrap();
    });
}

#[test]
fn handlers_hear_of_everything_in_the_journals_order_whoever_records_it() {
    let (stack, heard) = (Arc::<JournalOnly>::default(), Arc::<Heard>::default());
    let dispatcher = dispatcher(&stack, vec![Arc::clone(&heard) as _]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    dispatcher.dispatch(saga_started()).unwrap();
                    // What was recorded here has been heard, whoever handed it on.
                    assert!(!heard.0.lock().unwrap().is_empty());
                }
            });
        }
    });
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len(), 801);
    assert_eq!(*heard, *stack.0.lock().unwrap());
}
