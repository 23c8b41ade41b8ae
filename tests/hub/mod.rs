//! Downloads from a hub on this machine: layout of the cache, resume, cancellation, refusals, no network.

mod server;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use memoscope::data::hub::{Fetched, Hub, Progress, is_id};
use memoscope::error::Error;
use server::{COMMIT, FakeHub, oid, sha256};
use tempfile::TempDir;

fn weights() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn model_hub() -> FakeHub {
    FakeHub::new(&[
        ("README.md", b"words"),
        ("config.json", b"{}"),
        ("model.safetensors", &weights()),
        ("onnx/model.safetensors", b"no"),
        ("pytorch_model.bin", b"pickle"),
        ("tokenizer.json", b"{\"model\": 1}"),
    ])
}

fn client(hub: &FakeHub, cache: &Path) -> Hub {
    Hub { endpoint: hub.endpoint.clone(), token: None, cache: cache.to_owned(), offline: false }
}

fn fetch(hub: &Hub) -> Result<Fetched, Error> {
    hub.model("lab/tiny", None, &mut |_| true)
}

/// The message of a refusal.
fn refusal(hub: &Hub) -> String {
    fetch(hub).expect_err("must be refused").to_string()
}

fn root(cache: &Path) -> std::path::PathBuf {
    cache.join("models--lab--tiny")
}

#[test]
fn a_model_lands_in_the_cache_that_python_reads() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    let client = client(&hub, cache.path());
    let mut last = Progress::default();
    let mut watch = |progress: &Progress| {
        assert!(progress.done >= last.done, "progress goes forward");
        last = progress.clone();
        true
    };
    let fetched = client.model("lab/tiny", Some("main"), &mut watch).unwrap();
    assert_eq!((last.done, last.total), (300_014, 300_014));
    let names: Vec<_> = fetched.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["config.json", "model.safetensors", "tokenizer.json"]);
    assert_eq!((fetched.commit.as_str(), fetched.note), (COMMIT, None));
    let root = root(cache.path());
    assert_eq!(fetched.folder, root.join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(root.join("refs/main")).unwrap(), COMMIT);
    let blob = root.join("blobs").join(sha256(&weights()));
    assert_eq!(fs::read(&blob).unwrap(), weights());
    assert!(root.join("blobs").join(oid(b"{}")).is_file());
    let link = fs::read_link(fetched.folder.join("model.safetensors")).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(sha256(&weights())));
    hub.requests("");
    fetch(&client).unwrap();
    assert_eq!(
        hub.requests("").iter().filter(|line| line.contains("/resolve/")).count(),
        0,
        "nothing is fetched twice"
    );
}

#[test]
fn a_cut_connection_goes_on_where_it_broke() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    hub.state.lock().unwrap().cuts = vec![100_000, 50_000];
    let fetched = fetch(&client(&hub, cache.path())).unwrap();
    assert_eq!(fs::read(fetched.folder.join("model.safetensors")).unwrap(), weights());
    let gets = hub.requests("GET /store/");
    assert_eq!(gets.len(), 3, "{gets:?}");
    assert!(gets[1].ends_with("bytes=100000-299999") && gets[2].ends_with("bytes=150000-299999"), "{gets:?}");
}

#[test]
fn a_connection_that_keeps_breaking_is_an_error_and_the_next_call_resumes() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    hub.state.lock().unwrap().cuts = vec![70_000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let client = client(&hub, cache.path());
    let error = refusal(&client);
    assert!(error.contains("broke 70000 of 300000 bytes into model.safetensors"), "{error}");
    assert!(error.contains("run again"), "{error}");
    hub.state.lock().unwrap().cuts.clear();
    hub.requests("");
    let fetched = fetch(&client).unwrap();
    assert_eq!(fs::read(fetched.folder.join("model.safetensors")).unwrap(), weights());
    let gets = hub.requests("GET /store/");
    assert!(gets.len() == 1 && gets[0].ends_with("bytes=70000-299999"), "{gets:?}");
}

#[test]
fn cancelling_keeps_what_is_there() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    let client = client(&hub, cache.path());
    let mut watch = |progress: &Progress| progress.done < 40_000;
    let outcome = client.model("lab/tiny", None, &mut watch);
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
    let partial = root(cache.path()).join("blobs").join(format!("{}.incomplete", sha256(&weights())));
    let kept = fs::metadata(&partial).unwrap().len();
    assert!(kept >= 39_000, "{kept}");
    hub.requests("");
    fetch(&client).unwrap();
    let gets = hub.requests("GET /store/");
    assert!(kept == 300_000 || gets[0].ends_with(&format!("bytes={kept}-299999")), "{gets:?}");
    assert!(!partial.exists(), "renamed when complete");
}

#[test]
fn a_silent_server_can_be_cancelled_at_once() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    hub.state.lock().unwrap().delay = Duration::from_secs(20);
    let start = Instant::now();
    let mut watch = |_: &Progress| start.elapsed() < Duration::from_millis(500);
    let outcome = client(&hub, cache.path()).model("lab/tiny", None, &mut watch);
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_server_without_ranges_sends_the_whole_again() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    {
        let mut state = hub.state.lock().unwrap();
        state.cuts = vec![100_000];
        state.no_ranges = true;
    }
    let fetched = fetch(&client(&hub, cache.path())).unwrap();
    assert_eq!(fs::read(fetched.folder.join("model.safetensors")).unwrap(), weights());
}

#[test]
fn damaged_content_is_found_out_by_its_hash() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    hub.state.lock().unwrap().damage = true;
    let client = client(&hub, cache.path());
    let error = refusal(&client);
    assert!(error.contains("model.safetensors arrived damaged"), "{error}");
    hub.state.lock().unwrap().damage = false;
    fetch(&client).unwrap();
}

#[test]
fn refusals_are_explained() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    let mut client = client(&hub, cache.path());
    for (refuse, words) in [
        ((401, "GatedRepo"), ["refuses access to the model `lab/tiny` (401)", "accept its terms at http"]),
        ((401, "RepoNotFound"), ["(401)", "misspelled, or it is private or gated"]),
        ((403, "GatedRepo"), ["(403)", "HF_TOKEN"]),
        ((404, "RepoNotFound"), ["there is no model `lab/tiny` on http", "spelling"]),
        ((404, "RevisionNotFound"), ["revision `main`", "spelling"]),
        ((429, ""), ["slow down", "again"]),
    ] {
        hub.state.lock().unwrap().refuse = Some(refuse);
        let error = refusal(&client);
        assert!(words.iter().all(|word| error.contains(word)), "{refuse:?}: {error}");
    }
    hub.state.lock().unwrap().refuse = Some((403, "GatedRepo"));
    client.token = Some("t".to_owned());
    assert!(refusal(&client).contains("your token has no access yet"), "with a token");
}

#[test]
fn the_token_is_sent() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    hub.state.lock().unwrap().token = Some("secret");
    let mut client = client(&hub, cache.path());
    client.token = Some("wrong".to_owned());
    assert!(!refusal(&client).contains("wrong"), "tokens are not shown");
    client.token = Some("secret".to_owned());
    fetch(&client).unwrap();
}

#[test]
fn without_network_the_cache_serves_and_says_so() {
    let (hub, cache) = (model_hub(), TempDir::new().unwrap());
    let mut client = client(&hub, cache.path());
    fetch(&client).unwrap();
    hub.requests("");
    client.offline = true;
    let fetched = fetch(&client).unwrap();
    assert!(fetched.note.is_some_and(|note| note.contains("HF_HUB_OFFLINE")), "a note");
    assert_eq!(hub.requests("").len(), 0, "offline asks nothing");
    client.offline = false;
    client.endpoint = "http://127.0.0.1:9".to_owned();
    let fetched = fetch(&client).unwrap();
    let note = fetched.note.unwrap();
    assert!(note.contains("http://127.0.0.1:9 could not be reached") && note.contains("0123456789ab"), "{note}");
    assert_eq!(fetched.files.len(), 3);
    hub.state.lock().unwrap().refuse = Some((503, ""));
    client.endpoint.clone_from(&hub.endpoint);
    assert!(fetch(&client).unwrap().note.is_some(), "a hub in trouble");
}

#[test]
fn without_network_and_cache_the_error_says_what_to_do() {
    let cache = TempDir::new().unwrap();
    let mut client =
        Hub { endpoint: "http://127.0.0.1:9".into(), token: None, cache: cache.path().into(), offline: false };
    let error = refusal(&client);
    assert!(error.contains("http://127.0.0.1:9 cannot be reached") && error.contains("HF_ENDPOINT"), "{error}");
    client.offline = true;
    let error = refusal(&client);
    assert!(
        error.contains("not (at main) in the cache") && error.contains("unset HF_HUB_OFFLINE, leave out --offline"),
        "{error}"
    );
}

#[test]
fn an_incomplete_copy_is_not_served() {
    let cache = TempDir::new().unwrap();
    let snapshot = root(cache.path()).join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(root(cache.path()).join("refs")).unwrap();
    fs::write(root(cache.path()).join("refs/main"), format!("{COMMIT}\n")).unwrap();
    fs::write(snapshot.join("config.json"), "{}").unwrap();
    fs::write(snapshot.join("model-00001-of-00002.safetensors"), "x").unwrap();
    let map = r#"{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#;
    fs::write(snapshot.join("model.safetensors.index.json"), map).unwrap();
    let client = Hub { endpoint: String::new(), token: None, cache: cache.path().into(), offline: true };
    let error = refusal(&client);
    assert!(error.contains("not complete in the cache"), "{error}");
    fs::write(snapshot.join("model-00002-of-00002.safetensors"), "y").unwrap();
    assert_eq!(fetch(&client).unwrap().files.len(), 4);
}

#[test]
fn data_sets_by_name_pattern_or_alone() {
    let files: [(&str, &[u8]); 4] = [
        ("README.md", b"-"),
        ("data/test-0.jsonl", b"{\"text\": \"c\"}\n"),
        ("data/train-0.jsonl", b"{\"text\": \"a\"}\n"),
        ("data/train-1.jsonl", b"{\"text\": \"b\"}\n"),
    ];
    let (hub, cache) = (FakeHub::new(&files), TempDir::new().unwrap());
    let client = client(&hub, cache.path());
    let get = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        client.dataset("lab/tiny", None, &names, &mut |_| true)
    };
    let fetched = get(&["data/train-*.jsonl"]).unwrap();
    assert_eq!(fetched.files.len(), 2);
    assert_eq!(fs::read_to_string(&fetched.files[1]).unwrap(), "{\"text\": \"b\"}\n");
    assert!(fetched.folder.starts_with(cache.path().join("datasets--lab--tiny")));
    assert!(hub.requests("HEAD /datasets/lab/tiny/resolve/").len() >= 2, "the routes of data sets");
    let error = get(&[]).unwrap_err().to_string();
    assert!(error.contains("3 data files") && error.contains("data/test-0.jsonl, data/train-0.jsonl"), "{error}");
    let error = get(&["x.csv"]).unwrap_err().to_string();
    assert!(error.contains("no file `x.csv`"), "{error}");
    let alone = FakeHub::new(&[("a.csv", b"text\nx\n"), ("README.md", b"-")]);
    let client = Hub { endpoint: alone.endpoint.clone(), ..client };
    assert!(client.dataset("lab/tiny", None, &[], &mut |_| true).unwrap().files[0].ends_with("a.csv"));
}

#[test]
fn names_that_would_leave_the_cache_are_refused() {
    let (hub, cache) =
        (FakeHub::new(&[("config.json", b"{}"), ("../evil.safetensors", b"x")]), TempDir::new().unwrap());
    let client = client(&hub, cache.path());
    assert!(refusal(&client).contains("unsafe file name"), "a path that climbs");
    for id in ["../x", "a/b/c", "a//b", "", "/etc", "a/..", "a b"] {
        assert!(!is_id(id), "{id}");
        assert!(client.model(id, None, &mut |_| true).is_err(), "{id}");
    }
    assert!(is_id("gpt2") && is_id("EleutherAI/pythia-1.4b"), "usual ids");
    let error = client.model("lab/tiny", Some("../../x"), &mut |_| true).unwrap_err().to_string();
    assert!(error.contains("not a revision"), "{error}");
}

#[test]
fn pickles_are_not_fetched() {
    let (hub, cache) = (FakeHub::new(&[("config.json", b"{}"), ("pytorch_model.bin", b"x")]), TempDir::new().unwrap());
    let error = refusal(&client(&hub, cache.path()));
    assert!(error.contains("only pytorch_model.bin") && error.contains("save_pretrained"), "{error}");
}

#[test]
fn the_environment_is_read_as_python_reads_it() {
    let vars = |pairs: &'static [(&str, &str)]| {
        Hub::from_vars(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    let hub =
        vars(&[("HOME", "/h"), ("HF_ENDPOINT", "https://mirror/"), ("HF_TOKEN", " t\n"), ("HF_HUB_OFFLINE", "1")]);
    assert_eq!((hub.endpoint.as_str(), hub.token.as_deref(), hub.offline), ("https://mirror", Some("t"), true));
    assert_eq!(hub.cache, Path::new("/h/.cache/huggingface/hub"));
    assert_eq!(vars(&[("HF_HOME", "/x")]).cache, Path::new("/x/hub"));
    assert_eq!(vars(&[("HF_HOME", "/x"), ("HF_HUB_CACHE", "/c")]).cache, Path::new("/c"));
    assert!(!vars(&[("HF_HUB_OFFLINE", "0")]).offline);
}

/// The whole way: an id on the command line, a run, and the same run later without the hub.
#[test]
fn a_run_with_a_model_of_the_hub() {
    let model = crate::runs::model();
    let files = ["config.json", "model.safetensors"].map(|name| (name, fs::read(model.join(name)).unwrap()));
    let hub = FakeHub::new(&files.each_ref().map(|(name, content)| (*name, content.as_slice())));
    let bench = crate::runs::Bench::new(20);
    let run = |endpoint: &str, place: &str, out: &str, extra: &[&str]| {
        let args = ["perplexity", "--model", place, "--data", "rows.jsonl", "--out", out, "--json"];
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_memoscope"));
        command.current_dir(bench.path("")).args(args).args(extra);
        command.env("HF_ENDPOINT", endpoint).env("HF_HOME", bench.path("home")).env_remove("HF_HUB_OFFLINE");
        let output = command.output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), report, message)
    };
    let local = run(&hub.endpoint, &model.display().to_string(), "local", &[]).1;
    let (code, first, message) = run(&hub.endpoint, &format!("lab/tiny@{COMMIT}"), "first", &[]);
    assert_eq!(code, Some(0), "{message}");
    assert!(message.contains("downloading model.safetensors"), "{message}");
    assert_eq!(first["steps"][0]["scalars"], local["steps"][0]["scalars"]);
    let plan = fs::read_to_string(bench.path("first/plan.json")).unwrap();
    assert!(plan.contains(&format!("\"name\": \"lab/tiny@{COMMIT}\"")), "{plan}");
    run(&hub.endpoint, "lab/tiny", "main", &[]);
    let (code, later, message) = run("http://127.0.0.1:9", "lab/tiny", "later", &[]);
    assert_eq!(code, Some(0), "{message}");
    assert!(later["steps"][0]["notes"].to_string().contains("could not be reached"), "an older copy is told: {later}");
    hub.requests("");
    let (code, offline, message) = run(&hub.endpoint, "lab/tiny", "offline", &["--offline"]);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(offline["steps"][0]["scalars"], local["steps"][0]["scalars"]);
    assert_eq!(hub.requests("").len(), 0, "offline asks nothing");
}
