//! What some parameters would need that this server does not have yet.
//!
//! Most parameters without effect are harmless: they tune what is done otherwise here. With these it is another matter: whoever
//! sets one relies on it, for a copy of the data, for encryption, or for who gets in. So any value that asks for it is refused,
//! at the start and by CONFIG SET, instead of being shown as if it were followed.

/// Something that is missing.
#[derive(Debug, PartialEq, Eq)]
pub struct Lack {
    /// What is missing.
    pub reason: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
    /// Values beside the default that do not ask for it.
    pub(crate) harmless: &'static [&'static str],
}

const fn lack(reason: &'static str, remedy: &'static str) -> Lack {
    Lack { reason, remedy, harmless: &[] }
}

pub(crate) static TLS: Lack = lack(
    "this server does not speak TLS yet",
    "remove the line, and put a proxy that ends TLS, such as stunnel, before `port` or `unixsocket`",
);
pub(crate) static PRIMARY: Lack = Lack {
    reason: "this server cannot follow a primary yet",
    remedy: "remove the line; data comes over in an RDB or append-only file, or by MIGRATE",
    // Nobody listens on port 0, so nothing would be followed: Redis's own suite starts servers with it.
    harmless: &["127.0.0.1 0"],
};
pub(crate) static CLUSTER: Lack =
    lack("this server cannot be a node of a cluster yet", "remove the line; without it all slots are served");
pub(crate) static SOURCE_ADDRESS: Lack = lack(
    "outgoing connections cannot be bound to an address yet",
    "remove the line, and let the system's routes choose the address",
);
pub(crate) static SOCKET_MARK: Lack =
    lack("sockets cannot be marked yet", "remove the line, and let the packet filter match the port");
pub(crate) static SYSLOG: Lack = lack(
    "this server does not log to syslog",
    "remove the line; set `logfile`, or let the service manager collect standard output",
);
pub(crate) static COLLATION: Lack = Lack {
    reason: "SORT ALPHA compares bytes here, whatever the locale",
    remedy: "remove the line, or set it to C",
    harmless: &["C", "POSIX"],
};
pub(crate) static HISTORY_FILES: Lack = lack(
    "files that a rewrite of the append-only file has replaced are always removed",
    "remove the line, and copy the folder of the append-only file to keep a state of it",
);
pub(crate) static IMPORTS: Lack = lack(
    "keys that are due go while data is imported, too",
    "remove the line, and import without times to live, or with later ones",
);
pub(crate) static SOCKET_GROUP: Lack = lack(
    "the unix socket cannot be given to a group yet",
    "remove the line, and put the socket into a folder of that group whose setgid bit is set",
);
pub(crate) static RDMA: Lack =
    lack("this server does not listen on RDMA", "remove the line; clients connect to `port` or `unixsocket`");
