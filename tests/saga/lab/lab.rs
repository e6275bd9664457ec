//! A laboratory: one stack, one simulated cloud, and the commands on them, with faults where a test wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::{
    Archive, ArchiveSource, Cancellation, Clock, Latencies, PropertyMap, ResourceRecord, SystemClock, Urn, VirtualClock,
};
use semantest_iac::adapters::clock::MachineClock;
use semantest_iac::application::adoption::Mapping;
use semantest_iac::application::plan::planning::Drift;
use semantest_iac::application::steps::calls::Calls;
use semantest_iac::application::{
    ApplicationError, Confirmation, DeployRequest, DeploymentReport, DestroyRequest, Options, Ports, Preview, Refresh,
    StackTarget, deploy, destroy, preview,
};
use semantest_iac::domain::code::environment::Environment;
use semantest_iac::domain::code::function::{ServerlessFunction, SourceFolder, Start};
use semantest_iac::domain::code::health::HealthCheck;
use semantest_iac::domain::code::logs::LogRetention;
use semantest_iac::domain::code::runtime::{Architecture, Runtime};
use semantest_iac::domain::component::{Component, RestApi};
use semantest_iac::domain::deployment::{DeploymentEvent, ErrorDetail};
use semantest_iac::domain::event::DomainEvent;
use semantest_iac::domain::gateway::ApiGateway;
use semantest_iac::domain::gateway::authentication::Authentication;
use semantest_iac::domain::names::ComponentName;
use semantest_iac::domain::quantity::{Memory, Timeout};
use semantest_iac::ports::latencies::LatencyStore;
use semantest_iac::ports::{
    Entry, EventHandler, HealthChecker, HealthProbe, HealthReport, Notice, NoticeHandler, PackagedCode, Packager,
    StackStore, WallClock,
};

use super::cloud::{CloudPort, SimulatedCloud, scope_of};
use super::faults::{Fault, Point, Script};
use super::kinds;
use super::program::{self, Program};
use super::store::{MemoryStore, StorePort, Tail};
use crate::saga::disk::{Disk, records};

/// The time of day goes with the time that passes, and is a little later whenever it is asked for. Where the state is on a disk,
/// whose lock knows the real time, it is that, and each process begins a minute after the one before has died.
#[derive(Default)]
struct TestClock {
    asked: AtomicU64,
    passing: VirtualClock,
    minutes: Option<AtomicI64>,
    /// Milliseconds by which this machine's clock is ahead.
    ahead: AtomicI64,
}

impl WallClock for TestClock {
    fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.passing.now().as_millis()).unwrap_or_default();
        let asked = i64::try_from(self.asked.fetch_add(1, Ordering::Relaxed)).unwrap_or_default();
        match &self.minutes {
            Some(minutes) => minutes.load(Ordering::Relaxed) * 60_000 + MachineClock.now_ms(),
            None => 1_750_000_000_000 + passed + asked + self.ahead.load(Ordering::Relaxed),
        }
    }

    fn fresh_id(&self) -> String {
        format!("{:09}", self.asked.fetch_add(1, Ordering::Relaxed))
    }

    fn fresh_uuid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.asked.fetch_add(1, Ordering::Relaxed))
    }
}

/// Packages at once, or never comes to an end.
struct TestPackager {
    never_ends: bool,
}

#[async_trait]
impl Packager for TestPackager {
    async fn package(
        &self,
        component: &ComponentName,
        _: &ServerlessFunction,
        _: &dyn NoticeHandler,
    ) -> Result<PackagedCode, ErrorDetail> {
        if self.never_ends {
            std::future::pending::<()>().await;
        }
        let archive = Archive { hash: Some("0".repeat(64)), source: ArchiveSource::Path(format!("{component}.zip")) };
        Ok(PackagedCode {
            archive,
            zipped_size: 1,
            entry: Entry::Handler("index.handler".into()),
            environment: PropertyMap::new(),
        })
    }
}

/// Answers well but for the URLs in `ill`.
#[derive(Default)]
pub struct TestHealth {
    pub is_ill: Mutex<bool>,
    pub asked: Mutex<Vec<String>>,
    /// How long they take, without an answer in the end; where that is no time, an answer comes at once.
    pub takes: Mutex<Duration>,
    clock: VirtualClock,
}

#[async_trait]
impl HealthChecker for TestHealth {
    async fn check(&self, probe: &HealthProbe) -> HealthReport {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(probe.url.clone());
        let healthy = !*self.is_ill.lock().unwrap_or_else(PoisonError::into_inner);
        let duration = *self.takes.lock().unwrap_or_else(PoisonError::into_inner);
        if !duration.is_zero() {
            self.clock.sleep_until(self.clock.now() + duration).await;
        }
        let unanswered = !healthy && !duration.is_zero();
        HealthReport { healthy, attempts: 1, last_answer: "503".into(), unanswered, duration }
    }
}

#[derive(Default)]
pub struct Collected {
    pub notices: Mutex<Vec<Notice>>,
    pub events: Mutex<Vec<DomainEvent>>,
}

impl NoticeHandler for Collected {
    fn notice(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }
}

impl EventHandler for Collected {
    fn handle(&self, event: &DomainEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

struct NoLatencies;

impl LatencyStore for NoLatencies {
    fn load(&self) -> Latencies {
        Latencies::new()
    }

    fn save(&self, _: &Latencies) {}
}

/// Says yes, after a while.
#[derive(Default)]
pub struct Person {
    pub thinks: Mutex<Duration>,
    clock: VirtualClock,
    store: Option<Arc<MemoryStore>>,
    /// How often there was a question, and how often the stack was locked meanwhile.
    pub asked: Mutex<(usize, usize)>,
}

#[async_trait]
impl Confirmation for Person {
    fn takes_time(&self) -> bool {
        !self.thinks.lock().unwrap_or_else(PoisonError::into_inner).is_zero()
    }

    async fn confirm(&self, _: &Preview<'_>) -> Result<bool, ApplicationError> {
        let is_locked = self.store.as_ref().is_some_and(|store| store.is_locked());
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *asked = (asked.0 + 1, asked.1 + usize::from(is_locked));
        }
        let thinks = *self.thinks.lock().unwrap_or_else(PoisonError::into_inner);
        if !thinks.is_zero() {
            self.clock.sleep_until(self.clock.now() + thinks).await;
        }
        Ok(true)
    }
}

/// How a command ended.
pub type Ended = Result<DeploymentReport, ApplicationError>;

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    Deploy(Program),
    Destroy,
}

/// How to do it.
#[derive(Clone, Debug, Default)]
pub struct How {
    pub components: Vec<String>,
    pub targets: Vec<Urn>,
    pub refresh: Refresh,
    pub adopt: Vec<Mapping>,
    pub reclaim: bool,
}

/// One stack and its cloud.
pub struct Lab {
    pub script: Arc<Script>,
    pub store: Arc<MemoryStore>,
    pub cloud: Arc<SimulatedCloud>,
    pub health: Arc<TestHealth>,
    pub collected: Arc<Collected>,
    pub person: Person,
    /// Whether packaging never comes to an end.
    pub builds_never_end: bool,
    clock: Arc<TestClock>,
    /// The state, where it isn't in memory.
    disk: Option<Disk>,
}

impl Default for Lab {
    fn default() -> Self {
        let script = Arc::new(Script::default());
        let clock = script.clock.clone();
        let store = Arc::new(MemoryStore::new(Arc::clone(&script)));
        let cloud = Arc::new(SimulatedCloud::new(Arc::clone(&script), Some(Arc::clone(&store))));
        let seen = Arc::clone(&store);
        Self {
            script,
            builds_never_end: false,
            store,
            cloud,
            health: Arc::new(TestHealth { clock: clock.clone(), ..TestHealth::default() }),
            collected: Arc::default(),
            person: Person { clock: clock.clone(), store: Some(seen), ..Person::default() },
            clock: Arc::new(TestClock { passing: clock, ..TestClock::default() }),
            disk: None,
        }
    }
}

/// The runtime of one process.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

pub fn component(name: &str, checked: bool) -> Component {
    let function = ServerlessFunction {
        source: SourceFolder::new(std::path::Path::new("/nowhere"), name).expect("a folder"),
        build: None,
        start: Start::Handler("index.handler".parse().expect("a handler")),
        port: None,
        runtime: Runtime::node_js(22),
        architecture: Architecture::default(),
        memory: Memory::from_megabytes(128).expect("an amount"),
        timeout: Timeout::from_seconds(3).expect("a time"),
        environment: Environment::default(),
    };
    let gateway = ApiGateway::new(Vec::new(), true, Authentication::None, None, None).expect("a gateway");
    let health = checked.then(|| HealthCheck {
        path: "/health".parse().expect("a path"),
        timeout: Timeout::from_seconds(3).expect("a time"),
    });
    let api = RestApi::new(function, gateway, health, LogRetention::Days(14)).expect("a component");
    api.named(ComponentName::new(name).expect("a name"))
}

impl Lab {
    /// A lab whose state is in a folder.
    pub fn on_disk(disk: Disk) -> Self {
        let mut lab = Self::default();
        lab.cloud = Arc::new(SimulatedCloud::new(Arc::clone(&lab.script), None));
        lab.disk = Some(disk);
        lab.clock = Arc::new(TestClock { minutes: Some(AtomicI64::default()), ..TestClock::default() });
        lab
    }

    /// From now on the machine's clock is ahead by this time.
    pub fn goes_ahead_by(&self, time: Duration) {
        self.clock.ahead.store(i64::try_from(time.as_millis()).expect("a time"), Ordering::Relaxed);
    }

    fn state(&self) -> Arc<dyn StackStore> {
        match &self.disk {
            Some(disk) => disk.store(),
            None => Arc::new(StorePort(Arc::clone(&self.store))),
        }
    }

    /// The resources that the state holds, journal included.
    pub fn records(&self) -> Vec<ResourceRecord> {
        match &self.disk {
            Some(disk) => records(&self.wait(disk.store().read()).expect("a sound state")),
            None => self.store.resources(),
        }
    }

    pub fn ports(&self) -> Ports {
        let cloud = Arc::new(CloudPort(Arc::clone(&self.cloud)));
        let monotonic: Arc<dyn Clock> = match &self.disk {
            Some(_) => Arc::new(SystemClock::new()),
            None => Arc::new(self.script.clock.clone()),
        };
        Ports {
            calls: Arc::new(Calls::new(cloud.as_ref(), Arc::clone(&monotonic))),
            monotonic,
            cloud,
            store: self.state(),
            packager: Arc::new(TestPackager { never_ends: self.builds_never_end }),
            health: Arc::clone(&self.health) as _,
            clock: Arc::clone(&self.clock) as _,
            latencies: Arc::new(NoLatencies),
            notices: Arc::clone(&self.collected) as _,
            handlers: vec![Arc::clone(&self.collected) as _],
        }
    }

    pub fn options(&self, how: &How) -> Options {
        Options {
            target: StackTarget {
                project: program::PROJECT.into(),
                environment: "test".into(),
                stack: program::STACK.into(),
            },
            components: how.components.clone(),
            targets: how.targets.clone(),
            adopt: how.adopt.clone(),
            replace_adopted: false,
            reclaim: how.reclaim,
            refresh: how.refresh,
            parallelism: None,
            lock_timeout: Duration::ZERO,
            user: "tester".into(),
            message: String::new(),
            source: BTreeMap::new(),
            correlation_id: None,
            cancellation: Cancellation::new(),
        }
    }

    fn components(program: &Program) -> Vec<Component> {
        program.components.keys().map(|name| component(name, program.checked.contains(name))).collect()
    }

    /// Waits for a query.
    pub fn wait<F: std::future::Future>(&self, query: F) -> F::Output {
        runtime().block_on(query)
    }

    /// Runs one process to its end: in simulated time, unless its state is on a disk, which takes its time.
    fn process<F: std::future::Future>(&self, work: F) -> F::Output {
        match &self.disk {
            Some(_) => self.wait(work),
            None => self.script.clock.run(work).expect("it goes on"),
        }
    }

    /// Runs a command; `None` when the process died.
    pub fn run(&self, command: &Command, how: &How, faults: &[Fault]) -> Option<Ended> {
        let options = self.options(how);
        self.script.begin(faults, options.cancellation.clone());
        self.collected.events.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let ports = self.ports();
        let command = async {
            match command {
                Command::Deploy(program) => {
                    self.cloud.wants(program);
                    let request = DeployRequest { options, components: Self::components(program) };
                    deploy(&ports, &request, &self.person).await
                }
                Command::Destroy => {
                    destroy(&ports, &DestroyRequest { options, configured: Vec::new() }, &self.person).await
                }
            }
        };
        let ended = self.process(async {
            tokio::select! {
                biased;
                ended = command => Some(ended),
                () = self.script.death() => None,
            }
        });
        if let (None, Some(disk)) = (&ended, &self.disk) {
            disk.die();
            if let Some(minutes) = &self.clock.minutes {
                minutes.fetch_add(1, Ordering::Relaxed);
            }
        }
        ended
    }

    /// Runs a command that dies by its faults (if it gets that far), and loses what wasn't durable.
    pub fn kill(&self, command: &Command, faults: &[Fault], tail: Tail) -> Option<Ended> {
        let ended = self.run(command, &How::default(), faults);
        if ended.is_none() {
            self.store.crash(tail);
        }
        ended
    }

    pub fn deploy(&self, program: &Program) -> DeploymentReport {
        self.deploy_with(program, &How::default())
    }

    pub fn deploy_with(&self, program: &Program, how: &How) -> DeploymentReport {
        self.run(&Command::Deploy(program.clone()), how, &[]).expect("it lives").expect("a report")
    }

    pub fn destroy(&self) -> DeploymentReport {
        self.run(&Command::Destroy, &How::default(), &[]).expect("it lives").expect("a report")
    }

    /// What would be done, with everything read: number of steps, and what differs from the state.
    pub fn preview(&self, program: &Program, refresh: Refresh) -> (DeploymentReport, usize, Vec<Drift>) {
        let options = self.options(&How { refresh, ..How::default() });
        self.script.begin(&[], options.cancellation.clone());
        self.cloud.wants(program);
        let request = DeployRequest { options, components: Self::components(program) };
        let seen = Mutex::new((0, Vec::new()));
        let show = |preview: &Preview<'_>| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) =
                (preview.plan.steps().len(), preview.drifts.to_vec());
        };
        let report = self.process(preview(&self.ports(), &request, &show)).expect("a preview");
        let (steps, drifts) = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        (report, steps, drifts)
    }

    /// The points that a command passes, on this lab.
    pub fn points(&self) -> Vec<Point> {
        self.script.points()
    }

    /// The events of the latest command.
    pub fn events(&self) -> Vec<DeploymentEvent> {
        let events = self.collected.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().map(|event| event.event.clone()).collect()
    }

    /// What is wrong when the stack should be as `program` wants it: nothing, if all is well.
    pub fn faults_of(&self, program: &Program) -> Vec<String> {
        let mut wrong = self.differences();
        let expected: BTreeSet<Urn> =
            program.components.values().flatten().map(|want| program::urn(want.token, &want.name)).collect();
        let recorded: BTreeSet<Urn> =
            self.records().iter().filter(|record| is_real(record)).map(|record| record.urn.clone()).collect();
        wrong.extend(expected.difference(&recorded).map(|urn| format!("{urn} is missing")));
        wrong.extend(recorded.difference(&expected).map(|urn| format!("{urn} is left over")));
        if self.cloud.objects().len() != program.size() {
            wrong.push(format!("{} objects in the cloud, not {}", self.cloud.objects().len(), program.size()));
        }
        let (_, steps, drifts) = self.preview(program, Refresh::All);
        if steps > 0 || !drifts.is_empty() {
            wrong.push(format!("a preview still has {steps} steps and these drifts: {drifts:?}"));
        }
        wrong
    }

    /// How state and cloud differ, and what isn't settled: no orphan, no phantom, no duplicate, nothing pending.
    pub fn differences(&self) -> Vec<String> {
        let mut wrong = self.cloud.broken_laws();
        wrong.extend(self.store.unsound());
        wrong.extend(self.store.unlisted());
        if self.store.is_locked() {
            wrong.push("the lock is held".into());
        }
        let interrupted = self.wait(self.state().read()).map(|snapshot| snapshot.interrupted.is_some());
        if interrupted.expect("a sound state") {
            wrong.push("the journal is open".into());
        }
        if self.store.pending() > 0 {
            wrong.push(format!("{} operations are pending", self.store.pending()));
        }
        let records = self.records();
        let objects = self.cloud.objects();
        let real: Vec<_> = records.iter().filter(|record| is_real(record)).collect();
        for record in &real {
            let urn = &record.urn;
            if record.pending_deletion || record.pending_replacement || !record.init_errors.is_empty() {
                wrong.push(format!("{urn} isn't settled: {:?}", record.init_errors));
            }
            let object = objects.iter().find(|object| object.is(record));
            match object {
                None => wrong.push(format!("phantom: {urn} ({:?}) isn't in the cloud", record.id)),
                Some(object) => {
                    let shown = object.shown_inputs();
                    if !same(&record.inputs, &shown) {
                        wrong.push(format!("{urn} is recorded as {:?}, but is {shown:?}", record.inputs));
                    }
                    if !same(&record.outputs, &object.outputs()) {
                        wrong.push(format!(
                            "the outputs of {urn} are recorded as {:?}, but are {:?}",
                            record.outputs,
                            object.outputs()
                        ));
                    }
                }
            }
        }
        let mut seen = BTreeSet::new();
        for record in &real {
            let within = kinds::of_token(record.type_token.as_str()).map(|kind| scope_of(kind, &record.inputs));
            if !seen.insert((record.type_token.as_str(), record.id.as_deref(), within)) {
                wrong.push(format!("{:?} of {} is recorded twice", record.id, record.type_token));
            }
        }
        for object in &objects {
            let is_recorded = real.iter().any(|record| object.is(record));
            if !is_recorded {
                wrong.push(format!("orphan: {} {} isn't recorded", object.kind.info.token, object.id));
            }
        }
        wrong
    }

    /// Asserts that the stack is as `program` wants it.
    pub fn assert_is(&self, program: &Program, what: &str) {
        let wrong = self.faults_of(program);
        assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
    }

    /// Asserts that nothing is left.
    pub fn assert_nothing_left(&self, what: &str) {
        let mut wrong = self.differences();
        wrong.extend(self.records().iter().map(|record| format!("{} is still recorded", record.urn)));
        assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
    }
}

/// Whether a record stands for something in the cloud.
pub fn is_real(record: &resource_graph::ResourceRecord) -> bool {
    record.custom && !record.type_token.is_provider()
}

fn same(a: &PropertyMap, b: &PropertyMap) -> bool {
    resource_graph::planner::diff::same(&a.clone().into(), &b.clone().into())
}

/// Asserts that nothing is wrong, or shows the first faults.
pub fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} faults, the first:\n  {}", wrong.len(), wrong[..wrong.len().min(25)].join("\n  "));
}
