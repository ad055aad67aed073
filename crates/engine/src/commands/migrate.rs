//! MIGRATE: keys move to another server while others are served.

use stdx::number::parse_i64;
use value::ValueRef;

use crate::args::{Args, OwnedArgs};
use crate::blocking::{Late, Wait};
use crate::command::{Command, Flags, Group, Keys, Outcome, keys_to_migrate};
use crate::context::Context;
use crate::error::Error;
use crate::migration::{Migration, Parcel};
use crate::reply::Reply;
use crate::tips;
use crate::tracking::Place;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("MIGRATE", Group::Generic, -6, migrate)
    .flags(Flags::WRITE.and(Flags::DANGEROUS))
    .tips(tips::OUTPUT_VARIES)
    .keys(Keys::Migrated)
    .doc(
        "2.6.0",
        "O(N) where N is the size of the values, here and there, and for the way between.",
        "Moves keys to another server.",
        "host port key-selector=<key | empty-string=\"\"> destination-db timeout(integer) [COPY@3.0.0] \
         [REPLACE@3.0.0] authentication=[AUTH auth=password@4.0.7 | AUTH2@6.0.0 username password] [KEYS \
         keys=key@3.0.6 [keys=key@3.0.6 ...]]",
    )
    .history(&[
        ("3.0.0", "The options `COPY` and `REPLACE`."),
        ("3.0.6", "The option `KEYS`."),
        ("4.0.7", "The option `AUTH`."),
        ("6.0.0", "The option `AUTH2`."),
    ])];

/// How long a step may take unless that is said.
const DEFAULT_TIMEOUT_MS: i64 = 1000;

/// Reads everything but the keys.
fn parse(ctx: &Context<'_, '_>, args: &Args<'_>) -> Result<Migration, Error> {
    let mut migration = Migration {
        host: String::from_utf8_lossy(args.get(1)).into_owned(),
        port: 0,
        database: 0,
        timeout_ms: 0,
        login: None,
        replaces: false,
        keeps: false,
        from: ctx.session.database,
        parcels: Vec::new(),
    };
    let mut cursor = args.cursor(6);
    while !cursor.is_done() {
        if cursor.take("COPY") {
            migration.keeps = true;
        } else if cursor.take("REPLACE") {
            migration.replaces = true;
        } else if cursor.take("AUTH") {
            migration.login = Some((None, cursor.next_required()?.to_vec()));
        } else if cursor.take("AUTH2") {
            let user = cursor.next_required()?.to_vec();
            migration.login = Some((Some(user), cursor.next_required()?.to_vec()));
        } else if cursor.take("KEYS") {
            if !args.get(3).is_empty() {
                return Err(Error::Static(
                    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                ));
            }
            break;
        } else {
            return Err(Error::Syntax);
        }
    }
    let timeout_ms = args.integer(5)?;
    migration.timeout_ms = if timeout_ms > 0 { timeout_ms } else { DEFAULT_TIMEOUT_MS }.unsigned_abs();
    migration.database = args.integer(4)?;
    // A port that cannot be is one where nobody listens.
    migration.port = parse_i64(args.get(2)).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    Ok(migration)
}

fn migrate(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut migration = parse(ctx, args)?;
    for at in keys_to_migrate(args) {
        let key = ctx.key(args, at);
        let mut db = ctx.db();
        let Some(value) = db.get(&key).map(ValueRef::to_owned) else { continue };
        let expiry = db.expiry(&key).flatten();
        migration.parcels.push(Parcel { key: key.bytes.to_vec(), value, expiry });
    }
    if migration.parcels.is_empty() {
        reply.simple("NOKEY");
        return Ok(());
    }
    if !ctx.may_wait() {
        // Everybody would wait for the other server.
        return Err(Error::Static("ERR MIGRATE cannot be run inside a transaction or a script"));
    }
    ctx.wait(OwnedArgs::copy(args), Wait::without_keys(0, Late::Migrated));
    if let Some(waiter) = &ctx.session.waiting {
        ctx.host.migrate(migration, Place::of(&ctx.session.record), waiter.id);
    }
    Ok(())
}
