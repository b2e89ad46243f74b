//! Many grants: the cost of each must not depend on how many there are.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::job::Who;
use super::lab::Lab;
use super::sample::{Sample, alternate, line};
use super::start::behind;

const COUNTS: [usize; 4] = [250, 500, 1000, 2000];

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### grants-2000: `--ro DIR`, 2000 times, as an ordinary user\n");
    let who = lab.user()?;
    let dirs = directories(&who)?;
    let mut jobs = vec![lab.nothing(&who)];
    for count in COUNTS {
        let mut grants = Vec::new();
        for dir in dirs.iter().take(count) {
            grants.extend(["--ro", dir.as_str()]);
        }
        let dwells = lab.dwells(&format!("dwell, {count} grants"), &who, &grants);
        jobs.extend(behind(dwells, &who));
    }
    let jobs = lab.working(jobs);
    // Of seconds, a few are enough.
    let samples = alternate(&jobs, (lab.rounds / 10).max(3))?;
    let bwrap = lab.bwrap(&who).with(&["--dir", "/tmp"]);
    let binds: Vec<&str> = dirs.iter().flat_map(|d| ["--ro-bind", d, d]).collect();
    let bwrap = behind(vec![bwrap.with(&binds)], &who).collect();
    let peer = alternate(&lab.working(bwrap), 1)?;
    table(&samples, &peer);
    lab.store("grants-2000", who.label, &samples);
    lab.store("grants-2000", who.label, &peer);
    Ok(())
}

fn table(samples: &[Sample], peer: &[Sample]) {
    println!("\n| | ms | ÷ bwrap |\n| --- | --: | --: |");
    let whole = peer.first().map_or(f64::NAN, Sample::median);
    for sample in samples.iter().chain(peer) {
        let (name, median) = (&sample.name, sample.median());
        println!("| {name} | {:.1} | {:.3} |", median / 1e3, median / whole);
    }
    let points: Vec<(f64, f64)> = COUNTS
        .iter()
        .filter_map(|count| {
            let name = format!("dwell, {count} grants");
            let sample = samples.iter().find(|s| s.name == name)?;
            Some((f64::from(u32::try_from(*count).ok()?), sample.median()))
        })
        .collect();
    if points.len() < 2 {
        return;
    }
    let (zero, slope) = line(&points);
    let off = points.iter().map(|(x, y)| (y - zero - slope * x).abs() / y).fold(0.0, f64::max);
    print!("\nLine through dwell's: {zero:.0} µs + {slope:.1} µs for each grant; ");
    println!("no point is further from it than {:.1} %.", off * 100.0);
    let step = |a: &(f64, f64), b: &(f64, f64)| format!("{:.1}", (b.1 - a.1) / (b.0 - a.0));
    let steps: Vec<_> =
        points.windows(2).filter_map(|w| Some(step(w.first()?, w.get(1)?))).collect();
    println!("Cost of a further grant from each row to the next: {} µs.", steps.join(", "));
}

fn directories(who: &Who) -> Result<Vec<String>> {
    let dir = who.home.join("grants");
    let last = COUNTS.iter().max().copied().unwrap_or(0);
    let paths: Vec<PathBuf> = (0..last).map(|n| dir.join(n.to_string())).collect();
    for path in &paths {
        fs::create_dir_all(path)?;
    }
    Ok(paths.iter().map(|p| p.display().to_string()).collect())
}
