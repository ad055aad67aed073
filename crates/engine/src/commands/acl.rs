//! ACL: users and their rules, what was refused, files of users.

use acl::{Selector, Users};
use config::Param;

use super::client::close;
use crate::accounts::setting;
use crate::args::{Args, OwnedArgs};
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::permission;
use crate::reply::Reply;
use crate::table::{Table, table};
use crate::tips;

const OPEN: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::SENTINEL);
const ADMIN: Flags = OPEN.and(Flags::ADMIN);

/// The most bits of a password that ACL GENPASS makes.
const PASSWORD_BITS: i64 = 4096;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("ACL", Group::Server, -2, container)
    .flags(Flags::SENTINEL)
    .doc("6.0.0", "Depends on subcommand.", "A container for access control commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    row("CAT", -2, categories, OPEN).doc(
        "6.0.0",
        "O(N) in the number of commands",
        "Returns the categories, or the commands of one.",
        "[category]",
    ),
    row("DELUSER", -3, delete_users, ADMIN).tips(tips::ALL_NODES).doc(
        "6.0.0",
        "O(N) in the number of connections",
        "Removes users and closes their connections.",
        "username [username ...]",
    ),
    row("DRYRUN", -4, dry_run, ADMIN).doc(
        "7.0.0",
        "O(N) in the number of keys, times the patterns of the user",
        "Tells whether a user may run a command, without running it.",
        "username command [arg [arg ...]]",
    ),
    row("GENPASS", -2, generate_password, OPEN).doc(
        "6.0.0",
        "O(1)",
        "Returns a password that cannot be guessed.",
        "[bits]",
    ),
    row("GETUSER", 3, get_user, ADMIN)
        .doc("6.0.0", "O(N) in the number of rules of the user", "Returns the rules of a user.", "username")
        .history(&[
            ("6.2.0", "Channels are shown."),
            ("7.0.0", "Selectors are shown; keys and channels are rules and no longer lists."),
        ]),
    row("LIST", 2, list, ADMIN).doc(
        "6.0.0",
        "O(N) in the number of users",
        "Returns all users as lines of a file.",
        "",
    ),
    row("LOAD", 2, load, ADMIN).doc(
        "6.0.0",
        "O(N) in the number of users and connections",
        "Reads the users from the ACL file, all or none.",
        "",
    ),
    row("LOG", -2, log, ADMIN)
        .doc(
            "6.0.0",
            "O(N) in the number of entries returned",
            "Returns what was refused lately, or forgets it.",
            "operation=[count | RESET]",
        )
        .history(&[(
            "7.2.0",
            "Entries have a number and the times at which they were made and last changed.",
        )]),
    row("SAVE", 2, save, ADMIN).tips(tips::ALL_NODES).doc(
        "6.0.0",
        "O(N) in the number of users",
        "Writes the users into the ACL file.",
        "",
    ),
    row("SETUSER", -3, set_user, ADMIN)
        .tips(tips::ALL_NODES)
        .doc(
            "6.0.0",
            "O(N) in the number of rules",
            "Makes or changes a user by rules, all or none.",
            "username [rule [rule ...]]",
        )
        .history(&[
            ("6.2.0", "Rules for channels."),
            ("7.0.0", "Selectors and rules for reading and writing keys."),
        ]),
    row("USERS", 2, users, ADMIN).doc(
        "6.0.0",
        "O(N) in the number of users",
        "Returns the names of all users.",
        "",
    ),
    row("WHOAMI", 2, who_am_i, OPEN).doc("6.0.0", "O(1)", "Returns the connection's user.", ""),
    row("HELP", 2, help, Flags::LOADING.and(Flags::STALE).and(Flags::SENTINEL)).doc(
        "6.0.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler, flags: Flags) -> Command {
    Command::new(name, Group::Server, arity, handler).flags(flags)
}

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("acl".into()))
}

/// The refusal of too many arguments where a fixed arity does not refuse them.
fn check_length(args: &Args<'_>, most: usize) -> Outcome {
    if args.len() <= most {
        return Ok(());
    }
    Err(Error::SubcommandArguments(String::from_utf8_lossy(args.get(1)).into_owned(), "ACL"))
}

fn categories(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_length(args, 3)?;
    let Some(wanted) = args.get_optional(2) else {
        reply.array(acl::CATEGORIES.len());
        acl::CATEGORIES.iter().for_each(|name| reply.bulk(name));
        return Ok(());
    };
    if acl::Categories::named(wanted).is_none() {
        let shown = String::from_utf8_lossy(&wanted[..wanted.len().min(128)]);
        return Err(Error::Text(format!("ERR Unknown category '{shown}'")));
    }
    let wanted = wanted.to_ascii_lowercase();
    let is_in = |command| super::categories(command).iter().any(|name| name.as_bytes() == wanted);
    let rows: Vec<_> = table().rows().iter().filter(|row| is_in(row.command)).collect();
    reply.array(rows.len());
    rows.into_iter().for_each(|row| reply.bulk(Table::full_name(row)));
    Ok(())
}

fn who_am_i(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(ctx.session.login.user().name());
    Ok(())
}

fn users(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let users = ctx.shared.accounts.all();
    reply.array(users.iter().len());
    users.iter().for_each(|user| reply.bulk(user.name()));
    Ok(())
}

fn list(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let users = ctx.shared.accounts.all();
    reply.array(users.iter().len());
    users.iter().for_each(|user| reply.bulk(user.line()));
    Ok(())
}

fn get_user(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(user) = ctx.shared.accounts.get(args.get(2)) else {
        reply.null();
        return Ok(());
    };
    reply.map(3 + selector_fields(user.root()));
    let flags: Vec<_> = user.flags().collect();
    reply.bulk("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("passwords");
    reply.array(user.passwords().len());
    user.passwords().for_each(|password| reply.bulk(password));
    write_selector(user.root(), reply);
    reply.bulk("selectors");
    reply.array(user.others().len());
    for selector in user.others() {
        reply.map(selector_fields(selector));
        write_selector(selector, reply);
    }
    Ok(())
}

/// Databases are shown where some are not allowed; clients of Redis do not know the field.
fn selector_fields(selector: &Selector) -> usize {
    3 + usize::from(selector.databases_text().is_some())
}

fn write_selector(selector: &Selector, reply: &mut Reply<'_>) {
    let texts = [
        ("commands", Some(selector.commands_text())),
        ("keys", Some(selector.keys_text())),
        ("channels", Some(selector.channels_text())),
        ("databases", selector.databases_text()),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            reply.bulk(field);
            reply.bulk(text);
        }
    }
}

/// Whether new users may use all channels.
fn opens_channels(ctx: &Context<'_, '_>) -> bool {
    ctx.shared.config.read().choice(Param::AclPubsubDefault) == "allchannels"
}

fn set_user(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let rules: Vec<&[u8]> = args.from(3).collect();
    let setting = setting(opens_channels(ctx));
    let before = ctx.shared.accounts.all();
    ctx.shared
        .accounts
        .change(|users| users.change(args.get(2), &rules, setting).map(drop))
        .map_err(|error| Error::Text(format!("ERR {error}")))?;
    recheck_subscribers(ctx, &before);
    reply.ok();
    Ok(())
}

fn delete_users(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.from(2).any(|name| name == acl::DEFAULT) {
        return Err(Error::Static("ERR The 'default' user cannot be removed"));
    }
    let deleted =
        ctx.shared.accounts.change(|users| args.from(2).filter(|name| users.remove(name).is_some()).count());
    close_clients_without_user(ctx);
    reply.integer(deleted as i64);
    Ok(())
}

/// Lets workers look at the subscribers whose users may not use all channels any more that they might use before. Those
/// who are subscribed to such a channel are closed.
fn recheck_subscribers(ctx: &Context<'_, '_>, before: &Users) {
    let users = ctx.shared.accounts.all();
    for record in ctx.shared.clients.all().iter().filter(|record| record.is_subscribed()) {
        let name = record.names.lock().user.clone();
        if let (Some(before), Some(user)) = (before.get(&name), users.get(&name))
            && user.lost_channels(before)
        {
            ctx.host.wake_client(record);
        }
    }
}

/// Closes the connections whose user is gone.
fn close_clients_without_user(ctx: &mut Context<'_, '_>) {
    let users = ctx.shared.accounts.all();
    for record in ctx.shared.clients.all() {
        let is_gone = users.get(&record.names.lock().user).is_none();
        if is_gone {
            close(ctx, &record);
        }
    }
}

fn dry_run(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let text = |at: usize| String::from_utf8_lossy(args.get(at)).into_owned();
    let Some(user) = ctx.shared.accounts.get(args.get(2)) else {
        return Err(Error::Text(format!("ERR User '{}' not found", text(2))));
    };
    let words: OwnedArgs = args.from(3).collect();
    let words = words.as_args();
    let Ok(row) = ctx.shared.names.look_up(&words) else {
        return Err(Error::Text(format!("ERR Command '{}' not found", text(3))));
    };
    let name = Table::full_name(&row);
    if !row.command.accepts(words.len()) {
        return Err(Error::WrongArity(name.into()));
    }
    let database = u32::from(ctx.session.database.0);
    match permission::check_user(&user, database, ctx.shared, &row, &words) {
        Ok(()) => reply.ok(),
        Err(denial) => {
            let selected = database.to_string();
            let argument = if denial.at == 0 { selected.as_bytes() } else { words.get(denial.at) };
            reply.bulk(denial.explain(user.name(), &name, argument));
        }
    }
    Ok(())
}

fn generate_password(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_length(args, 3)?;
    let bits = if args.len() == 3 { args.integer(2)? } else { 256 };
    if !(1..=PASSWORD_BITS).contains(&bits) {
        return Err(Error::Static(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let mut password = vec![0; (bits as usize).div_ceil(4)];
    ctx.host.fill_with_entropy(&mut password).map_err(|reason| Error::Text(format!("ERR {reason}")))?;
    for byte in &mut password {
        *byte = b"0123456789abcdef"[usize::from(*byte % 16)];
    }
    reply.bulk(&password);
    Ok(())
}

fn log(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_length(args, 3)?;
    if args.len() == 3 && args.is(2, "RESET") {
        ctx.shared.accounts.log.lock().reset();
        reply.ok();
        return Ok(());
    }
    let count = if args.len() == 3 { args.integer(2)? } else { 10 };
    let records = ctx.shared.accounts.log.lock().newest(usize::try_from(count).unwrap_or(0));
    let now = ctx.now();
    reply.array(records.len());
    for record in records {
        reply.map(10);
        reply.bulk("count");
        reply.integer(record.count as i64);
        for (field, text) in [
            ("reason", record.reason.name().as_bytes()),
            ("context", record.place.name().as_bytes()),
            ("object", &record.object),
            ("username", &record.user),
        ] {
            reply.bulk(field);
            reply.bulk(text);
        }
        reply.bulk("age-seconds");
        reply.double(record.age_s(now));
        reply.bulk("client-info");
        reply.bulk(&record.client);
        for (field, number) in [
            ("entry-id", record.id as i64),
            ("timestamp-created", record.created.0),
            ("timestamp-last-updated", record.updated.0),
        ] {
            reply.bulk(field);
            reply.integer(number);
        }
    }
    Ok(())
}

/// The path of the ACL file.
fn file(ctx: &Context<'_, '_>) -> Result<String, Error> {
    let path = ctx.shared.config.read().text_lossy(Param::Aclfile).into_owned();
    if path.is_empty() {
        return Err(Error::Static(
            "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL \
             SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to \
             store users in the Redis configuration.",
        ));
    }
    Ok(path)
}

fn load(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let path = file(ctx)?;
    let password = ctx.shared.config.read().text(Param::Requirepass).to_vec();
    let users = ctx
        .host
        .read_acl_file(&path)
        .and_then(|content| Users::from_file(&content, &path, &password, setting(opens_channels(ctx))))
        .map_err(|error| Error::Text(format!("ERR {error}")))?;
    let before = ctx.shared.accounts.all();
    ctx.shared.accounts.change(|known| *known = users);
    close_clients_without_user(ctx);
    recheck_subscribers(ctx, &before);
    reply.ok();
    Ok(())
}

fn save(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let path = file(ctx)?;
    let content = ctx.shared.accounts.all().to_file();
    ctx.host.write_acl_file(&path, &content).map_err(|_| {
        Error::Static(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
        )
    })?;
    reply.ok();
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("ACL", super::help::ACL);
    Ok(())
}
