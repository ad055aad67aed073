//! Every kind of frame in every format; the texts were compared with redis-cli 7.0.15.

use super::*;

fn text(frame: &Frame, format: Format) -> String {
    let mut out = Vec::new();
    write_reply(&mut out, frame, &style(format)).expect("a vector takes everything");
    String::from_utf8_lossy(&out).into_owned()
}

fn style(format: Format) -> Style {
    Style { format, element_delimiter: b"\n".to_vec(), reply_delimiter: b"\n".to_vec() }
}

fn bulk(text: &str) -> Frame {
    Frame::Bulk(text.as_bytes().to_vec())
}

fn check(frame: &Frame, [standard, raw, csv, json, quoted_json]: [&str; 5]) {
    assert_eq!(text(frame, Format::Standard), standard, "standard {frame:?}");
    assert_eq!(text(frame, Format::Raw), raw, "raw {frame:?}");
    assert_eq!(text(frame, Format::Csv), csv, "csv {frame:?}");
    assert_eq!(text(frame, Format::Json), json, "json {frame:?}");
    assert_eq!(text(frame, Format::QuotedJson), quoted_json, "quoted json {frame:?}");
}

#[test]
fn single_values_are_shown_as_redis_cli_shows_them() {
    let rows: &[(Frame, [&str; 5])] = &[
        (Frame::Simple(b"OK".to_vec()), ["OK\n", "OK\n", "\"OK\"\n", "\"OK\"\n", "\"OK\"\n"]),
        (
            Frame::Error(b"ERR no".to_vec()),
            [
                "(error) ERR no\n",
                "ERR no\n\n",
                "ERROR,\"ERR no\"\n",
                "error:\"ERR no\"\n",
                "error:\"ERR no\"\n",
            ],
        ),
        (Frame::Integer(-7), ["(integer) -7\n", "-7\n", "-7\n", "-7\n", "-7\n"]),
        (bulk("a b"), ["\"a b\"\n", "a b\n", "\"a b\"\n", "\"a b\"\n", "\"a b\"\n"]),
        (Frame::Null, ["(nil)\n", "\n", "NULL\n", "null\n", "null\n"]),
        (Frame::NullArray, ["(nil)\n", "\n", "NULL\n", "null\n", "null\n"]),
        (Frame::Double(3.25), ["(double) 3.25\n", "3.25\n", "3.25\n", "3.25\n", "3.25\n"]),
        (Frame::Double(2.0), ["(double) 2\n", "2\n", "2\n", "2\n", "2\n"]),
        (Frame::Double(f64::NEG_INFINITY), ["(double) -inf\n", "-inf\n", "-inf\n", "-inf\n", "-inf\n"]),
        (Frame::Double(f64::NAN), ["(double) nan\n", "nan\n", "nan\n", "nan\n", "nan\n"]),
        (Frame::Double(1e300), ["(double) 1e+300\n", "1e+300\n", "1e+300\n", "1e+300\n", "1e+300\n"]),
        (Frame::Boolean(true), ["(true)\n", "(true)\n", "true\n", "true\n", "true\n"]),
        (Frame::Boolean(false), ["(false)\n", "(false)\n", "false\n", "false\n", "false\n"]),
        (
            Frame::BigNumber(b"12345678901234567890".to_vec()),
            [
                "(big number) 12345678901234567890\n",
                "12345678901234567890\n",
                "12345678901234567890\n",
                "12345678901234567890\n",
                "12345678901234567890\n",
            ],
        ),
        (
            Frame::Verbatim { format: *b"txt", text: b"a\nb".to_vec() },
            ["a\nb\n", "a\nb\n", "\"a\\nb\"\n", "\"a\\nb\"\n", "\"a\\\\nb\"\n"],
        ),
    ];
    for (frame, expected) in rows {
        check(frame, *expected);
    }
}

#[test]
fn aggregates_are_numbered_with_their_own_marks() {
    let two = || vec![Frame::Integer(1), bulk("b")];
    let flat = ["1\nb\n", "1,\"b\"\n", "[1,\"b\"]\n", "[1,\"b\"]\n"];
    for (frame, standard) in [
        (Frame::Array(two()), "1) (integer) 1\n2) \"b\"\n"),
        (Frame::Push(two()), "1) (integer) 1\n2) \"b\"\n"),
        (Frame::Set(two()), "1~ (integer) 1\n2~ \"b\"\n"),
    ] {
        check(&frame, [standard, flat[0], flat[1], flat[2], flat[3]]);
    }
    check(
        &Frame::Map(vec![(bulk("k"), bulk("v")), (Frame::Integer(2), Frame::Boolean(true))]),
        [
            "1# \"k\" => \"v\"\n2# (integer) 2 => (true)\n",
            "k v\n2 (true)\n",
            "\"k\",\"v\",2,true\n",
            "{\"k\":\"v\",\"2\":true}\n",
            "{\"k\":\"v\",\"2\":true}\n",
        ],
    );
    let inner = Box::new(Frame::Integer(1));
    let attributed = Frame::Attributed { attributes: vec![(bulk("ttl"), Frame::Integer(3))], frame: inner };
    check(&attributed, ["(integer) 1\n", "1\n", "1\n", "1\n", "1\n"]);
}

#[test]
fn empty_aggregates_are_named() {
    check(&Frame::Array(vec![]), ["(empty array)\n", "\n", "\n", "[]\n", "[]\n"]);
    check(&Frame::Set(vec![]), ["(empty set)\n", "\n", "\n", "[]\n", "[]\n"]);
    check(&Frame::Push(vec![]), ["(empty push)\n", "\n", "\n", "[]\n", "[]\n"]);
    check(&Frame::Map(vec![]), ["(empty hash)\n", "\n", "\n", "{}\n", "{}\n"]);
}

#[test]
fn nested_replies_are_indented_by_the_width_of_their_numbers() {
    let nested = Frame::Array(vec![
        Frame::Array(vec![
            Frame::Integer(1),
            Frame::Integer(2),
            Frame::Array(vec![Frame::Integer(3), bulk("x")]),
        ]),
        Frame::Array(vec![]),
        Frame::Error(b"ERR a".to_vec()),
        Frame::Null,
    ]);
    check(
        &nested,
        [
            "1) 1) (integer) 1\n   2) (integer) 2\n   3) 1) (integer) 3\n      2) \"x\"\n2) (empty array)\n3) (error) ERR a\n4) (nil)\n",
            "1\n2\n3\nx\n\nERR a\n\n\n",
            "1,2,3,\"x\",,ERROR,\"ERR a\",NULL\n",
            "[[1,2,[3,\"x\"]],[],error:\"ERR a\",null]\n",
            "[[1,2,[3,\"x\"]],[],error:\"ERR a\",null]\n",
        ],
    );
    let stream = Frame::Map(vec![(
        bulk("st"),
        Frame::Array(vec![Frame::Array(vec![bulk("1-1"), Frame::Array(vec![bulk("a"), bulk("b")])])]),
    )]);
    assert_eq!(
        text(&stream, Format::Standard),
        "1# \"st\" => \n   1) 1) \"1-1\"\n      2) 1) \"a\"\n         2) \"b\"\n"
    );
    let twelve = Frame::Array((1..=12).map(Frame::Integer).collect());
    assert!(text(&twelve, Format::Standard).starts_with(" 1) (integer) 1\n"));
    assert!(text(&twelve, Format::Standard).ends_with("\n12) (integer) 12\n"));
}

#[test]
fn strings_of_any_bytes_are_escaped_and_read_back() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut quoted = Vec::new();
    write_quoted(&mut quoted, &bytes).expect("a vector takes everything");
    assert!(quoted.iter().all(|byte| (b' '..=b'~').contains(byte)));
    let mut args = Vec::new();
    let text = resp::request::split_args(&quoted, &mut args).expect("balanced quotes");
    assert_eq!(text[args[0].clone()], bytes);
}

#[test]
fn json_of_text_is_valid_and_quoted_json_is_valid_for_any_bytes() {
    let frame = Frame::Array(vec![bulk("a\"\\\u{1}\u{c}\n é"), Frame::Map(vec![(Frame::Null, bulk("x"))])]);
    let value: serde_json::Value = serde_json::from_str(&text(&frame, Format::Json)).expect("valid JSON");
    assert_eq!(value, serde_json::json!(["a\"\\\u{1}\u{c}\n é", {"null": "x"}]));
    let any = Frame::Map(vec![(Frame::Array(vec![bulk("\"")]), Frame::Bulk((0..=255).collect()))]);
    serde_json::from_str::<serde_json::Value>(&text(&any, Format::QuotedJson)).expect("valid JSON");
}

#[test]
fn a_server_cannot_steer_the_terminal_through_lines_of_its_own() {
    let hostile = b"\x1b]0;owned\x07 \xff \xc2\x9b ok \xc3\xa9".to_vec();
    let shown = "\\x1b]0;owned\\a \\xff \\xc2\\x9b ok é";
    assert_eq!(text(&Frame::Simple(hostile.clone()), Format::Standard), format!("{shown}\n"));
    assert_eq!(text(&Frame::Error(hostile.clone()), Format::Standard), format!("(error) {shown}\n"));
    assert_eq!(
        text(&Frame::Verbatim { format: *b"txt", text: hostile }, Format::Standard),
        format!("{shown}\n")
    );
}

#[test]
fn raw_delimiters_can_be_chosen() {
    let style = Style { format: Format::Raw, element_delimiter: b", ".to_vec(), reply_delimiter: vec![] };
    let mut out = Vec::new();
    write_reply(&mut out, &Frame::Array(vec![bulk("a"), bulk("b")]), &style).expect("written");
    assert_eq!(out, b"a, b");
}
