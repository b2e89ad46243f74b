//! From nothing to the end of a program that does nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use super::job::{Job, Who};
use super::lab::Lab;
use super::sample::{Sample, alternate};

/// The walls of `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev`.
pub(super) fn walls(lab: &mut Lab) -> Result<()> {
    println!("\n### true-walls: `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev`\n");
    for who in lab.people.clone() {
        let mut jobs = vec![lab.nothing(&who)];
        let mut dwells = lab.dwells("dwell --ro /", &who, &["--ro", "/"]);
        // The peers have no filter: these are their walls and no more.
        let same = &["--ro", "/", "--seccomp", "none"];
        dwells.extend(lab.dwells("dwell --ro / --seccomp none", &who, same));
        jobs.extend(behind(dwells, &who));
        jobs.extend(behind(vec![lab.floor(&who), lab.bwrap(&who)], &who));
        let unshare = Job::new("unshare -Urmpf --mount-proc", &who, &["unshare"]);
        jobs.extend(behind(vec![unshare.with(&["-Urmpf", "--mount-proc"])], &who));
        if who.uid == 0 {
            jobs.extend(runtimes(lab, &who)?);
        }
        compare(lab, "true-walls", &who, jobs)?;
    }
    Ok(())
}

/// Everything that `dwell run` does by itself.
pub(super) fn default(lab: &mut Lab) -> Result<()> {
    println!("\n### true-default: `dwell run` without options, from a small directory\n");
    for who in lab.people.clone() {
        let mut jobs = vec![lab.nothing(&who)];
        let mut dwells = lab.dwells("dwell", &who, &[]);
        dwells.extend(lab.dwells("dwell --read-only", &who, &["--read-only"]));
        dwells.extend(lab.dwells("dwell --seccomp none", &who, &["--seccomp", "none"]));
        jobs.extend(behind(dwells, &who));
        jobs.extend(behind(vec![lab.floor(&who), lab.bwrap(&who)], &who));
        compare(lab, "true-default", &who, jobs)?;
    }
    Ok(())
}

pub(super) fn behind(walls: Vec<Job>, who: &Who) -> impl Iterator<Item = Job> {
    let nothing = who.nothing();
    walls.into_iter().map(move |job| job.with(&[&nothing]))
}

pub(super) fn compare(lab: &mut Lab, bench: &str, who: &Who, jobs: Vec<Job>) -> Result<()> {
    let jobs = lab.working(jobs);
    let samples = alternate(&jobs, lab.rounds)?;
    println!("\nAs {}:\n", who.label);
    table(&samples);
    lab.store(bench, who.label, &samples);
    Ok(())
}

/// Ratios are of medians, without the cost of starting the program itself.
fn table(samples: &[Sample]) {
    let nothing = samples.first().map_or(0.0, Sample::median);
    let others = references(samples);
    let heads: String = others.iter().map(|other| format!(" ÷ {} |", other.name)).collect();
    println!("| | median | min | p90 | less `true` |{heads}");
    println!("| --- | --: | --: | --: | --: |{}", " --: |".repeat(others.len()));
    for sample in samples {
        let own = sample.median() - nothing;
        print!("| {} | {:.0} | {:.0} ", sample.name, sample.median(), sample.min());
        print!("| {:.0} | {own:.0} |", sample.p90());
        for other in &others {
            print!(" {:.2} |", own / (other.median() - nothing));
        }
        println!();
    }
}

/// What the others are compared with: bubblewrap and the floor, or where these do not take part, plain `dwell`.
fn references(samples: &[Sample]) -> Vec<&Sample> {
    let named = |names: &[&str]| -> Vec<&Sample> {
        samples.iter().filter(|sample| names.contains(&sample.name.as_str())).collect()
    };
    let peers = named(&["bwrap", "floor"]);
    if peers.is_empty() { named(&["dwell"]) } else { peers }
}

/// What is there of OCI runtimes, each with the least bundle: these also make control groups and
/// write state, so they are only for orientation.
fn runtimes(lab: &Lab, who: &Who) -> Result<Vec<Job>> {
    let bundle = lab.dir.0.join("bundle");
    let rootfs = bundle.join("rootfs");
    if !bundle.exists() {
        for dir in ["proc", "dev", "sys"] {
            fs::create_dir_all(rootfs.join(dir))?;
        }
        fs::copy(who.nothing(), rootfs.join("true"))?;
        fs::set_permissions(&rootfs, fs::Permissions::from_mode(0o755))?;
        fs::write(bundle.join("config.json"), config().to_string())?;
    }
    let state: PathBuf = lab.dir.0.join("state");
    let runtime = |name: &str, options: &[&str]| {
        let job = Job::new(name, who, &[name])
            .with(options)
            .with(&["--root".as_ref(), state.as_os_str()]);
        let job = job.with(&["run", "--bundle"]).with(&[&bundle]);
        job.with(&[format!("dwell-bench-{}", std::process::id())])
    };
    let podman = Job::new("podman", who, &["podman", "run", "--rm", "--network=none", "--rootfs"]);
    let podman = podman.with(&[&rootfs]).with(&["/true"]);
    Ok(vec![runtime("crun", &["--cgroup-manager=disabled"]), runtime("runc", &[]), podman])
}

fn config() -> serde_json::Value {
    let mount = |to: &str, kind: &str, options: &[&str]| json!({"destination": to, "type": kind, "source": kind, "options": options});
    let namespaces = ["pid", "network", "ipc", "uts", "mount"].map(|kind| json!({"type": kind}));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["/true"], "cwd": "/",
            "env": [], "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "mounts": [
            mount("/proc", "proc", &[]),
            mount("/dev", "tmpfs", &["nosuid", "mode=755"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666"]),
        ],
        "linux": {"namespaces": namespaces},
    })
}
