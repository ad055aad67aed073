# Recipes of the project; CI calls the same commands. `just` lists them.

_default:
    @just --list

# Formatting, lints and documentation, as CI checks them.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items

# Repairs what a machine can repair.
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# Every test; installs what it needs.
test *part:
    scripts/test {{part}}

# The programs as they are released, compiled by the counts of a training load, into target/release-trained.
release:
    scripts/release

# Redis's own test suite, with this server in the place of redis-server: `just compat unit/expire` for one unit.
compat *units:
    cargo build --release --locked --workspace --bins
    tests/compat/run {{units}}

# The matrix of measurements, beside the servers of the PATH or of BENCH_PEERS; `just bench quick` takes minutes,
# and options choose a part: `just bench -t set,get -P 1,16 --server valkey="valkey-server --io-threads {threads}"`.
bench *arguments:
    cargo build --release --locked -p rustypotato -p rustypotato-bench --bins
    mkdir -p target/bench
    target/release/rustypotato-bench matrix --report target/bench/report.md \
        --server "ours=target/release/rustypotato-server --threads {threads}" {{arguments}}

# Latencies beside expiry, eviction, saving, deletion and other clients: `just tails --server valkey=valkey-server`.
tails *arguments:
    cargo build --release --locked -p rustypotato -p rustypotato-bench --bins
    target/release/rustypotato-bench tails --server ours=target/release/rustypotato-server {{arguments}}

# Instructions of the commands that are run most, against the record: `just instructions --record` writes it anew.
instructions *arguments:
    scripts/instructions {{arguments}}

# A fuzz target for a while: `just fuzz resp_request 60`.
fuzz target seconds="60":
    cd fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# Every call and bit of the crash laboratory, where an ordinary run looks at some.
laboratory:
    RUSTYPOTATO_LABORATORY=whole cargo test -p rustypotato --bin rustypotato-server laboratory

# kill -9 of the program under mixed load, so many times a policy: `just kills 1000`.
kills rounds="1000":
    RUSTYPOTATO_CRASH_ROUNDS={{rounds}} cargo test -p rustypotato --test server crash

# Random commands compared with redis-server, so many in each of three runs: `just differential 340000` is a million.
differential commands="340000":
    DIFFERENTIAL_COMMANDS={{commands}} cargo test -p rustypotato --test server random_commands_get

# Every fuzz target in turn, for so many seconds each.
fuzz-all seconds="3600":
    #!/usr/bin/env bash
    set -euo pipefail
    for target in fuzz/fuzz_targets/*.rs; do
        just fuzz "$(basename "$target" .rs)" {{seconds}}
    done

# The crates on the path of unsafe code under Miri, without the tests that would take hours there. Needs
# `rustup toolchain install nightly --component miri,rust-src`.
miri:
    PROPTEST_CASES=2 MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p stdx --lib -- \
        prefetch glob:: hash:: rng:: number::
    cargo +nightly miri test -p value --lib -- \
        blob:: page:: string:: packed::tests::fields hash::tests::a hash::tests::choosing \
        leaf:: tree::inner tree::tests::the_first tree::tests::trimming --skip behave --skip any_bytes --skip longest

# The gate, the log, the mailbox, the claim of a client that waits and the pen of the journal under loom's model checker.
loom:
    RUSTFLAGS="--cfg loom" cargo test -p keyspace --release --target-dir target/loom --lib gate
    RUSTFLAGS="--cfg loom" cargo test -p keyspace --release --target-dir target/loom --lib log::model
    RUSTFLAGS="--cfg loom" cargo test -p engine --release --target-dir target/loom --lib blocking::claim
    RUSTFLAGS="--cfg loom" cargo test -p node --release --target-dir target/loom --lib mailbox
    RUSTFLAGS="--cfg loom" cargo test -p rustypotato --release --target-dir target/loom --bin rustypotato-server journal::pen

# The documentation of the crates.
doc:
    cargo doc --workspace --no-deps --open

# Licences, advisories and duplicates of the dependency tree.
deny:
    cargo deny check
