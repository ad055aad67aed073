//! Commands whose reply is a text that the server has laid out, which quotes and escapes would only spoil.

/// Whether the reply to a command is shown raw even where replies have types and quotes.
pub(crate) fn is_laid_out_text(args: &[Vec<u8>]) -> bool {
    let word = |index: usize| args.get(index).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    match (&word(0)[..], &word(1)[..]) {
        (b"info" | b"lolwut", _) => true,
        (b"debug", b"htstats" | b"htstats-key" | b"client-eviction") => true,
        (b"memory", b"malloc-stats" | b"doctor") => true,
        (b"client", b"list" | b"info") => true,
        (b"cluster", b"nodes" | b"info") | (b"latency", b"doctor") => args.len() == 2,
        (b"latency", b"graph") => args.len() == 3,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: bool) {
        let args: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        assert_eq!(is_laid_out_text(&args), expected, "{line}");
    }

    #[test]
    fn texts_for_people_are_told_from_data() {
        check("INFO", true);
        check("info memory", true);
        check("client LIST", true);
        check("cluster nodes", true);
        check("latency graph set", true);
        check("client id", false);
        check("cluster nodes x", false);
        check("get info", false);
    }
}
