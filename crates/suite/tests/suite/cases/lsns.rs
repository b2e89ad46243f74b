//! `lsns`, beside the tool of util-linux that it stands in for.
//!
//! Every case works in a pid namespace of its own with its own `/proc`, so that nothing but what it has
//! made is listed. `DWELL_PEER_LSNS` names another `lsns` than the installed one to compare with.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Ctx, Got, Outcome, cases, ensure, rounds, skip};

cases! {
    both: same_words, same_processes, held, socket_held, persistent, filters, mistakes, columns, as_a_command,
        ended_while_read;
    root: hidden_processes;
}

/// The binary under the name `lsns`.
fn link(ctx: &Ctx) -> Outcome<PathBuf> {
    let link = ctx.dir("bin")?.join("lsns");
    // Another file system takes no link.
    if !link.exists() && fs::hard_link(&ctx.dwell, &link).is_err() {
        fs::copy(&ctx.dwell, &link)?;
    }
    Ok(link)
}

/// Runs a script in a pid and a mount namespace of its own; `$LSNS` is ours.
fn alone(ctx: &Ctx, script: &str) -> Outcome<Got> {
    let link = link(ctx)?;
    let mut words = vec!["--fork", "--pid", "--mount-proc", "--kill-child"];
    if !ctx.is_root() {
        words.extend(["--user", "--map-root-user"]);
    }
    // In a file: what is listed has the command line in it.
    let script = ctx.file("script", script)?;
    let run = ctx.host("unshare").args(words).arg("/bin/sh").arg(script);
    run.env("LSNS", link).limit(100).go()
}

fn quietly(ctx: &Ctx, script: &str) -> Outcome<Got> {
    let got = alone(ctx, script)?;
    got.exits(0)?.silent()?;
    Ok(got)
}

/// Namespaces in one another, mounted ones, one that only a namespace inside it keeps.
const STATE: &str = r#"
unshare --net sleep 90 & A=$!
unshare --user --map-root-user --uts --fork --pid sleep 91 &
unshare --user --map-root-user unshare --user --ipc sleep 92 &
unshare --mount --cgroup sleep 93 &
while [ $(ps ax | grep -c '[s]leep 9[0-3]') -lt 4 ]; do sleep 0.05; done
for p in a b; do touch $p; mount --bind /proc/$A/ns/net $p; done
"#;

/// A mounted one without processes, which older versions do not list.
const PERSISTENT: &str = "touch c; unshare --uts=c true\n";

/// What both are asked.
const QUESTIONS: &[&str] = &[
    "-r -o NS,TYPE,PATH,PPID,UID,USER,NSFS,PNS,ONS",
    "-r -l -o NS,TYPE,PID,NPROCS",
    "-J -o NS,TYPE,PATH,NPROCS,PID,PPID,UID,USER,NSFS,PNS,ONS",
    "-J -l -o USER,NS",
    "-o NS,TYPE,USER,NSFS,PNS,ONS",
    "-o NSFS,NS",
    "-W -o NS,NSFS,TYPE",
    "-T -o NS,TYPE,USER,PNS,ONS",
    "-Tparent -o NS,TYPE",
    "-T=process -o NS,TYPE,USER",
    "-T -J -o NS,TYPE,PID",
    "-T -r -t user -t pid -o NS,TYPE",
    "-t net -o NS,TYPE,NSFS,NETNSID,PID",
    "-t user -t uts -l -n -o NS,ONS",
    "-t time -o NS,TYPE",
    "-p $A -o NS,TYPE,PID",
    "-p 1 -r -o NS,PATH",
    "-p 77777 -o NS",
    "-n -o ns,type",
    "-o +PATH -t uts -n",
];

/// What is asked only where the other one knows the option.
const NEWER: &[&str] = &[
    "-P -o NS,TYPE,NSFS,UID,USER",
    "-P -J -o NS,NSFS",
    "-P -T -r",
    "-Q 'TYPE == \"net\"' -o NS,NSFS",
    "-Q 'NPROCS < 2 and not NSFS' -r -o NS,NPROCS",
    "-T -Q 'TYPE != \"user\"' -o NS,TYPE",
];

/// The other one, and whether it lays tables out as ours does: before 2.40 columns have smallest
/// widths.
fn model(ctx: &Ctx) -> Outcome<(String, bool)> {
    let named = std::env::var("DWELL_PEER_LSNS").ok();
    let path = match named {
        Some(path) => path,
        None => ctx.needs("lsns")?.display().to_string(),
    };
    let version = ctx.host(&path).arg("--version").output()?;
    let Some(version) = version.trim().strip_prefix("lsns from util-linux ") else {
        return skip(format!("{path} is not that of util-linux"));
    };
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    ensure!(number >= (2, 38), "util-linux {version} is older than what is compared with");
    Ok((path, number >= (2, 40)))
}

const MARK: &str = "=====";

/// Asks both the same, one after the other, and compares.
fn compare(ctx: &Ctx, questions: &[&str]) -> Outcome {
    let (model, exact) = model(ctx)?;
    let mut script = STATE.to_owned();
    let newer = if exact { NEWER } else { &[] };
    if exact {
        script.push_str(PERSISTENT);
    }
    // Versions 2.40 to 2.42 at least write no valid JSON for a namespace that is mounted twice.
    let told = |q: &&str| match exact && q.contains("-J") {
        true => q.replace(",NSFS", ""),
        false => (*q).to_owned(),
    };
    let questions: Vec<String> = questions.iter().chain(newer).map(told).collect();
    for question in &questions {
        script.push_str(&format!(
            "{model} {question}; echo {MARK}$?; $LSNS {question}; echo {MARK}$?\n"
        ));
    }
    let got = quietly(ctx, &script)?;
    let text = got.out();
    let mut parts = text.split_inclusive(MARK);
    let part = |text: Option<&str>| -> String {
        let text = text.unwrap_or_default();
        if exact { text.to_owned() } else { squeezed(text) }
    };
    for question in questions {
        let (theirs, ours) = (part(parts.next()), part(parts.next()));
        // Each begins with the exit code of the one before.
        let cut =
            |t: &str| t.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().to_owned();
        ensure!(
            cut(&theirs) == cut(&ours) && theirs.len() > 5,
            "lsns {question}\n  theirs:\n{theirs}\n  ours:\n{ours}"
        );
    }
    ensure!(!text.contains(&format!("{MARK}1")), "{text}");
    Ok(())
}

/// Each line with single blanks.
fn squeezed(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn same_words(ctx: &Ctx) -> Outcome {
    compare(ctx, QUESTIONS)
}

/// The processes of one namespace, in which those that list them are not.
fn same_processes(ctx: &Ctx) -> Outcome {
    compare(
        ctx,
        &[
            "-r $(readlink /proc/$A/ns/net | tr -dc 0-9)",
            "-J $(readlink /proc/$A/ns/net | tr -dc 0-9)",
            "-l -o PID,PPID,NS,TYPE,COMMAND $(readlink /proc/$A/ns/net | tr -dc 0-9)",
        ],
    )
}

/// A namespace that only an open file keeps; its owner is listed with it.
fn held(ctx: &Ctx) -> Outcome {
    let script = r#"
exec 9</proc/self/ns/uts
N=$(readlink /proc/self/fd/9 | tr -dc 0-9)
unshare --uts sh -c '
  $LSNS -t uts -r -n -l -o NS,NPROCS,PID,USER,COMMAND | grep -c .
  exec 8</proc/self/ns/uts; exec unshare --uts sh -c "echo \$(readlink /proc/self/fd/8 | tr -dc 0-9); \$LSNS -t uts -r -n -l -o NS,NPROCS,PID,PATH,USER"'
"#;
    let got = quietly(ctx, script)?;
    let text = got.out();
    let mut lines = text.lines();
    ensure!(lines.next() == Some("2"), "two were expected first: {text}");
    let kept = lines.next().unwrap_or_default();
    let line = format!("{kept} 0   root");
    ensure!(lines.any(|l| l == line), "'{line}' was expected: {text}");
    Ok(())
}

fn socket_held(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    let script = r#"
N=$(readlink /proc/self/ns/net | tr -dc 0-9)
unshare --net python3 -c '
import ctypes, os, socket, subprocess
libc = ctypes.CDLL(None)
s = socket.socket()
print(os.readlink("/proc/self/ns/net")[5:-1], flush=True)
assert libc.unshare(0x40000000) == 0
subprocess.run([os.environ["LSNS"], "-t", "net", "-r", "-n", "-l", "-o", "NS,NPROCS"])
print("closed", flush=True); s.close()
subprocess.run([os.environ["LSNS"], "-t", "net", "-r", "-n", "-l", "-o", "NS,NPROCS"])
'
"#;
    let got = quietly(ctx, script)?;
    let text = got.out();
    let (open, closed) = text.split_once("closed").unwrap_or_default();
    let kept = open.lines().next().unwrap_or_default();
    ensure!(open.contains(&format!("\n{kept} 0\n")), "{kept} was expected: {text}");
    ensure!(!closed.contains(kept), "{kept} is gone: {text}");
    Ok(())
}

fn persistent(ctx: &Ctx) -> Outcome {
    let script = r#"
touch "a b"; unshare --uts="a b" true; touch d; mount --bind "a b" d
$LSNS -P -t uts -n -o TYPE,NPROCS,USER,NSFS
$LSNS -P -t uts -J -o NPROCS,NSFS | tr -d ' \n'; echo
umount "a b" d; $LSNS -P -t uts -n
"#;
    let got = quietly(ctx, script)?;
    let text = got.out();
    let place = ctx.scratch.display();
    let lines = format!("uts   0 root {place}/a b\n             {place}/d\n");
    let json =
        format!("{{\"namespaces\":[{{\"nprocs\":0,\"nsfs\":\"{place}/ab\\n{place}/d\"}}]}}\n");
    ensure!(text == lines.clone() + &json, "expected {:?}, got {text:?}", lines + &json);
    Ok(())
}

fn filters(ctx: &Ctx) -> Outcome {
    let script = format!(
        "{STATE}
{PERSISTENT}
$LSNS -n -r -o TYPE -Q 'PID == '$A' and TYPE == \"net\"'
$LSNS -n -l -r -o NPROCS -Q 'NSFS =~ \"/c$\"'
$LSNS -n -l -r -o TYPE -Q 'NPROCS == 0 && TYPE == \"user\" || TYPE =~ \"^ui\"'
$LSNS -n -o TYPE -Q 'PID > 100000'
"
    );
    quietly(ctx, &script)?.prints("net\n0\n")?;
    Ok(())
}

fn mistakes(ctx: &Ctx) -> Outcome {
    let link = link(ctx)?;
    for (words, said) in [
        ("-o foo,NS", "lsns: unknown column: foo,NS\n"),
        ("-t mount", "lsns: unknown namespace type: mount\n"),
        ("-J -r", "lsns: options --json and --raw cannot be combined\n"),
        ("-P -p 1", "lsns: options --persistent and --task cannot be combined\n"),
        ("-p x", "lsns: invalid PID argument: 'x'\n"),
        ("-p 1 5", "lsns: --task is mutually exclusive with <namespace>\n"),
        ("5", "lsns: not found namespace: 5\n"),
        ("5x", "lsns: invalid namespace argument: '5x'\n"),
        ("-T=x", "lsns: unknown tree type: x\n"),
        ("-Q PID==", "lsns: failed to parse \"PID==\": syntax error, unexpected end of file\n"),
        ("-Q FOO", "lsns: unknown column: FOO\nlsns: failed to initialize filter\n"),
        ("-Q TYPE==5", "lsns: failed to apply filter: Invalid argument\n"),
        ("-o NS,,NS", ""),
        ("-o ,", "lsns: unknown column: ,\n"),
    ] {
        let got = ctx.host(&link).args(words.split(' ')).go()?;
        got.exits(1)?;
        ensure!(
            got.err() == said && got.out.is_empty(),
            "lsns {words}: {said:?} was expected{got}"
        );
    }
    let got = ctx.host(&link).arg("--frob").go()?;
    got.exits(1)?.says("unrecognized option '--frob'\nTry 'lsns --help' for more information.")?;
    Ok(())
}

fn columns(ctx: &Ctx) -> Outcome {
    let link = link(ctx)?;
    let ask = |words: &[&str]| ctx.host(&link).args(words).output();
    let list = ask(&["-H"])?;
    ensure!(list.lines().count() == 13 && list.contains("NETNSID <string>  "), "{list}");
    ensure!(
        ask(&["-r", "-H"])?.contains("\nONS <integer> number\\x20of\\x20the\\x20user"),
        "{list}"
    );
    let json = ask(&["-J", "--list-columns"])?;
    ensure!(json.contains("\"holder\": \"NS\",\n         \"type\": \"<integer>\""), "{json}");
    let all = ask(&["--output-all", "-r"])?;
    let first = "NS TYPE PATH NPROCS PID PPID COMMAND UID USER NETNSID NSFS PNS ONS";
    ensure!(all.lines().next() == Some(first), "{all}");
    ensure!(ask(&["-h"])?.contains("--tree[=<rel>]"), "help");
    ensure!(ask(&["--version"])?.starts_with("lsns from dwell "), "version");
    Ok(())
}

/// The same under dwell's own name, which begins what it says.
fn as_a_command(ctx: &Ctx) -> Outcome {
    let got = ctx.host(&ctx.dwell).args(["lsns", "-t", "net", "-n", "-p"]).arg("self").go()?;
    got.exits(1)?.says("dwell lsns: invalid PID argument: 'self'\n")?;
    let got = ctx.host(&ctx.dwell).args(["lsns", "-t", "user", "-r", "-n", "-o", "TYPE"]).go()?;
    got.exits(0)?.has("user\n")?;
    Ok(())
}

/// Processes end between one look at them and the next.
fn ended_while_read(ctx: &Ctx) -> Outcome {
    let script = r#"
(while :; do for i in 1 2 3 4 5 6 7 8; do (exec unshare --uts true) & done; wait; done) 2>/dev/null &
N=0
while [ $N -lt ROUNDS ]; do
  $LSNS -T -o NS,PNS,ONS,COMMAND,NETNSID >out || exit 1
  $LSNS 4026531837 >/dev/null 2>&1
  grep -q . out || exit 2
  N=$((N + 1))
done
"#;
    quietly(ctx, &script.replace("ROUNDS", &rounds(60).to_string()))?;
    Ok(())
}

/// What `/proc` hides is not listed, and does not keep the rest from being.
fn hidden_processes(ctx: &Ctx) -> Outcome {
    ctx.needs("setpriv")?;
    let script = r#"
unshare --uts sleep 90 &
while ! pgrep -x sleep >/dev/null; do sleep 0.05; done
for how in 2 1; do
  mount -t proc -o hidepid=$how proc /proc
  setpriv --reuid=12345 --regid=12345 --clear-groups sh -c '
    $LSNS -l -r -n -t uts -o NPROCS,UID; "$DWELL" ls 2>&1 | grep -c hidepid'
done
"#;
    let link = link(ctx)?;
    for path in [&link, &ctx.dwell] {
        // Another user has to get at it.
        if !path.ancestors().all(|p| fs::metadata(p).is_ok_and(|m| is_open(&m))) {
            return skip(format!("{} is not open to everybody", path.display()));
        }
    }
    let got = alone(ctx, script)?;
    got.exits(0)?.prints("2 12345\n1\n2 12345\n1\n")?;
    Ok(())
}

fn is_open(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o001 != 0
}
