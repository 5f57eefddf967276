//! A body on its way: in chunks, as fast as the client reads, with the faults that were asked for.

use std::io::{self, IoSlice, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::connection::Connection;
use super::content::Content;
use super::delivery::{Delivery, Framing, SimulatedFraming};
use super::encoding::Encoded;
use super::hold::{Gate, HoldPoint};
use super::pace::Pace;

/// After how many bytes other tasks have a turn, though the socket would take more.
const TURN_BYTES: usize = 64 * 1024;

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) framing: Framing,
    pub(super) gate: &'a Gate,
    /// Counts the bytes of bodies that the socket has taken.
    pub(super) body_bytes: &'a AtomicU64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Complete,
    Cut,
    ClientLeft,
}

/// How the end of the body will be told; what is announced is off if the delivery wants it so.
pub(super) async fn framing(content: &Content, delivery: &Delivery) -> io::Result<Framing> {
    Ok(match delivery.framing {
        SimulatedFraming::Chunked => Framing::Chunked,
        SimulatedFraming::Close => Framing::Close,
        SimulatedFraming::Length => {
            let length = measure(content.clone(), delivery).await?;
            Framing::Length(length.saturating_add_signed(delivery.length_off))
        }
    })
}

/// Makes the body once for its length alone, in the memory of one piece.
async fn measure(content: Content, delivery: &Delivery) -> io::Result<u64> {
    let mut encoded = Encoded::new(content, delivery);
    let mut piece = Vec::new();
    let mut length = 0;
    let mut since_turn = 0;
    while encoded.append_next(&mut piece).await? {
        length += piece.len() as u64;
        // An empty piece takes its time too.
        since_turn += piece.len() + 1;
        piece.clear();
        if since_turn >= TURN_BYTES {
            since_turn = 0;
            tokio::task::yield_now().await;
        }
    }
    Ok(length + piece.len() as u64)
}

impl Transfer<'_> {
    /// Sends the body, and what tells its end unless the body is cut.
    pub(super) async fn send(&self, content: Content, to: &mut Connection) -> io::Result<End> {
        let delivery = self.delivery;
        let mut body = Encoded::new(content, delivery);
        let mut pace = delivery.bytes_per_second.map(|rate| Pace::new(rate, Instant::now()));
        let step = pace.as_ref().map_or(usize::MAX, Pace::step_bytes);
        let chunk_bytes = delivery.chunk_bytes.min(step);
        let mut hold_at = match delivery.hold {
            Some(HoldPoint::Bytes(bytes)) => Some(bytes),
            Some(HoldPoint::Records(0)) => Some(0),
            _ => None,
        };
        let mut stall = delivery.stall;
        let mut buffer = Buffer::default();
        let mut sent = 0;
        let mut since_turn = 0;
        loop {
            while buffer.len() < chunk_bytes {
                let before = body.records();
                if !body.append_next(buffer.room()).await? {
                    break;
                }
                let after = body.records();
                if after > before
                    && matches!(delivery.hold, Some(HoldPoint::Records(n)) if n == after)
                {
                    body.flush(buffer.room()).await?;
                    hold_at = Some(sent + buffer.len() as u64);
                }
            }
            if hold_at == Some(sent) {
                hold_at = None;
                tokio::select! {
                    () = self.gate.pass() => {}
                    () = to.left() => return Ok(End::ClientLeft),
                }
            }
            if let Some((at, time)) = stall
                && at == sent
            {
                stall = None;
                tokio::select! {
                    () = time.pass() => {}
                    () = to.left() => return Ok(End::ClientLeft),
                }
            }
            let mut length = buffer.len().min(chunk_bytes);
            for stop in [hold_at, stall.map(|(at, _)| at)].into_iter().flatten() {
                if let Ok(rest) = usize::try_from(stop - sent) {
                    length = length.min(rest);
                }
            }
            if let Some(pace) = &mut pace {
                let now = Instant::now();
                let turn = pace.reserve(length, now);
                if turn > now {
                    tokio::time::sleep_until(turn.into()).await;
                }
            }
            let chunk = buffer.first(length);
            if let Some(rest) = delivery.cut.map(|cut| cut - sent)
                && rest <= length as u64
            {
                self.send_part(chunk, rest as usize, to).await?;
                return Ok(End::Cut);
            }
            if length == 0 {
                if self.framing == Framing::Chunked {
                    to.send(&mut [IoSlice::new(b"0\r\n\r\n")]).await?;
                }
                return Ok(End::Complete);
            }
            self.send_whole(chunk, to).await?;
            sent += length as u64;
            buffer.remove_first(length);
            since_turn += length;
            if since_turn >= TURN_BYTES {
                since_turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    async fn send_whole(&self, chunk: &[u8], to: &mut Connection) -> io::Result<()> {
        if self.framing == Framing::Chunked {
            let head = ChunkHead::new(chunk.len());
            to.send(&mut [head.part(), IoSlice::new(chunk), IoSlice::new(b"\r\n")]).await?;
        } else {
            to.send(&mut [IoSlice::new(chunk)]).await?;
        }
        self.body_bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Announces the whole of a chunk and sends only its beginning.
    async fn send_part(&self, chunk: &[u8], length: usize, to: &mut Connection) -> io::Result<()> {
        // The head of an empty chunk would be the terminator, which a cut body must not have.
        if !chunk.is_empty() {
            let head = ChunkHead::new(chunk.len());
            let head =
                if self.framing == Framing::Chunked { head.part() } else { IoSlice::new(b"") };
            to.send(&mut [head, IoSlice::new(&chunk[..length])]).await?;
            self.body_bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The line before a chunk: its length in hexadecimal.
struct ChunkHead {
    text: [u8; 18],
    length: usize,
}

impl ChunkHead {
    fn new(chunk_bytes: usize) -> Self {
        let mut text = [0; 18];
        let mut rest = &mut text[..];
        write!(rest, "{chunk_bytes:x}\r\n").expect("16 digits and a line end have room");
        let length = 18 - rest.len();
        ChunkHead { text, length }
    }

    fn part(&self) -> IoSlice<'_> {
        IoSlice::new(&self.text[..self.length])
    }
}

/// What has been made and not been sent.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Where to append; moves what is left to the front, which is less than a chunk.
    fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        &mut self.bytes
    }

    fn first(&self, length: usize) -> &[u8] {
        &self.bytes[self.start..][..length]
    }

    fn remove_first(&mut self, length: usize) {
        self.start += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_heads_are_hexadecimal() {
        for (length, want) in
            [(1, "1\r\n"), (65_536, "10000\r\n"), (usize::MAX, "ffffffffffffffff\r\n")]
        {
            assert_eq!(&*ChunkHead::new(length).part(), want.as_bytes());
        }
    }
}
