//! A real Slurm of one node in a scratch folder: controller and node daemon from the system's packages, without
//! `munge`, listening on this machine alone. Says that it is skipped where they are not installed or do not start.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{bench, members, sweep_of, text};

/// The daemons; they end with the test.
struct Cluster {
    folder: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Cluster {
    /// None, with a message, where there is no Slurm or it does not start.
    fn start() -> Option<Self> {
        let skip = |why: &str| {
            println!("skipped: {why}");
            None
        };
        let [controller, node] = ["slurmctld", "slurmd"].map(find);
        let (Some(controller), Some(node)) = (controller, node) else { return skip("Slurm is not installed") };
        let folder = tempfile::tempdir().unwrap();
        for name in ["state", "spool"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let ports = [free_port(), free_port()];
        std::fs::write(folder.path().join("slurm.conf"), configuration(folder.path(), ports)).unwrap();
        let mut cluster = Self { folder, daemons: Vec::new() };
        for (program, args) in [(&controller, &["-D", "-c"][..]), (&node, &["-D", "-N", "localhost"][..])] {
            let mut command = Command::new(program);
            command.args(args).env("SLURM_CONF", cluster.configuration());
            match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
                Ok(child) => cluster.daemons.push(child),
                Err(error) => return skip(&format!("{} cannot be started: {error}", program.display())),
            }
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(40) {
            let answer = cluster.ask("sinfo", &["--noheader", "--format=%T"]);
            if answer.trim() == "idle" {
                return Some(cluster);
            }
            if cluster.daemons.iter_mut().any(|child| child.try_wait().is_ok_and(|ended| ended.is_some())) {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let log = std::fs::read_to_string(cluster.folder.path().join("ctld.log")).unwrap_or_default();
        skip(&format!("Slurm does not start here:\n{log}"))
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    fn ask(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).args(args).env("SLURM_CONF", self.configuration()).output();
        output.map_or_else(|_| String::new(), |output| text(&output.stdout))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.daemons.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program of the system, also where users have it not on their path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn configuration(folder: &Path, [controller, node]: [u16; 2]) -> String {
    let d = folder.display();
    let user = Command::new("id").arg("-un").output().map_or_else(|_| "root".to_owned(), |o| text(&o.stdout));
    let user = user.trim();
    format!(
        "ClusterName=test\nSlurmctldHost=localhost\nSlurmUser={user}\nSlurmdUser={user}\n\
         AuthType=auth/none\nCredType=cred/none\nSlurmctldPort={controller}\nSlurmdPort={node}\n\
         SlurmctldPidFile={d}/ctld.pid\nSlurmdPidFile={d}/slurmd.pid\nStateSaveLocation={d}/state\n\
         SlurmdSpoolDir={d}/spool\nSlurmctldLogFile={d}/ctld.log\nSlurmdLogFile={d}/slurmd.log\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
         SelectTypeParameters=CR_Core\nSchedulerType=sched/backfill\n\
         SchedulerParameters=sched_interval=1,batch_sched_delay=0\nJobAcctGatherType=jobacct_gather/none\n\
         AccountingStorageType=accounting_storage/none\nMpiDefault=none\n\
         CommunicationParameters=NoInAddrAny,NoCtldInAddrAny\nReturnToService=2\nMinJobAge=300\nKillWait=5\n\
         NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN\n\
         PartitionName=main Nodes=localhost Default=YES MaxTime=01:00:00 State=UP\n"
    )
}

#[test]
fn four_runs_are_an_array_and_failed_ones_are_handed_over_again() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = bench();
    let call = |args: &[&str]| bench.command(args).env("SLURM_CONF", cluster.configuration()).output().unwrap();

    // An option that this cluster refuses.
    let refused = call(&["sweep", "sweep.json", "--runs", "moon", "--executor", "slurm", "--sbatch=--partition=moon"]);
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("sbatch refused the job array") && told.contains("invalid partition"), "{told}");

    // Handed over without waiting, and stopped while two of four wait.
    let output = call(&["sweep", "sweep.json", "--executor", "slurm", "--jobs", "2", "--detach", "--sbatch=--hold"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let sweep = sweep_of(&bench);
    let place = sweep.display().to_string();
    let listed = text(&call(&["runs", &place]).stdout);
    assert!(listed.contains("PENDING (JobHeldUser)") && listed.ends_with("0 of 4 done, 4 waiting\n"), "{listed}");
    let output = call(&["cancel", &place]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let listed = text(&call(&["runs", &place]).stdout);
    assert!(listed.ends_with("0 of 4 done, 4 cancelled\n"), "{listed}");

    // One run cannot work: its prefix is longer than every row. The others finish, and it is handed over again alone.
    let file = sweep.join("sweep.json");
    let text_of = std::fs::read_to_string(&file).unwrap().replace("\"--hold\"", "\"--comment=again\"");
    std::fs::write(&file, text_of).unwrap();
    let runs = members(&sweep);
    let asked = bench.path("runs").join(&runs[2]).join("experiment.json");
    let right = std::fs::read_to_string(&asked).unwrap();
    std::fs::write(&asked, right.replace("\"k\": 8", "\"k\": 600")).unwrap();
    let output = call(&["resume", &place, "--json"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("3 of 4 done, 1 failed; k=8 seed=0:"), "{told}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["runs"][2]["state"], &said["report"]["complete"]), (&json!("failed"), &json!(false)));

    std::fs::write(&asked, right).unwrap();
    let output = call(&["resume", &place, "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(said["runs"].as_array().unwrap().iter().all(|run| run["state"] == "done"), "{said}");
    assert_eq!(said["report"]["complete"], true);
    let jobs = super::json_of(&file)["jobs"].clone();
    assert_eq!(jobs[1]["elements"], json!([0, 1, 2, 3]));
    assert_eq!(jobs[2]["elements"], json!([2]), "only the failed one");
    assert_eq!(std::fs::read_to_string(sweep.join("tables/runs.csv")).unwrap().lines().count(), 5);
}
