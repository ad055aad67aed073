//! Tests against a scripted server: it expects certain bytes and answers with certain others.

use super::*;
use std::net::TcpListener;
use std::thread::JoinHandle;

/// A server for one connection that expects and answers as told, then closes.
fn serve(script: Vec<(Vec<u8>, &'static str)>) -> (Options, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        for (expected, answer) in script {
            let mut request = vec![0; expected.len()];
            stream.read_exact(&mut request).expect("a request");
            assert_eq!(String::from_utf8_lossy(&request), String::from_utf8_lossy(&expected));
            stream.write_all(answer.as_bytes()).expect("the client reads");
        }
    });
    (Options::tcp("127.0.0.1", port), server)
}

fn request(args: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write_command(&mut out, args);
    out
}

fn simple(text: &str) -> Frame {
    Frame::Simple(text.as_bytes().to_vec())
}

#[test]
fn a_command_gets_its_reply_and_a_closed_connection_an_error() {
    let (options, server) = serve(vec![(request(&["PING"]), "+PONG\r\n"), (request(&["X"]), "-ERR no\r\n")]);
    let mut client = Client::connect(&options).expect("connected");
    assert_eq!(client.command(&["PING"]).expect("a reply"), simple("PONG"));
    assert!(client.command(&["X"]).expect("an error reply is a reply").is_error());
    server.join().expect("the script was followed");
    assert!(matches!(client.receive(), Err(Error::Closed)));
}

#[test]
fn the_handshake_of_resp2_authenticates_names_and_selects() {
    let (mut options, server) = serve(vec![
        (request(&["AUTH", "user", "secret"]), "+OK\r\n"),
        (request(&["CLIENT", "SETNAME", "me"]), "+OK\r\n"),
        (request(&["SELECT", "3"]), "+OK\r\n"),
    ]);
    options.username = Some("user".to_owned());
    options.password = Some(b"secret".to_vec());
    options.client_name = Some("me".to_owned());
    options.database = 3;
    assert!(!format!("{options:?}").contains("secret"));
    Client::connect(&options).expect("accepted");
    server.join().expect("the script was followed");
}

#[test]
fn a_refused_handshake_tells_the_words_of_the_server() {
    let (mut options, server) =
        serve(vec![(request(&["HELLO", "3", "AUTH", "default", "x"]), "-WRONGPASS no\r\n")]);
    options.password = Some(b"x".to_vec());
    options.protocol = Protocol::Resp3;
    let error = Client::connect(&options).expect_err("refused");
    assert_eq!(error.to_string(), "HELLO failed: WRONGPASS no");
    server.join().expect("the script was followed");
}

#[test]
fn pushes_are_put_aside_while_replies_are_awaited() {
    let (mut options, server) = serve(vec![
        (request(&["HELLO", "3"]), "%1\r\n+proto\r\n:3\r\n"),
        (
            [request(&["A"]), request(&["B"])].concat(),
            ">1\r\n+first\r\n+a\r\n>1\r\n+second\r\n:2\r\n>1\r\n+third\r\n",
        ),
    ]);
    options.protocol = Protocol::Resp3;
    let mut client = Client::connect(&options).expect("accepted");
    assert_eq!(client.protocol(), Protocol::Resp3);
    let replies = client.pipeline(&[vec!["A"], vec!["B"]]).expect("replies");
    assert_eq!(replies, [simple("a"), Frame::Integer(2)]);
    for name in ["first", "second", "third"] {
        assert_eq!(client.receive_any().expect("a push"), Frame::Push(vec![simple(name)]));
    }
    assert_eq!(client.take_push(), None);
    server.join().expect("the script was followed");
}

#[test]
fn a_port_where_nobody_listens_is_named_in_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let error = Client::connect(&Options::tcp("127.0.0.1", port)).expect_err("nobody listens");
    assert!(error.to_string().starts_with(&format!("could not connect to 127.0.0.1:{port}: ")), "{error}");
}

#[test]
fn garbage_from_a_server_is_a_protocol_error() {
    let (options, server) = serve(vec![(request(&["PING"]), "HTTP/1.1 400 Bad Request\r\n")]);
    let mut client = Client::connect(&options).expect("connected");
    let error = client.command(&["PING"]).expect_err("no RESP");
    assert_eq!(error.to_string(), "protocol error: unexpected reply type byte 'H'");
    server.join().expect("the script was followed");
}

/// Waits until there are some, or the end.
fn await_bytes(client: &Client) {
    let Stream::Tcp(stream) = client.stream() else { panic!("it is of the network") };
    stream.peek(&mut [0]).expect("something comes");
}

#[test]
fn a_connection_that_rests_takes_no_memory_and_goes_on() {
    let long = "x".repeat(1 << 20);
    let (options, server) =
        serve(vec![(request(&["SET", "key", &long]), "+OK\r\n"), (request(&["PING"]), "+PONG\r\n")]);
    let mut client = Client::connect(&options).expect("connected");
    client.command(&["SET", "key", &long]).expect("a reply");
    assert!(client.rest());
    assert_eq!((client.input.capacity(), client.output.capacity()), (0, 0));
    assert!(client.is_silent());
    assert_eq!(client.command(&["PING"]).expect("a reply"), simple("PONG"));
    server.join().expect("the script was followed");
    await_bytes(&client);
    assert!(!client.is_silent(), "it has been closed");
}

#[test]
fn a_connection_with_something_that_nobody_has_asked_for_does_not_rest() {
    // In one piece, so that it is there when the reply is.
    for answer in ["+PONG\r\n+MORE\r\n", "+PONG\r\n+", ">1\r\n+push\r\n+PONG\r\n"] {
        let (options, server) = serve(vec![(request(&["PING"]), answer)]);
        let mut client = Client::connect(&options).expect("connected");
        client.command(&["PING"]).expect("a reply");
        server.join().expect("the script was followed");
        assert!(!client.rest(), "{answer:?}");
    }
}

#[test]
fn what_comes_while_a_connection_rests_is_noticed() {
    let (options, server) =
        serve(vec![(request(&["PING"]), "+PONG\r\n"), (request(&["GO"]), "+ONE\r\n+TWO\r\n")]);
    let mut client = Client::connect(&options).expect("connected");
    client.command(&["PING"]).expect("a reply");
    assert!(client.rest() && client.is_silent());
    client.send(&["GO"]);
    assert!(!client.rest(), "it has not been sent");
    client.flush().expect("the server reads");
    assert!(client.rest(), "nothing has been read");
    server.join().expect("the script was followed");
    await_bytes(&client);
    assert!(!client.is_silent(), "there is something to read");
}
