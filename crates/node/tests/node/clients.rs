//! CLIENT PAUSE, CLIENT KILL and what CLIENT LIST says.

use crate::world::World;

/// A field of CLIENT LIST for one client.
fn field(world: &mut World, id: u64, name: &str) -> String {
    let watcher = world.connect(0);
    let line = world.ask(watcher, &format!("CLIENT LIST ID {id}"));
    world.hang_up(watcher);
    let start = format!(" {name}=");
    let at = line.find(&start).unwrap_or_else(|| panic!("{name} in {line}"));
    line[at + start.len()..].split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
fn a_pause_of_writes_holds_writes_and_transactions_that_write() {
    let mut world = World::new(1, &[]);
    let (administrator, client) = (world.connect(0), world.connect(0));
    assert_eq!(world.ask(administrator, "CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
    assert_eq!(world.ask(client, "GET k"), "$-1\r\n");
    assert_eq!(world.ask(client, "MULTI\r\nGET k\r\nEXEC"), "+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n");
    assert_eq!(world.ask(client, "SET k 1\r\nGET k"), "", "what stands behind a held command waits too");
    assert_eq!(field(&mut world, 2, "flags"), "b");
    assert!(world.ask(administrator, "INFO clients").contains("blocked_clients:1\r\n"));
    world.pass_ms(1001);
    world.turn(0);
    assert_eq!(world.read(client), "+OK\r\n$1\r\n1\r\n");
    assert_eq!(field(&mut world, 2, "flags"), "N");
}

#[test]
fn a_pause_of_everything_holds_even_its_end_and_a_shorter_one_does_not_shorten_it() {
    let mut world = World::new(1, &[]);
    let (first, second) = (world.connect(0), world.connect(0));
    assert_eq!(
        world
            .ask(first, "MULTI\r\nCLIENT PAUSE 1000 ALL\r\nCLIENT PAUSE 10 ALL\r\nEXEC")
            .matches("OK")
            .count(),
        3
    );
    assert_eq!(world.ask(second, "CLIENT UNPAUSE"), "");
    assert_eq!(world.ask(first, "PING"), "");
    world.pass_ms(500);
    world.turn(0);
    assert_eq!(world.read(first), "");
    world.pass_ms(501);
    world.turn(0);
    assert_eq!(world.read(first), "+PONG\r\n");
    assert_eq!(world.read(second), "+OK\r\n");
}

#[test]
fn the_end_of_a_pause_lets_all_workers_go_on() {
    let mut world = World::new(2, &[]);
    let (administrator, client) = (world.connect(0), world.connect(1));
    world.ask(administrator, "CLIENT PAUSE 100000 WRITE");
    assert_eq!(world.ask(client, "SET k 1"), "");
    assert_eq!(world.ask(administrator, "CLIENT UNPAUSE"), "+OK\r\n");
    world.settle();
    world.turn(1);
    assert_eq!(world.read(client), "+OK\r\n");
}

#[test]
fn a_killed_client_is_closed_and_runs_nothing_more() {
    let mut world = World::new(2, &[]);
    let (administrator, client) = (world.connect(0), world.connect(1));
    world.ask(client, "PING");
    assert_eq!(world.ask(administrator, "CLIENT KILL ID 2"), ":1\r\n");
    world.settle();
    world.send(client, "SET k 1");
    assert_eq!(world.closed(1), [0]);
    assert_eq!(world.ask(administrator, "GET k"), "$-1\r\n");
    assert_eq!(world.ask(administrator, "CLIENT KILL ID 2"), ":0\r\n");
}

#[test]
fn who_kills_itself_is_answered_before_it_is_closed() {
    let mut world = World::new(1, &[]);
    let client = world.connect(0);
    assert_eq!(world.ask(client, "CLIENT KILL ID 1 SKIPME NO\r\nPING"), ":1\r\n");
    assert_eq!(world.closed(0), [0]);
}

#[test]
fn age_selects_those_who_have_been_there_as_long() {
    let mut world = World::new(1, &[]);
    world.connect(0);
    world.pass_ms(5000);
    let young = world.connect(0);
    assert_eq!(world.ask(young, "CLIENT KILL MAXAGE 6"), ":0\r\n");
    assert_eq!(world.ask(young, "CLIENT KILL MAXAGE 5 SKIPME NO"), ":1\r\n");
    world.settle();
    assert_eq!(world.closed(0), [0]);
    world.ask(young, "PING");
}

#[test]
fn the_list_tells_what_clients_owe_and_are_owed() {
    let mut world = World::new(1, &[]);
    let client = world.connect(0);
    world.send(client, "SETRANGE k 9999 x\r\nGET k");
    assert_eq!(field(&mut world, 1, "events"), "rw");
    assert!(field(&mut world, 1, "obl").parse::<usize>().is_ok_and(|bytes| bytes > 10_000));
    let sent = world.read(client).len();
    assert_eq!(field(&mut world, 1, "obl"), "0");
    assert_eq!(field(&mut world, 1, "omem"), "0");
    assert_eq!(field(&mut world, 1, "tot-net-out"), sent.to_string());
    world.ask(client, "MULTI\r\nSET k 1");
    assert_eq!(field(&mut world, 1, "multi"), "1");
    assert_eq!(field(&mut world, 1, "multi-mem"), "5");
    world.ask(client, "DISCARD");
    assert_eq!(field(&mut world, 1, "multi-mem"), "0");
}

#[test]
fn of_half_a_request_the_list_tells_what_is_decoded_and_what_is_not() {
    let mut world = World::new(1, &[]);
    let (client, other) = (world.connect(0), world.connect(0));
    for (more, decoded, left) in [
        ("*3\r\n$3\r\nSE", 0, 2),
        ("T\r\n$1", 3, 2),
        ("0\r\n0123456789\r\n$9\r\n", 13, 0),
        ("x", 13, 1),
        ("xxxxxxxx", 13, 9),
        ("\r\nPI", 0, 2),
        ("NG\r\n", 0, 0),
    ] {
        world.send_bytes(client, more.as_bytes());
        world.read(client);
        let [arguments, query] = ["argv-mem", "qbuf"].map(|name| field(&mut world, 1, name));
        assert_eq!((arguments, query), (decoded.to_string(), left.to_string()), "behind {more:?}");
        let info = world.ask(other, "INFO clients");
        let most = format!("client_recent_max_input_buffer:{}\r\n", decoded + left);
        assert!(info.contains(&most), "{most} in {info} behind {more:?}");
    }
}

/// A node whose clients may take together what some small ones do and `room` bytes.
fn crowded(room: usize) -> World {
    let limit = 16 * 1024 + room;
    assert!(limit >= 128 * 1024, "no limit is lower");
    World::new(2, &[("maxmemory-clients", limit.to_string().as_str())])
}

/// A request as clients send it.
fn request<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Vec<u8> {
    let words: Vec<W> = words.into_iter().collect();
    let bulks = words.iter().map(|word| format!("${}\r\n{}\r\n", word.as_ref().len(), word.as_ref()));
    format!("*{}\r\n{}", words.len(), bulks.collect::<String>()).into_bytes()
}

#[test]
fn the_clients_that_take_most_are_closed_when_all_take_too_much() {
    let mut world = crowded(120_000);
    let (small, large, exempt) = (world.connect(0), world.connect(1), world.connect(0));
    let long = "x".repeat(150_000);
    world.ask(exempt, "CLIENT NO-EVICT on\r\nMULTI");
    world.send_bytes(exempt, &request(["SET", "k", &long]));
    assert_eq!(world.ask(small, "PING"), "+PONG\r\n", "those that are exempt do not count");
    world.ask(large, "MULTI");
    world.send_bytes(large, &request(["SET", "k", &long]));
    assert_eq!(world.read(large), "", "it goes before it is answered");
    assert_eq!(world.closed(1), [large.number]);
    assert_eq!((world.closed(0), world.ask(small, "PING")), (vec![], "+PONG\r\n".to_owned()));
    assert!(world.ask(small, "INFO stats").contains("evicted_clients:1\r\n"));
    assert!(world.warnings().iter().any(|text| text.starts_with("Evicting client: id=2 ")));
}

#[test]
fn who_has_said_quit_and_does_not_read_is_closed_like_others() {
    let mut world = crowded(120_000);
    let (small, large) = (world.connect(0), world.connect(1));
    world.ask(small, &format!("SETRANGE k 0 {}", "x".repeat(15_000)));
    world.send(large, &format!("{}QUIT", "GET k\r\n".repeat(15)));
    assert_eq!(world.ask(small, "PING"), "+PONG\r\n");
    assert_eq!(world.closed(1), [large.number]);
    assert!(world.ask(small, "INFO stats").contains("evicted_clients:1\r\n"));
}

#[test]
fn whatever_a_client_takes_counts() {
    let many = |command: &[&str], word: &str| -> Vec<u8> {
        let numbered = (0..1000).flat_map(|number| match word {
            "PREFIX" => vec![word.to_owned(), format!("{number:0300}")],
            _ => vec![format!("{word}{number:0300}")],
        });
        request(command.iter().map(|&word| word.to_owned()).chain(numbered))
    };
    let half = request(["SET", "k", &"x".repeat(300_000)]);
    for bytes in [
        half[..200_000].to_vec(),
        many(&["WATCH"], "w"),
        many(&["SUBSCRIBE"], "c"),
        many(&["PSUBSCRIBE"], "p"),
        many(&["CLIENT", "TRACKING", "ON", "BCAST"], "PREFIX"),
    ] {
        let mut world = crowded(120_000);
        let (client, other) = (world.connect(0), world.connect(1));
        world.ask(client, "HELLO 3");
        world.send_bytes(client, &bytes);
        world.read(client);
        world.pass_ms(50);
        assert_eq!(world.closed(0), [client.number], "{}", String::from_utf8_lossy(&bytes[..40]));
        assert_eq!(world.ask(other, "PING"), "+PONG\r\n");
    }
}

#[test]
fn clients_of_other_workers_and_limits_in_percent_count_too() {
    let mut world = World::new(2, &[("maxmemory", "100mb")]);
    let (large, other) = (world.connect(0), world.connect(1));
    world.ask(large, "MULTI");
    world.send_bytes(large, &request(["SET", "k", &"x".repeat(2_000_000)]));
    world.ask(other, "CONFIG SET maxmemory-clients 1%");
    world.pass_ms(50);
    world.settle();
    assert_eq!((world.closed(0), world.closed(1)), (vec![large.number], vec![]));
    assert_eq!(world.ask(other, "PING"), "+PONG\r\n");
}

#[test]
fn a_long_request_counts_before_it_runs() {
    let mut world = crowded(120_000);
    let (client, other) = (world.connect(0), world.connect(1));
    let bytes = request(["SET", "k", &"x".repeat(150_000)]);
    world.send_bytes(client, &bytes[..50_000]);
    world.pass_ms(50);
    assert_eq!(world.closed(0), vec![]);
    world.send_bytes(client, &bytes[50_000..]);
    assert_eq!(world.closed(0), [client.number]);
    assert_eq!(world.ask(other, "EXISTS k"), ":0\r\n");
}

#[test]
fn nobody_sees_the_clients_that_a_new_limit_closes() {
    let mut world = World::new(2, &[]);
    let (boss, large) = (world.connect(0), world.connect(1));
    world.ask(large, "CLIENT SETNAME large\r\nMULTI");
    world.send_bytes(large, &request(["SET", "k", &"x".repeat(2_000_000)]));
    assert!(world.ask(boss, "CLIENT LIST").contains("name=large"));
    world.ask(boss, "CONFIG SET maxmemory-clients 1mb");
    assert!(!world.ask(boss, "CLIENT LIST").contains("name=large"));
    assert_eq!(world.closed(1), vec![], "its worker has not opened the letter");
    world.settle();
    assert_eq!(world.closed(1), [large.number]);
}

#[test]
fn too_small_a_limit_locks_nobody_out() {
    for limit in ["1", "1%"] {
        let mut world = World::new(1, &[("maxmemory", "4mb")]);
        let client = world.connect(0);
        world.ask(client, &format!("CONFIG SET maxmemory-clients {limit}"));
        world.pass_ms(50);
        world.settle();
        assert_eq!(world.closed(0), vec![], "{limit}");
        assert_eq!(world.ask(client, "PING"), "+PONG\r\n", "{limit}");
    }
}

#[test]
fn no_percentage_and_one_of_no_limit_set_no_limit() {
    for parameters in [
        [("maxmemory", "4mb"), ("maxmemory-clients", "0%")],
        [("maxmemory", "0"), ("maxmemory-clients", "1%")],
    ] {
        let mut world = World::new(1, &parameters);
        let client = world.connect(0);
        world.ask(client, "MULTI");
        world.send_bytes(client, &request(["SET", "k", &"x".repeat(300_000)]));
        assert_eq!(world.read(client), "+QUEUED\r\n", "{parameters:?}");
    }
}
