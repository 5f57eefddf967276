//! Whatever is cut, wherever, however often and however it is sent: the same comes out.

use license_stream::simulate::{SimulatedShape, Simulator};

use super::{FORMS, Got, PLAIN, RetryPolicy, Wire, ask, ask_with};

const SHAPES: [SimulatedShape; 7] = [
    SimulatedShape::Lines,
    SimulatedShape::Pages { records: 3 },
    SimulatedShape::Envelope,
    SimulatedShape::PrettyEnvelope,
    SimulatedShape::KeyedEnvelope,
    SimulatedShape::Array,
    SimulatedShape::Sequence,
];

const SEEDS: u64 = 10;

/// Numbers that follow from a seed: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((number ^ (number >> 31)) % bound as u64) as usize
    }

    /// Some way of sending a body.
    fn wire(&mut self) -> Wire {
        let form = FORMS.get(self.below(FORMS.len() + 1)).copied();
        let chunk = [None, Some(1), Some(37), Some(1000)][self.below(4)];
        Wire { form, chunk, ..PLAIN }
    }
}

async fn cut_at_random(body: &[u8], seed: u64) -> (Got, usize) {
    let mut random = Random(seed);
    let mut answers = Vec::new();
    for _ in 0..random.below(8) {
        let wire = random.wire();
        let length = wire.bytes(body).len();
        answers.push(wire.cut(body, random.below(length)));
    }
    answers.push(random.wire().whole(body));
    let requests = answers.len();
    let patient = RetryPolicy { attempts: 100, ..RetryPolicy::default() };
    (ask_with(answers, |client| client.with_retry(patient)).await, requests)
}

#[tokio::test]
async fn cuts_at_random_are_not_seen_in_what_is_delivered() {
    for shape in SHAPES {
        for seed in 0..SEEDS {
            let simulator = Simulator::new().with_seed(seed).with_records(8).with_shape(shape);
            let mut body = Vec::new();
            simulator.write_body(&simulator.accounts()[0], &mut body).unwrap();
            let want = ask(vec![PLAIN.whole(&body)]).await;
            assert_eq!(want.delivered.lines().count(), 8, "{shape}: {want:#?}");
            let (got, requests) = cut_at_random(&body, seed).await;
            println!("{shape}, seed {seed}: {requests} requests");
            got.assert_done(&want.delivered, requests);
        }
    }
}
