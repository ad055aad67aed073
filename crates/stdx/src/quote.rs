//! Bytes between double quotes, all of them printable ASCII: the notation of redis-cli, of configuration files and of
//! MONITOR, which inline requests and configuration files read back.

/// Appends `bytes` in quotes.
pub fn write_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_not_printable_is_escaped() {
        let mut out = b"> ".to_vec();
        write_quoted(&mut out, b"a b\"\\\n\r\t\x07\x08\x00\x7f\xff");
        assert_eq!(out, br#"> "a b\"\\\n\r\t\a\b\x00\x7f\xff""#);
    }
}
