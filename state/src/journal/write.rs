//! Writing a journal: whoever records doesn't wait, and all that waits goes out in one write (group commit).

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::line::{self, Line};
use super::storage::JournalStorage;
use super::{CheckpointName, Claim, JournalContents, JournalError, JournalHeader, SecretsName, event_log};
use crate::error::{Error, Result};
use crate::lock::{LockLost, LockWatch};
use crate::secrets::SecretsProvider;
use crate::store::{CheckpointDigest, StackId};

/// Writes a journal. Dropping it leaves the journal unfinished, as a crash would; [`JournalWriter::finish`] archives it.
#[derive(Debug)]
pub struct JournalWriter {
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<Box<dyn JournalStorage>>,
    header: JournalHeader,
    place: String,
    failure: Arc<OnceLock<Failure>>,
}

/// Why nothing more is written.
#[derive(Clone, Debug)]
enum Failure {
    Broken(String),
    Fenced,
    LockLost(LockLost),
}

impl Failure {
    fn of(error: &Error) -> Self {
        match error {
            Error::Journal(JournalError::Fenced { .. }) => Self::Fenced,
            _ => Self::Broken(match std::error::Error::source(error) {
                Some(source) => format!("{error} ({source})"),
                None => error.to_string(),
            }),
        }
    }
}

enum Command {
    Append(String),
    /// Says when all that was appended before is durable.
    Flush(oneshot::Sender<()>),
}

impl std::fmt::Debug for dyn JournalStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place())
    }
}

impl JournalWriter {
    pub(super) async fn start(
        mut storage: Box<dyn JournalStorage>,
        claim: Claim,
        header: JournalHeader,
        before: Option<&JournalContents>,
    ) -> Result<Self> {
        let place = storage.place();
        let text = serde_json::to_string(&header).map_err(|error| Error::write(&place, error))?;
        let mut content = Vec::new();
        line::write(&mut content, Line { sequence: 0, record: &text, durable: Some(0) });
        let mut next = 1;
        let mut write = |record: &str| {
            line::write(&mut content, Line { sequence: next, record, durable: None });
            next += 1;
        };
        if let Some(before) = before {
            let text = |name: serde_json::Result<String>| name.map_err(|error| Error::write(&place, error));
            if let Some(provider) = &before.secrets {
                write(&text(serde_json::to_string(&SecretsName::of(provider)))?);
            }
            for digest in &before.checkpoints {
                write(&text(serde_json::to_string(&CheckpointName { digest: digest.clone() }))?);
            }
            before.records.iter().for_each(|record| write(record.record.as_str()));
        }
        storage.create(content.into(), &claim).await?;
        let (commands, queue) = mpsc::unbounded_channel();
        let failure = Arc::new(OnceLock::new());
        let task = tokio::spawn(run(storage, claim.watch, queue, next, Arc::clone(&failure)));
        Ok(Self { commands, task, header, place, failure })
    }

    /// What the journal starts with.
    pub fn header(&self) -> &JournalHeader {
        &self.header
    }

    /// Records without waiting. Whether it got there is known after [`Self::flush`] or [`Self::append_durable`].
    pub fn append(&self, record: &impl Serialize) {
        match serde_json::to_string(record) {
            // The task ends only with the writer.
            Ok(text) => drop(self.commands.send(Command::Append(text))),
            Err(error) => drop(self.failure.set(Failure::Broken(error.to_string()))),
        }
    }

    /// Records, and waits until this and all before it are durable.
    ///
    /// # Errors
    /// When anything could not be written, now or before.
    pub async fn append_durable(&self, record: &impl Serialize) -> Result<()> {
        self.append(record);
        self.flush().await
    }

    /// Names a checkpoint that is about to be written, durably.
    pub(crate) async fn name_checkpoint(&self, digest: &CheckpointDigest) -> Result<()> {
        self.append_durable(&CheckpointName { digest: digest.clone() }).await
    }

    /// Names the secrets manager that encrypts what is recorded from now on, where no checkpoint names it yet. Durable with what
    /// comes next.
    pub fn name_secrets(&self, provider: &SecretsProvider) {
        self.append(&SecretsName::of(provider));
    }

    /// Waits until all that was recorded is durable.
    ///
    /// # Errors
    /// When anything could not be written, now or before.
    pub async fn flush(&self) -> Result<()> {
        let (done, waiting) = oneshot::channel();
        let _ = self.commands.send(Command::Flush(done));
        // An answer that never comes means that the task is gone with its runtime.
        let answered = waiting.await;
        match (self.failure.get(), answered) {
            (None, Ok(())) => Ok(()),
            (Some(failure), _) => Err(self.error(failure)),
            (None, Err(_)) => Err(self.error(&Failure::Broken("its writer has ended".to_owned()))),
        }
    }

    /// Why nothing more becomes durable, when a write has failed.
    pub fn failure(&self) -> Option<Error> {
        self.failure.get().map(|failure| self.error(failure))
    }

    fn error(&self, failure: &Failure) -> Error {
        let file = self.place.clone();
        match failure {
            Failure::Broken(message) => JournalError::Broken { file, message: message.clone() }.into(),
            Failure::Fenced => JournalError::Fenced { file }.into(),
            Failure::LockLost(lost) => lost.clone().into(),
        }
    }

    /// Waits until all is durable and archives the journal as the deployment's event log.
    ///
    /// # Errors
    /// When anything could not be written; the journal is then still there.
    pub async fn finish(self) -> Result<()> {
        self.flush().await?;
        let Self { commands, task, header, place, .. } = self;
        drop(commands);
        let mut storage = task.await.map_err(|error| Error::write(&place, error))?;
        let id = StackId::new(&header.project, &header.stack)?;
        storage.finish(&event_log(&id, &header.deployment)).await
    }
}

async fn run(
    mut storage: Box<dyn JournalStorage>,
    watch: Option<LockWatch>,
    mut queue: mpsc::UnboundedReceiver<Command>,
    mut next: u64,
    failure: Arc<OnceLock<Failure>>,
) -> Box<dyn JournalStorage> {
    let mut commands = Vec::new();
    while queue.recv_many(&mut commands, 4096).await > 0 {
        let mut group = Vec::new();
        let mut waiting = Vec::new();
        let durable = next;
        for command in commands.drain(..) {
            match command {
                Command::Append(record) => {
                    let mark = (next == durable).then_some(durable);
                    line::write(&mut group, Line { sequence: next, record: &record, durable: mark });
                    next += 1;
                }
                Command::Flush(done) => waiting.push(done),
            }
        }
        // After a failure nothing more is written: what is there stays whole up to its torn end.
        if !group.is_empty()
            && failure.get().is_none()
            && let Err(cause) = append(&mut *storage, watch.as_ref(), group).await
        {
            let _ = failure.set(cause);
        }
        for done in waiting {
            // Nobody may wait any more.
            let _ = done.send(());
        }
    }
    storage
}

/// Writes a group, if the stack is still ours.
async fn append(
    storage: &mut dyn JournalStorage,
    watch: Option<&LockWatch>,
    group: Vec<u8>,
) -> std::result::Result<(), Failure> {
    if let Some(watch) = watch {
        watch.check().await.map_err(Failure::LockLost)?;
    }
    storage.append(group.into()).await.map_err(|error| Failure::of(&error))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bytes::Bytes;
    use serde_json::json;

    use super::super::{FORMAT, KIND, read};
    use super::*;

    /// A disk that is full after so many bytes.
    #[derive(Clone)]
    struct SmallDisk(Arc<Mutex<Vec<u8>>>, usize);

    #[async_trait]
    impl JournalStorage for SmallDisk {
        fn place(&self) -> String {
            "/disk/journal".to_owned()
        }
        async fn read(&self) -> Result<Option<Bytes>> {
            Ok(Some(self.0.lock().unwrap().clone().into()))
        }
        async fn fence(&mut self, _claim: &Claim) -> Result<()> {
            Ok(())
        }
        async fn create(&mut self, content: Bytes, _claim: &Claim) -> Result<()> {
            self.append(content).await
        }
        async fn append(&mut self, content: Bytes) -> Result<()> {
            let mut disk = self.0.lock().unwrap();
            let space = self.1.saturating_sub(disk.len()).min(content.len());
            disk.extend_from_slice(&content[..space]);
            if space == content.len() {
                return Ok(());
            }
            Err(Error::write(self.place(), std::io::Error::from(std::io::ErrorKind::StorageFull)))
        }
        async fn finish(&mut self, _event_log: &str) -> Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }
        async fn discard(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn header() -> JournalHeader {
        JournalHeader {
            kind: KIND.to_owned(),
            version: FORMAT,
            project: "shop".to_owned(),
            stack: "dev".to_owned(),
            deployment: "d".to_owned(),
            fencing_token: 1,
            constants: json!(null),
            checkpoint: None,
        }
    }

    #[tokio::test]
    async fn on_a_full_disk_what_was_durable_stays_and_the_failure_is_told_from_then_on() {
        for size in 160..600 {
            let disk = SmallDisk(Arc::default(), size);
            let writer = match JournalWriter::start(
                Box::new(disk.clone()),
                Claim { generation: 1, watch: None },
                header(),
                None,
            )
            .await
            {
                Ok(writer) => writer,
                Err(error) => {
                    assert!(error.to_string().contains("/disk/journal"), "{error}");
                    continue;
                }
            };
            let mut durable = 0;
            let failure = loop {
                match writer.append_durable(&json!({ "number": durable })).await {
                    Ok(()) => durable += 1,
                    Err(error) => break error,
                }
            };
            assert!(failure.to_string().contains("no space left on the device"), "{failure}");
            // A smaller record would fit, but would stand behind a torn one.
            writer.append(&json!(1));
            assert!(writer.flush().await.is_err());
            assert!(writer.finish().await.is_err());
            let content = disk.read().await.unwrap().unwrap();
            let found = read::parse(&content, "journal").unwrap().unwrap();
            assert_eq!(found.records.len(), durable, "{size}");
        }
    }
}
