//! Bodies that are held in memory as a whole: what is known of accounts, and errors.

use std::ops::Deref;

use tokio::sync::OwnedSemaphorePermit;

use crate::room::Room;

/// Bytes of a body that need no room, so that a long one holds up no short ones.
const SMALL: usize = 64 << 10;

/// Bytes of all longer bodies together, however many accounts are read at once.
const ROOM: usize = 4 << 20;

/// The room that longer bodies share.
pub(super) fn room() -> Room {
    Room::new(ROOM)
}

/// A body, as far as it has come.
pub(super) struct Whole {
    bytes: Vec<u8>,
    most: usize,
    /// `None` for one that is longer than all of it.
    room: Option<Room>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Whole {
    /// One of `most` bytes at most. One that may fill the room and more, a page of a list, would keep all others
    /// out, and is the only one of its kind: it takes none of it.
    pub(super) fn new(most: usize, room: &Room) -> Self {
        let room = (most <= ROOM).then(|| room.clone());
        Self { bytes: Vec::new(), most, room, taken: None }
    }

    /// Takes a chunk in, once there is room for the longest body if this is no small one. Answers `false`
    /// where there is more than it may have; as much as that is kept.
    pub(super) async fn push(&mut self, chunk: &[u8]) -> bool {
        let length = self.bytes.len() + chunk.len();
        if length > SMALL
            && let Some(room) = self.room.take()
        {
            // All of it at once: who waited with a part in hand could wait for another who does.
            self.taken = room.take(self.most).await;
            self.bytes.reserve_exact(self.most - self.bytes.len());
        }
        self.bytes.extend_from_slice(&chunk[..chunk.len().min(self.most - self.bytes.len())]);
        length <= self.most
    }
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn long_bodies_share_a_room_and_short_ones_need_none() {
        let (room, long) = (room(), vec![b' '; SMALL + 1]);
        let mut bodies: Vec<_> = (0..5).map(|_| Whole::new(1 << 20, &room)).collect();
        for body in &mut bodies[..4] {
            assert!(body.push(&long).now_or_never().expect("room"));
        }
        assert!(bodies[4].push(&long).now_or_never().is_none(), "a fifth has to wait");
        let mut small = Whole::new(1 << 20, &room);
        assert!(small.push(&long[1..]).now_or_never().expect("no room is needed"));
        let mut page = Whole::new(ROOM + 1, &room);
        assert!(page.push(&long).now_or_never().expect("it takes none"));
        bodies.remove(0);
        assert!(bodies[3].push(&long).now_or_never().expect("room"));
    }

    #[tokio::test]
    async fn no_more_is_kept_than_may_be() {
        for most in [7, SMALL, SMALL + 7] {
            let mut body = Whole::new(most, &room());
            assert!(body.push(&vec![b'a'; most - 1]).await && body.push(b"b").await);
            assert!(!body.push(b"c").await);
            assert_eq!((body.len(), body.last()), (most, Some(&b'b')));
            // A small one grows by doubling.
            let capacity = body.bytes.capacity();
            assert!(capacity <= most.max(2 * SMALL), "{most}: {capacity}");
        }
    }
}
