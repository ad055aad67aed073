//! BACKUP START, SEAL, LIST, STATUS, ABORT and CLEANUP, `backupdirname`, `backup-sealed-ttl` and `preload-file`, as the documentation of
//! Redis 8.10 describes them. No such server is at hand to compare with; that of Debian loads what is sealed.

use std::fs;
use std::path::{Path, PathBuf};

use client::Client;
use resp::Frame;

use crate::disk::{APPENDING, SNAPSHOTS, figure, wait_for};
use crate::support::{Server, must, run, text};

/// The fields of BACKUP STATUS.
fn status(client: &mut Client) -> [String; 4] {
    let reply = must(client, "BACKUP STATUS");
    let pairs = reply.pairs().expect("a map");
    let names: Vec<String> = pairs.iter().map(|(name, _)| text(name)).collect();
    assert_eq!(names, ["state", "error", "start_time", "end_time"]);
    let values: Vec<String> = pairs.iter().map(|(_, value)| text(value)).collect();
    values.try_into().expect("four")
}

fn list(client: &mut Client) -> Vec<String> {
    let reply = must(client, "BACKUP LIST");
    reply.elements().expect("a list").iter().map(text).collect()
}

fn refusal(client: &mut Client, command: &str) -> String {
    let reply = run(client, command);
    assert!(matches!(reply, Frame::Error(_)), "{command}: {reply:?}");
    text(&reply)
}

fn start(client: &mut Client) {
    must(client, "BACKUP START");
    wait_for(client, "backup_state", "incrementing");
}

/// Makes data, a backup, and more data; gives the paths of the sealed files.
fn seal(client: &mut Client) -> Vec<String> {
    must(client, "SET before 1");
    must(client, "RPUSH list a b c");
    start(client);
    must(client, "SET between 2");
    must(client, "SELECT 3");
    must(client, "HSET hash field value");
    must(client, "SELECT 0");
    must(client, "MULTI");
    must(client, "INCR before");
    must(client, "DEL list");
    must(client, "EXEC");
    must(client, "BACKUP SEAL");
    let files = list(client);
    must(client, "SET after 3");
    files
}

/// The data is that of [`seal`]'s backup.
fn check(client: &mut Client) {
    for (command, expected) in [
        ("GET before", "2"),
        ("GET between", "2"),
        ("EXISTS list", "0"),
        ("EXISTS after", "0"),
        ("DBSIZE", "2"),
    ] {
        let reply = must(client, command);
        let told = reply.integer().map_or_else(|| text(&reply), |number| number.to_string());
        assert_eq!(told, expected, "{command}");
    }
    must(client, "SELECT 3");
    assert_eq!(text(&must(client, "HGET hash field")), "value");
    must(client, "SELECT 0");
}

/// The manifest among the paths.
fn manifest(files: &[String]) -> &str {
    files.iter().find(|file| file.ends_with(".manifest")).expect("it is told")
}

/// Copies files into a new folder of a set, as the documentation says.
fn copy(files: &[String], folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).expect("it can be made");
    for file in files {
        let name = Path::new(file).file_name().expect("a file");
        fs::copy(file, folder.join(name)).expect("it can be copied");
    }
    folder.join(Path::new(manifest(files)).file_name().expect("a file"))
}

/// A backup, with everything that is told of it, from its start to its end; what is sealed is restored by this server and by
/// redis-server.
fn whole_life(options: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), options);
    let mut client = server.connect();
    assert_eq!(status(&mut client), ["idle", "", "0", "0"]);
    assert_eq!(list(&mut client), Vec::<String>::new());
    assert_eq!(refusal(&mut client, "BACKUP ABORT"), "ERR No backup in progress");
    let files = seal(&mut client);
    let [state, error, started, ended] = status(&mut client);
    assert_eq!((&*state, &*error), ("sealed", ""));
    assert!(started.len() == 10 && ended >= started, "{started} {ended}");
    let of_folder = folder.path().canonicalize().expect("it is there").join("backupdir");
    let names: Vec<_> =
        files.iter().map(|file| file.strip_prefix(of_folder.to_str().expect("text"))).collect();
    assert!(
        matches!(names[..], [Some(base), Some(increment), Some("/appendonly.aof.manifest")]
            if base.ends_with(".base.rdb") && increment.ends_with(".incr.aof")),
        "{files:?}"
    );
    assert_eq!(fs::read_dir(&of_folder).expect("it is there").count(), 3);
    let is = figure(&mut client, "aof_enabled") == "1";
    assert_eq!(is, options == APPENDING);
    assert_eq!(folder.path().join("appendonlydir").exists(), is);
    assert!(refusal(&mut client, "BACKUP START").contains("a sealed backup is there already"));
    assert!(refusal(&mut client, "BACKUP ABORT").contains("a sealed backup is there already"));
    // Neither a rewrite nor more data changes what is sealed, nor does a restart.
    let sealed: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("it is there")).collect();
    must(&mut client, "BGREWRITEAOF");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    let before = status(&mut client);
    drop(client);
    server.kill();
    let server = Server::start(folder.path(), options);
    let mut client = server.connect();
    assert_eq!(status(&mut client), before);
    assert_eq!(list(&mut client), files);
    let now: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("it is there")).collect();
    assert!(now == sealed);
    if is {
        assert_eq!(text(&must(&mut client, "GET after")), "3", "its own data is all there");
    }
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    restore(&files, elsewhere.path());
    must(&mut client, "BACKUP CLEANUP");
    assert_eq!(status(&mut client), ["idle", "", "0", "0"]);
    assert_eq!(fs::read_dir(&of_folder).expect("it is there").count(), 0);
    must(&mut client, "BACKUP CLEANUP");
    start(&mut client);
}

/// Sealed files are loaded where they are, and by those who get copies.
fn restore(files: &[String], elsewhere: &Path) {
    let preload = format!("aof:{}", manifest(files));
    for appendonly in ["no", "yes"] {
        let folder = elsewhere.join(format!("here-{appendonly}"));
        fs::create_dir(&folder).expect("it can be made");
        let options = ["--appendonly", appendonly, "--save", "", "--preload-file", &preload];
        let server = Server::start(&folder, &options);
        check(&mut server.connect());
    }
    for (name, start) in [("own", Server::start as fn(&Path, &[&str]) -> Server), ("redis", Server::oracle)] {
        let folder = elsewhere.join(name);
        copy(files, &folder.join("appendonlydir"));
        let server = start(&folder, &["--appendonly", "yes", "--save", ""]);
        check(&mut server.connect());
    }
}

#[test]
fn a_backup_of_an_append_only_file_is_made_sealed_and_restored() {
    whole_life(APPENDING);
}

#[test]
fn a_backup_is_made_where_there_is_no_append_only_file() {
    whole_life(SNAPSHOTS);
}

#[test]
fn the_single_file_of_redis_6_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let old = folder.path().join("appendonly.aof");
    let bytes = b"*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$1\r\n1\r\n";
    fs::write(&old, bytes).expect("it can be written");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    seal(&mut client);
    assert_eq!(fs::read(&old).expect("it is there"), bytes);
    must(&mut client, "BACKUP CLEANUP");
    assert_eq!(fs::read(&old).expect("it is there"), bytes);
}

#[test]
fn rewrites_wait_while_a_backup_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    start(&mut client);
    assert_eq!(list(&mut client).len(), 1, "the base is there for good");
    assert!(refusal(&mut client, "BACKUP START").contains("in progress already"));
    assert!(refusal(&mut client, "BACKUP CLEANUP").contains("in progress already"));
    let rewrites = figure(&mut client, "aof_rewrites");
    assert_eq!(text(&must(&mut client, "BGREWRITEAOF")), "Background append only file rewriting scheduled");
    assert_eq!(figure(&mut client, "aof_rewrite_scheduled"), "1");
    assert_eq!(figure(&mut client, "aof_rewrites"), rewrites);
    must(&mut client, "BACKUP SEAL");
    assert!(
        refusal(&mut client, "BACKUP SEAL")
            .ends_with("No backup ready to seal (must be in the incrementing state)")
    );
    wait_for(&mut client, "aof_rewrite_scheduled", "0");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    assert_ne!(figure(&mut client, "aof_rewrites"), rewrites);
}

#[test]
fn a_server_to_which_nobody_wrote_during_a_backup_starts_again() {
    for more in [&[][..], &["--aof-timestamp-enabled", "yes"]] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = [APPENDING, more].concat();
        let (server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        must(&mut client, "SET key value");
        start(&mut client);
        must(&mut client, "BACKUP SEAL");
        drop(client);
        server.kill();
        let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        assert_eq!(text(&must(&mut client, "GET key")), "value");
    }
}

#[test]
fn what_is_given_up_or_left_behind_has_failed_and_another_one_begins() {
    for options in [APPENDING, SNAPSHOTS] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), options);
        let mut client = server.connect();
        start(&mut client);
        must(&mut client, "BACKUP ABORT");
        let [state, error, ..] = status(&mut client);
        assert_eq!((&*state, &*error), ("failed", "aborted by user"));
        assert_eq!(list(&mut client), Vec::<String>::new());
        start(&mut client);
        must(&mut client, "SET key value");
        drop(client);
        server.kill();
        let server = Server::start(folder.path(), options);
        let mut client = server.connect();
        let [state, error, ..] = status(&mut client);
        assert_eq!((&*state, &*error), ("failed", "the server has ended before the backup was sealed"));
        start(&mut client);
        must(&mut client, "BACKUP SEAL");
        must(&mut client, "BACKUP CLEANUP");
    }
}

#[test]
fn no_backup_goes_on_when_the_append_only_file_is_switched() {
    for (options, value) in [(APPENDING, "no"), (SNAPSHOTS, "yes")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), options);
        let mut client = server.connect();
        must(&mut client, "SET key value");
        start(&mut client);
        must(&mut client, &format!("CONFIG SET appendonly {value}"));
        wait_for(&mut client, "backup_state", "failed");
        assert!(status(&mut client)[1].contains("switched on or off"));
        wait_for(&mut client, "aof_enabled", if value == "yes" { "1" } else { "0" });
        wait_for(&mut client, "aof_rewrite_in_progress", "0");
        seal(&mut client);
        assert_eq!(status(&mut client)[0], "sealed");
    }
}

#[test]
fn the_folder_must_be_empty_and_what_is_sealed_goes_when_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("elsewhere");
    fs::create_dir(&place).expect("it can be made");
    fs::write(place.join("notes"), "mine").expect("it can be written");
    let server = Server::start(folder.path(), &[APPENDING, &["--backupdirname", "elsewhere"]].concat());
    let mut client = server.connect();
    assert!(refusal(&mut client, "BACKUP START").ends_with("/elsewhere is not empty"));
    assert_eq!(status(&mut client)[0], "idle");
    fs::remove_file(place.join("notes")).expect("it can be removed");
    for command in ["CONFIG SET backupdirname other", "CONFIG SET preload-file aof:/tmp/a.aof"] {
        assert!(refusal(&mut client, command).contains("immutable"), "{command}");
    }
    must(&mut client, "CONFIG SET backup-sealed-ttl 1");
    seal(&mut client);
    wait_for(&mut client, "backup_state", "idle");
    assert_eq!(fs::read_dir(&place).expect("it is there").count(), 0);
}

#[test]
fn nothing_is_removed_that_no_backup_of_this_server_has_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (place, live) = (folder.path().join("backupdir"), folder.path().join("appendonlydir"));
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    // A set without the seal of this server, as another one leaves it.
    let mut before = Vec::new();
    fs::create_dir(&place).expect("it can be made");
    for entry in fs::read_dir(&live).expect("it is there") {
        let name = entry.expect("it can be read").file_name();
        fs::copy(live.join(&name), place.join(&name)).expect("it can be copied");
        before.push(name);
    }
    drop(client);
    server.stop();
    let server = Server::start(folder.path(), &[APPENDING, &["--backup-sealed-ttl", "1"]].concat());
    client = server.connect();
    assert_eq!(status(&mut client)[0], "idle");
    assert!(refusal(&mut client, "BACKUP START").ends_with("/backupdir is not empty"));
    assert_eq!(fs::read_dir(&place).expect("it is there").count(), before.len());
    // Another way to the append-only file.
    fs::remove_dir_all(&place).expect("it can be removed");
    std::os::unix::fs::symlink(&live, &place).expect("it can be made");
    let refused = refusal(&mut client, "BACKUP START");
    assert!(refused.ends_with("/backupdir is the folder of the append-only file"), "{refused}");
    drop(client);
    server.stop();
    let log = Server::refused(folder.path(), APPENDING);
    assert!(log.contains("backupdirname and appenddirname name the same folder"), "{log}");
}

#[test]
fn a_copy_of_a_sealed_backup_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let files = seal(&mut server.connect());
    let increment = files.iter().find(|file| file.ends_with(".incr.aof")).expect("it is told");
    let name = Path::new(increment).file_name().expect("a file");
    let bytes = fs::read(increment).expect("it is there");
    // One of these is at the end of a batch.
    for length in [bytes.len() * 2 / 3, bytes.len() - 1, end_of_a_batch(&bytes)] {
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        let set = elsewhere.path().join("appendonlydir");
        let manifest = copy(&files, &set);
        let cut = bytes.get(..length).expect("it is shorter");
        fs::write(set.join(name), cut).expect("it can be written");
        let reason = format!("it has {length} bytes, and had {} when the backup was sealed", bytes.len());
        let log = Server::refused(elsewhere.path(), APPENDING);
        assert!(log.contains(&reason), "{log}");
        let preload = format!("aof:{}", manifest.display());
        let other = tempfile::tempdir().expect("a temporary folder");
        let log = Server::refused(other.path(), &[APPENDING, &["--preload-file", &preload]].concat());
        assert!(log.contains(&reason), "{log}");
        assert_eq!(fs::read(set.join(name)).expect("it is there"), cut);
    }
    // Its end is there, but not what it was.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let set = elsewhere.path().join("appendonlydir");
    copy(&files, &set);
    let torn = [&bytes[..end_of_a_batch(&bytes)], &vec![0; bytes.len()]].concat();
    fs::write(set.join(name), &torn[..bytes.len()]).expect("it can be written");
    let log = Server::refused(elsewhere.path(), APPENDING);
    assert!(log.contains("it was whole when the backup was sealed"), "{log}");
}

/// Where a batch of a file begins that is not the first one.
fn end_of_a_batch(bytes: &[u8]) -> usize {
    let is_head = |at: &usize| bytes[*at..].starts_with(b"\n#BATCH:");
    (0..bytes.len()).rfind(is_head).expect("there are several") + 1
}

#[test]
fn a_copy_of_a_sealed_backup_is_gone_on_with_and_is_none_any_more() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let files = seal(&mut server.connect());
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let manifest = copy(&files, &elsewhere.path().join("appendonlydir"));
    for number in 1..3 {
        let server = Server::start(elsewhere.path(), APPENDING);
        let mut client = server.connect();
        assert!(!fs::read_to_string(&manifest).expect("it is there").contains("#backup"));
        assert_eq!(must(&mut client, "INCR more").integer(), Some(number));
        drop(client);
        server.kill();
    }
}

#[test]
fn a_part_of_the_servers_own_set_is_not_preloaded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    must(&mut server.connect(), "SET key value");
    server.stop();
    let set = folder.path().join("appendonlydir");
    let base = set.join("appendonly.aof.1.base.rdb");
    let other = folder.path().join("link.rdb");
    std::os::unix::fs::symlink(&base, &other).expect("it can be made");
    for preload in [format!("rdb:{}", base.display()), format!("rdb:{}", other.display())] {
        let log = Server::refused(folder.path(), &[APPENDING, &["--preload-file", &preload]].concat());
        assert!(log.contains("a part of the server's own append-only file"), "{log}");
        assert!(base.exists());
    }
    let server = Server::start(folder.path(), APPENDING);
    assert_eq!(text(&must(&mut server.connect(), "GET key")), "value");
}

#[test]
fn what_is_preloaded_takes_the_place_of_the_servers_own_data() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    let files = seal(&mut client);
    must(&mut client, "SAVE");
    drop(client);
    server.stop();
    let preload = format!("aof:{}", manifest(&files));
    let server = Server::start(folder.path(), &[APPENDING, &["--preload-file", &preload]].concat());
    let mut client = server.connect();
    check(&mut client);
    must(&mut client, "SET more 4");
    drop(client);
    server.kill();
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    assert_eq!(text(&must(&mut client, "GET more")), "4");
    must(&mut client, "DEL more");
    check(&mut client);
    drop(client);
    server.stop();
    // The server's own set is loaded as it is.
    let own = format!("aof:{}", folder.path().join("appendonlydir/appendonly.aof.manifest").display());
    let server = Server::start(folder.path(), &[APPENDING, &["--preload-file", &own]].concat());
    check(&mut server.connect());
    let snapshot = format!("rdb:{}", folder.path().join("dump.rdb").display());
    drop(server);
    let server = Server::start(folder.path(), &[APPENDING, &["--preload-file", &snapshot]].concat());
    assert_eq!(text(&must(&mut server.connect(), "GET after")), "3");
}

#[test]
fn a_preload_file_that_cannot_be_used_refuses_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (value, reason) in [
        ("aof:/nowhere/a.manifest", "/nowhere/a.manifest: the file that preload-file names is not there"),
        ("rdb:/nowhere/dump.rdb", "/nowhere/dump.rdb: the file that preload-file names is not there"),
        ("aof:/nowhere/a.rdb", "the name must end with .manifest or .aof"),
    ] {
        let log = Server::refused(folder.path(), &["--preload-file", value]);
        assert!(log.contains(reason), "{value}: {log}");
    }
    let log = Server::refused(folder.path(), &["--backupdirname", "appendonlydir"]);
    assert!(log.contains("backupdirname and appenddirname name the same folder"), "{log}");
}

#[test]
fn what_changes_during_a_backup_does_not_gather_in_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let limits = ["--maxmemory", "60mb", "--maxmemory-policy", "allkeys-lru"];
    let server = Server::start(folder.path(), &[SNAPSHOTS, &limits].concat());
    let mut client = server.connect();
    for number in 0..100 {
        must(&mut client, &format!("SET key:{number} value"));
    }
    start(&mut client);
    let value = vec![b'x'; 1 << 20];
    for _ in 0..400 {
        client.send(&[&b"SET"[..], b"large", &value]);
        client.flush().expect("it is sent");
        client.receive().expect("it is answered");
    }
    must(&mut client, "BACKUP SEAL");
    let increment =
        list(&mut client).into_iter().find(|file| file.ends_with(".incr.aof")).expect("it is told");
    assert!(fs::metadata(increment).expect("it is there").len() > 400 << 20);
    assert_eq!(must(&mut client, "DBSIZE").integer(), Some(101), "nothing had to go");
}

#[test]
fn a_backup_that_nobody_seals_is_given_up() {
    for options in [APPENDING, SNAPSHOTS] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server =
            Server::start(folder.path(), &[options, &["--auto-aof-rewrite-min-size", "10kb"]].concat());
        let mut client = server.connect();
        start(&mut client);
        let value = "x".repeat(1000);
        for _ in 0..50 {
            must(&mut client, &format!("SET key {value}"));
        }
        server.wait_for_line("the backup is not sealed, and what changes is appended for it");
        assert_eq!(status(&mut client)[0], "incrementing", "five times as much will do");
        for _ in 0..60 {
            must(&mut client, &format!("SET key {value}"));
        }
        wait_for(&mut client, "backup_state", "failed");
        assert!(status(&mut client)[1].contains("has become too much"));
        if options == APPENDING {
            wait_for(&mut client, "aof_rewrites", "2");
        }
    }
}

#[test]
fn nobody_waits_while_the_files_of_a_backup_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    let slow = ["-e", "inject=unlink,unlinkat:delay_enter=1500000"];
    let server = Server::traced(folder.path(), &options, &slow).expect("the server serves");
    let (mut client, mut other) = (server.connect(), server.connect());
    must(&mut client, "SET key value");
    start(&mut client);
    must(&mut client, "BACKUP SEAL");
    other.send(&["BACKUP", "CLEANUP"]);
    other.flush().expect("it is sent");
    while !text(&must(&mut client, "CLIENT LIST")).contains("cmd=backup|cleanup") {}
    // Goes the same way, so the cleaning has begun when it is answered.
    run(&mut client, "BACKUP ABORT");
    must(&mut client, "SET key other");
    assert_eq!(status(&mut client)[0], "sealed", "the write has not waited for the end of it");
    // What begins behind it has: it is refused where a sealed backup is.
    must(&mut client, "BACKUP START");
    assert_eq!(text(&other.receive().expect("it is answered")), "OK");
    let id = figure_of_server(&mut client, "process_id").parse().expect("a number");
    let process = rustix::process::Pid::from_raw(id).expect("a process has a number above 0");
    rustix::process::kill_process(process, rustix::process::Signal::KILL).expect("the server still runs");
    server.wait();
}

/// A field of INFO server.
fn figure_of_server(client: &mut Client, name: &str) -> String {
    let info = text(&must(client, "INFO server"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("INFO tells it").to_owned()
}
