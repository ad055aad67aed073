//! On which cores threads run, where the configuration says so.

use std::collections::BTreeMap;
use std::fs;

use crate::disk::{rewrite, wait_for};
use crate::support::{Server, must, without_settings};

/// A line of a process's or a thread's status, unless that has ended.
fn status(folder: &str, line: &str) -> Option<String> {
    let text = fs::read_to_string(format!("{folder}/status")).ok()?;
    let value = text.lines().find_map(|other| other.strip_prefix(line)).expect("the system tells");
    Some(value.trim().to_owned())
}

/// Where each thread of a server may run, by its name.
fn cores_of_threads(server: &Server) -> BTreeMap<String, String> {
    let folder = format!("/proc/{}/task", server.process().as_raw_nonzero());
    let threads = fs::read_dir(folder).expect("the process is there");
    let told = |thread: std::io::Result<fs::DirEntry>| {
        let folder = thread.expect("it can be read").path().display().to_string();
        Some((status(&folder, "Name:")?, status(&folder, "Cpus_allowed_list:")?))
    };
    threads.filter_map(told).collect()
}

#[test]
fn threads_run_on_the_cores_that_are_named_and_each_has_a_worker() {
    let allowed = status("/proc/self", "Cpus_allowed_list:").expect("this process is there");
    let all = stdx::core_list::numbers(&allowed).expect("the system writes such lists");
    let (first, last) = (all[0].to_string(), all[all.len() - 1].to_string());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = [
        "--threads",
        "0",
        "--server-cpulist",
        &first,
        "--bio-cpulist",
        &last,
        "--bgsave-cpulist",
        &last,
        "--appendonly",
        "yes",
    ];
    let (server, mut client) = Server::start(folder.path(), &arguments).connect_and_keep();
    // Nobody waits at the start until they have a name and have gone there.
    for (name, cores) in [("worker-0", &first), ("reclaimer", &last), ("persistence", &last)] {
        while cores_of_threads(&server).get(name) != Some(cores) {}
    }
    assert!(!cores_of_threads(&server).contains_key("worker-1"));
    must(&mut client, "SET key value");
    must(&mut client, "BGSAVE");
    wait_for(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(cores_of_threads(&server)["saver"], last);
    rewrite(&mut client);
    assert_eq!(cores_of_threads(&server)["saver"], first, "it does that where the server runs");
}

#[test]
fn a_list_that_is_none_is_refused_at_the_start() {
    let mut command = without_settings(env!("CARGO_BIN_EXE_rustypotato-server"));
    let output = command.args(["--server-cpulist", "1-0"]).output().expect("it runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("argument must be a list of cores such as 0,2-4 or 1-7:2"), "{said}");
}
