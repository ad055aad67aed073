//! The values that keys hold and the copy-on-write structures under them.
