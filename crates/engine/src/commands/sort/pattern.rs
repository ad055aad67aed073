//! Patterns of BY and GET, which make a key of an element.

/// What is looked at for an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `#`: the element itself.
    Element,
    /// A pattern without a star names one key for all elements, which Redis does not look at.
    Nothing,
    /// The element takes the place of the first star.
    Key {
        /// What stands before the star.
        before: Box<[u8]>,
        /// What stands behind it.
        after: Box<[u8]>,
        /// The field of a hash, behind an arrow.
        field: Option<Box<[u8]>>,
    },
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &[u8]) -> Self {
        if text == b"#" {
            return Self::Element;
        }
        let Some(star) = text.iter().position(|&byte| byte == b'*') else { return Self::Nothing };
        let (before, behind) = (&text[..star], &text[star + 1..]);
        let arrow = behind.windows(2).position(|pair| pair == b"->");
        // An arrow with nothing behind it is a part of the key.
        let (after, field) = match arrow.filter(|arrow| arrow + 2 < behind.len()) {
            Some(arrow) => (&behind[..arrow], Some(behind[arrow + 2..].into())),
            None => (behind, None),
        };
        Self::Key { before: before.into(), after: after.into(), field }
    }

    /// Whether it makes up keys.
    pub(super) fn looks_elsewhere(&self) -> bool {
        matches!(self, Self::Key { .. })
    }

    /// The key for an element, if there is one.
    pub(super) fn key(&self, element: &[u8]) -> Option<Vec<u8>> {
        let Self::Key { before, after, .. } = self else { return None };
        Some([before, element, after].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_element_takes_the_place_of_the_first_star() {
        let key = |pattern: &str| {
            Pattern::parse(pattern.as_bytes()).key(b"x").map(|key| String::from_utf8(key).expect("text"))
        };
        assert_eq!(key("a*b*").as_deref(), Some("axb*"));
        assert_eq!(key("*").as_deref(), Some("x"));
        assert_eq!(key("a->b*->f").as_deref(), Some("a->bx"));
        assert_eq!(key("a*->").as_deref(), Some("ax->"));
        assert_eq!((key("#"), key("a"), key("")), (None, None, None));
    }

    #[test]
    fn an_arrow_behind_the_star_leads_to_a_field() {
        let field = |pattern: &'static str| match Pattern::parse(pattern.as_bytes()) {
            Pattern::Key { field, .. } => field.map(|field| String::from_utf8_lossy(&field).into_owned()),
            _ => None,
        };
        assert_eq!(field("a*->f").as_deref(), Some("f"));
        assert_eq!(field("a*b->f->g").as_deref(), Some("f->g"));
        assert_eq!(field("a->b*"), None);
        assert_eq!(field("a*->"), None);
    }
}
