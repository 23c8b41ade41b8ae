//! A mailbox with one place a kind of request: a newer request replaces an older one that waits,
//! and tells the one that is being worked on to stop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Requests of kinds `0..N`, newest wins.
pub struct Mailbox<T, const N: usize> {
    places: Mutex<Places<T, N>>,
    bell: Condvar,
    newest: [Arc<AtomicU64>; N],
}

struct Places<T, const N: usize> {
    waiting: [Option<(u64, T)>; N],
    closed: bool,
}

/// Says whether the request it came with is still wanted.
#[derive(Clone, Debug)]
pub struct Ticket {
    number: u64,
    newest: Arc<AtomicU64>,
}

impl Ticket {
    /// Whether no newer request of the same kind has come.
    pub fn is_current(&self) -> bool {
        self.newest.load(Ordering::Acquire) == self.number
    }
}

impl<T, const N: usize> Default for Mailbox<T, N> {
    fn default() -> Self {
        Self {
            places: Mutex::new(Places { waiting: std::array::from_fn(|_| None), closed: false }),
            bell: Condvar::new(),
            newest: std::array::from_fn(|_| Arc::new(AtomicU64::new(0))),
        }
    }
}

impl<T, const N: usize> Mailbox<T, N> {
    /// Leaves a request of `kind`; an older one that waits is forgotten, one in work learns that it is stale.
    pub fn put(&self, kind: usize, request: T) {
        let Some(newest) = self.newest.get(kind) else { return };
        let number = newest.fetch_add(1, Ordering::AcqRel) + 1;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.waiting.get_mut(kind) {
            *place = Some((number, request));
        }
        drop(places);
        self.bell.notify_one();
    }

    /// Forgets waiting requests of `kind` and tells the one in work to stop.
    pub fn cancel(&self, kind: usize) {
        if let Some(newest) = self.newest.get(kind) {
            newest.fetch_add(1, Ordering::AcqRel);
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = places.waiting.get_mut(kind) {
                *place = None;
            }
        }
    }

    /// Lets the thread that takes requests end.
    pub fn close(&self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        for newest in &self.newest {
            newest.fetch_add(1, Ordering::AcqRel);
        }
        self.bell.notify_all();
    }

    /// Waits for a request, lowest kind first; `None` when closed.
    pub fn take(&self) -> Option<(Ticket, T)> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if places.closed {
                return None;
            }
            for (place, newest) in places.waiting.iter_mut().zip(&self.newest) {
                if let Some((number, request)) = place.take() {
                    return Some((Ticket { number, newest: Arc::clone(newest) }, request));
                }
            }
            places = self.bell.wait(places).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_request_wins_and_the_one_in_work_learns_it() {
        let mailbox: Mailbox<&str, 2> = Mailbox::default();
        mailbox.put(1, "first");
        mailbox.put(1, "second");
        let (ticket, request) = mailbox.take().unwrap();
        assert_eq!(request, "second");
        assert!(ticket.is_current());
        mailbox.put(0, "other kind");
        assert!(ticket.is_current());
        mailbox.put(1, "third");
        assert!(!ticket.is_current());
        assert_eq!(mailbox.take().unwrap().1, "other kind");
        mailbox.cancel(1);
        mailbox.close();
        assert!(mailbox.take().is_none());
    }
}
