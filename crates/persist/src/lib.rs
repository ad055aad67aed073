//! AOF and RDB as formats: bytes out, bytes in.
