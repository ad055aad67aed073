//! Tests of the node as the shell drives it: workers, connections and letters, with a machine that only remembers what
//! it was asked and a clock that a test turns by hand.

mod accesses;
mod accounts;
mod beside;
mod blocking;
mod caches;
mod clients;
mod combinations;
mod computing;
mod configuration;
mod documentation;
mod due_keys;
mod errands;
mod held;
mod info;
mod latency;
mod machine;
mod memory;
mod migration;
mod notifications;
mod output_limits;
mod pauses;
mod payloads;
mod permissions;
mod pipelines;
mod pubsub;
mod random_picks;
mod slices;
mod sort;
mod sweeping;
mod tracking;
mod transcripts;
mod world;
