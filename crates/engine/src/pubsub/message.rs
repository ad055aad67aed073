//! A message as its subscribers get it. It is encoded once; the two protocols differ in the first byte only.

use std::sync::{Arc, OnceLock};

use resp::{Encoder, Protocol};

use super::{Kind, Name};

/// What is published, for the subscribers of one name.
#[derive(Debug)]
pub struct Message {
    /// How the name was subscribed to.
    pub kind: Kind,
    /// The name.
    pub name: Name,
    resp2: Arc<[u8]>,
    resp3: OnceLock<Arc<[u8]>>,
}

impl Message {
    /// A message on a channel, for those who are subscribed to it or to a pattern that matches it.
    pub(super) fn new(kind: Kind, name: Name, channel: &[u8], payload: &[u8]) -> Self {
        let mut text = Vec::with_capacity(name.len() + channel.len() + payload.len() + 64);
        let mut encoder = Encoder::new(&mut text, Protocol::Resp2);
        match kind {
            Kind::Channel => {
                encoder.push(3);
                encoder.bulk("message");
            }
            Kind::Pattern => {
                encoder.push(4);
                encoder.bulk("pmessage");
                encoder.bulk(&*name);
            }
            Kind::Shard => {
                encoder.push(3);
                encoder.bulk("smessage");
            }
        }
        encoder.bulk(channel);
        encoder.bulk(payload);
        Self { kind, name, resp2: text.into(), resp3: OnceLock::new() }
    }

    /// Its bytes in a protocol.
    pub fn encoded(&self, protocol: Protocol) -> &Arc<[u8]> {
        if protocol == Protocol::Resp2 {
            return &self.resp2;
        }
        self.resp3.get_or_init(|| {
            let mut push = self.resp2.to_vec();
            push[0] = b'>';
            push.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_array_or_a_push() {
        let message = Message::new(Kind::Pattern, Name::from(&b"c*"[..]), b"ch", b"hi");
        let body = "4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$2\r\nhi\r\n";
        assert_eq!(&**message.encoded(Protocol::Resp2), format!("*{body}").as_bytes());
        assert_eq!(&**message.encoded(Protocol::Resp3), format!(">{body}").as_bytes());
    }
}
