//! What COMMAND INFO tells proxies and clients of clusters: where to send a command that concerns several nodes, how to
//! put their replies together, and whether a reply is the same each time.
//!
//! The words are Redis's. A set is named by what it means for the command.

/// The reply differs from time to time on the same data.
pub const OUTPUT_VARIES: &[&str] = &["nondeterministic_output"];
/// The elements of the reply come in any order.
pub const ORDER_VARIES: &[&str] = &["nondeterministic_output_order"];
/// To every node; it went well if it did on all.
pub const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
/// To every node; the replies add up.
pub const ALL_NODES_SUM: &[&str] = &["request_policy:all_nodes", "response_policy:agg_sum"];
/// To every node; the replies are lists to be joined.
pub const ALL_NODES_LISTS: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];
/// To every node; the replies are lengths, which add up.
pub const ALL_NODES_LENGTH: &[&str] =
    &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"];
/// To every node; the replies are reports about each.
pub const ALL_NODES_REPORT: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];
/// To every primary; it went well if it did on all.
pub const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
/// To every primary; the replies add up.
pub const ALL_SHARDS_SUM: &[&str] = &["request_policy:all_shards", "response_policy:agg_sum"];
/// To every primary; the replies are lists to be joined.
pub const ALL_SHARDS_LISTS: &[&str] = &["request_policy:all_shards", "nondeterministic_output_order"];
/// To every primary; one of the replies will do.
pub const ALL_SHARDS_PICK: &[&str] =
    &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"];
/// To every primary; the replies are reports about each.
pub const ALL_SHARDS_REPORT: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
/// To the primaries that have the keys; it went well if it did on all.
pub const MULTI_SHARD: &[&str] = &["request_policy:multi_shard", "response_policy:all_succeeded"];
/// To the primaries that have the keys; the replies add up.
pub const MULTI_SHARD_SUM: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
/// To the primaries that have the keys; the replies are put into the order of the keys.
pub const MULTI_SHARD_REPLIES: &[&str] = &["request_policy:multi_shard"];
/// To every primary; it is true if it is on all.
pub const ALL_SHARDS_AND: &[&str] = &["request_policy:all_shards", "response_policy:agg_logical_and"];
/// To every primary; it went well if it did on one.
pub const ALL_SHARDS_ONE: &[&str] = &["request_policy:all_shards", "response_policy:one_succeeded"];
/// From one primary to the next, as the cursor says.
pub const WALK: &[&str] = &["nondeterministic_output", "request_policy:special", "response_policy:special"];
