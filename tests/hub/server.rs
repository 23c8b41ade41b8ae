//! A small hub on this machine: the routes, headers and redirects that the real one answers with, and its faults.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The only commit.
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong, and what was asked.
#[derive(Default)]
pub(super) struct State {
    /// Files by path; those of 1,000 bytes and more are kept in the store of large files.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Address of this hub.
    endpoint: String,
    /// Requests so far, as `METHOD path range`.
    pub(super) log: Vec<String>,
    /// Answers everything with this status and error code.
    pub(super) refuse: Option<(u16, &'static str)>,
    /// The token that has to come with every request for the hub itself.
    pub(super) token: Option<&'static str>,
    /// The next contents are cut after so many bytes.
    pub(super) cuts: Vec<usize>,
    /// Ranges are not understood.
    pub(super) no_ranges: bool,
    /// Contents of large files come with their first byte changed.
    pub(super) damage: bool,
    /// Contents begin after so long.
    pub(super) delay: Duration,
}

/// The hub; it runs until the process ends.
pub(super) struct FakeHub {
    pub(super) endpoint: String,
    pub(super) state: Arc<Mutex<State>>,
}

impl FakeHub {
    /// A hub whose only repository has these files.
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|&(name, content)| (name.to_owned(), content.to_vec())).collect();
        let state = Arc::new(Mutex::new(State { files, endpoint: endpoint.clone(), ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("hub".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = Arc::clone(&shared);
                    std::thread::Builder::new()
                        .name("hub answer".into())
                        .spawn(move || answer(&stream, &state))
                        .unwrap();
                }
            })
            .unwrap();
        Self { endpoint, state }
    }

    /// Requests since the last call that begin with `prefix`.
    pub(super) fn requests(&self, prefix: &str) -> Vec<String> {
        let log = std::mem::take(&mut self.state.lock().unwrap().log);
        log.into_iter().filter(|line| line.starts_with(prefix)).collect()
    }
}

/// Hexadecimal SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Stands for the git object id of a small file.
pub(super) fn oid(bytes: &[u8]) -> String {
    sha256(bytes)[..40].to_owned()
}

fn is_large(content: &[u8]) -> bool {
    content.len() >= 1000
}

fn answer(mut stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap_or_default();
    let (mut range, mut token) = (None, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or_default() == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value.to_owned()),
            "authorization" => token = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
    let (delay, reply) = {
        let mut state = state.lock().unwrap();
        state.log.push(format!("{method} {target} {}", range.clone().unwrap_or_default()).trim().to_owned());
        (state.delay, reply(&mut state, &target, range.as_deref(), token.as_deref()))
    };
    let mut head =
        format!("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in reply.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    if method != "HEAD" {
        std::thread::sleep(if target.starts_with("/store/") { delay } else { Duration::ZERO });
        let end = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
        let _ = stream.write_all(&reply.body[..end]);
    }
    let _ = stream.flush();
}

#[derive(Default)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
}

fn json_reply(value: &Value) -> Reply {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Reply { status: 200, headers, body: value.to_string().into_bytes(), cut: None }
}

fn error(status: u16, code: &str) -> Reply {
    Reply { status, headers: vec![("X-Error-Code", code.to_owned())], ..Reply::default() }
}

fn reply(state: &mut State, target: &str, range: Option<&str>, token: Option<&str>) -> Reply {
    if let Some(hash) = target.strip_prefix("/store/") {
        return stored(state, hash, range);
    }
    if let Some((status, code)) = state.refuse {
        return error(status, code);
    }
    if state.token.is_some_and(|wanted| token != Some(&format!("Bearer {wanted}"))) {
        return error(401, "GatedRepo");
    }
    let path = target.split('?').next().unwrap_or_default();
    if !path.contains("lab/tiny/") {
        return error(404, "RepoNotFound");
    }
    if let Some(revision) = path.split("/revision/").nth(1) {
        if revision != "main" && revision != COMMIT {
            return error(404, "RevisionNotFound");
        }
        let siblings: Vec<Value> = state.files.keys().map(|name| json!({"rfilename": name})).collect();
        return json_reply(&json!({"_id": "1", "id": "lab/tiny", "sha": COMMIT, "siblings": siblings}));
    }
    if path.contains("/tree/") {
        let deep = target.contains("recursive=true");
        let files = state.files.iter().filter(|(name, _)| deep || !name.contains('/') || name.contains(".."));
        // The real listing calls the hash of a large file `oid`, which hf-hub does not read.
        let entries = files.map(|(name, content)| {
            let mut entry = json!({"type": "file", "oid": oid(content), "size": content.len(), "path": name});
            if is_large(content) {
                entry["lfs"] = json!({"oid": sha256(content), "size": content.len(), "pointerSize": 134});
            }
            entry
        });
        return json_reply(&entries.collect());
    }
    match path.split(&format!("/resolve/{COMMIT}/")).nth(1).and_then(|name| state.files.get(name).cloned()) {
        None => error(404, "EntryNotFound"),
        Some(content) if is_large(&content) => {
            let hash = sha256(&content);
            let headers = vec![
                ("Location", format!("{}/store/{hash}", state.endpoint)),
                ("X-Linked-Etag", format!("\"{hash}\"")),
                ("X-Linked-Size", content.len().to_string()),
                ("X-Repo-Commit", COMMIT.to_owned()),
            ];
            Reply { status: 302, headers, ..Reply::default() }
        }
        Some(content) => {
            let headers = vec![("ETag", format!("\"{}\"", oid(&content))), ("X-Repo-Commit", COMMIT.to_owned())];
            Reply { status: 200, headers, body: content, cut: None }
        }
    }
}

fn stored(state: &mut State, hash: &str, range: Option<&str>) -> Reply {
    let Some(mut content) = state.files.values().find(|content| sha256(content) == hash).cloned() else {
        return error(404, "");
    };
    if state.damage {
        content[0] ^= 1;
    }
    let mut reply = Reply { status: 200, headers: vec![("ETag", "\"of-the-store\"".to_owned())], ..Reply::default() };
    let bounds = range.filter(|_| !state.no_ranges).and_then(|range| {
        let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((start.parse::<usize>().ok()?, end.parse::<usize>().ok()? + 1))
    });
    if let Some((start, end)) = bounds {
        reply.status = 206;
        reply.headers.push(("Content-Range", format!("bytes {start}-{}/{}", end - 1, content.len())));
        content = content[start..end].to_vec();
    }
    // Only contents are cut, and a request for the headers alone takes no cut from the list.
    if state.log.last().is_some_and(|line| line.starts_with("GET")) && !state.cuts.is_empty() {
        reply.cut = Some(state.cuts.remove(0));
    }
    reply.body = content;
    reply
}
