//! Twice of what one core serves, whether it is answered or not: what is served is served in time, the rest is
//! refused at once, and memory does not grow.

use crate::calls::{self, Tally};
use crate::machine::{Cores, processor_time};
use crate::soak::Watch;
use crate::table::{Table, ms, percentile};
use crate::{DEADLINE, EMBEDDED, pinned};
use std::time::{Duration, Instant};

/// Connections that keep one core busy.
const CALLERS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(10);

/// Measures what one core serves, then offers twice of that for so long.
pub fn run(time: Duration) {
    let cores = Cores::of_this_machine();
    let own = cores.keep_off(1);
    let core = cores.replica(0);
    let pinning = format!("service on core {core}, caller on {own}");
    let mut table = Table::new(&format!("overload --seconds {}", time.as_secs()), &pinning);
    let folder = tempfile::tempdir().unwrap();
    let program = pinned(folder.path(), EMBEDDED, core);
    let (most, share) = capacity(&[program.base()], program.id());
    most.expect(&[200, 503]);
    println!(
        "one core serves {:.0}/s with {CALLERS} callers in a closed loop (it was {share:.0} % busy); offering twice of that",
        most.rate()
    );
    let watch = Watch::start(program.id());
    let tally = calls::open(&[program.base()], 2.0 * most.rate(), time);
    let memory = watch.end();
    report(&mut table, &most, &tally);
    table.line("memory under twice the load", memory.summary());
    table.print();
    println!("answers by status: {:?}", tally.statuses);
    println!("memory each 10 s in MiB: {}", memory.listed());
    verdicts(&most, &tally, share);
    tally.expect(&[200, 503]);
}

/// What one core serves, and the share of the time in which it was busy, in percent.
pub fn capacity(bases: &[&str], process: u32) -> (Tally, f64) {
    calls::closed(bases, CALLERS, WARM_UP);
    let (before, begun) = (processor_time(process), Instant::now());
    let tally = calls::closed(bases, CALLERS, MEASURED);
    let after = processor_time(process);
    let busy = after.0 + after.1 - before.0 - before.1;
    (tally, busy / begun.elapsed().as_secs_f64() / 1e4)
}

fn report(table: &mut Table, most: &Tally, tally: &Tally) {
    table.line(
        "calls per second, full prefetch, one core",
        format!("{:.0}", most.rate()),
    );
    table.line("p50 / p99 of a call, one core busy", times(&most.served));
    let shed = tally.shed.len() as f64 / tally.statuses.values().sum::<u64>().max(1) as f64;
    table.line(
        "twice the load of one core",
        format!(
            "{:.0}/s offered, {:.0}/s served, {:.0} % refused with 503",
            tally.offered(),
            tally.rate(),
            100.0 * shed
        ),
    );
    table.line("p50 / p99 of what was served then", times(&tally.served));
    table.line("p50 / p99 of a 503 then", times(&tally.shed));
}

/// Median and the slowest of a hundred.
pub fn times(of: &[Duration]) -> String {
    format!("{} / {}", ms(percentile(of, 50)), ms(percentile(of, 99)))
}

fn verdicts(most: &Tally, tally: &Tally, share: f64) {
    let p99 = percentile(&tally.served, 99);
    let in_time = if p99 <= DEADLINE { "within" } else { "BEYOND" };
    println!(
        "p99 of served calls: {} is {in_time} the deadline of {}",
        ms(p99),
        ms(DEADLINE)
    );
    if share < 90.0 {
        println!("the caller was the limit, not the service: one core serves more than was measured");
    }
    if tally.offered() < 1.9 * most.rate() {
        println!(
            "the caller offered {:.1} times what one core serves, not twice ({} calls left out); p99 of its lag {}",
            tally.offered() / most.rate(),
            tally.left_out,
            ms(percentile(&tally.lag, 99))
        );
    }
}
