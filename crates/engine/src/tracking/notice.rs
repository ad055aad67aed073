//! Invalidations on their way: what a worker has to tell, and how it reaches a client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use acl::Permission;
use keyspace::{DbIndex, Keyspace, Touched};
use resp::Protocol;
use smallvec::SmallVec;
use stdx::rng::Rng;

use super::{Member, Place, Tracking, encode_keys, publish};
use crate::reply::Reply;
use crate::session::Session;
use crate::shared::Shared;

/// Keys dropped at most in one go when too many are remembered.
const TRIM_KEYS: usize = 1000;

/// The channel to which clients of RESP2 subscribe to be told what others redirect to them.
const CHANNEL: &str = "__redis__:invalidate";

/// Something that a client must hear.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The client that tracks, or the one that is told in its place.
    pub to: Place,
    content: Content,
    /// It has been redirected: `to` need not track.
    forwarded: bool,
}

#[derive(Debug, Clone)]
enum Content {
    /// The array of keys that the client has read, encoded.
    Read(Arc<[u8]>),
    /// Keys under a prefix, which the client need not be allowed to read.
    Broadcast(Arc<Names>),
    /// All keys.
    Everything,
}

/// Changed keys with their databases, and the array of their names, encoded.
#[derive(Debug)]
struct Names {
    names: Vec<(Box<[u8]>, Origin)>,
    encoded: Arc<[u8]>,
}

/// The databases in which a key has changed.
type Origin = SmallVec<[DbIndex; 2]>;

impl Names {
    fn of<'a>(changes: impl ExactSizeIterator<Item = &'a Change<'a>> + Clone) -> Arc<Self> {
        let encoded = encode_keys(changes.clone().map(|(name, _)| *name));
        let names = changes.map(|(name, last)| (Box::from(*name), last.databases.clone())).collect();
        Arc::new(Self { names, encoded })
    }

    /// The array of those that the user of a session may read where they have changed; `None` if there are none.
    fn for_user_of(&self, session: &Session) -> Option<Arc<[u8]>> {
        if session.login.is_unrestricted() {
            return Some(Arc::clone(&self.encoded));
        }
        let user = session.login.user();
        let may_read = |(name, databases): &&(Box<[u8]>, Origin)| {
            databases.iter().any(|database| user.may_use_key(name, Permission::READ, database.0.into()))
        };
        let readable: Vec<&[u8]> = self.names.iter().filter(may_read).map(|(name, _)| &**name).collect();
        (!readable.is_empty()).then(|| encode_keys(readable.into_iter()))
    }
}

/// A changed key, and what is known of it.
type Change<'a> = (&'a [u8], &'a LastChange);

/// Where a key has changed, and the client that changed it last.
#[derive(Debug, Default)]
struct LastChange {
    databases: Origin,
    writer: Option<u64>,
}

/// The client whose command runs.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    id: u64,
    no_loop: bool,
}

impl Writer {
    /// The client of a session.
    pub fn of(session: &Session) -> Self {
        let no_loop = session.tracking.as_ref().is_some_and(|mode| mode.no_loop);
        Self { id: session.record.id, no_loop }
    }
}

/// What a worker has to tell: collected while commands run, handed out at the end of the turn.
#[derive(Debug, Default)]
pub struct Invalidations {
    notices: Vec<Notice>,
    /// For the client whose command runs; they follow its reply.
    own: Vec<Notice>,
    /// Changed keys that may lie under a prefix.
    changed: BTreeMap<Vec<u8>, LastChange>,
}

impl Invalidations {
    /// Notes what was touched by a client, or by time.
    pub fn note(
        &mut self,
        tracking: &Tracking,
        keyspace: &Keyspace,
        touched: Vec<Touched>,
        writer: Option<Writer>,
    ) {
        for touched in touched {
            match touched {
                Touched::Key(database, name) | Touched::Expired(database, name) => {
                    let clients = tracking.remembered.take(&keyspace.key(&name));
                    self.tell(&clients, &name, writer);
                    if tracking.prefixes.load(Ordering::Relaxed) > 0 {
                        let last = self.changed.entry(name).or_default();
                        last.writer = writer.map(|writer| writer.id);
                        if !last.databases.contains(&database) {
                            last.databases.push(database);
                        }
                    }
                }
                // The table knows keys without their database, so a change of any database concerns all.
                Touched::Database(_) | Touched::All => self.tell_everything(tracking, writer),
            }
        }
    }

    /// Tells the clients of a key, but not a writer that does not want to hear of itself.
    fn tell(&mut self, clients: &[Place], key: &[u8], writer: Option<Writer>) {
        if clients.is_empty() {
            return;
        }
        let encoded = encode_keys([key].into_iter());
        for &to in clients {
            let is_own = writer.is_some_and(|writer| writer.id == to.id);
            if is_own && writer.is_some_and(|writer| writer.no_loop) {
                continue;
            }
            let content = Content::Read(Arc::clone(&encoded));
            let notice = Notice { to, content, forwarded: false };
            if is_own { self.own.push(notice) } else { self.notices.push(notice) }
        }
    }

    /// Tells all clients that nothing they hold is good any more.
    fn tell_everything(&mut self, tracking: &Tracking, writer: Option<Writer>) {
        tracking.remembered.clear();
        for member in tracking.registry.lock().members.values() {
            let notice = Notice { to: member.place, content: Content::Everything, forwarded: false };
            let is_own = writer.is_some_and(|writer| writer.id == member.place.id);
            if is_own { self.own.push(notice) } else { self.notices.push(notice) }
        }
    }

    /// Drops remembered keys beyond `limit`, some at a time, and tells their clients.
    pub fn trim(&mut self, tracking: &Tracking, limit: usize, rng: &mut Rng) {
        for _ in 0..TRIM_KEYS {
            if !tracking.is_over(limit) {
                return;
            }
            let Some((key, clients)) = tracking.remembered.take_any(rng.next_u64()) else { return };
            self.tell(&clients, &key, None);
        }
    }

    /// Sets aside what the client whose command runs must hear, while a command of another client runs in between.
    pub(crate) fn set_own_aside(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.own)
    }

    /// Takes back what was set aside.
    pub(crate) fn take_own_back(&mut self, own: Vec<Notice>) {
        debug_assert!(self.own.is_empty(), "the other client has been told");
        self.own = own;
    }

    /// Writes what the client whose command has just been answered must hear of its own changes.
    #[inline]
    pub fn write_own(&mut self, session: &mut Session, out: &mut Vec<u8>, shared: &Shared) {
        // It is empty behind nearly every command.
        if !self.own.is_empty() {
            self.write_all_own(session, out, shared);
        }
    }

    fn write_all_own(&mut self, session: &mut Session, out: &mut Vec<u8>, shared: &Shared) {
        for notice in self.own.drain(..) {
            if let Delivery::Forward(notice) = deliver(notice, session, out, shared) {
                self.notices.push(notice);
            }
        }
    }

    /// Whether [`Invalidations::take`] has something to give.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.changed.is_empty()
    }

    /// Everything to hand out, the broadcasts of the turn last: one for each client and prefix, with the keys in order.
    pub fn take(&mut self, tracking: &Tracking) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return notices;
        }
        let registry = tracking.registry.lock();
        let mut by_prefix: BTreeMap<&[u8], Vec<Change<'_>>> = BTreeMap::new();
        for (key, last) in &changed {
            registry
                .prefixes
                .for_each_of(key, |prefix| by_prefix.entry(prefix).or_default().push((key, last)));
        }
        for (prefix, keys) in by_prefix {
            let all = Names::of(keys.iter());
            let members = registry.prefixes.clients(prefix).filter_map(|id| registry.members.get(&id));
            for member in members {
                if let Some(names) = broadcast_to(member, &keys, &all) {
                    let content = Content::Broadcast(names);
                    notices.push(Notice { to: member.place, content, forwarded: false });
                }
            }
        }
        notices
    }
}

/// The keys for a client: all, or those that others have changed; `None` if there are none.
fn broadcast_to(member: &Member, keys: &[Change<'_>], all: &Arc<Names>) -> Option<Arc<Names>> {
    if !member.no_loop {
        return Some(Arc::clone(all));
    }
    let own = Some(member.place.id);
    let others: Vec<Change<'_>> = keys.iter().copied().filter(|(_, last)| last.writer != own).collect();
    (!others.is_empty()).then(|| Names::of(others.iter()))
}

/// What became of a notice.
#[derive(Debug)]
pub enum Delivery {
    /// The client had no use for it, or cannot be told in its protocol.
    Ignored,
    /// It is in the output.
    Written,
    /// Another client is to be told.
    Forward(Notice),
}

/// Brings a notice to the client it is for, at that client's worker. Names of keys that its user may not read are left
/// out.
pub fn deliver(mut notice: Notice, session: &mut Session, out: &mut Vec<u8>, shared: &Shared) -> Delivery {
    if notice.forwarded {
        return write(&notice, session, out);
    }
    let Some(mode) = &session.tracking else { return Delivery::Ignored };
    // What was remembered before the client changed its mode is of no interest any more.
    match &notice.content {
        Content::Read(_) if mode.broadcast => return Delivery::Ignored,
        Content::Broadcast(_) if !mode.broadcast => return Delivery::Ignored,
        Content::Broadcast(names) => {
            if session.login.is_outdated(&shared.accounts) {
                session.login.refresh(&shared.accounts);
            }
            let Some(encoded) = names.for_user_of(session) else { return Delivery::Ignored };
            notice.content = Content::Read(encoded);
        }
        Content::Read(_) | Content::Everything => {}
    }
    let Some(mode) = session.tracking.as_mut() else { return Delivery::Ignored };
    let Some(redirect) = mode.redirect else { return write(&notice, session, out) };
    let target = shared.clients.get(redirect).filter(|target| !target.is_gone());
    if let Some(target) = target {
        return Delivery::Forward(Notice { to: Place::of(&target), forwarded: true, ..notice });
    }
    mode.redirect_broken = true;
    publish(session);
    if session.protocol != Protocol::Resp3 {
        return Delivery::Ignored;
    }
    let mut push = Reply::new(out, session.protocol);
    push.push(2);
    push.bulk("tracking-redir-broken");
    push.integer(redirect as i64);
    Delivery::Written
}

/// Writes the push. In RESP2 a client to which another one redirects gets a message of a channel that exists for this, if
/// it is subscribed to something; otherwise it could not tell news from replies.
fn write(notice: &Notice, session: &Session, out: &mut Vec<u8>) -> Delivery {
    let mut push = Reply::new(out, session.protocol);
    if session.protocol == Protocol::Resp3 {
        push.push(2);
        push.bulk("invalidate");
    } else if !notice.forwarded || session.subscriptions.is_empty() {
        return Delivery::Ignored;
    } else {
        push.push(3);
        push.bulk("message");
        push.bulk(CHANNEL);
    }
    match &notice.content {
        Content::Read(encoded) => push.raw(encoded),
        Content::Broadcast(names) => push.raw(&names.encoded),
        Content::Everything => push.null(),
    }
    Delivery::Written
}
