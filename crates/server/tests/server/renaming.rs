//! `rename-command`: clients call a command by its new name, files and users' rules by its own.

use std::fs;

use crate::support::{Server, must, run, text};

const RENAMED: &str = "\
rename-command FLUSHALL \"\"
rename-command CONFIG a-name-that-nobody-guesses
rename-command SET PUT
rename-command GET SET
";

#[test]
fn clients_and_scripts_know_a_command_by_its_new_name() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("renamed.conf"), RENAMED).expect("a file can be written");
    let file = folder.path().join("renamed.conf").display().to_string();
    let server = Server::start(folder.path(), &[&file, "--appendonly", "yes", "--appendfsync", "always"]);
    let mut client = server.connect();

    let reply = text(&run(&mut client, "FLUSHALL now"));
    assert_eq!(reply, "ERR unknown command 'FLUSHALL', with args beginning with: 'now' ");
    assert!(text(&run(&mut client, "CONFIG GET port")).starts_with("ERR unknown command 'CONFIG'"));
    let pair = must(&mut client, "a-name-that-nobody-guesses GET port");
    assert_eq!(text(&pair.elements().expect("a pair")[1]), server.port().to_string());
    assert_eq!(text(&must(&mut client, "PUT key value")), "OK");
    assert_eq!(text(&must(&mut client, "SET key")), "value");
    let called = client.command(&["EVAL", "return redis.call('put', KEYS[1], 'new')", "1", "key"]);
    assert_eq!(text(&called.expect("an answer")), "OK");
    let refused = client.command(&["EVAL", "return redis.call('get', KEYS[1])", "1", "key"]);
    assert!(text(&refused.expect("an answer")).contains("Unknown Redis command called from script"));

    assert_eq!(text(&must(&mut client, "COMMAND GETKEYS put key x").elements().expect("keys")[0]), "key");
    let known = must(&mut client, "COMMAND INFO put get flushall");
    let [put, get, flushall] = known.elements().expect("three answers") else { panic!("{known:?}") };
    assert_eq!(text(&put.elements().expect("a command")[0]), "set");
    assert!(get.elements().is_none() && flushall.elements().is_none(), "{known:?}");

    must(&mut client, "ACL SETUSER reader on nopass ~* +get");
    assert_eq!(text(&must(&mut client, "ACL DRYRUN reader SET key")), "OK");
    assert!(
        text(&run(&mut client, "ACL DRYRUN reader PUT key x")).contains("no permissions to run the 'set'")
    );

    server.kill();
    // What was renamed is in the file as always, so with or without new names it is found again.
    for options in [&[file.as_str(), "--appendonly", "yes"][..], &["--appendonly", "yes"]] {
        let server = Server::start(folder.path(), options);
        let get = if options.len() == 3 { "SET key" } else { "GET key" };
        assert_eq!(text(&must(&mut server.connect(), get)), "new");
        server.kill();
    }
}
