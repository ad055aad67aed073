//! What any bytes do to the parsers: an error or a value, never a panic; and that what is written can be read.

use proptest::prelude::*;
use resp::Protocol;

use crate::caller::Recorded;
use crate::{Ended, Interpreter, Options};

thread_local! {
    static INTERPRETER: Interpreter = Interpreter::new(Options { version: "8.0.6", memory_bytes: 64 << 20, seed: 1, function_flags: &["no-writes", "allow-oom"] });
}

/// Runs a script with arguments; what it answers, or the error.
fn run(text: &str, arguments: &[&[u8]]) -> Result<Vec<u8>, Vec<u8>> {
    INTERPRETER.with(|interpreter| {
        let script = interpreter.compile(text.as_bytes()).expect("the script compiles");
        let mut out = Vec::new();
        match interpreter.run(&script, &[], arguments, &mut Recorded::default(), (Protocol::Resp2, &mut out))
        {
            Ended::Replied | Ended::PassedOn => Ok(out),
            Ended::Failed(failure) => Err(failure.text),
            Ended::Abandoned => unreachable!("nothing is abandoned here"),
        }
    })
}

/// Bytes that are nearly JSON.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"a\"",
        b"\"\\u00e9\"",
        b"\"\\ud83d\\ude00\"",
        b"\"\\ud800\"",
        b"1",
        b"-",
        b"0x1",
        b"1e5",
        b"1e999",
        b"nan",
        b"true",
        b"null",
        b" ",
        b"\"",
        b"\\",
        b"\x00",
        b"\xff",
    ];
    let piece = proptest::sample::select(PIECES);
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_breaks_json(text in prop_oneof![nearly_json(), proptest::collection::vec(any::<u8>(), 0..40)]) {
        // What can be read and written can be read again, with the same result.
        let twice = "local function normal(t) return cjson.encode(cjson.decode(t)) end
            cjson.encode_invalid_numbers(true) local once = normal(ARGV[1]) return {once, normal(once)}";
        if let Ok(reply) = run(twice, &[&text]) {
            let half = (reply.len() - 4) / 2;
            prop_assert_eq!(&reply[4..4 + half], &reply[4 + half..]);
        }
    }

    #[test]
    fn no_bytes_break_messages(bytes in proptest::collection::vec(any::<u8>(), 0..60), limit in -2..5i32, offset in -2..70i32) {
        let _ = run("return {cmsgpack.unpack(ARGV[1])}", &[&bytes]);
        let text = format!("return {{cmsgpack.unpack_limit(ARGV[1], {limit}, {offset})}}");
        let _ = run(&text, &[&bytes]);
    }

    #[test]
    fn no_format_breaks_struct(format in "[ <>!xbBhHlLTiIfdscz0-9]{0,12}", data in proptest::collection::vec(any::<u8>(), 0..40)) {
        for text in ["return {struct.unpack(ARGV[1], ARGV[2])}", "return {struct.pack(ARGV[1], 1, 2, 'abc', 4, -5)}", "return struct.size(ARGV[1])"] {
            let _ = run(text, &[format.as_bytes(), &data]);
        }
    }

    #[test]
    fn what_is_packed_is_unpacked(number in any::<i32>(), float in any::<f32>(), text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (number, float) = (number.to_string(), if float.is_finite() { format!("{float:e}") } else { "0.5".to_owned() });
        let same = "local n, f, s = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
            local t = cmsgpack.unpack(cmsgpack.pack({n, f, s, {k = {n}}}))
            local a, b, c, d = struct.unpack('>i4 d I4 c0', struct.pack('>i4 d I4 c0', n, f, #s, s))
            return t[1] == n and t[2] == f and t[3] == s and t[4].k[1] == n and a == n and b == f and c == s";
        prop_assert_eq!(run(same, &[number.as_bytes(), float.as_bytes(), &text]), Ok(b":1\r\n".to_vec()));
    }
}
