//! Tests of the request decoder: tables of wrong requests, and properties over every way to cut a stream.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// What a connection would see: the requests, then how the stream ended.
#[derive(Debug, PartialEq)]
struct Seen {
    requests: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
    left: usize,
}

/// Feeds a stream that arrives in pieces which end at `cuts`.
fn feed(stream: &[u8], cuts: &[usize], limits: &Limits) -> Seen {
    let mut decoder = RequestDecoder::new();
    let mut args = Vec::new();
    let (mut start, mut requests) = (0, Vec::new());
    for end in cuts.iter().copied().chain([stream.len()]) {
        loop {
            let buffer = &stream[start..end.max(start)];
            args.clear();
            let consumed = match decoder.decode(buffer, limits, &mut args) {
                Err(error) => return Seen { requests, error: Some(error), left: 0 },
                Ok(Decoded::Incomplete { needed }) => {
                    assert!(needed > buffer.len());
                    assert!(args.is_empty());
                    break;
                }
                Ok(Decoded::Empty { consumed }) => consumed,
                Ok(Decoded::Request { consumed }) => {
                    requests.push(args.iter().map(|range| buffer[range.clone()].to_vec()).collect());
                    consumed
                }
                Ok(Decoded::Inline { consumed, text }) => {
                    requests.push(args.iter().map(|range| text[range.clone()].to_vec()).collect());
                    consumed
                }
            };
            assert!(!decoder.is_mid_request());
            start += consumed;
        }
    }
    Seen { requests, error: None, left: stream.len() - start }
}

#[track_caller]
fn check_error(stream: &[u8], limits: &Limits, expected: ProtocolError) {
    let seen = feed(stream, &[], limits);
    assert_eq!(seen.error, Some(expected), "{}", String::from_utf8_lossy(&stream[..stream.len().min(40)]));
}

#[test]
fn requests_of_both_kinds_follow_each_other() {
    let stream = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nPING 'a b'\r\n*1\r\n$0\r\n\r\n\n";
    let seen = feed(stream, &[], &Limits::default());
    let expected: [&[&[u8]]; 3] = [&[b"GET", b"key"], &[b"PING", b"a b"], &[b""]];
    assert_eq!(seen.requests, expected);
    assert_eq!((seen.error, seen.left), (None, 0));
}

#[test]
fn empty_requests_are_skipped_and_leave_no_state() {
    for empty in ["*0\r\n", "*-1\r\n", "*-100\r\n", "\r\n", "\n", "   \r\n"] {
        let stream = format!("{empty}*1\r\n$4\r\nPING\r\n{empty}{empty}PING\r\n");
        let auth_required = Limits { auth_required: true, ..Limits::default() };
        let seen = feed(stream.as_bytes(), &[], &auth_required);
        assert_eq!(seen.requests, [[b"PING"], [b"PING"]], "{empty:?}");
        assert_eq!(seen.left, 0);
    }
}

#[test]
fn wrong_requests_get_the_error_of_redis() {
    use ProtocolError as E;
    let limits = Limits { max_bulk_bytes: 100, ..Limits::default() };
    for (stream, error) in [
        ("*x\r\n", E::InvalidMultibulkLength),
        ("*\r\n", E::InvalidMultibulkLength),
        ("*2147483648\r\n", E::InvalidMultibulkLength),
        ("*99999999999999999999\r\n", E::InvalidMultibulkLength),
        ("*01\r\n", E::InvalidMultibulkLength),
        ("*1\r\n$-10\r\n", E::InvalidBulkLength),
        ("*1\r\n$x\r\n", E::InvalidBulkLength),
        ("*1\r\n$101\r\n", E::InvalidBulkLength),
        ("*1\r\n$9223372036854775807\r\n", E::InvalidBulkLength),
        ("*1\r\n$9223372036854775808\r\n", E::InvalidBulkLength),
        ("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", E::ExpectedDollar(b'f')),
        ("*1\r\n\r\n", E::ExpectedDollar(b'\r')),
        ("set \"a\r\n", E::UnbalancedQuotes),
    ] {
        check_error(stream.as_bytes(), &limits, error);
    }
}

#[test]
fn bytes_in_the_place_of_line_ends_are_skipped() {
    let stream = b"*2\rX$4\rXECHOXX$2\r\nhi*1*1\r\n$4\r\nPING\r\n";
    let every_byte: Vec<usize> = (0..stream.len()).collect();
    for cuts in [&[][..], &every_byte] {
        let seen = feed(stream, cuts, &Limits::default());
        assert_eq!(seen.requests, [&[&b"ECHO"[..], b"hi"][..], &[b"PING"]]);
        assert_eq!((seen.error, seen.left), (None, 0));
    }
}

#[test]
fn endless_lines_are_cut_off_at_64_kib() {
    use ProtocolError as E;
    let endless = |head: &str| [head.as_bytes(), &vec![b'1'; MAX_LINE_BYTES + 1]].concat();
    check_error(&endless(""), &Limits::default(), E::TooBigInline);
    check_error(&endless("\0\n"), &Limits::default(), E::TooBigInline);
    check_error(&endless("*"), &Limits::default(), E::TooBigMultibulkCount);
    check_error(&endless("*1\r\n$"), &Limits::default(), E::TooBigBulkCount);
    // A line that arrives at once may be longer; one that does not may not.
    let long = [&vec![b'a'; MAX_LINE_BYTES + 5000][..], b"\n"].concat();
    assert_eq!(feed(&long, &[], &Limits::default()).requests.len(), 1);
    assert_eq!(feed(&long, &[MAX_LINE_BYTES], &Limits::default()).requests.len(), 1);
    assert_eq!(feed(&long, &[MAX_LINE_BYTES + 1], &Limits::default()).error, Some(E::TooBigInline));
}

#[test]
fn a_client_that_has_not_authenticated_may_send_little() {
    use ProtocolError as E;
    let limits = Limits { auth_required: true, ..Limits::default() };
    check_error(b"*11\r\n", &limits, E::UnauthenticatedMultibulkLength);
    check_error(b"*1\r\n$16385\r\n", &limits, E::UnauthenticatedBulkLength);
    assert_eq!(feed(b"*10\r\n$16384\r\n", &[], &limits).error, None);
}

#[test]
fn a_large_argument_says_how_many_bytes_it_needs() {
    let mut decoder = RequestDecoder::new();
    let mut args = Vec::new();
    let decoded = decoder.decode(b"*1\r\n$100000\r\nabc", &Limits::default(), &mut args);
    assert_eq!(decoded, Ok(Decoded::Incomplete { needed: 13 + 100_000 + 2 }));
    assert!(decoder.is_mid_request());
}

#[test]
fn arguments_go_behind_those_of_other_requests() {
    let mut decoder = RequestDecoder::new();
    let mut args = Vec::new();
    let (before, stream) = (7..8, b"*1\r\n$4\r\nPING\r\n");
    for cut in 1..stream.len() {
        args.push(before.clone());
        let half = decoder.decode(&stream[..cut], &Limits::default(), &mut args);
        assert!(matches!(half, Ok(Decoded::Incomplete { .. })));
        assert_eq!(args, std::slice::from_ref(&before));
        let whole = decoder.decode(stream, &Limits::default(), &mut args);
        assert_eq!(whole, Ok(Decoded::Request { consumed: stream.len() }));
        assert_eq!(args, [before.clone(), 8..12]);
        args.clear();
    }
}

#[test]
fn an_idle_decoder_is_one_pointer() {
    assert_eq!(size_of::<RequestDecoder>(), size_of::<usize>());
    assert_eq!(RequestDecoder::new().heap_bytes(), 0);
}

#[test]
fn announced_arguments_take_no_memory() {
    let mut decoder = RequestDecoder::new();
    let mut args = Vec::new();
    let decoded = decoder.decode(
        b"*2147483647\r\n$2147483647\r\n",
        &Limits { max_bulk_bytes: i64::MAX, auth_required: false },
        &mut args,
    );
    assert!(matches!(decoded, Ok(Decoded::Incomplete { .. })));
    assert!(decoder.heap_bytes() < 1024);
}

#[test]
fn error_texts_are_those_of_redis() {
    assert_eq!(ProtocolError::InvalidMultibulkLength.to_string(), "Protocol error: invalid multibulk length");
    assert_eq!(ProtocolError::ExpectedDollar(b'f').to_string(), "Protocol error: expected '$', got 'f'");
}

/// Streams that are valid, nearly valid, or noise.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || vec(any::<u8>(), 0..20);
    let request = vec(bytes(), 0..5).prop_map(|args| {
        let mut out = Vec::new();
        crate::write_command(&mut out, &args);
        out
    });
    let piece = prop_oneof![
        6 => request,
        1 => "(PING|SET 'a b' \"\\\\x41\"| )\r?\n".prop_map(String::into_bytes),
        1 => r"[*$][0-9-]{0,3}(\r\n)?".prop_map(String::into_bytes),
        1 => bytes(),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        requests in vec(vec(vec(any::<u8>(), 0..300), 1..8), 1..4),
    ) {
        let mut stream = Vec::new();
        for request in &requests {
            crate::write_command(&mut stream, request);
        }
        prop_assert_eq!(feed(&stream, &[], &Limits::default()), Seen { requests, error: None, left: 0 });
    }

    #[test]
    fn the_way_a_stream_is_cut_does_not_matter(stream in streams(), at in any::<prop::sample::Index>()) {
        let limits = Limits { max_bulk_bytes: 500, auth_required: false };
        let whole = feed(&stream, &[], &limits);
        let cut = at.index(stream.len() + 1);
        prop_assert_eq!(&feed(&stream, &[cut], &limits), &whole);
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(&feed(&stream, &every_byte, &limits), &whole);
    }
}
