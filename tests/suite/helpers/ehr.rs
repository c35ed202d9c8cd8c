//! The FHIR server of an EHR: answers searches and reads from a chart, page by page, or fails on request.

use super::Stop;
use super::resources::{bundle, searchset};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// When a slow answer comes: after everybody's deadline.
const SLOW: Duration = Duration::from_secs(3);

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A status with an OperationOutcome.
    Status(u16),
    /// A login page with status 200.
    Html,
    /// JSON that ends in the middle.
    Truncated,
    /// A resource of another type.
    WrongType,
    /// Resources of another patient.
    OtherPatient,
    /// Sends the reader to another address.
    Redirect,
    /// A next page at another address.
    ForeignNext,
    /// A small body that unpacks to a huge one.
    GzipBomb,
    /// Status 200 and no body.
    Empty,
    /// An empty Bundle, as servers answer that filter by scope.
    Filtered,
    /// An answer that comes too late for everybody.
    Slow,
    /// No answer at all.
    Silent,
}

/// What the server is asked to do.
struct Orders {
    chart: Chart,
    /// The chart that the bearer of a token sees, where it is another.
    granted: HashMap<String, Chart>,
    page: usize,
    /// Another server to send the reader to.
    elsewhere: String,
}

/// What the server holds, and where it fails: by resource type, or `observations` and `screens` for one of
/// the two searches for Observations.
struct Chart {
    records: Vec<Value>,
    faults: Vec<(&'static str, Fault)>,
}

/// The server. It is never shared with another test: what arrives late for one would be counted for the next.
pub struct Ehr {
    server: MockServer,
    orders: Arc<Mutex<Orders>>,
}

impl Ehr {
    /// Holds the chart of a stop.
    pub async fn holding(stop: &Stop) -> Self {
        let orders = Orders {
            chart: Chart {
                records: stop.records(),
                faults: Vec::new(),
            },
            granted: HashMap::new(),
            page: 50,
            elsewhere: String::new(),
        };
        Self {
            server: MockServer::builder().start().await,
            orders: Arc::new(Mutex::new(orders)),
        }
    }

    /// Answers searches in pages of so many matches.
    pub fn in_pages_of(self, page: usize) -> Self {
        self.orders.lock().unwrap().page = page;
        self
    }

    /// Fails for a resource type; `*` stands for every one.
    pub fn failing(self, kind: &'static str, fault: Fault) -> Self {
        self.orders.lock().unwrap().chart.faults.push((kind, fault));
        self
    }

    /// Holds another chart and fails in another way from now on.
    pub fn turn(&self, stop: &Stop, faults: &[(&'static str, Fault)]) {
        let mut orders = self.orders.lock().unwrap();
        orders.chart = Chart {
            records: stop.records(),
            faults: faults.to_vec(),
        };
    }

    /// Shows the bearer of a token other records, and fails for one kind of call.
    pub fn show(&self, token: &str, records: Vec<Value>, fault: Option<(&'static str, Fault)>) {
        let faults = fault.into_iter().collect();
        let mut orders = self.orders.lock().unwrap();
        orders.granted.insert(token.to_owned(), Chart { records, faults });
    }

    /// Answers in pages of another size from now on.
    pub fn turn_to_pages_of(&self, page: usize) {
        self.orders.lock().unwrap().page = page;
    }

    /// Another server, for redirects and foreign pages.
    pub fn with_elsewhere(self, address: &str) -> Self {
        self.orders.lock().unwrap().elsewhere = address.to_owned();
        self
    }

    /// Starts to answer.
    pub async fn open(self) -> Self {
        let (orders, base) = (Arc::clone(&self.orders), self.base());
        let answer = move |request: &Request| orders.lock().unwrap().answer(request, &base);
        Mock::given(any()).respond_with(answer).mount(&self.server).await;
        self
    }

    /// Its FHIR base.
    pub fn base(&self) -> String {
        format!("{}/fhir", self.server.uri())
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        self.server.uri()
    }

    /// What it was asked.
    pub async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap_or_default()
    }

    /// Resource types that it was asked for, each as often as it was asked.
    pub async fn asked_for(&self) -> Vec<String> {
        self.requests()
            .await
            .iter()
            .map(|request| kind_and_id(request).0)
            .collect()
    }
}

impl Orders {
    fn answer(&self, request: &Request, base: &str) -> ResponseTemplate {
        let (kind, id) = kind_and_id(request);
        let chart = self.chart_of(request);
        let call = match request.url.query_pairs().any(|(name, _)| name == "date") {
            _ if kind != "Observation" => "",
            true => "observations",
            false => "screens",
        };
        let hit = |of: &str| of == "*" || of == kind || of == call;
        if let Some((_, fault)) = chart.faults.iter().find(|(of, _)| hit(of)) {
            return self.fail(*fault, &chart.everything(&kind, id.is_some()), &kind, base);
        }
        if let Some(id) = id {
            return match (chart.records.iter())
                .find(|record| record["resourceType"] == *kind && record["id"] == *id)
            {
                Some(record) => fhir(record),
                None => status(404),
            };
        }
        fhir(&self.search(chart, request, &kind, base))
    }

    fn chart_of(&self, request: &Request) -> &Chart {
        let token = request.headers.get("authorization");
        let token = token.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        token
            .and_then(|token| self.granted.get(token))
            .unwrap_or(&self.chart)
    }

    fn search(&self, chart: &Chart, request: &Request, kind: &str, base: &str) -> Value {
        let asked = |name: &str| {
            request
                .url
                .query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let (codes, statuses) = (asked("code"), asked("status"));
        let listed = |list: &Option<String>, code: &Value| {
            let last = |token: &str| token.rsplit('|').next().unwrap_or_default().to_owned();
            list.as_ref().is_none_or(|list| {
                list.split(',')
                    .any(|token| Some(last(token).as_str()) == code.as_str())
            })
        };
        let matches: Vec<Value> = (chart.records.iter())
            .filter(|record| record["resourceType"] == *kind)
            .filter(|record| listed(&codes, &record["code"]["coding"][0]["code"]))
            .filter(|record| kind != "MedicationRequest" || listed(&statuses, &record["status"]))
            .cloned()
            .collect();
        let from: usize = asked("_from")
            .and_then(|from| from.parse().ok())
            .unwrap_or_default();
        let page: Vec<Value> = matches.iter().skip(from).take(self.page).cloned().collect();
        let mut found = bundle("searchset", &page);
        found["total"] = json!(matches.len());
        if from + self.page < matches.len() {
            let code = codes.map(|codes| format!("&code={codes}")).unwrap_or_default();
            let next = format!("{base}/{kind}?_from={}{code}", from + self.page);
            found["link"] = json!([{"relation": "next", "url": url::Url::parse(&next).unwrap().as_str()}]);
        }
        found
    }

    fn fail(&self, fault: Fault, everything: &Value, kind: &str, base: &str) -> ResponseTemplate {
        match fault {
            Fault::Status(code) => status(code),
            Fault::Html => ResponseTemplate::new(200)
                .set_body_raw("<html><body>Please log in</body></html>", "text/html"),
            Fault::Truncated => {
                let whole = everything.to_string();
                ResponseTemplate::new(200)
                    .set_body_raw(whole[..whole.len() / 2].to_owned(), "application/fhir+json")
            }
            Fault::WrongType => fhir(&json!({"resourceType": "Slot", "id": "1", "status": "free"})),
            Fault::OtherPatient => {
                let text = everything.to_string().replace("synthetic-1", "somebody-else");
                fhir(&serde_json::from_str(&text).unwrap())
            }
            Fault::Redirect => {
                let to = format!("{}/fhir/{kind}?_from=0", self.elsewhere);
                ResponseTemplate::new(302).insert_header("location", to)
            }
            Fault::ForeignNext => {
                let mut page = match everything["resourceType"] == "Bundle" {
                    true => everything.clone(),
                    false => searchset(std::slice::from_ref(everything)),
                };
                page["link"] =
                    json!([{"relation": "next", "url": format!("{}/other/{kind}?page=2", self.elsewhere)}]);
                fhir(&page)
            }
            Fault::GzipBomb => ResponseTemplate::new(200)
                .insert_header("content-encoding", "gzip")
                .set_body_raw(BOMB.clone(), "application/fhir+json"),
            Fault::Empty => ResponseTemplate::new(200),
            Fault::Filtered => fhir(&searchset(&[])),
            Fault::Slow => fhir(everything).set_delay(SLOW),
            Fault::Silent => fhir(&json!({"base": base})).set_delay(Duration::from_secs(3_600)),
        }
    }
}

impl Chart {
    /// What a search for a type finds; what a read finds, if `one` is asked for.
    fn everything(&self, kind: &str, one: bool) -> Value {
        let mut of = self
            .records
            .iter()
            .filter(|record| record["resourceType"] == *kind)
            .cloned();
        match one {
            true => of.next().unwrap_or_default(),
            false => searchset(&of.collect::<Vec<_>>()),
        }
    }
}

fn kind_and_id(request: &Request) -> (String, Option<String>) {
    let path = request.url.path().trim_start_matches("/fhir/");
    match path.split_once('/') {
        Some((kind, id)) => (kind.to_owned(), Some(id.to_owned())),
        None => (path.to_owned(), None),
    }
}

fn fhir(resource: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(resource.to_string(), "application/fhir+json")
}

fn status(code: u16) -> ResponseTemplate {
    ResponseTemplate::new(code).set_body_raw(super::resources::failure().to_string(), "application/fhir+json")
}

/// A quarter of a gigabyte, packed.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip_of_spaces(256 * 1024 * 1024));

/// A gzip stream of so many spaces: one block with fixed codes (RFC 1951, 3.2.6) that repeats the byte
/// before it, 258 times a copy, 13 bits each. The checksum is left out, since nobody should get so far.
pub fn gzip_of_spaces(count: usize) -> Vec<u8> {
    let mut bits = Bits {
        bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        free: 0,
    };
    bits.push(0b1_10, 3); // the last block; fixed codes (the type is written low bit first)
    bits.push(0x30 + u16::from(b' '), 8);
    for _ in 0..count / 258 {
        bits.push(0b1_1000_1010_0000, 13);
    }
    bits.push(0, 7);
    bits.bytes.extend([0; 8]);
    bits.bytes
}

struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    /// High bit first, as codes are written.
    fn push(&mut self, value: u16, count: u32) {
        for at in (0..count).rev() {
            self.bit(value >> at & 1);
        }
    }

    fn bit(&mut self, bit: u16) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        let last = self.bytes.last_mut().unwrap();
        *last |= u8::try_from(bit).unwrap() << (8 - self.free);
        self.free -= 1;
    }
}
