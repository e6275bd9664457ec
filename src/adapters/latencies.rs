//! Measured durations in a JSON file of the user's cache folder: type → operation → milliseconds.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use resource_graph::{Latencies, Operation, TypeToken};

use crate::ports::latencies::LatencyStore;

type Measured = BTreeMap<String, BTreeMap<String, f64>>;

/// A file with what was measured in one account and region.
#[derive(Clone, Debug)]
pub struct LatencyFile {
    path: PathBuf,
    ceiling: Option<Duration>,
}

impl LatencyFile {
    /// The file; it and its folder are made when something is saved.
    pub fn new(path: PathBuf) -> Self {
        Self { path, ceiling: None }
    }

    /// Where nothing was measured, operations are estimated to take so long at most.
    #[must_use]
    pub fn at_most(self, ceiling: Option<Duration>) -> Self {
        Self { ceiling, ..self }
    }

    fn write(&self, measured: &Measured) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or_else(|| std::path::Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(measured)?)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

const LEARNED: [Operation; 4] = [Operation::Create, Operation::Update, Operation::Delete, Operation::Read];

impl LatencyStore for LatencyFile {
    fn load(&self) -> Latencies {
        let mut latencies = Latencies::new().at_most(self.ceiling);
        let read = std::fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice::<Measured>(&bytes).ok());
        for (token, operations) in read.unwrap_or_default() {
            for operation in LEARNED {
                // A day bounds what a damaged file can do.
                if let Some(milliseconds) =
                    operations.get(operation.name()).filter(|ms| (0.0..86_400_000.0).contains(*ms))
                {
                    let duration = Duration::from_secs_f64(milliseconds / 1000.0);
                    latencies.set(TypeToken::new(token.as_str()), operation, duration);
                }
            }
        }
        latencies
    }

    fn save(&self, latencies: &Latencies) {
        let mut measured = Measured::new();
        for (token, operation, duration) in latencies.iter() {
            let milliseconds = (duration.as_secs_f64() * 1000.0).round();
            measured.entry(token.to_string()).or_default().insert(operation.name().to_owned(), milliseconds);
        }
        if let Err(error) = self.write(&measured) {
            tracing::debug!(path = %self.path.display(), %error, "measured durations can't be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_a_damaged_file_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = LatencyFile::new(folder.path().join("new/latencies.json"));
        assert_eq!(file.load(), Latencies::new());
        let mut latencies = Latencies::new();
        latencies.set(TypeToken::new("a:b:C"), Operation::Create, Duration::from_millis(120));
        file.save(&latencies);
        assert_eq!(file.load(), latencies);
        let emulated = file.clone().at_most(Some(Duration::from_millis(30))).load();
        let typical = Duration::from_secs(2);
        let estimate = |operation| emulated.estimate(&TypeToken::new("a:b:C"), operation, typical).as_millis();
        assert_eq!((estimate(Operation::Create), estimate(Operation::Update)), (120, 30));
        std::fs::write(&file.path, b"{\"a:b:C\":{\"create\":-1}}").unwrap();
        assert_eq!(file.load(), Latencies::new());
        std::fs::write(&file.path, b"{").unwrap();
        assert_eq!(file.load(), Latencies::new());
    }
}
