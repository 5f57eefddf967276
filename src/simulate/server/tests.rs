mod faults;

use std::num::NonZeroU64;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::simulate::SimulatedShape;

/// A client that sees every byte.
struct Client(TcpStream);

impl Client {
    async fn connect(simulator: &RunningSimulator) -> Self {
        Client(TcpStream::connect(simulator.addr()).await.unwrap())
    }

    async fn ask(&mut self, simulator: &RunningSimulator) {
        let account = &simulator.accounts()[0];
        let head = format!(
            "GET /unified/user-directory/licenses?integrated_account_id={account}\
             &truto_response_format=stream HTTP/1.1\r\nHost: x\r\n\
             Authorization: Bearer simulator-token\r\n\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    async fn read_exact(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    async fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.0.read_u8().await.unwrap());
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).unwrap()
    }

    async fn read_head(&mut self) -> String {
        let mut head = String::new();
        loop {
            match self.read_line().await {
                line if line.is_empty() => return head,
                line => head = head + &line + "\n",
            }
        }
    }

    /// One chunk; an empty one is the terminator.
    async fn read_chunk(&mut self) -> Vec<u8> {
        let length = usize::from_str_radix(&self.read_line().await, 16).unwrap();
        let chunk = self.read_exact(length).await;
        assert_eq!(self.read_line().await, "");
        chunk
    }

    async fn read_chunks(&mut self) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        loop {
            match self.read_chunk().await {
                chunk if chunk.is_empty() => return chunks,
                chunk => chunks.push(chunk),
            }
        }
    }

    async fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap();
        rest
    }
}

fn body(simulator: &Simulator) -> Vec<u8> {
    let mut body = Vec::new();
    let licenses = simulator.licenses(&simulator.accounts()[0]);
    licenses.write_ndjson(0..simulator.scenario().accounts[0].records, &mut body).unwrap();
    body
}

#[tokio::test]
async fn bodies_are_the_same_in_chunks_of_every_size() {
    for chunk_bytes in [1, 7, 600, 4096, 1 << 20] {
        let simulator = Simulator::new().with_records(20).with_chunk_bytes(chunk_bytes);
        let want = body(&simulator);
        let running = simulator.start().unwrap();
        let mut client = Client::connect(&running).await;
        // Twice, to see that the connection can be used again.
        for _ in 0..2 {
            client.ask(&running).await;
            let head = client.read_head().await;
            assert!(head.starts_with("HTTP/1.1 200 OK\n"), "{head}");
            assert!(head.contains("\nContent-Type: application/x-ndjson\n"), "{head}");
            assert!(head.contains("\nTransfer-Encoding: chunked\n"), "{head}");
            assert!(head.contains("\nx-simulated: license-stream ("), "{head}");
            let chunks = client.read_chunks().await;
            let (last, full) = chunks.split_last().unwrap();
            assert!(full.iter().all(|chunk| chunk.len() == chunk_bytes));
            assert!(last.len() <= chunk_bytes);
            assert_eq!(chunks.concat(), want);
        }
        assert_eq!(running.requests(), 2);
        assert_eq!(running.body_bytes(), 2 * want.len() as u64);
    }
}

#[tokio::test]
async fn every_shape_is_the_same_in_chunks_of_every_size_and_says_what_it_is() {
    for (shape, content_type) in [
        (SimulatedShape::Lines, "application/x-ndjson"),
        (SimulatedShape::Pages { records: 7 }, "application/x-ndjson"),
        (SimulatedShape::Envelope, "application/json"),
        (SimulatedShape::PrettyEnvelope, "application/json"),
        (SimulatedShape::KeyedEnvelope, "application/json"),
        (SimulatedShape::Array, "application/json"),
        (SimulatedShape::Sequence, "application/json-seq"),
    ] {
        for chunk_bytes in [1, 7, 4096] {
            let simulator = Simulator::new()
                .with_records(20)
                .with_shape(shape)
                .with_page_records(15)
                .with_chunk_bytes(chunk_bytes);
            let mut want = Vec::new();
            simulator.write_body(&simulator.accounts()[0], &mut want).unwrap();
            let running = simulator.start().unwrap();
            let mut client = Client::connect(&running).await;
            client.ask(&running).await;
            let head = client.read_head().await;
            assert!(head.contains(&format!("\nContent-Type: {content_type}\n")), "{head}");
            assert!(head.contains("(wire format is an assumption"), "{head}");
            assert!(head.contains(&format!("; shape={shape})\n")), "{head}");
            assert_eq!(client.read_chunks().await.concat(), want);
        }
    }
}

#[tokio::test]
async fn a_body_is_held_behind_its_records_and_before_what_closes_it() {
    let simulator = Simulator::new()
        .with_records(3)
        .with_shape(SimulatedShape::Array)
        .with_hold_after_records(3);
    let mut want = Vec::new();
    simulator.write_body(&simulator.accounts()[0], &mut want).unwrap();
    let running = simulator.start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.read_head().await;
    running.until_held(1).await;
    assert_eq!(running.body_bytes(), want.len() as u64 - 1);
    running.release();
    assert_eq!(client.read_chunks().await.concat(), want);
}

#[tokio::test]
async fn an_account_without_licenses_has_an_empty_body() {
    let running = Simulator::new().with_records(0).start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.read_head().await;
    assert!(client.read_chunks().await.is_empty());
}

#[tokio::test]
async fn a_cut_leaves_the_chunk_and_the_body_unfinished() {
    let simulator = Simulator::new().with_records(10).with_chunk_bytes(1000);
    let want = body(&simulator);
    for cut in [0, 1, 999, 1000, 1001, 2500, want.len()] {
        let running = simulator.clone().with_cut_after(cut as u64).start().unwrap();
        let mut client = Client::connect(&running).await;
        client.ask(&running).await;
        client.read_head().await;
        let mut got = Vec::new();
        let chunks_before = cut.saturating_sub(1) / 1000;
        for _ in 0..chunks_before {
            got.extend(client.read_chunk().await);
        }
        let announced = usize::from_str_radix(&client.read_line().await, 16).unwrap();
        assert_eq!(announced, (want.len() - got.len()).min(1000), "cut after {cut}");
        got.extend(client.read_to_end().await);
        assert_eq!(got, want[..cut]);
        assert_eq!(running.body_bytes(), cut as u64);
    }
}

#[tokio::test]
async fn a_body_that_ends_before_the_cut_is_whole() {
    let simulator = Simulator::new().with_records(10);
    let want = body(&simulator);
    let running = simulator.with_cut_after(want.len() as u64 + 1).start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.read_head().await;
    assert_eq!(client.read_chunks().await.concat(), want);
}

#[tokio::test]
async fn an_empty_body_is_cut_before_its_terminator() {
    let running = Simulator::new().with_records(0).with_cut_after(0).start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.read_head().await;
    assert_eq!(client.read_to_end().await, b"");
}

#[tokio::test]
async fn only_as_many_streams_are_cut_as_was_said() {
    let simulator = Simulator::new().with_records(10);
    let want = body(&simulator);
    let running = simulator.with_cut_after(5).with_cut_times(2).start().unwrap();
    for times in 0..3 {
        let mut client = Client::connect(&running).await;
        client.ask(&running).await;
        client.read_head().await;
        if times < 2 {
            assert!(client.read_to_end().await.ends_with(&want[..5]));
        } else {
            assert_eq!(client.read_chunks().await.concat(), want);
        }
    }
}

#[tokio::test]
async fn a_held_body_shows_its_first_record_and_goes_on_when_released() {
    let simulator = Simulator::new().with_records(10);
    let want = body(&simulator);
    let first = want.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for simulator in [
        simulator.clone().with_hold_after_records(1),
        simulator.clone().with_hold_after_bytes(first as u64),
    ] {
        let running = simulator.start().unwrap();
        let mut client = Client::connect(&running).await;
        client.ask(&running).await;
        client.read_head().await;
        assert_eq!(client.read_chunk().await, &want[..first]);
        running.until_held(1).await;
        assert_eq!((running.held(), running.body_bytes()), (1, first as u64));

        running.release();
        assert_eq!(client.read_chunks().await.concat(), &want[first..]);
        // From now on nothing is held.
        client.ask(&running).await;
        client.read_head().await;
        assert_eq!(client.read_chunks().await.concat(), want);
        assert_eq!(running.held(), 0);
    }
}

#[tokio::test]
async fn a_body_can_be_held_before_it_begins_and_before_its_terminator() {
    let simulator = Simulator::new().with_records(3);
    let want = body(&simulator);
    for (hold, seen) in [(0, 0), (3, want.len())] {
        let running = simulator.clone().with_hold_after_records(hold).start().unwrap();
        let mut client = Client::connect(&running).await;
        client.ask(&running).await;
        client.read_head().await;
        running.until_held(1).await;
        assert_eq!(running.body_bytes(), seen as u64);
        running.release();
        assert_eq!(client.read_chunks().await.concat(), want);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_hold() {
    let running = Simulator::new().with_hold_after_records(1).start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    running.until_held(1).await;
    drop(client);
    while running.held() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_slow_body_comes_in_small_chunks() {
    let simulator = Simulator::new().with_records(20);
    let want = body(&simulator);
    let running = simulator.with_pace(NonZeroU64::new(100_000).unwrap()).start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.read_head().await;
    let chunks = client.read_chunks().await;
    assert!(chunks.iter().all(|chunk| chunk.len() <= 100_000 / 20));
    assert_eq!(chunks.concat(), want);
}

#[tokio::test]
async fn an_endless_body_is_sent_for_as_long_as_it_is_read() {
    let running = Simulator::new().with_records(u64::MAX).start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.read_head().await;
    let mut read = 0;
    while read < 4 * 1024 * 1024 {
        read += client.read_chunk().await.len();
    }
    assert!(running.body_bytes() >= read as u64);
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn refusals_leave_the_connection_usable() {
    let running = Simulator::new().start().unwrap();
    let mut client = Client::connect(&running).await;
    for (method, status) in [("GET", 401), ("HEAD", 401), ("POST", 401)] {
        client.0.write_all(format!("{method} / HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let head = client.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("\nx-simulated: "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        if method != "HEAD" {
            let body = client.read_exact(length.parse().unwrap()).await;
            assert!(body.starts_with(br#"{"statusCode":401,"error":"Unauthorized","message":""#));
        }
    }
    assert_eq!((running.requests(), running.body_bytes()), (3, 0));
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_turn() {
    let simulator = Simulator::new().with_records(2);
    let want = body(&simulator);
    let running = simulator.start().unwrap();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    client.ask(&running).await;
    for _ in 0..2 {
        client.read_head().await;
        assert_eq!(client.read_chunks().await.concat(), want);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_ends_the_connection() {
    let running = Simulator::new().start().unwrap();
    let endless = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(64 * 1024));
    let with_body = "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    for (sent, status) in [("nonsense\r\n\r\n", 400), (&endless, 431), (with_body, 401)] {
        let mut client = Client::connect(&running).await;
        client.0.write_all(sent.as_bytes()).await.unwrap();
        let answer = String::from_utf8(client.read_to_end().await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    }
}

#[tokio::test]
async fn stopping_closes_the_port_and_the_connections() {
    let running = Simulator::new().with_hold_after_records(1).start().unwrap();
    let addr = running.addr();
    let mut client = Client::connect(&running).await;
    client.ask(&running).await;
    running.until_held(1).await;
    running.stop().await;
    assert!(!client.read_to_end().await.ends_with(b"0\r\n\r\n"));
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn dropping_closes_the_port() {
    let running = Simulator::new().start().unwrap();
    let addr = running.addr();
    drop(running);
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn starting_outside_of_a_runtime_is_an_error() {
    assert!(Simulator::new().start().is_err());
}

#[tokio::test]
async fn the_base_url_can_be_connected_to() {
    let addr = "0.0.0.0:0".parse().unwrap();
    let running = Simulator::new().with_addr(addr).start().unwrap();
    assert_eq!(running.base_url(), format!("http://127.0.0.1:{}", running.addr().port()));
}

#[test]
fn debug_does_not_show_the_token() {
    assert!(!format!("{:?}", Simulator::new().with_token("hidden")).contains("hidden"));
}
