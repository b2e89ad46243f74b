//! The tools that dwell stands in for, beside dwell under their names.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};

use super::job::{Job, Who, which};
use super::lab::Lab;
use super::sample::{Sample, alternate};

/// Common sets of options of `unshare`, and whether they take root.
const UNSHARE: [(&str, bool); 10] = [
    ("-m", true),
    ("-u", true),
    ("-n", true),
    ("-Ur", false),
    ("-Urm", false),
    ("-Urpf --mount-proc", false),
    ("-mpf --mount-proc", true),
    ("-Urnipfm", false),
    ("-Urn", false),
    ("-fp --mount-proc", true),
];

/// `unshare` and `nsenter`, around a program that does nothing.
pub(super) fn run(lab: &mut Lab) -> Result<()> {
    println!("\n### applets: `unshare` and `nsenter` of util-linux, and dwell under their names\n");
    let links = links(lab)?;
    for who in lab.people.clone() {
        let target = Target::start(&who)?;
        let mut jobs = vec![lab.nothing(&who)];
        for (options, takes_root) in UNSHARE {
            if who.uid == 0 || !takes_root {
                jobs.extend(pair(&links, "unshare", options, &who));
            }
        }
        let pid = target.0.id();
        // Not all namespaces of the target are the user's.
        let keep = "-U --preserve-credentials";
        let (own, net) = if who.uid == 0 {
            ("-a".to_owned(), "-n".to_owned())
        } else {
            (format!("{keep} -m -u -i -n"), format!("{keep} -n"))
        };
        for options in [own, format!("{keep} -u"), net] {
            jobs.extend(pair(&links, "nsenter", &format!("{options} -t {pid}"), &who));
        }
        let jobs = lab.working(jobs);
        let samples = alternate(&jobs, lab.rounds)?;
        println!("\nAs {}:\n", who.label);
        table(&samples);
        lab.store("applets", who.label, &samples);
    }
    Ok(())
}

/// dwell under the names of the tools.
fn links(lab: &Lab) -> Result<PathBuf> {
    let links = lab.dir.0.join("links");
    fs::create_dir_all(&links)?;
    for name in ["unshare", "nsenter"] {
        let link = links.join(name);
        if !link.exists() {
            fs::hard_link(&lab.dwell, link)?;
        }
    }
    Ok(links)
}

/// The tool and its stand-in, with the same options.
fn pair(links: &std::path::Path, name: &str, options: &str, who: &Who) -> Vec<Job> {
    let Some(tool) = which(name.as_ref()) else { return Vec::new() };
    let job = |program: PathBuf, title: String| {
        let words: Vec<&str> = options.split(' ').collect();
        Job::new(&title, who, &[program]).with(&words).with(&[who.nothing()])
    };
    let shown = options.split(" -t ").next().unwrap_or_default();
    let title = format!("{name} {shown}");
    vec![job(tool, title.clone()), job(links.join(name), format!("{title} (dwell)"))]
}

/// A process in namespaces of its own that waits to be joined.
struct Target(Child);

impl Target {
    fn start(who: &Who) -> Result<Target> {
        let job = Job::new("sleep", who, &["unshare", "-Urmuni", "sleep", "1000"]);
        let mut command = job.command()?;
        let child = command.stdout(Stdio::null()).spawn().context("unshare")?;
        let target = Target(child);
        // Until the namespaces are there.
        let name = format!("/proc/{}/comm", target.0.id());
        for _ in 0..500 {
            if fs::read_to_string(&name).is_ok_and(|comm| comm.trim() == "sleep") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Ok(target)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Each tool with its stand-in: the ratio of the medians, and of what is left of them without the
/// program itself.
fn table(samples: &[Sample]) {
    let nothing = samples.first().map_or(0.0, Sample::median);
    println!("| | util-linux | dwell | ratio | ratio less `true` |");
    println!("| --- | --: | --: | --: | --: |");
    println!("| static true | {nothing:.0} | | | |");
    for tool in samples.iter().skip(1) {
        let own = samples.iter().find(|s| s.name == format!("{} (dwell)", tool.name));
        let Some(own) = own else { continue };
        let (theirs, ours) = (tool.median(), own.median());
        let less = (ours - nothing) / (theirs - nothing);
        println!("| {} | {theirs:.0} | {ours:.0} | {:.2} | {less:.2} |", tool.name, ours / theirs);
    }
}
