//! CLUSTER and the words of its clients, answered as a node answers them that is in no cluster.
//!
//! Client libraries ask these to find out whether there is a cluster, and go on without one when the answer is this error.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const DISABLED: Error = Error::Static("ERR This instance has cluster support disabled");

const STALE: Flags = Flags::STALE;
const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = Flags::ADMIN.and(Flags::STALE);
const ADMIN_WRITE: Flags = Flags::ADMIN.and(Flags::WRITE).and(Flags::NO_ASYNC_LOADING);
const CHANGE: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING);

const fn row(name: &'static str, arity: i32, flags: Flags) -> Command {
    Command::new(name, Group::Cluster, arity, disabled).flags(flags)
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] =
    &[
        Command::new("CLUSTER", Group::Cluster, -2, container)
            .doc("3.0.0", "Depends on subcommand.", "A container for commands of Redis Cluster.", "")
            .subcommands(SUBCOMMANDS),
        Command::new("ASKING", Group::Cluster, 1, disabled)
            .flags(Flags::FAST)
            .categories(&["connection"])
            .doc("3.0.0", "O(1)", "Tells that the client follows a redirect.", ""),
        Command::new("READONLY", Group::Cluster, 1, disabled)
            .flags(ANYTIME.and(Flags::FAST))
            .categories(&["connection"])
            .doc("3.0.0", "O(1)", "Lets a client read from a replica.", ""),
        Command::new("READWRITE", Group::Cluster, 1, disabled)
            .flags(ANYTIME.and(Flags::FAST))
            .categories(&["connection"])
            .doc("3.0.0", "O(1)", "Takes READONLY back.", ""),
        Command::new("SFLUSH", Group::Server, -3, disabled)
            .flags(Flags::WRITE.and(Flags::DANGEROUS))
            .categories(&["keyspace"])
            .doc(
                "8.0.0",
                "O(N) where N is the number of keys in the slots.",
                "Removes all keys of ranges of slots.",
                "slot-start slot-last [slot-start slot-last ...] [ASYNC | SYNC]",
            ),
        Command::new("TRIMSLOTS", Group::Server, -5, disabled)
            .flags(Flags::WRITE.and(Flags::DANGEROUS))
            .categories(&["keyspace"])
            .doc(
                "8.4.0",
                "O(N) where N is the number of keys in the slots.",
                "Removes the keys of slots that the node does not have any more.",
                "RANGES numranges start-slot end-slot [start-slot end-slot ...]",
            ),
        Command::new("CLUSTERSCAN", Group::Cluster, -2, disabled)
            .flags(Flags::READONLY)
            .categories(&["keyspace"])
            .doc(
                "9.1.0",
                "O(1) for every call. O(N) for a complete iteration.",
                "Iterates over the keys of a cluster.",
                "cursor [MATCH pattern] [COUNT count] [TYPE type] [SLOT slot]",
            ),
    ];

const SUBCOMMANDS: &[Command] = &[
    row("CANCELSLOTMIGRATIONS", 2, CHANGE).doc(
        "9.0.0",
        "O(1)",
        "Gives up the migrations of slots that are under way.",
        "",
    ),
    row("FLUSHSLOT", -3, ADMIN_WRITE).categories(&["keyspace"]).doc(
        "9.0.0",
        "O(N) where N is the number of keys in the slot.",
        "Removes all keys of a slot.",
        "slot [ASYNC | SYNC]",
    ),
    row("GETSLOTMIGRATIONS", 2, CHANGE).doc(
        "9.0.0",
        "O(N) where N is the number of migrations.",
        "Returns the migrations of slots, those under way and the last ones.",
        "",
    ),
    row("MIGRATESLOTS", -4, CHANGE).doc(
        "9.0.0",
        "O(N) where N is the number of slots.",
        "Begins to move slots to another node.",
        "<SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id>",
    ),
    row("MIGRATION", -4, CHANGE).doc(
        "8.4.0",
        "O(N) where N is the number of slots.",
        "Moves slots to this node, or tells how far that is.",
        "<IMPORT start-slot end-slot [start-slot end-slot ...] | CANCEL <ID task-id | ALL> | STATUS <ID task-id | \
         ALL>>",
    ),
    row("SLOT-STATS", -4, ANYTIME)
        .tips(&["nondeterministic_output", "request_policy:all_shards"])
        .doc(
            "8.2.0",
            "O(N) where N is the number of slots, O(N log(N)) with ORDERBY.",
            "Returns how slots are used.",
            "<SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>",
        ),
    row("SYNCSLOTS", -3, CHANGE.and(Flags::MAY_REPLICATE)).doc(
        "8.4.0",
        "O(1)",
        "What nodes say to each other while slots move.",
        "",
    ),
    row("ADDSLOTS", -3, CHANGE).doc(
        "3.0.0",
        "O(N) where N is the number of slots.",
        "Assigns slots to the node.",
        "slot [slot ...]",
    ),
    row("ADDSLOTSRANGE", -4, CHANGE).doc(
        "7.0.0",
        "O(N) where N is the number of slots.",
        "Assigns ranges of slots to the node.",
        "range=<start-slot end-slot ...>",
    ),
    row("BUMPEPOCH", 2, CHANGE).tips(tips::OUTPUT_VARIES).doc("3.0.0", "O(1).", "Moves the configuration epoch on.", ""),
    row("COUNT-FAILURE-REPORTS", 3, ADMIN).tips(tips::OUTPUT_VARIES).doc(
        "3.0.0",
        "O(N) where N is the number of failure reports.",
        "Counts the nodes that report another one as failed.",
        "node-id",
    ),
    row("COUNTKEYSINSLOT", 3, STALE).doc("3.0.0", "O(1).", "Returns the number of keys in a slot.", "slot"),
    row("DELSLOTS", -3, CHANGE).doc(
        "3.0.0",
        "O(N) where N is the number of slots.",
        "Takes slots from the node.",
        "slot [slot ...]",
    ),
    row("DELSLOTSRANGE", -4, CHANGE).doc(
        "7.0.0",
        "O(N) where N is the number of slots.",
        "Takes ranges of slots from the node.",
        "range=<start-slot end-slot ...>",
    ),
    row("FAILOVER", -2, CHANGE).doc(
        "3.0.0",
        "O(1).",
        "Lets a replica take the place of its primary.",
        "options=[FORCE | TAKEOVER]",
    ),
    row("FLUSHSLOTS", 2, CHANGE).doc("3.0.0", "O(1).", "Takes all slots from the node.", ""),
    row("FORGET", 3, CHANGE).doc("3.0.0", "O(1).", "Removes a node from the table of nodes.", "node-id"),
    row("GETKEYSINSLOT", 4, STALE).tips(tips::OUTPUT_VARIES).doc(
        "3.0.0",
        "O(N) where N is the number of keys asked for.",
        "Returns keys of a slot.",
        "slot count",
    ),
    row("HELP", 2, ANYTIME).doc("5.0.0", "O(1).", "Returns the subcommands.", ""),
    row("INFO", 2, STALE).tips(tips::OUTPUT_VARIES).doc("3.0.0", "O(1).", "Returns the state of the cluster as the node sees it.", ""),
    row("KEYSLOT", 3, STALE).doc(
        "3.0.0",
        "O(N) where N is the length of the key.",
        "Returns the slot of a key.",
        "key",
    ),
    row("LINKS", 2, STALE).tips(tips::OUTPUT_VARIES).doc(
        "7.0.0",
        "O(N) where N is the number of nodes.",
        "Returns the connections to other nodes.",
        "",
    ),
    row("MEET", -4, CHANGE).doc(
        "3.0.0",
        "O(1).",
        "Makes the node known to another.",
        "ip port [cluster-bus-port@4.0.0]",
    )
    .history(&[("4.0.0", "The port of the cluster bus may be named.")]),
    row("MYID", 2, STALE).doc("3.0.0", "O(1).", "Returns the id of the node.", ""),
    row("MYSHARDID", 2, STALE).tips(tips::OUTPUT_VARIES).doc("7.2.0", "O(1).", "Returns the id of the node's shard.", ""),
    row("NODES", 2, STALE).tips(tips::OUTPUT_VARIES).doc(
        "3.0.0",
        "O(N) where N is the number of nodes.",
        "Returns the nodes as the node knows them.",
        "",
    ),
    row("REPLICAS", 3, ADMIN).tips(tips::OUTPUT_VARIES).doc(
        "5.0.0",
        "O(N) where N is the number of replicas.",
        "Returns the replicas of a primary.",
        "node-id",
    ),
    row("REPLICATE", 3, CHANGE).doc("3.0.0", "O(1).", "Makes the node a replica of another.", "node-id"),
    row("RESET", -2, ADMIN.and(Flags::NOSCRIPT)).doc(
        "3.0.0",
        "O(N) where N is the number of known nodes.",
        "Makes the node forget the cluster.",
        "reset-type=[HARD | SOFT]",
    ),
    row("SAVECONFIG", 2, CHANGE).doc(
        "3.0.0",
        "O(1).",
        "Writes the configuration of the cluster to disk.",
        "",
    ),
    row("SET-CONFIG-EPOCH", 3, CHANGE).doc(
        "3.0.0",
        "O(1).",
        "Sets the configuration epoch of a new node.",
        "config-epoch",
    ),
    row("SETSLOT", -4, CHANGE).doc(
        "3.0.0",
        "O(1).",
        "Binds a slot to a node.",
        "slot subcommand=<IMPORTING importing=node-id | MIGRATING migrating=node-id | NODE node=node-id | STABLE>",
    ),
    row("SHARDS", 2, ANYTIME).tips(tips::OUTPUT_VARIES).doc(
        "7.0.0",
        "O(N) where N is the number of nodes.",
        "Returns the shards with their slots and nodes.",
        "",
    ),
    row("SLAVES", 3, ADMIN).tips(tips::OUTPUT_VARIES)
        .doc(
            "3.0.0",
            "O(N) where N is the number of replicas.",
            "Returns the replicas of a primary.",
            "node-id",
        )
        .deprecated("5.0.0", "`CLUSTER REPLICAS`"),
    row("SLOTS", 2, ANYTIME).tips(tips::OUTPUT_VARIES)
        .doc("3.0.0", "O(N) where N is the number of nodes.", "Returns the slots with their nodes.", "")
            .history(&[
                ("4.0.0", "Nodes are shown with their IDs."),
                ("7.0.0", "Nodes are shown with more about how to reach them."),
            ])
        .deprecated("7.0.0", "`CLUSTER SHARDS`"),
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("cluster".into()))
}

fn disabled(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(DISABLED)
}
