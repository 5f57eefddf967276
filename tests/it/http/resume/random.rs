//! Whatever is cut, wherever, however often and however it is sent: the same comes out.

use license_stream::simulate::{SimulatedShape, Simulator};

use super::{FORMS, Got, PLAIN, RetryPolicy, Wire, ask, ask_with};
use crate::support::random::Random;

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

/// Some way of sending a body.
fn wire(random: &mut Random) -> Wire {
    let form = FORMS.get(random.below(FORMS.len() + 1)).copied();
    let chunk = random.pick(&[None, Some(1), Some(37), Some(1000)]);
    Wire { form, chunk, ..PLAIN }
}

async fn cut_at_random(body: &[u8], seed: u64) -> (Got, usize) {
    let mut random = Random::new(seed);
    let mut answers = Vec::new();
    for _ in 0..random.below(8) {
        let wire = wire(&mut random);
        let length = wire.bytes(body).len();
        answers.push(wire.cut(body, random.below(length)));
    }
    answers.push(wire(&mut random).whole(body));
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
