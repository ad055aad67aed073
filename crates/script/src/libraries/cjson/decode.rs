//! JSON becomes values. Objects and arrays are tables; null is `cjson.null`.

use mlua::{Table, Value};

use super::{Arguments, MAX_DEPTH, Outcome, only_one, said};

pub(super) fn decode(arguments: &Arguments<'_>) -> Outcome {
    only_one(arguments)?;
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    // A zero among the first two bytes: an encoding with wider units.
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return said("JSON parser does not support UTF-16 or UTF-32");
    }
    let settings = arguments.json.get();
    let depth = settings.decode_depth.min(MAX_DEPTH);
    let mut parser = Parser {
        arguments,
        text: &text,
        at: 0,
        depth: 0,
        max_depth: depth,
        invalid: settings.decode_invalid,
    };
    let (token, place) = parser.next();
    let value = parser.value(token, place)?;
    match parser.next() {
        (Token::End, _) => Ok(vec![value]),
        (token, place) => expected("the end", &token, place),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Bad(&'static str),
}

impl Token {
    /// What errors call it.
    fn name(&self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::Text(_) => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Bad(why) => why,
        }
    }
}

fn expected<T>(what: &str, found: &Token, place: usize) -> Outcome<T> {
    said(format!("Expected {what} but found {} at character {}", found.name(), place + 1))
}

struct Parser<'a> {
    arguments: &'a Arguments<'a>,
    text: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
    /// Whether numbers are taken that JSON does not know.
    invalid: bool,
}

impl Parser<'_> {
    fn value(&mut self, token: Token, place: usize) -> Outcome<Value> {
        Ok(match token {
            Token::Text(text) => Value::String(self.arguments.lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ObjectBegin => Value::Table(self.object()?),
            Token::ArrayBegin => Value::Table(self.array()?),
            other => return expected("value", &other, place),
        })
    }

    fn descend(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > self.max_depth {
            let (depth, at) = (self.depth, self.at);
            return said(format!("Found too many nested data structures ({depth}) at character {at}"));
        }
        Ok(())
    }

    fn object(&mut self) -> Outcome<Table> {
        self.descend()?;
        let table = self.arguments.lua.create_table()?;
        let (mut token, mut place) = self.next();
        if token != Token::ObjectEnd {
            loop {
                let Token::Text(key) = token else { return expected("object key string", &token, place) };
                match self.next() {
                    (Token::Colon, _) => {}
                    (other, place) => return expected("colon", &other, place),
                }
                let (first, at) = self.next();
                let value = self.value(first, at)?;
                table.raw_set(self.arguments.lua.create_string(key)?, value)?;
                match self.next() {
                    (Token::ObjectEnd, _) => break,
                    (Token::Comma, _) => (token, place) = self.next(),
                    (other, place) => return expected("comma or object end", &other, place),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn array(&mut self) -> Outcome<Table> {
        self.descend()?;
        let table = self.arguments.lua.create_table()?;
        let (mut token, mut place) = self.next();
        let mut index = 0_usize;
        if token != Token::ArrayEnd {
            loop {
                index += 1;
                let value = self.value(token, place)?;
                table.raw_set(index, value)?;
                match self.next() {
                    (Token::ArrayEnd, _) => break,
                    (Token::Comma, _) => (token, place) = self.next(),
                    (other, place) => return expected("comma or array end", &other, place),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    /// The next token, and where it begins.
    fn next(&mut self) -> (Token, usize) {
        while self.text.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let place = self.at;
        let Some(&byte) = self.text.get(place) else { return (Token::End, place) };
        self.at += 1;
        let token = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(place),
            b'-' | b'0'..=b'9' if self.invalid || !self.is_invalid_number(place) => self.number(place),
            b'-' | b'0'..=b'9' => Token::Bad("invalid number"),
            _ => self.word(place),
        };
        (token, place)
    }

    fn word(&mut self, place: usize) -> Token {
        for (word, token) in
            [(&b"true"[..], Token::Boolean(true)), (b"false", Token::Boolean(false)), (b"null", Token::Null)]
        {
            if self.text[place..].starts_with(word) {
                self.at = place + word.len();
                return token;
            }
        }
        // A zero byte ends the text, as it ends a string in C.
        match self.text[place] {
            0 => Token::End,
            b'i' | b'I' | b'n' | b'N' | b'+' if self.invalid && self.is_invalid_number(place) => {
                self.number(place)
            }
            _ => Token::Bad("invalid token"),
        }
    }

    /// Whether a number is one that JSON does not know: hexadecimal, with a leading zero, infinite or none.
    fn is_invalid_number(&self, place: usize) -> bool {
        let text = &self.text[place..];
        let rest = text.strip_prefix(b"-").unwrap_or(text);
        let begins = |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
        match rest.first() {
            Some(b'+') => true,
            Some(b'0') => rest.get(1).is_some_and(|next| next.is_ascii_digit() || *next | 32 == b'x'),
            Some(b'1'..=b'9') => false,
            _ => begins(b"inf") || begins(b"nan"),
        }
    }

    fn number(&mut self, place: usize) -> Token {
        match crate::number::parse_prefix(&self.text[place..]) {
            Some((number, length)) => {
                self.at = place + length;
                Token::Number(number)
            }
            None => Token::Bad("invalid number"),
        }
    }

    /// A string, behind its first quote. Of a bad one the error is where it goes wrong.
    fn string(&mut self, place: usize) -> (Token, usize) {
        let mut out = Vec::new();
        loop {
            match self.text.get(self.at) {
                None | Some(0) => return (Token::Bad("unexpected end of string"), self.at),
                Some(b'"') => {
                    self.at += 1;
                    return (Token::Text(out), place);
                }
                Some(b'\\') => {
                    if let Err(why) = self.escape(&mut out) {
                        return (Token::Bad(why), self.at);
                    }
                }
                Some(&byte) => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let byte = match self.text.get(self.at + 1) {
            Some(b'u') => return self.unicode(out).ok_or("invalid unicode escape code"),
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 8,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 12,
            Some(b'r') => b'\r',
            _ => return Err("invalid escape code"),
        };
        out.push(byte);
        self.at += 2;
        Ok(())
    }

    /// `\uXXXX`, or two of them that are one character.
    fn unicode(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let unit = |at: usize| {
            let text = self.text.get(at..at + 6)?;
            let digits = text.strip_prefix(b"\\u")?;
            digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
        };
        let mut code = unit(self.at)?;
        self.at += 6;
        if (0xd800..0xe000).contains(&code) {
            let low = (code < 0xdc00).then(|| unit(self.at)).flatten();
            let low = low.filter(|low| (0xdc00..0xe000).contains(low));
            let Some(low) = low else {
                self.at -= 6;
                return None;
            };
            self.at += 6;
            code = 0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff);
        }
        let character = char::from_u32(code)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }
}
