//! The table: one line for every configuration parameter. Names, parsing, CONFIG GET and SET, the sources, CONFIG REWRITE and
//! `docs/configuration.md` all derive from it; a parameter is added by adding its line.
//!
//! The columns: variant of `Param`, name, second name (empty for none), kind, default as text, when it may change, whether
//! it acts (or is accepted, or lacks what it asks for), meaning. The macro only writes the line twice, as an enum variant and as a table row, so that a parameter is
//! addressed by a typed name and found by an array index.

use crate::kind::Kind::{
    self, KeyspaceEvents as KEYSPACE_EVENTS, MemoryOrPercent as MEMORY_OR_PERCENT,
    OutputLimits as OUTPUT_LIMITS, Percentiles as PERCENTILES, ReplicaOf as REPLICA_OF,
    SavePoints as SAVE_POINTS, YesNo as YES_NO,
};
use crate::kind::TextRule;
use crate::lack;
use crate::parameter::Effect::{self, Accepted, Acts};
use crate::parameter::{Change, Parameter};

const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;
const UINT_MAX: i64 = u32::MAX as i64;
const LONG_MAX: i64 = i64::MAX;
const LONG_MAX_BYTES: u64 = i64::MAX as u64;

const TEXT: Kind = Kind::Text(TextRule::Any);
const BYTES: Kind = Kind::Text(TextRule::Bytes);
const NOT_EMPTY: Kind = Kind::Text(TextRule::NotEmpty);
const FILE_NAME: Kind = Kind::Text(TextRule::FileName);
const FILE_PREFIX: Kind = Kind::Text(TextRule::FilePrefix);
const DIRECTORY: Kind = Kind::Text(TextRule::NotEmpty);
const DATA_FILE: Kind = Kind::Text(TextRule::DataFile);
const TITLE: Kind = Kind::Text(TextRule::Title);
const CORES: Kind = Kind::Text(TextRule::Cores);
const HOST_NAME: Kind = Kind::Text(TextRule::HostName);

const fn lacks(lack: &'static lack::Lack) -> Effect {
    Effect::Lacks(lack)
}
const fn integer(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max }
}
const fn clamped(min: i64, max: i64) -> Kind {
    Kind::Clamped { min, max }
}
const fn memory(min: u64, max: u64) -> Kind {
    Kind::Memory { min, max }
}
const fn raised(min: u64, least: u64) -> Kind {
    Kind::Raised { min, least }
}
const fn octal(max: i64) -> Kind {
    Kind::Octal { max }
}
const fn words(most: usize) -> Kind {
    Kind::Words { most }
}
const fn numbers(count: usize, min: i64, max: i64) -> Kind {
    Kind::Numbers { count, min, max }
}
const fn choice(names: &'static [&'static str]) -> Kind {
    Kind::Choice(names)
}
const fn flags(names: &'static [&'static str]) -> Kind {
    Kind::Flags(names)
}

// The names of a choice stand in the order in which Redis lists them in its error.
const SUPERVISED: &[&str] = &["upstart", "systemd", "auto", "no"];
pub(crate) const OOM_SCORE: &[&str] = &["no", "yes", "relative", "absolute"];
pub(crate) const LOG_LEVEL: &[&str] = &["debug", "verbose", "notice", "warning", "nothing"];
const IO_BACKEND: &[&str] = &["auto", "epoll", "io-uring"];
const SYSLOG_FACILITY: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
pub(crate) const MAXMEMORY_POLICY: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lrm",
    "allkeys-lrm",
    "noeviction",
];
pub(crate) const APPEND_FSYNC: &[&str] = &["everysec", "always", "no"];
const SANITIZE: &[&str] = &["no", "yes", "clients"];
const ACL_PUBSUB: &[&str] = &["allchannels", "resetchannels"];
pub(crate) const PROTECTED: &[&str] = &["no", "yes", "local"];
const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force"];
const DISKLESS_LOAD: &[&str] = &["disabled", "on-empty-db", "swapdb"];
const PROPAGATION_ERROR: &[&str] = &["ignore", "panic", "panic-on-replicas"];
const ENDPOINT_TYPE: &[&str] = &["ip", "hostname", "unknown-endpoint"];
const TLS_AUTH: &[&str] = &["no", "yes", "optional"];
const CONFIG_SAVE: &[&str] = &["sync", "best-effort"];
const LOG_FORMAT: &[&str] = &["legacy", "logfmt", "json"];
const LOG_TIMESTAMP: &[&str] = &["legacy", "iso8601", "milliseconds"];
const RDB_VERSION_CHECK: &[&str] = &["strict", "relaxed"];
const TLS_USER: &[&str] = &["CN", "URI", "off"];

/// Names that Valkey or later Redis give to parameters of the table. They are understood everywhere, but CONFIG GET shows
/// them only to those who ask for less than everything.
pub(crate) const OTHER_NAMES: &[(&str, Param)] = &[
    ("primaryauth", Param::Masterauth),
    ("primaryuser", Param::Masteruser),
    ("commandlog-execution-slower-than", Param::SlowlogLogSlowerThan),
    ("commandlog-slow-execution-max-len", Param::SlowlogMaxLen),
];

/// Directives of older files that mean nothing any more and are skipped, as Redis does.
pub(crate) const IGNORED_DIRECTIVES: &[&str] = &[
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "io-threads-do-reads",
    "events-per-io-thread",
    "slave-diskless-load",
    "set-max-ziplist-entries",
    "set-max-ziplist-value",
];

macro_rules! parameters {
    ($([$group:literal] $($variant:ident, $name:literal, $alias:literal, $kind:expr, $default:literal,
        $change:ident, $effect:expr, $doc:literal;)*)*) => {
        /// A parameter, by name: the typed address of its value in a [`Config`](crate::Config).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Param { $($(#[doc = $doc] $variant,)*)* }

        /// Every parameter, in the order of [`Param`].
        pub static TABLE: &[Parameter] = &[$($(Parameter {
            param: Param::$variant, group: $group, name: $name, alias: $alias, kind: $kind, default: $default,
            change: Change::$change, effect: $effect, doc: $doc,
        },)*)*];
    };
}

#[rustfmt::skip]
parameters! {
    ["Network"]
        Bind, "bind", "", words(16), "* -::*", Runtime, Acts, "Addresses to listen on; a leading `-` makes an address optional, `*` means every interface.";
        Port, "port", "", integer(0, 65_535), "6379", Runtime, Acts, "TCP port to listen on; 0 turns plain TCP off.";
        ProtectedMode, "protected-mode", "", YES_NO, "yes", Runtime, Acts, "Refuse clients from other hosts while the default user has no password.";
        TcpBacklog, "tcp-backlog", "", integer(0, INT_MAX), "511", Startup, Acts, "Connections that the kernel may queue before they are accepted.";
        TcpKeepalive, "tcp-keepalive", "", integer(0, INT_MAX), "300", Runtime, Acts, "Seconds between keep-alive probes on idle connections; 0 sends none.";
        Timeout, "timeout", "", integer(0, INT_MAX), "0", Runtime, Acts, "Seconds after which an idle client is disconnected; 0 keeps it for ever.";
        Unixsocket, "unixsocket", "", TEXT, "", Startup, Acts, "Path of a unix socket to listen on; empty for none.";
        Unixsocketperm, "unixsocketperm", "", octal(0o777), "0", Startup, Acts, "File mode of the unix socket, in octal; 0 leaves it to the umask.";
        Maxclients, "maxclients", "", integer(1, UINT_MAX), "10000", Runtime, Acts, "Most client connections served at the same time.";
        MaxNewConnectionsPerCycle, "max-new-connections-per-cycle", "", integer(1, 1000), "10", Runtime, Acts, "Connections a worker accepts before it serves its clients again.";
        MaxNewTlsConnectionsPerCycle, "max-new-tls-connections-per-cycle", "", integer(1, 1000), "1", Runtime, Accepted, "TLS connections a worker accepts before it serves its clients again.";
        BindSourceAddr, "bind-source-addr", "", TEXT, "", Runtime, lacks(&lack::SOURCE_ADDRESS), "Address that outgoing connections start from.";
        SocketMarkId, "socket-mark-id", "", integer(0, UINT_MAX), "0", Startup, lacks(&lack::SOCKET_MARK), "Mark set on listening sockets for the packet filter.";
    ["Threads and process"]
        Threads, "threads", "", integer(0, 1024), "0", Startup, Acts, "Worker threads that serve clients; 0 takes one for each core the process may use but one, which is left to everything else, and one at least.";
        IoBackend, "io-backend", "", choice(IO_BACKEND), "auto", Startup, Acts, "How sockets are served: `epoll`, or `io-uring`, which saves system calls where Linux 6.1 or later lets the process use it, and otherwise gives way to epoll. `auto` is `io-uring`, without a word where it gives way.";
        IoThreads, "io-threads", "", integer(1, 128), "1", Startup, Accepted, "Threads for socket I/O in Redis; see `threads`.";
        Hz, "hz", "", clamped(1, 500), "10", Runtime, Acts, "How often a second background work such as expiry is done.";
        DynamicHz, "dynamic-hz", "", YES_NO, "yes", Runtime, Accepted, "Raise `hz` with the number of clients.";
        Daemonize, "daemonize", "", YES_NO, "no", Startup, Acts, "Run in the background. The command returns when the server is ready, or says why it is not; a service manager does this better.";
        Supervised, "supervised", "", choice(SUPERVISED), "no", Startup, Acts, "Which service manager is told that the server is ready and when it ends: systemd, or `auto` to tell it where it asks for that. Upstart is not told.";
        Pidfile, "pidfile", "", TEXT, "", Startup, Acts, "File that holds the process id while the server runs; in the background it is `/var/run/redis.pid` unless named.";
        SetProcTitle, "set-proc-title", "", YES_NO, "yes", Startup, Acts, "Whether the process has a title of its own, which `ps` shows.";
        ProcTitleTemplate, "proc-title-template", "", TITLE, "{title} {listen-addr} {server-mode}", Runtime, Acts, "The title of the process. Names in braces stand for what it is: `title` (what the program was called), `listen-addr`, `server-mode`, `port`, `tls-port`, `unixsocket`, `config-file`.";
        DisableThp, "disable-thp", "", YES_NO, "yes", Startup, Accepted, "Turn transparent huge pages off for this process.";
        OomScoreAdj, "oom-score-adj", "", choice(OOM_SCORE), "no", Runtime, Acts, "Whether the score by which Linux chooses a process to end when memory runs out is adjusted: by a value (`yes`), or to it.";
        OomScoreAdjValues, "oom-score-adj-values", "", numbers(3, -2000, 2000), "0 200 800", Runtime, Acts, "Scores for a primary, a replica and a background process; it is always a primary, and has no such processes.";
        ServerCpulist, "server-cpulist", "server_cpulist", CORES, "", Startup, Acts, "Cores on which the threads of the server run; empty for all that the process may use. With `threads` 0 each of them gets a worker.";
        BioCpulist, "bio-cpulist", "bio_cpulist", CORES, "", Startup, Acts, "Cores for the threads that free memory and that see to the append-only file; empty for those of `server-cpulist`.";
        AofRewriteCpulist, "aof-rewrite-cpulist", "aof_rewrite_cpulist", CORES, "", Startup, Acts, "Cores for the threads that rewrite the append-only file; empty for those of `server-cpulist`.";
        BgsaveCpulist, "bgsave-cpulist", "bgsave_cpulist", CORES, "", Startup, Acts, "Cores for the threads that save snapshots in the background; empty for those of `server-cpulist`.";
        JemallocBgThread, "jemalloc-bg-thread", "", YES_NO, "yes", Runtime, Accepted, "Let the allocator return memory in a thread of its own.";
        LocaleCollate, "locale-collate", "", TEXT, "", Runtime, lacks(&lack::COLLATION), "Locale that SORT ALPHA compares by.";
        IgnoreWarnings, "ignore-warnings", "", TEXT, "", Runtime, Accepted, "Warnings at the start that are not to stop the server.";
    ["Logging and diagnosis"]
        Loglevel, "loglevel", "", choice(LOG_LEVEL), "notice", Runtime, Acts, "How much is logged.";
        Logfile, "logfile", "", TEXT, "", Startup, Acts, "File to log to; empty for standard output. When it is moved away, the next line begins a new one.";
        LogfileMaxSize, "logfile-max-size", "", memory(0, LONG_MAX_BYTES), "0", Unlisted, Acts, "Size at which the log file is renamed, with a number behind its name, and a new one begun; 0 never does.";
        LogfileMaxFiles, "logfile-max-files", "", integer(0, 1000), "5", Unlisted, Acts, "Renamed log files that are kept.";
        SyslogEnabled, "syslog-enabled", "", YES_NO, "no", Startup, lacks(&lack::SYSLOG), "Log to syslog too.";
        SyslogIdent, "syslog-ident", "", TEXT, "redis", Startup, Accepted, "Name used in syslog.";
        SyslogFacility, "syslog-facility", "", choice(SYSLOG_FACILITY), "local0", Startup, Accepted, "Facility used in syslog.";
        AlwaysShowLogo, "always-show-logo", "", YES_NO, "no", Startup, Accepted, "Print a banner at the start even when the log is no terminal.";
        HideUserDataFromLog, "hide-user-data-from-log", "", YES_NO, "no", Runtime, Acts, "Keep keys and values out of the log.";
        CrashLogEnabled, "crash-log-enabled", "", YES_NO, "yes", Runtime, Accepted, "Log a report when the process crashes.";
        CrashMemcheckEnabled, "crash-memcheck-enabled", "", YES_NO, "yes", Runtime, Accepted, "Test memory when the process crashes.";
        UseExitOnPanic, "use-exit-on-panic", "", YES_NO, "no", Hidden, Accepted, "Exit instead of aborting on an internal error.";
        WatchdogPeriod, "watchdog-period", "", integer(0, INT_MAX), "0", Hidden, Accepted, "Milliseconds after which a stalled server logs where it stands.";
        SlowlogLogSlowerThan, "slowlog-log-slower-than", "", integer(-1, LONG_MAX), "10000", Runtime, Acts, "Microseconds from which a command enters the slow log; -1 turns it off, 0 logs all. Above 1000, short equal commands of a pipeline are timed together, and the last one stands for all.";
        SlowlogMaxLen, "slowlog-max-len", "", integer(0, LONG_MAX), "128", Runtime, Acts, "Entries the slow log keeps.";
        LatencyMonitorThreshold, "latency-monitor-threshold", "", integer(0, LONG_MAX), "0", Runtime, Acts, "Milliseconds from which an event enters the latency monitor; 0 turns it off.";
        LatencyTracking, "latency-tracking", "", YES_NO, "yes", Runtime, Acts, "Keep a latency histogram for each command.";
        LatencyTrackingInfoPercentiles, "latency-tracking-info-percentiles", "", PERCENTILES, "50 99 99.9", Runtime, Acts, "Percentiles that INFO latencystats prints.";
    ["Databases and expiry"]
        Databases, "databases", "", integer(1, 65_535), "16", Startup, Acts, "Number of databases, selected by SELECT.";
        ActiveExpireEffort, "active-expire-effort", "", integer(1, 10), "1", Runtime, Acts, "Share of time spent on removing expired keys, from 1 to 10.";
        NotifyKeyspaceEvents, "notify-keyspace-events", "", KEYSPACE_EVENTS, "", Runtime, Acts, "Events on keys that are published, as a set of letters.";
        LazyfreeLazyEviction, "lazyfree-lazy-eviction", "", YES_NO, "no", Runtime, Accepted, "Free evicted values in the background; large ones always are here.";
        LazyfreeLazyExpire, "lazyfree-lazy-expire", "", YES_NO, "no", Runtime, Accepted, "Free expired values in the background; large ones always are here.";
        LazyfreeLazyServerDel, "lazyfree-lazy-server-del", "", YES_NO, "no", Runtime, Accepted, "Free overwritten values in the background; large ones always are here.";
        LazyfreeLazyUserDel, "lazyfree-lazy-user-del", "", YES_NO, "no", Runtime, Accepted, "Let DEL behave like UNLINK.";
        LazyfreeLazyUserFlush, "lazyfree-lazy-user-flush", "", YES_NO, "no", Runtime, Accepted, "Let FLUSHALL and FLUSHDB behave as if ASYNC were given.";
        Activerehashing, "activerehashing", "", YES_NO, "yes", Runtime, Accepted, "Rehash in idle time; tables here never rehash as a whole.";
    ["Memory"]
        Maxmemory, "maxmemory", "", memory(0, u64::MAX), "0", Runtime, Acts, "Most memory for data; 0 sets no limit.";
        MaxmemoryPolicy, "maxmemory-policy", "", choice(MAXMEMORY_POLICY), "noeviction", Runtime, Acts, "Which keys are evicted when memory is full.";
        MaxmemorySamples, "maxmemory-samples", "", integer(1, 64), "5", Runtime, Acts, "Keys looked at for each eviction.";
        MaxmemoryEvictionTenacity, "maxmemory-eviction-tenacity", "", integer(0, 100), "10", Runtime, Acts, "How hard eviction works before clients are served again.";
        MaxmemoryClients, "maxmemory-clients", "", MEMORY_OR_PERCENT, "0", Runtime, Acts, "Most memory for all client connections together, absolute or in percent of `maxmemory`; 0 sets no limit.";
        LfuLogFactor, "lfu-log-factor", "", integer(0, INT_MAX), "10", Runtime, Acts, "How slowly access counters grow.";
        LfuDecayTime, "lfu-decay-time", "", integer(0, INT_MAX), "1", Runtime, Acts, "Minutes after which an access counter is decreased.";
        Activedefrag, "activedefrag", "", YES_NO, "no", Runtime, Accepted, "Move data to give sparse memory back; a sweep does this always here.";
        ActiveDefragCycleMin, "active-defrag-cycle-min", "", integer(1, 99), "1", Runtime, Accepted, "Least percent of time for defragmentation.";
        ActiveDefragCycleMax, "active-defrag-cycle-max", "", integer(1, 99), "25", Runtime, Accepted, "Most percent of time for defragmentation.";
        ActiveDefragIgnoreBytes, "active-defrag-ignore-bytes", "", memory(1, LONG_MAX_BYTES), "104857600", Runtime, Accepted, "Waste below which nothing is defragmented.";
        ActiveDefragMaxScanFields, "active-defrag-max-scan-fields", "", integer(1, LONG_MAX), "1000", Runtime, Accepted, "Elements of one value moved in one step.";
        ActiveDefragThresholdLower, "active-defrag-threshold-lower", "", integer(0, 1000), "10", Runtime, Accepted, "Percent of waste at which defragmentation starts.";
        ActiveDefragThresholdUpper, "active-defrag-threshold-upper", "", integer(0, 1000), "100", Runtime, Accepted, "Percent of waste at which it uses most time.";
        TrackingTableMaxKeys, "tracking-table-max-keys", "", integer(0, LONG_MAX), "1000000", Runtime, Acts, "Keys remembered for clients with a local cache.";
    ["Client limits"]
        ClientQueryBufferLimit, "client-query-buffer-limit", "", memory(1 << 20, LONG_MAX_BYTES), "1073741824", Runtime, Acts, "Most bytes of one request that is not complete yet.";
        ClientOutputBufferLimit, "client-output-buffer-limit", "", OUTPUT_LIMITS, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", Runtime, Acts, "For each class of clients: bytes of pending replies that disconnect at once, bytes that do so after a time, and that time in seconds.";
        ProtoMaxBulkLen, "proto-max-bulk-len", "", memory(1 << 20, LONG_MAX_BYTES), "536870912", Runtime, Acts, "Longest single argument of a request.";
    ["Append-only file"]
        Appendonly, "appendonly", "", YES_NO, "yes", NotLoading, Acts, "Write every change to the append-only file. Redis's default is `no`.";
        Appendfilename, "appendfilename", "", FILE_PREFIX, "appendonly.aof", Startup, Acts, "Base name of the files.";
        Appenddirname, "appenddirname", "", FILE_NAME, "appendonlydir", Startup, Acts, "Directory of the files, inside `dir`.";
        Backupdirname, "backupdirname", "", FILE_NAME, "backupdir", Startup, Acts, "Directory of the files of BACKUP START, inside `dir`.";
        BackupSealedTtl, "backup-sealed-ttl", "", integer(0, INT_MAX), "0", Runtime, Acts, "Seconds after which the files of a sealed backup are removed; 0 keeps them until BACKUP CLEANUP.";
        PreloadFile, "preload-file", "", DATA_FILE, "", Startup, Acts, "Data to load at the start in place of the server's own: `aof:` and the path of a manifest or a file of commands, or `rdb:` and that of a snapshot.";
        Appendfsync, "appendfsync", "", choice(APPEND_FSYNC), "everysec", Runtime, Acts, "When written changes are forced to the disk.";
        NoAppendfsyncOnRewrite, "no-appendfsync-on-rewrite", "", YES_NO, "no", Runtime, Accepted, "Do not force to the disk while the file is rewritten; a rewrite here does not get in the way.";
        AutoAofRewritePercentage, "auto-aof-rewrite-percentage", "", integer(0, INT_MAX), "100", Runtime, Acts, "Growth in percent since the last rewrite that starts the next; 0 starts none.";
        AutoAofRewriteMinSize, "auto-aof-rewrite-min-size", "", memory(0, LONG_MAX_BYTES), "67108864", Runtime, Acts, "Size below which the file is not rewritten by itself.";
        AofLoadTruncated, "aof-load-truncated", "", YES_NO, "yes", Runtime, Acts, "Load a file whose end is cut off, up to the last complete command.";
        AofUseRdbPreamble, "aof-use-rdb-preamble", "", YES_NO, "yes", Runtime, Acts, "Begin a rewritten file with a snapshot in RDB format.";
        AofTimestampEnabled, "aof-timestamp-enabled", "", YES_NO, "no", Runtime, Acts, "Note the time in the file, for recovery to a point in time.";
        AofRewriteIncrementalFsync, "aof-rewrite-incremental-fsync", "", YES_NO, "yes", Runtime, Accepted, "Force a rewritten file to the disk in steps.";
        AofDisableAutoGc, "aof-disable-auto-gc", "", YES_NO, "no", Hidden, lacks(&lack::HISTORY_FILES), "Keep files that a rewrite has replaced.";
    ["Snapshots"]
        Dir, "dir", "", DIRECTORY, "./", Protected, Acts, "Working directory, where data files are.";
        Dbfilename, "dbfilename", "", FILE_NAME, "dump.rdb", Protected, Acts, "Name of the snapshot file.";
        Save, "save", "", SAVE_POINTS, "3600 1 300 100 60 10000", Runtime, Acts, "Pairs of seconds and changes after which a snapshot is saved.";
        StopWritesOnBgsaveError, "stop-writes-on-bgsave-error", "", YES_NO, "yes", Runtime, Acts, "Refuse writes after a snapshot could not be saved.";
        Rdbcompression, "rdbcompression", "", YES_NO, "yes", Runtime, Acts, "Compress strings in snapshots.";
        Rdbchecksum, "rdbchecksum", "", YES_NO, "yes", Startup, Acts, "Write and verify a checksum of snapshots.";
        RdbSaveIncrementalFsync, "rdb-save-incremental-fsync", "", YES_NO, "yes", Runtime, Accepted, "Force a snapshot to the disk in steps.";
        RdbDelSyncFiles, "rdb-del-sync-files", "", YES_NO, "no", Runtime, Accepted, "Remove snapshot files that replication left.";
        RdbKeySaveDelay, "rdb-key-save-delay", "", integer(INT_MIN, INT_MAX), "0", Hidden, Acts, "Microseconds to wait after each saved key, for tests.";
        KeyLoadDelay, "key-load-delay", "", integer(INT_MIN, INT_MAX), "0", Hidden, Accepted, "Microseconds to wait after each loaded key, for tests.";
        SanitizeDumpPayload, "sanitize-dump-payload", "", choice(SANITIZE), "no", Runtime, Accepted, "Verify every value that RESTORE and replication bring; always done here.";
        LoadingProcessEventsIntervalBytes, "loading-process-events-interval-bytes", "", integer(1024, INT_MAX), "2097152", Hidden, Accepted, "Bytes loaded between two looks at clients.";
    ["Value encodings"]
        HashMaxListpackEntries, "hash-max-listpack-entries", "hash-max-ziplist-entries", integer(0, LONG_MAX), "512", Runtime, Acts, "Most fields of a hash kept as one packed block.";
        HashMaxListpackValue, "hash-max-listpack-value", "hash-max-ziplist-value", memory(0, LONG_MAX_BYTES), "64", Runtime, Acts, "Longest field or value in such a block.";
        ListMaxListpackSize, "list-max-listpack-size", "list-max-ziplist-size", integer(INT_MIN, INT_MAX), "-2", Runtime, Acts, "Size of a list's blocks: elements, or a size class when negative.";
        ListCompressDepth, "list-compress-depth", "", integer(0, INT_MAX), "0", Runtime, Accepted, "Blocks at each end of a list that are not compressed; 0 compresses none.";
        SetMaxIntsetEntries, "set-max-intset-entries", "", integer(0, LONG_MAX), "512", Runtime, Acts, "Most members of a set of integers kept as one packed block.";
        SetMaxListpackEntries, "set-max-listpack-entries", "", integer(0, LONG_MAX), "128", Runtime, Acts, "Most members of a set kept as one packed block.";
        SetMaxListpackValue, "set-max-listpack-value", "", integer(0, LONG_MAX), "64", Runtime, Acts, "Longest member in such a block.";
        ZsetMaxListpackEntries, "zset-max-listpack-entries", "zset-max-ziplist-entries", integer(0, LONG_MAX), "128", Runtime, Acts, "Most members of a sorted set kept as one packed block.";
        ZsetMaxListpackValue, "zset-max-listpack-value", "zset-max-ziplist-value", memory(0, LONG_MAX_BYTES), "64", Runtime, Acts, "Longest member in such a block.";
        HllSparseMaxBytes, "hll-sparse-max-bytes", "", memory(0, LONG_MAX_BYTES), "3000", Runtime, Acts, "Size up to which a HyperLogLog stays sparse.";
        StreamNodeMaxBytes, "stream-node-max-bytes", "", memory(0, LONG_MAX_BYTES), "4096", Runtime, Acts, "Bytes of one block of a stream.";
        StreamNodeMaxEntries, "stream-node-max-entries", "", integer(0, LONG_MAX), "100", Runtime, Acts, "Entries of one block of a stream.";
        StreamIdmpDuration, "stream-idmp-duration", "", integer(1, 86_400), "100", Unlisted, Acts, "Seconds for which a stream remembers under which names producers have added entries, unless XCFGSET says otherwise.";
        StreamIdmpMaxsize, "stream-idmp-maxsize", "", integer(1, 10_000), "100", Unlisted, Acts, "Names that a stream remembers of each producer, unless XCFGSET says otherwise.";
    ["Security"]
        Requirepass, "requirepass", "", BYTES, "", Runtime, Acts, "Password of the default user; empty for none.";
        Aclfile, "aclfile", "", TEXT, "", Startup, Acts, "File of users and their rules.";
        AcllogMaxLen, "acllog-max-len", "", integer(0, LONG_MAX), "128", Runtime, Acts, "Entries the log of refused commands keeps.";
        AclPubsubDefault, "acl-pubsub-default", "", choice(ACL_PUBSUB), "resetchannels", Runtime, Acts, "Channels that a new user may use.";
        EnableProtectedConfigs, "enable-protected-configs", "", choice(PROTECTED), "no", Startup, Acts, "Who may change `dir` and `dbfilename` at run time.";
        EnableDebugCommand, "enable-debug-command", "", choice(PROTECTED), "no", Startup, Acts, "Who may call DEBUG.";
        EnableModuleCommand, "enable-module-command", "", choice(PROTECTED), "no", Startup, Acts, "Who may call MODULE.";
    ["Shutdown"]
        ShutdownTimeout, "shutdown-timeout", "", integer(0, INT_MAX), "10", Runtime, Acts, "Seconds that a shutdown waits for replicas that lag.";
        ShutdownOnSigint, "shutdown-on-sigint", "", flags(SHUTDOWN), "default", Runtime, Acts, "What happens on SIGINT.";
        ShutdownOnSigterm, "shutdown-on-sigterm", "", flags(SHUTDOWN), "default", Runtime, Acts, "What happens on SIGTERM.";
    ["Scripts"]
        BusyReplyThreshold, "busy-reply-threshold", "lua-time-limit", integer(0, LONG_MAX), "5000", Runtime, Acts, "Milliseconds after which a script is busy: what wants its keys is answered with BUSY, and it can be killed; 0 = never.";
    ["Replication"]
        Replicaof, "replicaof", "slaveof", REPLICA_OF, "", Startup, lacks(&lack::PRIMARY), "Host and port of the primary to follow; empty for none.";
        Masterauth, "masterauth", "", BYTES, "", Runtime, Accepted, "Password for the primary.";
        Masteruser, "masteruser", "", TEXT, "", Runtime, Accepted, "User for the primary.";
        ReplicaReadOnly, "replica-read-only", "slave-read-only", YES_NO, "yes", Runtime, Accepted, "Refuse writes from clients on a replica.";
        ReplicaServeStaleData, "replica-serve-stale-data", "slave-serve-stale-data", YES_NO, "yes", Runtime, Accepted, "Answer while the primary is not reachable.";
        ReplicaPriority, "replica-priority", "slave-priority", integer(0, INT_MAX), "100", Runtime, Accepted, "Preference of Sentinel for this replica; 0 never promotes it.";
        ReplicaAnnounced, "replica-announced", "", YES_NO, "yes", Runtime, Accepted, "Let Sentinel list this replica.";
        ReplicaAnnounceIp, "replica-announce-ip", "slave-announce-ip", TEXT, "", Runtime, Accepted, "Address told to the primary.";
        ReplicaAnnouncePort, "replica-announce-port", "slave-announce-port", integer(0, 65_535), "0", Runtime, Accepted, "Port told to the primary; 0 for the real one.";
        ReplicaIgnoreMaxmemory, "replica-ignore-maxmemory", "slave-ignore-maxmemory", YES_NO, "yes", Runtime, Accepted, "Leave eviction to the primary.";
        ReplicaLazyFlush, "replica-lazy-flush", "slave-lazy-flush", YES_NO, "no", Runtime, Accepted, "Empty the databases in the background before a full synchronisation.";
        ReplicaIgnoreDiskWriteErrors, "replica-ignore-disk-write-errors", "", YES_NO, "no", Runtime, Accepted, "Go on as a replica when the disk cannot be written.";
        ReplicaFullSyncBufferLimit, "replica-full-sync-buffer-limit", "", memory(0, LONG_MAX_BYTES), "0", Runtime, Accepted, "Bytes a replica buffers during a full synchronisation; 0 sets no limit.";
        ReplBacklogSize, "repl-backlog-size", "", raised(1, 16_384), "1048576", Runtime, Acts, "Bytes kept for replicas that come back.";
        ReplBacklogTtl, "repl-backlog-ttl", "", integer(0, LONG_MAX), "3600", Runtime, Acts, "Seconds the backlog is kept without replicas; 0 keeps it. As long as it is kept, what changes is recorded.";
        ReplTimeout, "repl-timeout", "", integer(1, INT_MAX), "60", Runtime, Acts, "Seconds of silence after which a replica is closed.";
        ReplPingReplicaPeriod, "repl-ping-replica-period", "repl-ping-slave-period", integer(1, INT_MAX), "10", Runtime, Acts, "Seconds between two pings to replicas.";
        ReplDisableTcpNodelay, "repl-disable-tcp-nodelay", "", YES_NO, "no", Runtime, Accepted, "Send to replicas in fewer, larger packets.";
        ReplDisklessSync, "repl-diskless-sync", "", YES_NO, "yes", Runtime, Accepted, "Send a full synchronisation without a file; here it always goes through one.";
        ReplDisklessSyncDelay, "repl-diskless-sync-delay", "", integer(0, INT_MAX), "5", Runtime, Accepted, "Seconds to wait for more replicas before a full synchronisation.";
        ReplDisklessSyncMaxReplicas, "repl-diskless-sync-max-replicas", "", integer(0, INT_MAX), "0", Runtime, Accepted, "Replicas that end this wait; 0 waits the whole time.";
        ReplDisklessLoad, "repl-diskless-load", "", choice(DISKLESS_LOAD), "disabled", NotLoading, Accepted, "How a replica loads a full synchronisation.";
        MinReplicasToWrite, "min-replicas-to-write", "min-slaves-to-write", integer(0, INT_MAX), "0", Runtime, Acts, "Replicas without which writes are refused.";
        MinReplicasMaxLag, "min-replicas-max-lag", "min-slaves-max-lag", integer(0, INT_MAX), "10", Runtime, Acts, "Seconds of silence up to which a replica counts; 0 = writes never need one.";
        PropagationErrorBehavior, "propagation-error-behavior", "", choice(PROPAGATION_ERROR), "ignore", Runtime, Accepted, "What happens when a replicated command fails.";
    ["Cluster"]
        ClusterEnabled, "cluster-enabled", "", YES_NO, "no", Startup, lacks(&lack::CLUSTER), "Run as a node of a cluster.";
        ClusterConfigFile, "cluster-config-file", "", NOT_EMPTY, "nodes.conf", Startup, Accepted, "File that holds the state of the cluster.";
        ClusterNodeTimeout, "cluster-node-timeout", "", integer(0, LONG_MAX), "15000", Runtime, Accepted, "Milliseconds of silence after which a node counts as failed.";
        ClusterPort, "cluster-port", "", integer(0, 65_535), "0", Startup, Accepted, "Port of the cluster bus; 0 adds 10000 to `port`.";
        ClusterAnnounceIp, "cluster-announce-ip", "", TEXT, "", Runtime, Accepted, "Address told to the cluster.";
        ClusterAnnounceHostname, "cluster-announce-hostname", "", HOST_NAME, "", Runtime, Accepted, "Host name told to the cluster.";
        ClusterAnnounceHumanNodename, "cluster-announce-human-nodename", "", TEXT, "", Runtime, Accepted, "Name of the node in logs.";
        ClusterAnnouncePort, "cluster-announce-port", "", integer(0, 65_535), "0", Runtime, Accepted, "Port told to the cluster.";
        ClusterAnnounceTlsPort, "cluster-announce-tls-port", "", integer(0, 65_535), "0", Runtime, Accepted, "TLS port told to the cluster.";
        ClusterAnnounceBusPort, "cluster-announce-bus-port", "", integer(0, 65_535), "0", Runtime, Accepted, "Bus port told to the cluster.";
        ClusterPreferredEndpointType, "cluster-preferred-endpoint-type", "", choice(ENDPOINT_TYPE), "ip", Runtime, Accepted, "What redirections name.";
        ClusterRequireFullCoverage, "cluster-require-full-coverage", "", YES_NO, "yes", Runtime, Accepted, "Refuse commands while a slot has no owner.";
        ClusterAllowReadsWhenDown, "cluster-allow-reads-when-down", "", YES_NO, "no", Runtime, Accepted, "Answer reads while the cluster is down.";
        ClusterAllowPubsubshardWhenDown, "cluster-allow-pubsubshard-when-down", "", YES_NO, "yes", Runtime, Accepted, "Serve sharded channels while the cluster is down.";
        ClusterAllowReplicaMigration, "cluster-allow-replica-migration", "", YES_NO, "yes", Runtime, Accepted, "Let replicas move to primaries that have none.";
        ClusterMigrationBarrier, "cluster-migration-barrier", "", integer(0, INT_MAX), "1", Runtime, Accepted, "Replicas that a primary keeps before one moves away.";
        ClusterReplicaValidityFactor, "cluster-replica-validity-factor", "cluster-slave-validity-factor", integer(0, INT_MAX), "10", Runtime, Accepted, "How old a replica's data may be for it to be promoted.";
        ClusterReplicaNoFailover, "cluster-replica-no-failover", "cluster-slave-no-failover", YES_NO, "no", Runtime, Accepted, "Never promote this replica by itself.";
        ClusterLinkSendbufLimit, "cluster-link-sendbuf-limit", "", memory(0, u64::MAX), "0", Runtime, Accepted, "Bytes pending on one bus link; 0 sets no limit.";
        ClusterCompatibilitySampleRatio, "cluster-compatibility-sample-ratio", "", integer(0, 100), "0", Runtime, Accepted, "Percent of commands checked for use in a cluster.";
        ClusterPingInterval, "cluster-ping-interval", "", integer(0, LONG_MAX), "0", Hidden, Accepted, "Milliseconds between two pings on the bus.";
    ["TLS"]
        TlsPort, "tls-port", "", integer(0, 65_535), "0", Runtime, lacks(&lack::TLS), "TLS port to listen on; 0 turns TLS off.";
        TlsCertFile, "tls-cert-file", "", TEXT, "", Runtime, Accepted, "Certificate of the server.";
        TlsKeyFile, "tls-key-file", "", TEXT, "", Runtime, Accepted, "Private key of the server.";
        TlsKeyFilePass, "tls-key-file-pass", "", TEXT, "", Runtime, Accepted, "Passphrase of that key.";
        TlsClientCertFile, "tls-client-cert-file", "", TEXT, "", Runtime, Accepted, "Certificate for outgoing connections.";
        TlsClientKeyFile, "tls-client-key-file", "", TEXT, "", Runtime, Accepted, "Private key for outgoing connections.";
        TlsClientKeyFilePass, "tls-client-key-file-pass", "", TEXT, "", Runtime, Accepted, "Passphrase of that key.";
        TlsDhParamsFile, "tls-dh-params-file", "", TEXT, "", Runtime, Accepted, "Diffie-Hellman parameters.";
        TlsCaCertFile, "tls-ca-cert-file", "", TEXT, "", Runtime, Accepted, "Certificates that are trusted.";
        TlsCaCertDir, "tls-ca-cert-dir", "", TEXT, "", Runtime, Accepted, "Directory of certificates that are trusted.";
        TlsAuthClients, "tls-auth-clients", "", choice(TLS_AUTH), "yes", Runtime, Accepted, "Whether clients must show a certificate.";
        TlsReplication, "tls-replication", "", YES_NO, "no", Runtime, lacks(&lack::TLS), "Use TLS for replication.";
        TlsCluster, "tls-cluster", "", YES_NO, "no", Runtime, lacks(&lack::TLS), "Use TLS on the cluster bus.";
        TlsProtocols, "tls-protocols", "", TEXT, "", Runtime, Accepted, "Protocol versions that are allowed.";
        TlsCiphers, "tls-ciphers", "", TEXT, "", Runtime, Accepted, "Ciphers up to TLS 1.2.";
        TlsCiphersuites, "tls-ciphersuites", "", TEXT, "", Runtime, Accepted, "Cipher suites of TLS 1.3.";
        TlsPreferServerCiphers, "tls-prefer-server-ciphers", "", YES_NO, "no", Runtime, Accepted, "Let the server's order of ciphers decide.";
        TlsSessionCaching, "tls-session-caching", "", YES_NO, "yes", Runtime, Accepted, "Resume sessions.";
        TlsSessionCacheSize, "tls-session-cache-size", "", integer(0, INT_MAX), "20480", Runtime, Accepted, "Sessions kept for resumption.";
        TlsSessionCacheTimeout, "tls-session-cache-timeout", "", integer(0, INT_MAX), "300", Runtime, Accepted, "Seconds a session can be resumed.";
    ["Only in Valkey"]
        ActiveDefragCycleUs, "active-defrag-cycle-us", "", integer(0, 100_000), "500", Unlisted, Accepted, "Microseconds of one step of defragmentation.";
        AvailabilityZone, "availability-zone", "", TEXT, "", Unlisted, Accepted, "Zone that INFO shows.";
        ClusterAnnounceClientIpv4, "cluster-announce-client-ipv4", "", TEXT, "", Unlisted, Accepted, "IPv4 address told to clients.";
        ClusterAnnounceClientIpv6, "cluster-announce-client-ipv6", "", TEXT, "", Unlisted, Accepted, "IPv6 address told to clients.";
        ClusterAnnounceClientPort, "cluster-announce-client-port", "", integer(0, 65_535), "0", Unlisted, Accepted, "Port told to clients.";
        ClusterAnnounceClientTlsPort, "cluster-announce-client-tls-port", "", integer(0, 65_535), "0", Unlisted, Accepted, "TLS port told to clients.";
        ClusterBlacklistTtl, "cluster-blacklist-ttl", "", integer(0, LONG_MAX), "60", Unlisted, Accepted, "Seconds a forgotten node stays forgotten.";
        ClusterConfigSaveBehavior, "cluster-config-save-behavior", "", choice(CONFIG_SAVE), "sync", Unlisted, Accepted, "Whether a failed write of the cluster state stops the node.";
        ClusterDatabases, "cluster-databases", "", integer(1, INT_MAX), "1", UnlistedStartup, Accepted, "Number of databases in cluster mode.";
        ClusterManualFailoverTimeout, "cluster-manual-failover-timeout", "", integer(1, INT_MAX), "5000", Unlisted, Accepted, "Milliseconds a manual failover may take.";
        ClusterSlotMigrationLogMaxLen, "cluster-slot-migration-log-max-len", "", integer(0, LONG_MAX), "1000", Unlisted, Accepted, "Slot migrations remembered.";
        ClusterSlotStatsEnabled, "cluster-slot-stats-enabled", "", YES_NO, "no", Unlisted, Accepted, "Keep statistics for each slot.";
        CommandlogLargeReplyMaxLen, "commandlog-large-reply-max-len", "", integer(0, LONG_MAX), "128", Unlisted, Acts, "Entries of the log of large replies.";
        CommandlogLargeRequestMaxLen, "commandlog-large-request-max-len", "", integer(0, LONG_MAX), "128", Unlisted, Acts, "Entries of the log of large requests.";
        CommandlogReplyLargerThan, "commandlog-reply-larger-than", "", integer(-1, LONG_MAX), "1048576", Unlisted, Acts, "Bytes from which a reply enters the log of large replies; -1 turns it off.";
        CommandlogRequestLargerThan, "commandlog-request-larger-than", "", integer(-1, LONG_MAX), "1048576", Unlisted, Acts, "Bytes from which a request enters the log of large requests; -1 turns it off.";
        DualChannelReplicationEnabled, "dual-channel-replication-enabled", "", YES_NO, "no", Unlisted, Accepted, "Synchronise over two connections.";
        ExtendedRedisCompatibility, "extended-redis-compatibility", "", YES_NO, "no", Unlisted, Accepted, "Answer with Redis's name and version.";
        HashSeed, "hash-seed", "", TEXT, "", UnlistedStartup, Accepted, "Fixed seed of the hash function.";
        ImportMode, "import-mode", "", YES_NO, "no", Unlisted, lacks(&lack::IMPORTS), "Keep expired keys while data is imported.";
        LogFormat, "log-format", "", choice(LOG_FORMAT), "legacy", Unlisted, Acts, "Form of a log line: as Redis writes it, as key and value, or as JSON.";
        LogTimestampFormat, "log-timestamp-format", "", choice(LOG_TIMESTAMP), "legacy", Unlisted, Acts, "Form of the time in a log line, which is UTC.";
        Mptcp, "mptcp", "", YES_NO, "no", UnlistedStartup, Accepted, "Listen with multipath TCP.";
        PrefetchBatchMaxSize, "prefetch-batch-max-size", "", integer(0, 128), "16", Unlisted, Accepted, "Commands whose keys are fetched together; fixed here.";
        RdbVersionCheck, "rdb-version-check", "", choice(RDB_VERSION_CHECK), "strict", Unlisted, Accepted, "Whether snapshots of unknown versions are refused.";
        RdmaBind, "rdma-bind", "", words(16), "", Unlisted, lacks(&lack::RDMA), "Addresses for RDMA.";
        RdmaCompletionVector, "rdma-completion-vector", "", integer(-1, 1024), "-1", UnlistedStartup, Accepted, "Completion vector for RDMA.";
        RdmaPort, "rdma-port", "", integer(0, 65_535), "0", Unlisted, lacks(&lack::RDMA), "Port for RDMA.";
        RdmaRxSize, "rdma-rx-size", "", integer(65_536, 16_777_216), "1048576", UnlistedStartup, Accepted, "Receive buffer for RDMA.";
        ReplMptcp, "repl-mptcp", "", YES_NO, "no", UnlistedStartup, Accepted, "Replicate over multipath TCP.";
        SlotMigrationMaxFailoverReplBytes, "slot-migration-max-failover-repl-bytes", "", integer(-1, LONG_MAX), "0", Unlisted, Accepted, "Pending bytes at which a slot migration may finish.";
        TlsAuthClientsUser, "tls-auth-clients-user", "", choice(TLS_USER), "off", Unlisted, Accepted, "Field of the certificate that names the user.";
        TlsAutoReloadInterval, "tls-auto-reload-interval", "", integer(0, INT_MAX), "0", Unlisted, Accepted, "Seconds between two looks for new certificates.";
        Unixsocketgroup, "unixsocketgroup", "", TEXT, "", UnlistedStartup, lacks(&lack::SOCKET_GROUP), "Group that owns the unix socket.";
}
