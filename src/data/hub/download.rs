//! Streams a file into the cache; goes on where it stopped.
//!
//! The `hf-hub` crate does the requests. It cannot resume or cancel, and does not read the hashes of large files
//! from the listing, so these are here.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use hf_hub::{HFRepository, RepoType};
use sha2::{Digest as _, Sha256};

use super::fetch::{Entry, Session, TICK, Trouble, is_blob_name};
use super::{Kind, errors};
use crate::data::source::hexadecimal;
use crate::error::Error;

/// So many attempts in a row may bring nothing.
const ATTEMPTS: u32 = 4;

impl Session<'_, '_> {
    /// Brings one file into the snapshot of `commit`.
    pub(super) async fn fetch_file<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
    ) -> Result<PathBuf, Trouble> {
        let before = self.progress.done;
        let pointer = self.repository.snapshot(commit).join(&entry.path);
        if !has_size(&pointer, entry.size) {
            let etag = match &entry.etag {
                Some(etag) => etag.clone(),
                None => self.linked_etag(handle, commit, entry).await?,
            };
            let blob = self.repository.blob(&etag);
            let lock = self.local(self.repository.lock(&etag))?;
            while let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
                tokio::time::sleep(TICK).await;
                self.ask()?;
            }
            // Another program may have fetched it while this one waited.
            if !has_size(&blob, entry.size) {
                self.download(handle, commit, entry, &etag).await?;
                self.local(fs::rename(self.repository.incomplete(&etag), &blob))?;
            }
            self.local(self.repository.link(commit, &entry.path, &etag))?;
        }
        self.progress.done = before + entry.size;
        self.ask()?;
        Ok(pointer)
    }

    /// The SHA-256 of a large file, which the hub tells in the answer that redirects to the store of such files.
    async fn linked_etag<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
    ) -> Result<String, Trouble> {
        let fail = |error: &dyn std::fmt::Display| {
            Trouble::Stopped(
                Error::data(format!("asking for the hash of {} failed: {error}", entry.path))
                    .hint("run again; if it stays so, fetch the folder with another tool and open it from there"),
            )
        };
        let folder = if self.wanted.kind == Kind::Dataset { "datasets/" } else { "" };
        let base = format!("{}/{folder}{}/resolve/{commit}", self.hub.endpoint, handle.repo_path());
        let mut url = reqwest::Url::parse(&base).map_err(|error| fail(&error))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(entry.path.split('/'));
        }
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| fail(&error))?;
        // A renamed repository answers with a redirect on the same host, before the one to the store.
        for _ in 0..5 {
            let mut request = client.head(url.clone());
            if let Some(token) = &self.hub.token {
                request = request.bearer_auth(token);
            }
            let answer = self.watched(async { Ok(request.send().await) }).await?.map_err(|error| fail(&error))?;
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            if let Some(etag) = header("x-linked-etag").or_else(|| header("etag")) {
                let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
                return if is_blob_name(&etag) { Ok(etag) } else { Err(fail(&"an unsafe hash")) };
            }
            match header("location").filter(|place| place.starts_with('/') && !place.starts_with("//")) {
                Some(place) => url = url.join(place).map_err(|error| fail(&error))?,
                None => return Err(fail(&format!("{} without a hash", answer.status()))),
            }
        }
        Err(fail(&"too many redirects"))
    }

    /// Fetches what is missing of a blob; what is there of it stays when this fails.
    async fn download<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
        etag: &str,
    ) -> Result<(), Trouble> {
        let path = self.repository.incomplete(etag);
        let mut file = self.local(fs::OpenOptions::new().create(true).append(true).open(&path))?;
        let before = self.progress.done;
        let mut have = self.local(file.metadata())?.len();
        if have > entry.size {
            self.local(file.set_len(0))?;
            have = 0;
        }
        let mut failures = 0;
        while have < entry.size {
            let start = have;
            self.progress.done = before + have;
            let outcome = self.stream(handle, commit, entry, &mut file, &mut have).await;
            failures = if have > start { 0 } else { failures + 1 };
            match outcome {
                Err(Trouble::Hub(error)) if !errors::is_broken(&error) => return Err(error.into()),
                Err(Trouble::Stopped(error)) => return Err(Trouble::Stopped(error)),
                _ if failures < ATTEMPTS => {}
                Err(trouble) if have == 0 => return Err(trouble),
                _ => {
                    let message = format!("the connection broke {have} of {} bytes into {}", entry.size, entry.path);
                    return Err(Trouble::Stopped(Error::data(message).hint("run again to go on where it stopped")));
                }
            }
            if have < entry.size {
                tokio::time::sleep(TICK * (1 << failures)).await;
                self.ask()?;
            }
        }
        self.local(file.sync_all())?;
        self.verify(&path, entry, etag)
    }

    /// One request for the bytes from `have` on, appended as they come.
    async fn stream<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
        file: &mut fs::File,
        have: &mut u64,
    ) -> Result<(), Trouble> {
        let request = handle.download_file_stream().filename(&entry.path).revision(commit);
        let (length, mut bytes) = if *have == 0 {
            self.watched(request.send()).await?
        } else {
            self.watched(request.range(*have..entry.size).send()).await?
        };
        if *have > 0 && length != Some(entry.size - *have) {
            // The server sends the whole file, not the range.
            self.local(file.set_len(0))?;
            self.progress.done -= *have;
            *have = 0;
        }
        while let Some(chunk) = self.next(&mut bytes).await? {
            let chunk = chunk?;
            let left = usize::try_from(entry.size - *have).unwrap_or(usize::MAX);
            let chunk = chunk.get(..chunk.len().min(left)).unwrap_or_default();
            self.local(file.write_all(chunk))?;
            *have += chunk.len() as u64;
            self.progress.done += chunk.len() as u64;
            if chunk.is_empty() {
                return Ok(());
            }
            self.ask()?;
        }
        Ok(())
    }

    /// Compares the content with its hash, where the hub tells one.
    fn verify(&mut self, path: &Path, entry: &Entry, etag: &str) -> Result<(), Trouble> {
        if etag.len() != 64 {
            return Ok(());
        }
        let mut file = self.local(fs::File::open(path))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = self.local(file.read(&mut buffer))?;
            if n == 0 {
                break;
            }
            hash.update(buffer.get(..n).unwrap_or_default());
            self.ask()?;
        }
        if hexadecimal(&hash.finalize()) == etag {
            return Ok(());
        }
        self.local(fs::remove_file(path))?;
        let message = format!("{} arrived damaged: its SHA-256 is not the one that the hub tells", entry.path);
        Err(Trouble::Stopped(Error::data(message).hint("run again to fetch it anew")))
    }
}

fn has_size(path: &Path, size: u64) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == size)
}
