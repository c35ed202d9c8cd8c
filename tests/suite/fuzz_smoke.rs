//! Broken bytes at every parser: nothing panics, and every answer is one of those that are promised.
//!
//! First comes what cargo-fuzz has found worth keeping (`tests/fuzz/corpus`), as it is, then mutations of it and of
//! sound input. They are the same on every run (xorshift with a fixed seed), so that a failure comes back.
//! `STEPDOWN_FUZZ_SECONDS` lets every parser go on for so long; the first mutations stay the same.

use crate::helpers::app::{HOSPITAL, PUBLIC, hospital_key};
use crate::helpers::keys::claims;
use crate::helpers::pure::{Judged, judge};
use crate::helpers::stories::stories;
use crate::helpers::{Demo, TestApp, now};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../fuzz/parsers.rs"]
mod parsers;

/// Mutations for each parser at least: always the same ones, so that a failure can be repeated.
const RUNS: usize = 600;
/// Mutations that go over HTTP.
const CALLS: usize = 60;

/// A small generator of numbers, the same on every machine.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    /// A changed copy: bytes flipped, cut, doubled, moved, or replaced by what parsers stumble over.
    fn mutate(&mut self, of: &[u8]) -> Vec<u8> {
        let mut bytes = of.to_vec();
        for _ in 0..=self.below(6) {
            let (at, length) = (self.below(bytes.len()), 1 + self.below(40));
            let end = (at + length).min(bytes.len());
            match self.below(7) {
                0 => bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= 1 << (length % 8)),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                3 => bytes.truncate(at),
                4 => drop(bytes.splice(at..end, PIECES[length % PIECES.len()].iter().copied())),
                5 => drop(bytes.splice(at..at, PIECES[length % PIECES.len()].iter().copied())),
                _ => bytes.insert(at, u8::try_from(self.below(256)).unwrap()),
            }
        }
        bytes
    }
}

const PIECES: [&[u8]; 22] = [
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"0",
    b"-1",
    b"1e999",
    b"1e-999",
    b"99999999999999999999999999999999",
    b"0.1",
    b"true",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\xf0\x9f\x92\x8a",
    b"\xff",
    b"[[[[[[[[",
    b"{\"a\":",
    b",",
    b"9999-99-99",
    b"-0001-01-01T00:00:00Z",
    b"\"resourceType\":\"Bundle\",",
];

/// What cargo-fuzz has kept for a parser, in the order of the names.
fn kept(parser: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(parser);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Calls `with` on what is kept for a parser, then on mutations of that and of `sound` input.
fn attack(seed: u64, parser: &str, sound: Vec<Vec<u8>>, mut with: impl FnMut(&[u8])) {
    let mut corpus = kept(parser);
    assert!(!corpus.is_empty(), "nothing is kept for {parser}");
    corpus.iter().for_each(|bytes| with(bytes));
    corpus.extend(sound);
    bombard(seed, &corpus, with);
}

/// Calls `with` on mutations of `corpus`, the same ones each time, so that a failure can be repeated.
fn bombard(seed: u64, corpus: &[Vec<u8>], mut with: impl FnMut(&[u8])) {
    let mut random = Xorshift(seed);
    let (started, lasts) = (Instant::now(), seconds());
    let mut run = 0;
    while run < RUNS || started.elapsed() < lasts {
        let bytes = random.mutate(&corpus[run % corpus.len()]);
        with(&bytes);
        run += 1;
    }
}

/// For how long every parser is bombarded.
fn seconds() -> Duration {
    let Some(set) = std::env::var_os("STEPDOWN_FUZZ_SECONDS") else {
        return Duration::ZERO;
    };
    let number = set.to_str().and_then(|number| number.parse().ok());
    Duration::from_secs(number.expect("STEPDOWN_FUZZ_SECONDS is a whole number"))
}

fn requests() -> Vec<Vec<u8>> {
    let stories = stories().into_iter();
    stories
        .flat_map(|(_, stop)| [stop.request(), stop.granting("http://127.0.0.1:9/fhir", "t")])
        .map(|r| r.to_string().into_bytes())
        .collect()
}

/// Requests through parser, FHIR readers, judgement and cards.
#[test]
fn requests_never_panic() {
    let mut answered = 0;
    attack(0x5eed_0001, "request", requests(), |bytes| {
        answered += usize::from(parsers::request(bytes))
    });
    assert!(answered > 0, "no mutation got through");
}

/// Text that is JSON, and text that almost is.
#[test]
fn json_is_what_others_take_for_it() {
    let sound = requests().into_iter().chain(PIECES.map(<[u8]>::to_vec));
    attack(0x5eed_000c, "json", sound.collect(), parsers::json);
}

/// Resources of the record, one Bundle or one resource at a time, beside a sound stop.
#[test]
fn records_never_panic() {
    let mut answered = 0;
    let sound = requests()
        .into_iter()
        .step_by(2)
        .flat_map(|request| prefetched(&request));
    attack(0x5eed_0008, "record", sound.collect(), |bytes| {
        answered += usize::from(parsers::record(bytes))
    });
    assert!(answered > 0, "no mutation got through");
}

/// What a request holds under its keys, as if it were about the patient `p`.
fn prefetched(request: &[u8]) -> Vec<Vec<u8>> {
    let request: Value = serde_json::from_slice(request).unwrap();
    let owner = format!("Patient/{}", request["context"]["patientId"].as_str().unwrap());
    let values = request["prefetch"]
        .as_object()
        .into_iter()
        .flat_map(|keys| keys.values());
    values
        .map(|value| value.to_string().replace(&owner, "Patient/p").into_bytes())
        .collect()
}

/// Pages of a search, and addresses of further ones.
#[test]
fn next_pages_stay_on_the_server() {
    let links = [
        "https://ehr.example/fhir/R4/Observation?page=2",
        "http://localhost:8080/fhir?_getpages=a&_count=200",
        "https://user:secret@ehr.example/x#y",
        "//elsewhere.example/..%2f..",
    ];
    let page = |url: &str| json!({"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": url}]});
    let pages = links.iter().map(|url| page(url).to_string());
    let sound = links.iter().map(|url| (*url).to_owned()).chain(pages);
    attack(
        0x5eed_0009,
        "next_page",
        sound.map(String::into_bytes).collect(),
        parsers::next_page,
    );
}

/// Text that is not ours, on its way to a card and to the demonstration's page.
#[test]
fn markup_never_gets_through() {
    let texts = [
        "**Why** now\n\n- one\n- [two](https://doi.org/10.1000/1)\n",
        "| a | b |\n|:-:|--:|\n| <b>1</b> | `2` |\n",
        "[x][1]\n\n[1]: javascript:alert(1) \"t\"",
        "<img src=x onerror=alert(1)> www.example.org \u{202e}",
    ];
    let sound = texts.iter().map(|text| text.as_bytes().to_vec());
    attack(0x5eed_000a, "markup", sound.collect(), parsers::markup);
}

/// Headers and claims with a good signature, and headers without: only sound ones open the door, once.
#[test]
fn signed_tokens_open_once() {
    let mut opened = 0;
    attack(0x5eed_000b, "token", Vec::new(), |bytes| {
        opened += usize::from(parsers::token(bytes))
    });
    assert!(opened > 0, "no token was good");
}

/// One value of a sound request at a time, so that the mutation gets past the first parser.
#[test]
fn values_inside_a_request_never_panic() {
    let corpus: Vec<Vec<u8>> = requests().into_iter().step_by(2).collect();
    let mut random = Xorshift(0x5eed_0002);
    let mut sound = 0;
    bombard(0x5eed_0003, &corpus, |bytes| {
        let whole = &corpus[random.below(corpus.len())];
        let text = String::from_utf8(whole.clone()).unwrap();
        let places: Vec<usize> = text.match_indices("\":").map(|(at, _)| at + 2).collect();
        let at = places[random.below(places.len())];
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<serde_json::Value>();
        values.next();
        let end = at + values.byte_offset();
        let piece = String::from_utf8_lossy(PIECES[bytes.len() % 12]).into_owned();
        match judge(format!("{}{piece}{}", &text[..at], &text[end..]).as_bytes()) {
            Judged::Answer(_) => sound += 1,
            Judged::Undecided => {}
            Judged::Refused(why) => assert!(!why.is_empty()),
        }
    });
    assert!(sound > 0, "no mutation got through");
}

#[test]
fn dosage_texts_never_panic() {
    let texts = [
        "Take 1.5 mg by mouth twice daily",
        "2 capsules (2 mg) every 12 hours",
        "1 tab QAM and 2 tabs QPM",
        "0,5 mg 1-0-1",
        "take one and a half tablets 3x/day",
        "1 to 2 caps po bid prn",
        "5 mg in the morning and 4.5 mg at night",
        "½ tablet daily",
    ];
    let sound = texts.iter().map(|text| text.as_bytes().to_vec());
    attack(0x5eed_0004, "dosage_text", sound.collect(), parsers::dosage_text);
}

#[test]
fn feedback_never_panics() {
    let card = "6a1e7a0e-9d1e-4b5c-8f2f-2f5e1d1c0a01";
    let entry = json!({"card": card, "outcome": "overridden", "outcomeTimestamp": now().to_string(),
        "overrideReason": {"reason": {"system": "s", "code": "c"}, "userComment": "seen"}});
    let accepted = json!({"card": card, "outcome": "accepted", "outcomeTimestamp": now().to_string(), "acceptedSuggestions": [{"id": card}]});
    let sound = vec![json!({"feedback": [entry, accepted]}).to_string().into_bytes()];
    attack(0x5eed_0005, "feedback", sound, parsers::feedback);
}

/// Garbage for a token, at the service itself: always the same refusal.
#[tokio::test]
async fn tokens_never_get_past_or_bring_it_down() {
    let app = TestApp::spawn().await;
    let path = app.path("medication-discontinue");
    let good = hospital_key().token(&claims(HOSPITAL, &format!("{PUBLIC}{path}")));
    let mut random = Xorshift(0x5eed_0006);
    for _ in 0..CALLS {
        let mut token = random.mutate(good.as_bytes());
        token.retain(|byte| (0x20..0x7f).contains(byte) || *byte > 0x7f);
        let value = [b"Bearer ".as_slice(), &token].concat();
        if token == good.as_bytes() || value.trim_ascii_end() == [b"Bearer ", good.as_bytes()].concat() {
            continue;
        }
        let header = reqwest::header::HeaderValue::from_bytes(&value).unwrap();
        let call = app
            .call(Method::POST, &path)
            .header("authorization", header)
            .header("content-type", "application/json");
        let answer = call.body("{}").send().await.unwrap();
        assert_eq!(
            answer.status().as_u16(),
            401,
            "{}",
            String::from_utf8_lossy(&value)
        );
    }
}

/// A sample over HTTP: only promised statuses, and the next call is answered.
#[tokio::test]
async fn broken_calls_leave_the_service_standing() {
    let demo = Demo::spawn().await;
    let (corpus, mut random) = (requests(), Xorshift(0x5eed_0007));
    for _ in 0..CALLS {
        let whole = 2 * random.below(corpus.len() / 2);
        let answer = demo.stop(random.mutate(&corpus[whole])).await;
        assert!(
            [200, 400, 412, 422].contains(&answer.status),
            "{}: {}",
            answer.status,
            answer.text()
        );
    }
    assert_eq!(demo.stop(corpus[0].clone()).await.status, 200);
}
