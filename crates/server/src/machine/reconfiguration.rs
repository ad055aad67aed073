//! CONFIG SET on the machine: sockets, folder, limits of the system and the append-only file follow the parameters,
//! all of them or none.

use config::{Config, Param};
use node::Refusal;
use tracing::error;

use super::ServerMachine;
use crate::clock;
use crate::descriptors;
use crate::logging;
use crate::persistence::{Task, open_files};

impl ServerMachine {
    /// Does what the new parameters say. `Err`: nothing has changed, and which parameter cannot be had, and why.
    pub(super) fn follow_change(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        let clients = new.integer(Param::Maxclients);
        if clients > old.integer(Param::Maxclients) {
            descriptors::allow_clients(clients as u64).map_err(|possible| {
                let reason = "The operating system is not able to handle the specified number of clients";
                (Param::Maxclients, format!("{reason}, try with {possible}"))
            })?;
        }
        self.oom_score.follow_change(old, new)?;
        let moved = self.move_to(old, new);
        let opened = moved.and_then(|()| {
            // The folder, which is in a place that may be new, comes last; without it the server goes back.
            self.open_append_only(old, new).inspect_err(|_| _ = self.move_to(new, old))
        });
        opened.inspect_err(|_| {
            // Nothing has changed; if it cannot go back, that stands in the log.
            let _ = self.oom_score.follow_change(new, old);
        })?;
        self.title.follow(new);
        logging::configure(new);
        self.replication.configure(new);
        // At once: what is acknowledged after this command's reply is kept as the new policy promises.
        self.journal.configure(new.append_fsync(), new.yes(Param::AofTimestampEnabled));
        // Before the persistence thread hears of it, which would begin a rewrite of its own.
        self.switch_log(old.yes(Param::Appendonly), new.yes(Param::Appendonly));
        self.tell(Task::Configured);
        Ok(())
    }

    /// Listens where the new parameters say, in the folder that they say.
    fn move_to(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        if old.text(Param::Dir) != new.text(Param::Dir) {
            std::env::set_current_dir(&*new.text_lossy(Param::Dir))
                .map_err(|error| (Param::Dir, error.to_string()))?;
        }
        self.listen_at(old, new).inspect_err(|_| {
            // It was there a moment ago.
            let _ = std::env::set_current_dir(&*old.text_lossy(Param::Dir));
        })
    }

    fn listen_at(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        let is_bound_elsewhere = old.words(Param::Bind) != new.words(Param::Bind);
        if is_bound_elsewhere || old.integer(Param::Port) != new.integer(Param::Port) {
            self.listening.replace(old, new).map_err(|_| {
                if is_bound_elsewhere {
                    (Param::Bind, "Failed to bind to specified addresses.".to_owned())
                } else {
                    (Param::Port, "Unable to listen on this port. Check server logs.".to_owned())
                }
            })?;
        }
        Ok(())
    }

    /// Opens the files of the append-only set, if it is to be switched on, so that whoever wants that learns that it is impossible. Where the
    /// files are in use a rewrite is under way, which tells by itself; nobody waits for it here, within a batch.
    fn open_append_only(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        if old.yes(Param::Appendonly) || !new.yes(Param::Appendonly) {
            return Ok(());
        }
        let Some(mut files) = self.append_only.try_lock() else { return Ok(()) };
        if files.is_none() {
            *files = Some(open_files(&self.disk, new).map_err(|reason| {
                error!("the append-only file cannot be switched on: {reason}");
                (Param::Appendonly, "Unable to turn on AOF. Check server logs.".to_owned())
            })?);
        }
        Ok(())
    }

    /// The append-only file is switched on or off. The rewrite that this takes counts as begun before the client is answered,
    /// so that he can wait for its end; one that is in progress is of no use to a file that is off.
    fn switch_log(&self, was_on: bool, is_on: bool) {
        if is_on && !was_on && self.progress.require_rewrite(clock::monotonic_ns()) {
            self.tell(Task::Rewrite);
        } else if was_on && !is_on {
            self.progress.give_up_rewrite();
        }
    }
}
