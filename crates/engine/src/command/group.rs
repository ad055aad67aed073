//! The groups under which commands are documented.

/// The group under which a command is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Bits of strings.
    Bitmap,
    /// The cluster.
    Cluster,
    /// The connection itself.
    Connection,
    /// Keys of any type.
    Generic,
    /// Places on the earth.
    Geo,
    /// Hashes.
    Hash,
    /// Estimates of how many distinct elements there were.
    HyperLogLog,
    /// Lists.
    List,
    /// Publish and subscribe.
    PubSub,
    /// Scripts and functions.
    Scripting,
    /// The server.
    Server,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// Transactions.
    Transactions,
}

impl Group {
    /// Its name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bitmap => "bitmap",
            Self::Cluster => "cluster",
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::Geo => "geo",
            Self::Hash => "hash",
            Self::HyperLogLog => "hyperloglog",
            Self::List => "list",
            Self::PubSub => "pubsub",
            Self::Scripting => "scripting",
            Self::Server => "server",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::String => "string",
            Self::Transactions => "transactions",
        }
    }
}
