//! A worker's part in client-side caching: it hands out what its commands have invalidated, and tells its own clients
//! what others have.

use engine::tracking::{Delivery, Notice, deliver};

use super::{Worker, mark_writable};
use crate::Now;
use crate::machine::Mail;

impl Worker<'_> {
    /// Sends what the turn has invalidated to the workers of those who must hear of it.
    pub(super) fn hand_out_invalidations(&mut self, now: Now) {
        let notices = self.engine.take_invalidations(&self.node.shared);
        self.hand_out(now, notices);
    }

    /// Tells clients of this worker. A notice that is redirected goes on to the worker of its new target.
    pub(super) fn invalidate(&mut self, now: Now, notices: Vec<Notice>) {
        let mut redirected = Vec::new();
        for notice in notices {
            redirected.extend(self.tell(now, notice));
        }
        self.hand_out(now, redirected);
    }

    /// One letter for each worker; the own one needs none.
    fn hand_out(&mut self, now: Now, notices: Vec<Notice>) {
        if notices.is_empty() {
            return;
        }
        let mut by_worker: Vec<Vec<Notice>> = Vec::new();
        by_worker.resize_with(self.node.shared.identity.threads, Vec::new);
        for notice in notices {
            if let Some(list) = by_worker.get_mut(notice.to.worker) {
                list.push(notice);
            }
        }
        let own = std::mem::take(&mut by_worker[self.index]);
        for (worker, notices) in by_worker.into_iter().enumerate().filter(|(_, notices)| !notices.is_empty())
        {
            self.node.machine.post(worker, Mail::Invalidations(notices));
        }
        self.invalidate(now, own);
    }

    /// Tells one client, if it is still there; returns the notice if another one is to be told.
    fn tell(&mut self, now: Now, notice: Notice) -> Option<Notice> {
        let number = notice.to.number;
        let connection = self.connections.get_mut(number)?.as_mut()?;
        let session = &mut connection.session;
        if session.record.id != notice.to.id || session.closing || connection.is_finished {
            return None;
        }
        match deliver(notice, session, connection.output.buffer(), &self.node.shared) {
            Delivery::Ignored => None,
            Delivery::Forward(notice) => Some(notice),
            Delivery::Written => {
                if self.node.exceeds_output_limit(connection, now) {
                    self.peer_closed(number);
                } else {
                    mark_writable(&mut self.connections, &mut self.writable, number);
                }
                None
            }
        }
    }
}
