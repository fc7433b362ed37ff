//! Clients' sessions: a client that has one takes its token from every node that answers it, and
//! hands it to the next node it asks. A disk that loses what it had may leave a session that
//! nobody can serve any more; its client then begins a new one.

use std::collections::BTreeMap;

use api::{SessionId, Token};

use crate::world::World;

/// Where sessions are, by client.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<u32, Session>,
    /// How often sessions began anew.
    generation: u64,
}

#[derive(Debug)]
struct Session {
    token: Token,
    /// The process that knows the session: the node, and which of its processes.
    known_at: (usize, u64),
}

impl World<'_> {
    /// Opens the session of a client at a node, if the client has one.
    pub(crate) fn session_at(&mut self, client: u32, at: usize) -> Option<SessionId> {
        if client >= self.setup.sessions {
            return None;
        }
        let id = self.sessions.id(client);
        let here = (at, self.machines[at].opened());
        let held = self.sessions.open.get_mut(&client);
        if let Some(session) = held.filter(|session| session.known_at != here)
            && let Some(process) = &mut self.machines[at].process
        {
            session.known_at = here;
            process.end_session(id);
            let adopted = process.adopt_token(id, &session.token);
            adopted.expect("the token is one of this cluster");
        }
        Some(id)
    }

    /// Takes what a client's session has seen, once a node has answered it.
    pub(crate) fn keep_session(&mut self, client: u32, at: usize) {
        if client >= self.setup.sessions {
            return;
        }
        let known_at = (at, self.machines[at].opened());
        let Some(process) = &self.machines[at].process else { return };
        let token = process.session_token(self.sessions.id(client));
        self.sessions.open.insert(client, Session { token, known_at });
    }
}

impl Sessions {
    pub(crate) fn id(&self, client: u32) -> SessionId {
        SessionId(self.generation << 32 | u64::from(client))
    }

    /// Every client begins anew.
    pub(crate) fn begin_anew(&mut self) {
        self.generation += 1;
        self.open.clear();
    }
}
