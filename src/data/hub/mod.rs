//! Models and data sets from a hub, by id, into the cache that Python shares.
//!
//! Nothing is fetched that the cache holds already, a broken download goes on where it stopped, and without a
//! network the cache alone is used, which the result says. Environment variables are read in [`Hub::from_env`] and
//! nowhere else: `HF_ENDPOINT` (a mirror), `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_CACHE`,
//! `HF_HUB_OFFLINE`.

mod cache;
mod choose;
mod download;
mod errors;
mod fetch;

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Where and how to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Address of the hub or of a mirror, without a slash at the end.
    pub endpoint: String,
    /// Access token for private and gated repositories.
    pub token: Option<String>,
    /// The cache folder, in the layout of `huggingface_hub`.
    pub cache: PathBuf,
    /// Use the cache alone.
    pub offline: bool,
}

/// How far a download is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The file that is being fetched, or what is being asked of the hub.
    pub file: String,
    /// Bytes there, over all files.
    pub done: u64,
    /// Bytes of all files; 0 while unknown.
    pub total: u64,
}

/// Told of the progress at least every 200 ms; answers whether to go on.
pub type Watch<'a> = &'a mut dyn FnMut(&Progress) -> bool;

/// Files that are on this machine now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The snapshot folder, which looks like the repository.
    pub folder: PathBuf,
    /// The files in it, in the order of their names.
    pub files: Vec<PathBuf>,
    /// The commit that the revision stands for.
    pub commit: String,
    /// What was not as asked, such as a copy from the cache because the hub could not be reached.
    pub note: Option<String>,
}

/// What kind of repository an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Model,
    Dataset,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "data set",
        }
    }
}

impl Hub {
    /// The hub as the environment describes it.
    pub fn from_env() -> Self {
        Self::from_vars(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The hub as these variables describe it.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| var(name).map(PathBuf::from);
        let home = path("HF_HOME")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| path("HOME").or_else(|| path("USERPROFILE")).map(|home| home.join(".cache/huggingface")))
            .unwrap_or_else(|| PathBuf::from(".cache/huggingface"));
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = var("HF_TOKEN").or_else(|| std::fs::read_to_string(token_file).ok());
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE")).unwrap_or_else(|| home.join("hub"));
        let endpoint = var("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let offline = var("HF_HUB_OFFLINE")
            .is_some_and(|value| matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE"));
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            cache,
            offline,
        }
    }

    /// Brings the model `id` at `revision` (a branch, tag or commit; `main` when absent): configuration, tokenizer
    /// files and safetensors weights, nothing else.
    ///
    /// # Errors
    /// An id that does not exist, a refusal (private or gated), a repository without safetensors, a network that
    /// fails when the cache has no complete copy, or [`Error::Cancelled`].
    pub fn model(&self, id: &str, revision: Option<&str>, watch: Watch<'_>) -> Result<Fetched> {
        let revision = check(id, revision)?;
        fetch::fetch(self, &fetch::Wanted { kind: Kind::Model, id, revision, files: &[] }, watch)
    }

    /// Brings files of the data set `id`. A `*` in a name stands for any text; no names stand for the only data file
    /// there is.
    ///
    /// # Errors
    /// As [`Self::model`]; and several data files where none was named: the error lists them.
    pub fn dataset(&self, id: &str, revision: Option<&str>, files: &[String], watch: Watch<'_>) -> Result<Fetched> {
        let revision = check(id, revision)?;
        fetch::fetch(self, &fetch::Wanted { kind: Kind::Dataset, id, revision, files }, watch)
    }
}

/// Brings a model with the settings of the environment; see [`Hub::model`].
pub fn model(id: &str, revision: Option<&str>, watch: Watch<'_>) -> Result<Fetched> {
    Hub::from_env().model(id, revision, watch)
}

/// Brings files of a data set with the settings of the environment; see [`Hub::dataset`].
pub fn dataset(id: &str, revision: Option<&str>, files: &[String], watch: Watch<'_>) -> Result<Fetched> {
    Hub::from_env().dataset(id, revision, files, watch)
}

/// Whether `id` looks like an id of the hub, `owner/name` or the short form `name`.
pub fn is_id(id: &str) -> bool {
    let parts: Vec<&str> = id.split('/').collect();
    parts.len() <= 2
        && parts.iter().all(|part| {
            !part.is_empty()
                && part.len() <= 96
                && !part.starts_with(['.', '-'])
                && !part.contains("..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        })
}

/// Refuses ids and revisions that could leave the cache folder; returns the revision.
fn check<'a>(id: &str, revision: Option<&'a str>) -> Result<&'a str> {
    let revision = revision.unwrap_or("main");
    if !is_id(id) {
        return Err(Error::config(format!("{id:?} is not an id of the hub"))
            .hint("an id is owner/name, such as EleutherAI/pythia-160m"));
    }
    if !cache::is_inside(revision) {
        return Err(Error::config(format!("{revision:?} is not a revision"))
            .hint("a revision is a branch, a tag or a commit, such as main"));
    }
    Ok(revision)
}
