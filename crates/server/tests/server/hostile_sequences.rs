//! Hostile and odd sequences: flaws of servers of this protocol that take more than one command or connection to show.
//!
//! `bad_inputs` has those that one row of a table can tell. After each the server answers on a new connection.

use std::io::{Read, Write};

use resp::Protocol;

use crate::support::{Server, must, run, text};

fn server(options: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &[&["--appendonly", "no", "--save", ""], options].concat());
    (folder, server)
}

fn assert_alive(server: &Server) {
    assert_eq!(text(&must(&mut server.connect(), "PING")), "PONG");
}

/// What a connection is answered to bytes behind which it sends no more.
fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut socket = server.socket();
    socket.write_all(bytes).expect("the server reads");
    socket.shutdown(std::net::Shutdown::Write).expect("the socket is open");
    let mut reply = String::new();
    socket.read_to_string(&mut reply).expect("the reply is text");
    reply
}

#[test]
fn requests_of_nothing_leave_no_trace_in_those_behind_them() {
    for options in [&[][..], &["--requirepass", "secret"]] {
        let (_folder, server) = server(options);
        let whole = b"*0\r\n\r\n*-1\r\n*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n\r\n*1\r\n$4\r\nPING\r\n";
        let expected = answer(&server, &whole[11..]);
        assert!(expected.ends_with("+PONG\r\n"));
        assert_eq!(answer(&server, whole), expected);
        // The same in any two reads.
        for cut in 1..whole.len() {
            let mut socket = server.socket();
            socket.write_all(&whole[..cut]).expect("the server reads");
            socket.write_all(&whole[cut..]).expect("the server reads");
            let mut reply = vec![0; expected.len()];
            socket.read_exact(&mut reply).expect("the whole reply");
            assert_eq!(String::from_utf8_lossy(&reply), expected, "cut at {cut}");
        }
    }
}

#[test]
fn line_breaks_of_clients_never_split_a_reply() {
    let (_folder, server) = server(&[]);
    let breaking = "x\r\n+OK\r\n$5";
    let mut client = server.connect();
    for command in [
        &[breaking][..],
        &["GET", breaking, breaking],
        &["OBJECT", breaking],
        &["CONFIG", "SET", breaking, "1"],
        &["XCLAIM", "s", "g", "c", "0", "1-0", breaking],
        &["XGROUP", "SETID", breaking, breaking, "0"],
        &["CLIENT", "KILL", breaking, "1"],
        &["ACL", "SETUSER", "me", breaking],
        &["HELLO", "3", "SETNAME", breaking],
        &["EVAL", "return redis.error_reply(ARGV[1])", "0", breaking],
        &["EVAL", "return redis.status_reply(ARGV[1])", "0", breaking],
        &["EVAL", "return {err = ARGV[1]}", "0", breaking],
        &["EVAL", "error(ARGV[1])", "0", breaking],
        &["EVAL", "return redis.call(ARGV[1])", "0", breaking],
    ] {
        let reply = client.command(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(!text(&reply).contains('\n'), "{command:?}: {reply:?}");
        assert_eq!(text(&must(&mut client, "PING")), "PONG", "{command:?}");
    }
    assert_alive(&server);
}

#[test]
fn hundreds_of_ids_in_one_command_are_each_answered() {
    let (_folder, server) = server(&[]);
    let mut client = server.connect();
    must(&mut client, "XGROUP CREATE s g 0 MKSTREAM");
    for number in 1..=1000 {
        must(&mut client, &format!("XADD s {number}-0 f v"));
    }
    must(&mut client, "XREADGROUP GROUP g me STREAMS s >");
    let ids = |range: std::ops::RangeInclusive<i32>| -> String {
        range.map(|number| format!(" {number}-0")).collect::<Vec<_>>().concat()
    };
    for (command, before) in [("XACKDEL s g DELREF IDS 600", "1"), ("XACKDEL s g KEEPREF IDS 600", "-1")] {
        let reply = must(&mut client, &format!("{command}{}", ids(1..=600)));
        let fates: Vec<String> = reply.elements().expect("a list").iter().map(text).collect();
        assert_eq!(fates, vec![before; 600]);
    }
    let reply = must(&mut client, &format!("XDELEX s ACKED IDS 500{}", ids(501..=1000)));
    let fates: Vec<String> = reply.elements().expect("a list").iter().map(text).collect();
    assert_eq!([&fates[0], &fates[99], &fates[100], &fates[499]], ["-1", "-1", "2", "2"]);
    assert_eq!(text(&must(&mut client, &format!("XNACK s g FAIL IDS 500{}", ids(501..=1000)))), "400");
    assert_eq!(text(&must(&mut client, "XLEN s")), "400");
    assert_alive(&server);
}

#[test]
fn two_clients_that_kill_each_other_in_one_turn_are_both_gone() {
    let (_folder, server) = server(&["--io-threads", "1"]);
    for _ in 0..20 {
        let sockets = [server.socket(), server.socket()];
        let ids = sockets.each_ref().map(|mut socket| {
            socket.write_all(b"CLIENT ID\r\n").expect("the server reads");
            let mut reply = [0; 64];
            let length = socket.read(&mut reply).expect("a reply");
            String::from_utf8_lossy(&reply[1..length - 2]).into_owned()
        });
        for (mut socket, other) in sockets.iter().zip(ids.iter().rev()) {
            let requests = format!("PING\r\nCLIENT KILL ID {other}\r\nPING\r\n").repeat(50);
            // The server may have closed it already.
            let _ = socket.write_all(requests.as_bytes());
            let _ = socket.shutdown(std::net::Shutdown::Write);
        }
        for mut socket in &sockets {
            // What comes is of no interest, but it ends, by a reset or without.
            let _ = socket.read_to_end(&mut Vec::new());
        }
    }
    assert_alive(&server);
}

#[test]
fn a_waiting_client_may_be_evicted_by_the_transaction_that_serves_it() {
    let (_folder, server) = server(&[]);
    let mut client = server.connect();
    for _ in 0..5 {
        // Together they take more than the least limit that there is.
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let mut waiting = server.socket();
                let behind = vec![b'x'; 60_000];
                waiting.write_all(b"XREAD BLOCK 0 STREAMS s $\r\n").expect("the server reads");
                // Half of a long request waits behind it; more would stay in the socket, which is not read meanwhile.
                let head = format!("*1\r\n${}\r\n", 16 << 20);
                let _ = waiting.write_all(head.as_bytes()).and_then(|()| waiting.write_all(&behind));
                waiting
            })
            .collect();
        must(&mut client, "MULTI");
        must(&mut client, "CONFIG SET maxmemory-clients 128kb");
        must(&mut client, "XADD s * f v");
        let reply = must(&mut client, "EXEC");
        assert_eq!(reply.elements().map(<[_]>::len), Some(2));
        must(&mut client, "CONFIG SET maxmemory-clients 0");
        drop(waiting);
    }
    assert_alive(&server);
}

#[test]
fn reset_takes_back_everything_that_a_connection_was_told() {
    let (_folder, server) = server(&["--requirepass", "secret"]);
    let mut client = server.connect_with(Protocol::Resp2);
    for command in [
        "AUTH secret",
        "HELLO 3",
        "CLIENT SETNAME me",
        "SELECT 3",
        "CLIENT TRACKING ON BCAST",
        "CLIENT NO-TOUCH ON",
        "CLIENT NO-EVICT ON",
        "WATCH k",
        "MULTI",
        "SET k v",
        "RESET",
    ] {
        let reply = run(&mut client, command);
        assert!(!reply.is_error(), "{command}: {reply:?}");
    }
    assert_eq!(text(&run(&mut client, "GET k")), "NOAUTH Authentication required.");
    must(&mut client, "AUTH secret");
    let line = text(&must(&mut client, "CLIENT INFO"));
    for field in
        [" name= ", " flags=N ", " db=0 ", " sub=0 ", " multi=-1 ", " watch=0 ", " redir=-1 ", " resp=2 "]
    {
        assert!(line.contains(field), "{field} in {line}");
    }
}

#[test]
fn commands_of_wrong_length_between_others_are_refused_alone() {
    let (_folder, server) = server(&[]);
    let lines: String = [
        "SET k v",
        "GET",
        "SET",
        "MSET a",
        "GET k",
        "LPUSH l",
        "XADD s * f",
        "EVAL",
        "OBJECT",
        "BLMOVEM a b",
        "GET k",
    ]
    .iter()
    .flat_map(|line| [line, "\r\n"])
    .collect();
    let reply = answer(&server, lines.repeat(40).as_bytes());
    assert_eq!(reply.matches("$1\r\nv\r\n").count(), 80);
    assert_eq!(reply.matches("-ERR wrong number of arguments").count(), 320);
    assert_alive(&server);
}

#[test]
fn random_fields_of_a_hash_whose_fields_are_due_come_to_an_end() {
    let (_folder, server) = server(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    must(&mut client, "DEBUG SET-ACTIVE-EXPIRE 0");
    for fields in [3, 2000] {
        let pairs = (0..fields).map(|number| format!(" f{number} v")).collect::<Vec<_>>().concat();
        let names = (0..fields).map(|number| format!(" f{number}")).collect::<Vec<_>>().concat();
        must(&mut client, &format!("HSET h{pairs}"));
        must(&mut client, &format!("HPEXPIRE h 1 FIELDS {fields}{names}"));
        while text(&must(&mut client, "HGET h f0")) == "v" {}
        for command in ["HRANDFIELD h", "HRANDFIELD h 5", "HRANDFIELD h -5", "HRANDFIELD h 3000 WITHVALUES"] {
            let reply = must(&mut client, command);
            assert!(reply.elements().is_none_or(<[_]>::is_empty), "{command}: {reply:?}");
        }
    }
    assert_alive(&server);
}
