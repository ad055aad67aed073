//! Users over the life of a server: files, restarts, and categories as Redis has them.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Server, make_pipe, must, run, text};

/// ACL LIST.
fn users(server: &Server, password: Option<&str>) -> Vec<String> {
    let mut client = server.connect();
    if let Some(password) = password {
        must(&mut client, &format!("AUTH {password}"));
    }
    must(&mut client, "ACL LIST").elements().expect("a list").iter().map(text).collect()
}

#[test]
fn users_survive_in_the_configuration_file_and_in_a_file_of_their_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let (conf, acl) = (folder.join("server.conf"), folder.join("users.acl"));
    fs::write(&conf, "appendonly no\nuser gone on\n# a comment\n").expect("the folder can be written");
    let conf = conf.to_str().expect("a path of text");
    let server = Server::start(folder, &[conf, "--save", ""]);
    let mut client = server.connect();
    for command in [
        "ACL DELUSER gone",
        "ACL SETUSER alice on >secret ~a* %R~\"b'c\" &x (+get ~z) +@all -@dangerous",
        "CONFIG SET requirepass word",
        "CONFIG REWRITE",
    ] {
        must(&mut client, command);
    }
    let before = users(&server, Some("word"));
    assert_eq!(before.len(), 2, "{before:?}");
    server.stop();
    let server = Server::start(folder, &[conf, "--save", ""]);
    assert_eq!(users(&server, Some("word")), before);
    server.stop();

    let lines: Vec<String> =
        before.iter().filter(|line| !line.starts_with("user default")).cloned().collect();
    fs::write(&acl, lines.join("\n")).expect("the folder can be written");
    let options = ["--appendonly", "no", "--requirepass", "word", "--aclfile", "users.acl"];
    let server = Server::start(folder, &options);
    assert_eq!(users(&server, Some("word")), before, "the file does not name the default user");
    let mut client = server.connect();
    must(&mut client, "AUTH alice secret");
    assert!(run(&mut client, "ACL SAVE").is_error(), "it is dangerous");
    must(&mut client, "AUTH word");
    must(&mut client, "ACL SETUSER bob");
    must(&mut client, "ACL SAVE");
    let mut before = before;
    before.insert(1, "user bob off sanitize-payload resetchannels -@all".to_owned());
    server.kill();
    let server = Server::start(folder, &["--appendonly", "no", "--aclfile", "users.acl"]);
    assert_eq!(users(&server, Some("word")), before, "the file names it now");
}

#[test]
fn a_pipe_in_the_place_of_the_file_is_refused_instead_of_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let acl = folder.path().join("users.acl");
    fs::write(&acl, "user alice on nopass ~* +@all\n").expect("the folder can be written");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--aclfile", "users.acl"]);
    fs::remove_file(&acl).expect("it is there");
    make_pipe(&acl);
    let mut client = server.connect();
    let reply = text(&run(&mut client, "ACL LOAD"));
    assert_eq!(reply, "ERR Error loading ACLs, opening file 'users.acl': it is no file");
    assert_eq!(users(&server, None).len(), 2, "those from before are in force");
}

#[test]
fn the_log_of_effects_is_loaded_whatever_users_may_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let server = Server::start(folder, &["--appendonly", "yes"]);
    must(&mut server.connect(), "SET key value");
    server.kill();
    let options =
        ["--appendonly", "yes", "--user", "default", "off", "--user", "alice", "on", "nopass", "~*", "+get"];
    let (_server, mut client) = Server::start(folder, &options).connect_and_keep();
    assert_eq!(text(&run(&mut client, "GET key")), "NOAUTH Authentication required.");
    must(&mut client, "AUTH alice x");
    assert_eq!(text(&run(&mut client, "GET key")), "value");
}

#[test]
fn generated_passwords_differ() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no"]);
    let mut client = server.connect();
    let passwords: BTreeSet<String> = (0..50).map(|_| text(&must(&mut client, "ACL GENPASS"))).collect();
    assert_eq!(passwords.len(), 50);
    assert!(passwords.iter().all(|password| password.len() == 64));
}

/// The categories of a command: the seventh field of its description.
fn categories(server: &Server, name: &str) -> Option<BTreeSet<String>> {
    let reply = must(&mut server.connect(), &format!("COMMAND INFO {name}"));
    let fields = reply.elements()?.first()?.elements()?;
    Some(fields.get(6)?.elements()?.iter().map(text).collect())
}

#[test]
fn commands_are_in_the_categories_of_redis() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let server = Server::start(folders[0].path(), &["--appendonly", "no"]);
    let oracle = Server::oracle(folders[1].path(), &[]);
    let names = must(&mut server.connect(), "COMMAND LIST");
    let names: Vec<String> = names.elements().expect("a list").iter().map(text).collect();
    let mut compared = 0;
    for name in names {
        // redis-server does not know what came after it.
        let Some(mut expected) = categories(&oracle, &name) else { continue };
        if name == "wait" {
            expected.insert("@blocking".to_owned()); // since Redis 7.2
        }
        assert_eq!(categories(&server, &name).as_ref(), Some(&expected), "{name}");
        compared += 1;
    }
    assert!(compared > 150, "only {compared} commands were compared");
}
