//! `proc-title-template`: a text in which names in braces stand for what the server is.
//!
//! `{{` is a brace. A template is valid if its names are known and it makes a title that is not blank. Whether it does is judged
//! without what the program was called, as Redis judges it.

/// The names, each with whether what it stands for may be nothing.
const VARIABLES: &[(&[u8], bool)] = &[
    (b"title", true),
    (b"listen-addr", false),
    (b"server-mode", true),
    (b"port", false),
    (b"tls-port", false),
    (b"unixsocket", true),
    (b"config-file", false),
];

/// Whether a title can be made of a template.
pub(crate) fn is_valid(template: &[u8]) -> bool {
    let mut rest = template;
    let mut is_blank = true;
    while let Some((&byte, behind)) = rest.split_first() {
        (is_blank, rest) = match (byte, behind) {
            (b'{', [b'{', behind @ ..]) => (false, behind),
            (b'{', _) => {
                let Some((may_be_nothing, behind)) = variable(behind) else { return false };
                (is_blank && may_be_nothing, behind)
            }
            _ => (is_blank && byte == b' ', behind),
        };
    }
    !is_blank
}

/// The title that a valid template makes: `stands_for` tells what a name stands for. Blanks at its ends are left out.
pub fn expand_title(template: &[u8], stands_for: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let mut title = Vec::new();
    let mut rest = template;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match (byte, behind) {
            (b'{', [b'{', behind @ ..]) => {
                title.push(b'{');
                behind
            }
            (b'{', _) => {
                let end = behind.iter().position(|&byte| byte == b'}').unwrap_or(behind.len());
                title.extend(stands_for(&String::from_utf8_lossy(&behind[..end])));
                behind.get(end + 1..).unwrap_or_default()
            }
            _ => {
                title.push(byte);
                behind
            }
        };
    }
    title.trim_ascii().to_vec()
}

/// Whether the variable that is named up to the next brace may be nothing, and what follows.
fn variable(text: &[u8]) -> Option<(bool, &[u8])> {
    let end = text.iter().position(|&byte| byte == b'}')?;
    let (_, may_be_nothing) = VARIABLES.iter().find(|(name, _)| *name == &text[..end])?;
    Some((*may_be_nothing, &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_by_what_they_stand_for() {
        for (template, title) in [
            ("{title} {listen-addr} {server-mode}", "<title> <listen-addr>"),
            ("{port}{tls-port}", "<port><tls-port>"),
            (" a {{port} } b", "a {port} } b"),
            ("{{{port}}", "{<port>}"),
        ] {
            let stands_for = |name: &str| match name {
                "server-mode" => Vec::new(),
                _ => format!("<{name}>").into_bytes(),
            };
            let expanded = expand_title(template.as_bytes(), stands_for);
            assert_eq!(String::from_utf8_lossy(&expanded), title);
        }
    }

    #[test]
    fn a_template_has_known_names_and_makes_a_title() {
        for good in [
            "{title} {listen-addr} {server-mode}",
            "{port}",
            "{tls-port}",
            "{config-file}",
            "abc",
            "}",
            "title}",
            "{{",
            "{{}",
            "{{title}}",
            "{{{port}",
            "{{{title}",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            "{",
            "{}",
            "{foo}",
            "{TITLE}",
            "{ title}",
            "{title",
            "{title}",
            "{title} {",
            "{server-mode}",
            "{unixsocket}",
            "{po{rt}",
            "{title} {unixsocket}",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }
}
