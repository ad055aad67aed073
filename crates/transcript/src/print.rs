//! Replies as lines of text, as redis-cli prints them, and what RESP2 would have made of them.

use resp::{Encoder, Frame, FrameDecoder, Protocol};
use stdx::quote::write_quoted;

/// The lines of a reply.
pub(crate) fn lines(reply: &Frame) -> Vec<String> {
    let line = match reply {
        Frame::Simple(text) => String::from_utf8_lossy(text).into_owned(),
        Frame::Error(text) => format!("(error) {}", String::from_utf8_lossy(text)),
        Frame::Integer(number) => format!("(integer) {number}"),
        Frame::Bulk(bytes) | Frame::Verbatim { text: bytes, .. } => quoted(bytes),
        Frame::Null | Frame::NullArray => "(nil)".to_owned(),
        Frame::Double(_) => {
            let text = flattened(reply);
            format!("(double) {}", String::from_utf8_lossy(text.bytes().unwrap_or_default()))
        }
        Frame::Boolean(value) => format!("({value})"),
        Frame::BigNumber(decimal) => format!("(big number) {}", String::from_utf8_lossy(decimal)),
        Frame::Array(elements) => return numbered(elements, ')', "(empty array)"),
        Frame::Push(elements) => return numbered(elements, ')', "(empty push)"),
        Frame::Set(elements) => return numbered(elements, '~', "(empty set)"),
        Frame::Map(pairs) => return paired(pairs),
        Frame::Attributed { frame, .. } => return lines(frame),
    };
    vec![line]
}

/// What RESP2 would have said.
pub(crate) fn flattened(reply: &Frame) -> Frame {
    let mut bytes = Vec::new();
    reply.encode(&mut Encoder::new(&mut bytes, Protocol::Resp2));
    let progress = FrameDecoder::default().decode(&bytes).expect("what the encoder writes is well formed");
    progress.frame.expect("the encoder writes whole replies")
}

fn numbered(elements: &[Frame], mark: char, empty: &str) -> Vec<String> {
    if elements.is_empty() {
        return vec![empty.to_owned()];
    }
    let width = decimal_width(elements.len());
    let mut out = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let head = format!("{:width$}{mark} ", index + 1);
        indent(&mut out, &head, lines(element));
    }
    out
}

/// A key with a value of several lines stands above it.
fn paired(pairs: &[(Frame, Frame)]) -> Vec<String> {
    if pairs.is_empty() {
        return vec!["(empty hash)".to_owned()];
    }
    let width = decimal_width(pairs.len());
    let mut out = Vec::new();
    for (index, (key, value)) in pairs.iter().enumerate() {
        let head = format!("{:width$}# {} =>", index + 1, lines(key).join(" "));
        let value = lines(value);
        if let [line] = &value[..] {
            out.push(format!("{head} {line}"));
        } else {
            out.push(head);
            let margin = " ".repeat(width + 2);
            out.extend(value.iter().map(|line| format!("{margin}{line}")));
        }
    }
    out
}

/// Puts `head` before the first line and as many blanks before the others.
fn indent(out: &mut Vec<String>, head: &str, lines: Vec<String>) {
    let margin = " ".repeat(head.len());
    for (index, line) in lines.into_iter().enumerate() {
        out.push(format!("{}{line}", if index == 0 { head } else { &margin }));
    }
}

fn decimal_width(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Bytes between quotes, escaped where they are not printable.
fn quoted(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    write_quoted(&mut text, bytes);
    String::from_utf8(text).expect("only printable ASCII is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Frame {
        Frame::Bulk(text.into())
    }

    #[test]
    fn elements_are_numbered_and_indented() {
        let inner = Frame::Array(vec![Frame::Integer(1), Frame::Null]);
        let reply = Frame::Array(vec![inner, Frame::Set(vec![]), bulk("a\"\x00")]);
        let expected = ["1) 1) (integer) 1", "   2) (nil)", "2) (empty set)", r#"3) "a\"\x00""#];
        assert_eq!(lines(&reply), expected);
    }

    #[test]
    fn values_of_several_lines_stand_below_their_key() {
        let inner = Frame::Array(vec![Frame::Integer(1), Frame::Boolean(true)]);
        let reply = Frame::Map(vec![(bulk("a"), Frame::Double(1.5)), (bulk("b"), inner)]);
        let expected = [r#"1# "a" => (double) 1.5"#, r#"2# "b" =>"#, "   1) (integer) 1", "   2) (true)"];
        assert_eq!(lines(&reply), expected);
    }

    #[test]
    fn types_that_the_old_protocol_lacks_are_flattened() {
        let reply = Frame::Map(vec![(bulk("a"), Frame::Boolean(true)), (bulk("b"), Frame::Double(0.5))]);
        let expected = Frame::Array(vec![bulk("a"), Frame::Integer(1), bulk("b"), bulk("0.5")]);
        assert_eq!(flattened(&reply), expected);
    }
}
