//! Calls over connections that are kept: as many at a time as told (closed loop), or so many each second whether
//! they are answered or not (open loop). What comes back is counted by status, with its times.

use crate::helpers::app::hospital_key;
use crate::helpers::program::Program;
use crate::helpers::replicas::PATH;
use crate::{request, wire};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local, yield_now};

/// Tokens that are signed ahead.
const AHEAD: usize = 4_096;
/// How long a connection may lie idle; less than the service keeps one.
const KEPT: Duration = Duration::from_secs(30);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Calls under way beyond which an open loop gives up the rest of its turn.
const MOST: usize = 4_000;
/// How far an open loop may fall behind its plan before it leaves calls out.
const BEHIND: Duration = Duration::from_secs(1);

/// What came back.
#[derive(Default)]
pub struct Tally {
    /// Answers by status; 0 where there was none.
    pub statuses: BTreeMap<u16, u64>,
    /// Times of the calls that were served.
    pub served: Vec<Duration>,
    /// Times of the calls that were refused with 503.
    pub shed: Vec<Duration>,
    /// By how much an open loop was late with a call.
    pub lag: Vec<Duration>,
    /// Calls that an open loop left out, because it could not keep up.
    pub left_out: u64,
    /// How long it took.
    pub time: Duration,
    /// Why there was no answer, the first time.
    pub failure: Option<String>,
}

impl Tally {
    /// Served calls in a second.
    pub fn rate(&self) -> f64 {
        self.served.len() as f64 / self.time.as_secs_f64()
    }

    /// Calls in a second, whatever became of them.
    pub fn offered(&self) -> f64 {
        self.statuses.values().sum::<u64>() as f64 / self.time.as_secs_f64()
    }

    /// Ends the program if there is a status that is not one of these.
    pub fn expect(&self, statuses: &[u16]) {
        let unexpected = self.statuses.keys().any(|status| !statuses.contains(status));
        // A panic and no exit: the programs that were started end with their handles.
        assert!(
            !unexpected,
            "only {statuses:?} are promised; answers by status: {:?}; {}",
            self.statuses,
            self.failure.as_deref().unwrap_or_default()
        );
    }

    fn add(&mut self, answered: io::Result<u16>, took: Duration) {
        let status = answered.unwrap_or_else(|why| {
            self.failure.get_or_insert(why.to_string());
            0
        });
        *self.statuses.entry(status).or_default() += 1;
        match status {
            200 => self.served.push(took),
            503 => self.shed.push(took),
            _ => {}
        }
    }
}

/// One replica, and the connections to it that lie idle.
struct Replica {
    address: SocketAddr,
    idle: RefCell<Vec<(TcpStream, Instant)>>,
}

/// Whoever calls.
struct Caller {
    replicas: Vec<Replica>,
    turn: Cell<usize>,
    under_way: Cell<usize>,
    body: String,
    tokens: Receiver<String>,
    tally: RefCell<Tally>,
}

/// Tokens of the hospital, each with a `jti` of its own, signed on a thread beside the caller.
fn tokens() -> Receiver<String> {
    let (give, take) = sync_channel(AHEAD);
    std::thread::spawn(move || while give.send(hospital_key().token(&Program::claims(PATH))).is_ok() {});
    take
}

impl Caller {
    fn new(bases: &[&str]) -> Rc<Self> {
        let replica = |base: &&str| Replica {
            address: base.strip_prefix("http://").unwrap().parse().unwrap(),
            idle: RefCell::default(),
        };
        Rc::new(Self {
            replicas: bases.iter().map(replica).collect(),
            turn: Cell::new(0),
            under_way: Cell::new(0),
            body: request::body(50, 10),
            tokens: tokens(),
            tally: RefCell::default(),
        })
    }

    /// One call to the next replica.
    async fn call(&self) {
        let token = self.tokens.recv().unwrap();
        let replica = &self.replicas[self.turn.get() % self.replicas.len()];
        self.turn.set(self.turn.get() + 1);
        self.under_way.set(self.under_way.get() + 1);
        let begun = Instant::now();
        let answered = tokio::time::timeout(PATIENCE, self.exchange(replica, &token)).await;
        let answered = answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        self.tally.borrow_mut().add(answered, begun.elapsed());
        self.under_way.set(self.under_way.get() - 1);
    }

    async fn exchange(&self, replica: &Replica, token: &str) -> io::Result<u16> {
        let mut stream = replica.connection().await?;
        let head = wire::head(PATH, Some(token), self.body.len());
        let (status, reusable) = converse(&mut stream, head.as_bytes(), self.body.as_bytes()).await?;
        if reusable {
            replica.idle.borrow_mut().push((stream, Instant::now()));
        }
        Ok(status)
    }

    /// What was counted, once everybody has ended.
    fn ended(self: Rc<Self>, time: Duration) -> Tally {
        let mut tally = self.tally.take();
        tally.time = time;
        tally
    }
}

/// Sends a request and reads its answer, side by side: a refusal may come before the body has been taken. The
/// status, and whether the connection can be used again.
async fn converse(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> io::Result<(u16, bool)> {
    let (mut from, mut to) = stream.split();
    let send = async {
        to.write_all(head).await?;
        to.write_all(body).await
    };
    let receive = async {
        let mut bytes = Vec::with_capacity(1 << 15);
        loop {
            if from.read_buf(&mut bytes).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            if let Some(answer) = wire::answer(&bytes) {
                if answer.status == 200 && !answer.has_card() {
                    return Err(io::Error::other("an answer without a card"));
                }
                return Ok((answer.status, answer.stays_open));
            }
        }
    };
    tokio::pin!(send, receive);
    let (mut sent, mut ended) = (false, false);
    loop {
        tokio::select! {
            answer = &mut receive => {
                let (status, stays_open) = answer?;
                return Ok((status, stays_open && sent));
            }
            done = &mut send, if !ended => (sent, ended) = (done.is_ok(), true),
        }
    }
}

impl Replica {
    async fn connection(&self) -> io::Result<TcpStream> {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some((stream, since)) if since.elapsed() < KEPT => Ok(stream),
            _ => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            }
        }
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, work)
}

/// So many callers, each with its next call when the last is answered, at least one; the replicas have turns.
pub fn closed(bases: &[&str], callers: usize, time: Duration) -> Tally {
    run(async {
        let (caller, begun) = (Caller::new(bases), Instant::now());
        let callers = (0..callers).map(|_| {
            let caller = Rc::clone(&caller);
            spawn_local(async move {
                loop {
                    caller.call().await;
                    if begun.elapsed() >= time {
                        break;
                    }
                }
            })
        });
        for ended in callers.collect::<Vec<_>>() {
            ended.await.unwrap();
        }
        caller.ended(begun.elapsed())
    })
}

/// So many calls each second, evenly, whether the earlier ones are answered or not; the replicas have turns.
pub fn open(bases: &[&str], rate: f64, time: Duration) -> Tally {
    run(async {
        let (caller, begun) = (Caller::new(bases), Instant::now());
        let mut number = 0_u64;
        while begun.elapsed() < time {
            let due = (begun.elapsed().as_secs_f64() * rate) as u64;
            while number < due {
                let planned = begun + Duration::from_secs_f64(number as f64 / rate);
                number += 1;
                let lag = planned.elapsed();
                if lag > BEHIND || caller.under_way.get() >= MOST {
                    caller.tally.borrow_mut().left_out += 1;
                    continue;
                }
                caller.tally.borrow_mut().lag.push(lag);
                let one = Rc::clone(&caller);
                spawn_local(async move { one.call().await });
                yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let offering = begun.elapsed();
        while caller.under_way.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        caller.ended(offering)
    })
}
