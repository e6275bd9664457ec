//! A lock between processes that its holder's death releases: an advisory lock of the operating system on a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::progress::{Observer, Progress};

/// Holds the lock until it is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Waits for the lock; reports when there is something to wait for. `what` says what the holder is doing.
pub(crate) async fn acquire(path: &Path, what: &'static str, observer: &Observer) -> Result<Lock> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(Error::file("create", path))?;
    match file.try_lock() {
        Ok(()) => return Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => observer(&Progress::Waiting { what, lock: path.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(Error::file("lock", path)(error)),
    }
    // A thread of its own rather than one of the runtime's: a runtime that shuts down waits for its blocking threads, and this one may
    // wait for minutes. When nobody wants the lock any more, sending fails and the file is closed again.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("file-lock".to_owned())
        .spawn(move || {
            let result = file.lock().map(|()| Lock { _file: file });
            drop(sender.send(result));
        })
        .map_err(Error::file("lock", path))?;
    receiver
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the waiting thread ended")))
        .map_err(Error::file("lock", path))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn only_one_holds_it_and_the_others_are_told_to_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/a.lock");
        let inside = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(0));
        let observer: Observer = {
            let seen = seen.clone();
            Arc::new(move |_| *seen.lock().unwrap() += 1)
        };
        let first = acquire(&path, "testing", &observer).await.unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (path, inside, observer) = (path.clone(), inside.clone(), observer.clone());
                tokio::spawn(async move {
                    let lock = acquire(&path, "testing", &observer).await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(lock);
                })
            })
            .collect();
        while *seen.lock().unwrap() < 8 {
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
    }
}
