//! Files in TOML. A key is the name of a parameter, with `-` or `_`; the keys of nested tables are joined, so that `port` in
//! `[tls]` is `tls-port`. Arrows show what values become:
//!
//! ```text
//!   appendonly = true                        -> appendonly yes
//!   maxmemory = "2gb"                        -> maxmemory 2gb
//!   bind = ["127.0.0.1", "::1"]              -> bind 127.0.0.1 ::1
//!   save = ["900 1", "300 10"]               -> save 900 1 300 10
//!   user = ["alice on >pw ~*", "bob off"]    -> two `user` directives
//! ```

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::source::{Directive, LoadError, Place};
use crate::split::split;

/// Directives that stand once for each element of an array.
const REPEATED: [&str; 3] = ["user", "rename-command", "include"];

/// The directives of a file.
pub(crate) fn parse(content: &[u8], path: &str) -> Result<Vec<Directive>, LoadError> {
    let fail = |offset: usize, reason: String| LoadError {
        place: Place::File { path: path.to_owned(), line: line_of(content, offset) },
        directive: String::new(),
        reason,
        remedy: "correct the TOML, or rename the file if it is in the syntax of redis.conf".to_owned(),
    };
    let text =
        std::str::from_utf8(content).map_err(|error| fail(error.valid_up_to(), "not UTF-8".to_owned()))?;
    let table = DeTable::parse(text).map_err(|error| {
        fail(error.span().map_or(0, |span| span.start), error.message().replace('\n', " "))
    })?;
    let mut file = File { content, path, directives: Vec::new() };
    file.table("", table.get_ref())?;
    Ok(file.directives)
}

/// The number of the line that holds a byte.
fn line_of(content: &[u8], offset: usize) -> usize {
    content[..offset.min(content.len())].split(|&byte| byte == b'\n').count()
}

struct File<'a> {
    content: &'a [u8],
    path: &'a str,
    directives: Vec<Directive>,
}

impl File<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), LoadError> {
        for (key, value) in table {
            let key_text = key.get_ref().replace('_', "-");
            let name = if prefix.is_empty() { key_text.clone() } else { format!("{prefix}-{key_text}") };
            let pair = Pair {
                place: Place::File {
                    path: self.path.to_owned(),
                    line: line_of(self.content, key.span().start),
                },
                text: self.written(key.span().start, value.span().end),
            };
            match value.get_ref() {
                DeValue::Table(inner) => self.table(&name, inner)?,
                DeValue::Array(elements) if REPEATED.contains(&name.as_str()) => {
                    for element in elements {
                        let words = words(element).map_err(|reason| pair.error(&name, reason))?;
                        self.directives.push(pair.directive(&name, words));
                    }
                }
                // `[client-output-buffer-limit]` has a key for each class.
                _ if prefix == "client-output-buffer-limit" => {
                    let mut group = vec![key_text.clone().into_bytes()];
                    group.extend(words(value).map_err(|reason| pair.error(prefix, reason))?);
                    self.directives.push(pair.directive(prefix, group));
                }
                scalar @ (DeValue::String(_) | DeValue::Boolean(_)) if !REPEATED.contains(&name.as_str()) => {
                    let word = scalar_text(scalar).map_err(|reason| pair.error(&name, reason))?;
                    self.directives.push(pair.directive(&name, vec![word.into_bytes()]));
                }
                _ => {
                    let words = words(value).map_err(|reason| pair.error(&name, reason))?;
                    self.directives.push(pair.directive(&name, words));
                }
            }
        }
        Ok(())
    }

    /// What the file says of a key and its value, on one line. The beginning of a dotted key belongs to it; what stands before
    /// it in an inline table does not, for that may be a secret.
    fn written(&self, key_start: usize, value_end: usize) -> String {
        let before = &self.content[..key_start];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let start = if before[line_start..].contains(&b'=') { key_start } else { line_start };
        let text = String::from_utf8_lossy(&self.content[start..value_end]);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A key and its value as they stand in the file.
struct Pair {
    place: Place,
    text: String,
}

impl Pair {
    fn directive(&self, name: &str, words: Vec<Vec<u8>>) -> Directive {
        Directive::from_words(name, words, self.place.clone()).written(&self.text)
    }

    fn error(&self, name: &str, reason: &str) -> LoadError {
        let remedy = "use a string, a number, true, false, or an array of them";
        self.directive(name, Vec::new()).error(reason, remedy)
    }
}

/// The words of a value: a text is split, the elements of an array follow one another, and no element is one empty word.
fn words(value: &Spanned<DeValue<'_>>) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut words = Vec::new();
    match value.get_ref() {
        DeValue::Array(elements) => {
            for element in elements {
                match element.get_ref() {
                    // One level of nesting: `save = [[900, 1], [300, 10]]`.
                    DeValue::Array(inner) => {
                        for scalar in inner {
                            words.push(scalar_text(scalar.get_ref())?.into_bytes());
                        }
                    }
                    scalar => {
                        words.extend(split(scalar_text(scalar)?.as_bytes()).ok_or("quotes do not balance")?);
                    }
                }
            }
        }
        scalar => words = split(scalar_text(scalar)?.as_bytes()).ok_or("quotes do not balance")?,
    }
    if words.is_empty() {
        words.push(Vec::new());
    }
    Ok(words)
}

fn scalar_text(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(yes) => Ok(if *yes { "yes" } else { "no" }.to_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Integer(_) => Err("whole numbers are written in decimal; an octal file mode is a string"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Err("this is no value of a parameter")
        }
    }
}
