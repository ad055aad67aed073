//! Tests of frames: a table of replies, hostile ones, and properties over random frames and streams.

use super::*;
use crate::Protocol;
use proptest::prelude::*;

/// Decodes a stream that arrives in pieces which end at `cuts`: the frames, then the error if there was one.
fn decode_all(stream: &[u8], cuts: &[usize], limits: FrameLimits) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(limits);
    let (mut start, mut frames) = (0, Vec::new());
    for end in cuts.iter().copied().chain([stream.len()]) {
        loop {
            match decoder.decode(&stream[start..end.max(start)]) {
                Err(error) => return (frames, Some(error)),
                Ok(progress) => {
                    start += progress.consumed;
                    let Some(frame) = progress.frame else { break };
                    assert!(!decoder.is_mid_frame());
                    frames.push(frame);
                }
            }
        }
    }
    (frames, None)
}

#[track_caller]
fn check(stream: &str, expected: Frame) {
    let (frames, error) = decode_all(stream.as_bytes(), &[], FrameLimits::default());
    assert_eq!((frames, error), (vec![expected], None), "{stream:?}");
}

#[track_caller]
fn check_error(stream: impl AsRef<[u8]>, expected: FrameError) {
    let (_, error) = decode_all(stream.as_ref(), &[], FrameLimits::default());
    assert_eq!(
        error,
        Some(expected),
        "{:?}",
        String::from_utf8_lossy(&stream.as_ref()[..stream.as_ref().len().min(50)])
    );
}

fn bulk(text: &str) -> Frame {
    Frame::Bulk(text.as_bytes().to_vec())
}

#[test]
fn every_type_is_understood() {
    check("+OK\r\n", Frame::Simple(b"OK".to_vec()));
    check("-ERR no\r\n", Frame::Error(b"ERR no".to_vec()));
    check("!6\r\nERR\r\nx\r\n", Frame::Error(b"ERR\r\nx".to_vec()));
    check(":-5\r\n", Frame::Integer(-5));
    check("$5\r\na\r\nbc\r\n", bulk("a\r\nbc"));
    check("$0\r\n\r\n", bulk(""));
    check("$-1\r\n", Frame::Null);
    check("_\r\n", Frame::Null);
    check("*-1\r\n", Frame::NullArray);
    check("*0\r\n", Frame::Array(vec![]));
    check(
        "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
        Frame::Array(vec![Frame::Integer(1), Frame::Array(vec![bulk("x")])]),
    );
    check("%1\r\n+k\r\n#t\r\n", Frame::Map(vec![(Frame::Simple(b"k".to_vec()), Frame::Boolean(true))]));
    check("~1\r\n#f\r\n", Frame::Set(vec![Frame::Boolean(false)]));
    check(">1\r\n$1\r\nm\r\n", Frame::Push(vec![bulk("m")]));
    check(",1.5e3\r\n", Frame::Double(1500.0));
    check(",-inf\r\n", Frame::Double(f64::NEG_INFINITY));
    check("(-123456789012345678901\r\n", Frame::BigNumber(b"-123456789012345678901".to_vec()));
    check("=6\r\ntxt:hi\r\n", Frame::Verbatim { format: *b"txt", text: b"hi".to_vec() });
    let attributes = vec![(bulk("a"), Frame::Integer(1))];
    let frame = Box::new(Frame::Array(vec![]));
    check("|1\r\n$1\r\na\r\n:1\r\n*0\r\n", Frame::Attributed { attributes, frame });
}

#[test]
fn views_look_through_attributes() {
    let frame = Frame::Attributed { attributes: vec![], frame: Box::new(Frame::Error(b"ERR x".to_vec())) };
    assert!(frame.is_error());
    let flat = Frame::Array(vec![bulk("k"), Frame::Integer(1)]);
    assert_eq!(flat.pairs(), Some(vec![(&bulk("k"), &Frame::Integer(1))]));
    assert_eq!(Frame::Array(vec![bulk("k")]).pairs(), None);
    assert_eq!(bulk("text").text(), Some("text"));
}

#[test]
fn malformed_replies_are_refused() {
    use FrameError as E;
    check_error("x\r\n", E::UnexpectedByte(b'x'));
    check_error("\r\n", E::InvalidCrlf);
    check_error("+a\rb", E::InvalidCrlf);
    check_error("$1\r\nabc", E::InvalidCrlf);
    check_error("$-2\r\n", E::InvalidLength);
    check_error("*-2\r\n", E::InvalidLength);
    check_error("*?\r\n", E::InvalidLength);
    check_error(":1x\r\n", E::InvalidNumber);
    check_error("(12a\r\n", E::InvalidNumber);
    check_error(",one\r\n", E::InvalidNumber);
    check_error("=3\r\ntxt\r\n", E::InvalidVerbatim);
    check_error("#x\r\n", E::UnexpectedByte(b'#'));
}

#[test]
fn a_hostile_server_cannot_take_memory_or_stack() {
    use FrameError as E;
    check_error("*2147483647\r\n", E::TooLarge);
    check_error("%18446744073709551615\r\n", E::TooLarge);
    check_error("~9223372036854775807\r\n", E::TooLarge);
    check_error("$9223372036854775807\r\n", E::TooLarge);
    check_error("*1\r\n".repeat(100_000), E::TooDeep);
    check_error("|0\r\n".repeat(100_000), E::TooDeep);
    let limits = FrameLimits { max_bytes: 1000, max_line: 100, ..FrameLimits::default() };
    assert_eq!(decode_all(&[b'+'; 100], &[], limits).1, None, "a line that may still end");
    assert_eq!(decode_all(&[b'+'; 101], &[], limits).1, Some(E::TooLarge));
    assert_eq!(decode_all(b"*10\r\n$50\r\n", &[], limits).1, None);
    assert_eq!(decode_all(b"*10\r\n*32\r\n", &[], limits).1, Some(E::TooLarge));
}

#[test]
fn the_budget_is_per_reply() {
    let limits = FrameLimits { max_bytes: 100, ..FrameLimits::default() };
    let (frames, error) = decode_all("$20\r\naaaaaaaaaaaaaaaaaaaa\r\n".repeat(50).as_bytes(), &[], limits);
    assert_eq!((frames.len(), error), (50, None));
}

/// Frames that come back unchanged in RESP3.
fn frames() -> impl Strategy<Value = Frame> {
    let line = || "[ -~]{0,12}".prop_map(String::into_bytes);
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let leaf = prop_oneof![
        line().prop_map(Frame::Simple),
        "ERR [a-z ]{0,9}[a-z]".prop_map(|text| Frame::Error(text.into_bytes())),
        any::<i64>().prop_map(Frame::Integer),
        bytes().prop_map(Frame::Bulk),
        Just(Frame::Null),
        any::<f64>().prop_filter("not equal to itself", |value| !value.is_nan()).prop_map(Frame::Double),
        any::<bool>().prop_map(Frame::Boolean),
        "-?[1-9][0-9]{0,40}".prop_map(|text| Frame::BigNumber(text.into_bytes())),
        bytes().prop_map(|text| Frame::Verbatim { format: *b"txt", text }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..6);
        let pairs = proptest::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            list.clone().prop_map(Frame::Array),
            list.clone().prop_map(Frame::Set),
            list.prop_map(Frame::Push),
            pairs.clone().prop_map(Frame::Map),
            (pairs, inner)
                .prop_map(|(attributes, frame)| Frame::Attributed { attributes, frame: Box::new(frame) }),
        ]
    })
}

fn encoded(frames: &[Frame], protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        frame.encode(&mut Encoder::new(&mut out, protocol));
    }
    out
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(frames in proptest::collection::vec(frames(), 0..4), at in any::<prop::sample::Index>()) {
        let stream = encoded(&frames, Protocol::Resp3);
        let cut = at.index(stream.len() + 1);
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        for cuts in [&[][..], &[cut], &every_byte] {
            let (decoded, error) = decode_all(&stream, cuts, FrameLimits::default());
            prop_assert_eq!(error, None);
            prop_assert_eq!(&decoded, &frames);
        }
    }

    #[test]
    fn resp2_output_holds_resp2_types_only(frames in proptest::collection::vec(frames(), 0..4)) {
        let stream = encoded(&frames, Protocol::Resp2);
        let (decoded, error) = decode_all(&stream, &[], FrameLimits::default());
        prop_assert_eq!((decoded.len(), error), (frames.len(), None));
        prop_assert_eq!(encoded(&decoded, Protocol::Resp2), stream);
    }

    #[test]
    fn noise_has_the_same_outcome_however_it_is_cut(
        stream in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            "([*$%~>|!=:,(#+_-][0-9]{0,2}(\r\n)?){0,20}".prop_map(String::into_bytes),
        ],
        at in any::<prop::sample::Index>(),
    ) {
        let limits = FrameLimits { max_depth: 5, max_line: 500, max_bytes: 3000 };
        let whole = decode_all(&stream, &[], limits);
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(format!("{:?}", decode_all(&stream, &[at.index(stream.len() + 1)], limits)), format!("{whole:?}"));
        prop_assert_eq!(format!("{:?}", decode_all(&stream, &every_byte, limits)), format!("{whole:?}"));
    }
}
