//! What a seccomp filter costs: to compile it, to install it, and at each call behind it; ours beside that
//! of libseccomp.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dwell_bpf::seccomp::{self, Instruction, Machine, Setting};
use dwell_plan::caps::CapSet;
use dwell_plan::facts::Kernel;
use dwell_plan::seccomp::builtin::{self, Strictness, World};
use dwell_plan::seccomp::{Action, Compare, Profile};
use dwell_sys::raw::{self, SockFilter};
use serde_json::{Value, json};

use super::lab::Lab;

/// Docker's profile where Debian's package has it.
const DOCKER: &str = "/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json";
/// One of the same size and shape.
const LIKENESS: &str = include_str!("../../../bpf/tests/oracle/likeness.json");

const SETTING: Setting = Setting {
    machine: Machine::OWN,
    kernel: Kernel { major: 6, minor: 1 },
    capabilities: CapSet::WORLD_ROOT,
    log: false,
};

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let (name, text) = match std::env::var("DWELL_DOCKER_PROFILE").ok().as_deref().or(Some(DOCKER))
    {
        Some(path) if std::path::Path::new(path).exists() => {
            ("Docker's profile", std::fs::read_to_string(path)?)
        }
        _ => ("a profile like Docker's", LIKENESS.to_owned()),
    };
    println!("\n### seccomp: {name}, every ABI of the machine\n");
    let profile: Profile<'_> = serde_json::from_str(&text)?;
    let ours = seccomp::compile(&profile, &SETTING)?.instructions;
    let parse = median(lab.rounds, || serde_json::from_str::<Profile<'_>>(&text).is_ok());
    let compile = median(lab.rounds, || seccomp::compile(&profile, &SETTING).is_ok());
    let mut rows = vec![
        Row::measure("no filter", 0.0, &[], lab.rounds)?,
        Row::measure("ours", compile, &ours, lab.rounds)?,
    ];
    for (name, strictness) in [("default", Strictness::Default), ("strict", Strictness::Strict)] {
        let world = World { own_users: true, capabilities: CapSet::WORLD_ROOT };
        let build = || seccomp::compile(&builtin::profile(strictness, world), &SETTING);
        let compile = median(lab.rounds, || build().is_ok());
        rows.push(Row::measure(name, compile, &build()?.instructions, lab.rounds)?);
    }
    match libseccomp(&profile, lab.rounds)? {
        Some((micros, code)) => {
            rows.push(Row::measure("libseccomp", micros, &code, lab.rounds)?);
        }
        None => println!("libseccomp: left out, python3 or libseccomp.so.2 is not installed"),
    }
    println!("Reading the JSON takes {parse:.0} us.\n");
    println!(
        "| filter | instructions | compile, us | install, us | getuid, ns | refused socket, ns |"
    );
    println!("| --- | --: | --: | --: | --: | --: |");
    for row in &rows {
        println!(
            "| {} | {} | {:.0} | {:.0} | {:.0} | {:.0} |",
            row.name, row.length, row.compile, row.install, row.allowed, row.refused
        );
        let value = json!({"compile_us": row.compile, "install_us": row.install});
        lab.store_value("seccomp", "root", row.name, value);
    }
    Ok(())
}

struct Row {
    name: &'static str,
    length: usize,
    compile: f64,
    install: f64,
    allowed: f64,
    refused: f64,
}

impl Row {
    fn measure(
        name: &'static str,
        compile: f64,
        code: &[Instruction],
        rounds: usize,
    ) -> Result<Row> {
        let program: Vec<SockFilter> =
            code.iter().map(|i| SockFilter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        let mut samples = Vec::new();
        for _ in 0..rounds.min(200) {
            samples.push(behind(&program)?);
        }
        let of = |pick: fn(&[f64; 3]) -> f64| middle(samples.iter().map(pick).collect());
        Ok(Row {
            name,
            length: code.len(),
            compile,
            install: of(|s| s[0]),
            allowed: of(|s| s[1]),
            refused: of(|s| s[2]),
        })
    }
}

/// Installs the filter in a thread, whose own it stays: microseconds for that, nanoseconds of two calls.
fn behind(program: &[SockFilter]) -> Result<[f64; 3]> {
    const CALLS: u32 = 2000;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            raw::set_no_new_privs()?;
            let start = Instant::now();
            if !program.is_empty() {
                raw::seccomp_set_filter(program, 0)?;
            }
            let install = start.elapsed().as_secs_f64() * 1e6;
            let start = Instant::now();
            for _ in 0..CALLS {
                std::hint::black_box(raw::getuid());
            }
            let allowed = start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS);
            let start = Instant::now();
            for _ in 0..CALLS {
                // A family that no kernel has.
                let _ = rustix::net::socket(
                    rustix::net::AddressFamily::from_raw(255),
                    rustix::net::SocketType::STREAM,
                    None,
                );
            }
            let refused = start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS);
            Ok::<_, raw::Errno>([install, allowed, refused])
        });
        match thread.join() {
            Ok(sample) => sample.context("installing a filter"),
            Err(_) => bail!("the thread behind the filter ended"),
        }
    })
}

fn median(rounds: usize, mut work: impl FnMut() -> bool) -> f64 {
    let samples = (0..rounds.max(20)).map(|_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed().as_secs_f64() * 1e6
    });
    middle(samples.collect())
}

fn middle(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// What libseccomp takes for the same, and what it makes of it.
fn libseccomp(profile: &Profile<'_>, rounds: usize) -> Result<Option<(f64, Vec<Instruction>)>> {
    let child = Command::new("python3")
        .args(["-c", include_str!("libseccomp.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return Ok(None) };
    let job = json!({
        "rounds": rounds.clamp(5, 30),
        "default": 0x0005_0001u32,
        "arches": [0xc000_003eu32, 0x4000_0003u32, 0x4000_003eu32],
        "rules": rules(profile),
    });
    if let Some(mut input) = child.stdin.take() {
        // When it has ended already its exit code tells.
        let _ = input.write_all(job.to_string().as_bytes());
    }
    let output = child.wait_with_output()?;
    match output.status.code() {
        Some(0) => {}
        Some(77) => return Ok(None),
        code => bail!("the script for libseccomp ended with {code:?}"),
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let code: Vec<(u16, u8, u8, u32)> = serde_json::from_value(answer["code"].clone())?;
    let code = code.into_iter().map(|(code, jt, jf, k)| Instruction { code, jt, jf, k }).collect();
    Ok(Some((answer["micros"].as_f64().context("no time")?, code)))
}

/// The rules that hold for a container without more capabilities, as calls of libseccomp.
fn rules(profile: &Profile<'_>) -> Vec<Value> {
    let wanted = profile.syscalls.iter().filter(|rule| {
        rule.includes.caps.is_empty()
            && (rule.includes.arches.is_empty()
                || rule.includes.arches.iter().any(|arch| **arch == *"amd64"))
    });
    let each = wanted.flat_map(|rule| {
        let action = match rule.action {
            Action::Errno => 0x0005_0000 | rule.errno_ret.unwrap_or(1),
            _ => 0x7fff_0000u32,
        };
        let op = |op| match op {
            Compare::NotEqual => 1,
            Compare::Less => 2,
            Compare::LessOrEqual => 3,
            Compare::Equal => 4,
            Compare::GreaterOrEqual => 5,
            Compare::Greater => 6,
            Compare::MaskedEqual => 7,
        };
        let args: Vec<Value> =
            rule.args.iter().map(|a| json!([a.index, op(a.op), a.value, a.value_two])).collect();
        rule.names.iter().map(move |name| json!([&**name, action, args]))
    });
    each.collect()
}
