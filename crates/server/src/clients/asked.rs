//! Which call of whom each request is.
//!
//! Invariant: a request is known by its number from [`Asked::put`] to [`Asked::take`]; the place of
//! one that was taken is used again under another number.

use std::rc::Rc;

use node::RequestId;
use redis::Awaited;

use super::connection::Client;
use super::replies::Ticket;

/// So many bits of a number say the place, as many again and half how often it was used before.
const PLACE_BITS: u32 = 24;
const USE_BITS: u32 = 36;
const PLACES_COUNT_MAX: usize = 1 << PLACE_BITS;

/// Whoever waits for the outcome of a call.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) client: Rc<Client>,
    pub(super) ticket: Ticket,
    pub(super) call: usize,
    /// Keys to which it may give something that others wait for.
    pub(super) fed: Vec<Awaited>,
}

/// The requests that are open.
#[derive(Debug, Default)]
pub(super) struct Asked {
    places: Vec<Place>,
    free: Vec<usize>,
}

#[derive(Debug, Default)]
struct Place {
    uses: u64,
    asker: Option<Asker>,
}

impl Asked {
    /// Keeps who asked, and names the request.
    pub(super) fn put(&mut self, asker: Asker) -> RequestId {
        let at = self.free.pop().unwrap_or(self.places.len());
        assert!(at < PLACES_COUNT_MAX, "every connection has a bound of open calls");
        if at == self.places.len() {
            self.places.push(Place::default());
        }
        let place = &mut self.places[at];
        place.uses = (place.uses + 1) % (1 << USE_BITS);
        place.asker = Some(asker);
        RequestId(place.uses << PLACE_BITS | at as u64)
    }

    /// Hands out who asked, once.
    pub(super) fn take(&mut self, request: RequestId) -> Option<Asker> {
        let at = usize::try_from(request.0).ok()? % PLACES_COUNT_MAX;
        let place = self.places.get_mut(at)?;
        let asker = place.asker.take_if(|_| place.uses == request.0 >> PLACE_BITS)?;
        self.free.push(at);
        Some(asker)
    }
}
