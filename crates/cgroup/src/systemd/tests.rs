//! The protocol, against a peer that plays the bus and the manager.
#![allow(clippy::print_stderr, reason = "what is skipped is said")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use dwell_plan::limits::{Amount, Memory};

use super::*;
use crate::systemd::wire::{Field, Received};

const SOON: Duration = Duration::from_secs(10);

/// What the manager does with the call that starts the unit.
#[derive(Clone, Copy)]
enum Manager {
    /// The job ends with this, told before the answer or after it.
    Ends { result: &'static str, early: bool },
    /// It refuses.
    Refuses,
    /// It says nothing.
    Sleeps,
    /// It hangs up.
    HangsUp,
}

struct Peer {
    ours: UnixStream,
    thread: JoinHandle<Vec<Received>>,
}

fn read_message(stream: &mut UnixStream) -> Option<Received> {
    let mut fixed = [0u8; wire::FIXED];
    stream.read_exact(&mut fixed).ok()?;
    let mut message = fixed.to_vec();
    message.resize(wire::FIXED + wire::rest_of(&fixed)?, 0);
    stream.read_exact(&mut message[wire::FIXED..]).ok()?;
    wire::parse(&message)
}

fn job_removed(job: &str, result: &str) -> Vec<u8> {
    let fields = [
        (wire::PATH, Field::Path("/org/freedesktop/systemd1")),
        (wire::INTERFACE, Field::Str("org.freedesktop.systemd1.Manager")),
        (wire::MEMBER, Field::Str("JobRemoved")),
        (wire::SIGNATURE, Field::Signature("uoss")),
    ];
    let mut body = wire::Writer::default();
    body.u32(5);
    for text in [job, "x.scope", result] {
        body.str(text);
    }
    let mut message = wire::message(wire::SIGNAL, 9, &fields, &[]);
    // The length of the body, which `message` takes to be that of its arguments.
    message[4..8].copy_from_slice(&u32::try_from(body.0.len()).unwrap().to_le_bytes());
    message.extend(body.0);
    message
}

fn refusal(call: u32, name: &str, text: &str) -> Vec<u8> {
    let fields = [(wire::REPLY_SERIAL, Field::U32(call)), (wire::ERROR_NAME, Field::Str(name))];
    wire::message(wire::ERROR, 1, &fields, &[Value::Str(text.to_owned())])
}

fn peer(manager: Manager) -> Peer {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let thread = std::thread::spawn(move || {
        let mut calls = Vec::new();
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"\r\n") {
            let mut byte = [0];
            theirs.read_exact(&mut byte).unwrap();
            greeting.extend(byte);
        }
        assert_eq!(greeting, b"\0AUTH EXTERNAL 37\r\n", "user 7 in ASCII, in hexadecimal");
        theirs.write_all(b"OK 0123\r\n").unwrap();
        let mut begin = [0u8; 7];
        theirs.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"BEGIN\r\n");
        while let Some(call) = read_message(&mut theirs) {
            let serial = call.serial;
            let member = call.member.clone();
            calls.push(call);
            let reply = [(wire::REPLY_SERIAL, Field::U32(serial))];
            let string = |text: &str| vec![Value::Str(text.to_owned())];
            let answer =
                |arguments: &[Value]| wire::message(wire::METHOD_RETURN, 1, &reply, arguments);
            if member == "StopUnit" {
                theirs.write_all(&refusal(serial, "NoSuchUnit", "it is gone")).unwrap();
                continue;
            }
            if member != "StartTransientUnit" {
                theirs.write_all(&answer(&string(":1.5"))).unwrap();
                continue;
            }
            let (job, other) = ("/job/5", job_removed("/job/4", "failed"));
            match manager {
                Manager::Ends { result, early } => {
                    let mut parts = [answer(&string(job)), job_removed(job, result)];
                    if early {
                        parts.reverse();
                    }
                    theirs.write_all(&other).unwrap();
                    parts.iter().for_each(|part| theirs.write_all(part).unwrap());
                }
                Manager::Refuses => {
                    let error =
                        refusal(serial, "org.freedesktop.DBus.Error.AccessDenied", "not you");
                    theirs.write_all(&error).unwrap();
                }
                Manager::Sleeps => {}
                Manager::HangsUp => return calls,
            }
        }
        calls
    });
    Peer { ours, thread }
}

fn start(manager: Manager, patience: Duration) -> (Result<String, Refused>, Vec<Received>) {
    let peer = peer(manager);
    let limits = Limits {
        memory: Memory { max: Some(Amount::Of(64 << 20)), ..Memory::default() },
        ..Limits::default()
    };
    let mut bus = Bus::over(peer.ours, 7, patience);
    let result = ask(&mut bus, "x.scope", None, &limits, &[42]);
    let result = result.and_then(|job| bus.wait_for_job(&job));
    drop(bus);
    (result, peer.thread.join().unwrap())
}

#[test]
fn a_scope_is_started_and_waited_for() {
    for early in [false, true] {
        let (result, calls) = start(Manager::Ends { result: "done", early }, SOON);
        assert_eq!(result.unwrap(), "done");
        let members: Vec<&str> = calls.iter().map(|c| c.member.as_str()).collect();
        assert_eq!(members, ["Hello", "AddMatch", "Subscribe", "StartTransientUnit"]);
        let call = calls.last().unwrap();
        assert_eq!(call.signature, "ssa(sv)a(sa(sv))");
        assert_eq!(call.first_string().as_deref(), Some("x.scope"));
        let held = |part: &[u8]| call.body.windows(part.len()).any(|w| w == part);
        assert!(held(b"MemoryMax\0\x01t\0") && held(&(64u64 << 20).to_le_bytes()));
        assert!(held(b"PIDs\0\x02au\0") && held(&42u32.to_le_bytes()));
    }
}

/// That one of them is unknown does not keep the others.
#[test]
fn units_are_stopped() {
    let peer = peer(Manager::Sleeps);
    ask_to_stop(Bus::over(peer.ours, 7, SOON), &["x.scope", "y.scope"]).unwrap();
    let calls = peer.thread.join().unwrap();
    let stopped: Vec<_> = calls
        .iter()
        .filter(|c| c.member == "StopUnit")
        .map(|c| (c.first_string(), &*c.signature))
        .collect();
    let unit = |name: &str| (Some(name.to_owned()), "ss");
    assert_eq!(stopped, [unit("x.scope"), unit("y.scope")]);
}

#[test]
fn whom_the_bus_does_not_know() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"REJECTED EXTERNAL\r\n").unwrap();
    let Err(Refused::Errno(text)) = ask_to_stop(Bus::over(ours, 7, SOON), &["x.scope"]) else {
        panic!("let in");
    };
    assert_eq!(text, "the bus does not let us in (REJECTED EXTERNAL)");
}

#[test]
fn failures_are_sentences() {
    let say = |manager, patience| {
        let (result, _) = start(manager, patience);
        result.map_err(|e| failed("start the unit x.scope", Path::new("/bus"), &e))
    };
    let failed_job = Manager::Ends { result: "failed", early: false };
    assert_eq!(say(failed_job, SOON).unwrap(), "failed");
    let error = say(Manager::Refuses, SOON).unwrap_err();
    assert_eq!(
        error.sentence,
        "cannot start the unit x.scope: not you (org.freedesktop.DBus.Error.AccessDenied)"
    );
    assert!(error.hint.unwrap().contains("enable-linger"));
    let error = say(Manager::Sleeps, Duration::from_millis(100)).unwrap_err();
    assert!(error.sentence.contains("systemd has not answered"), "{error}");
    let error = say(Manager::HangsUp, SOON).unwrap_err();
    assert!(error.sentence.starts_with("cannot start the unit x.scope: "), "{error}");
    let error = start_scope(Path::new("/no/such/bus"), "x.scope", None, &Limits::default(), &[1])
        .unwrap_err();
    assert_eq!(
        error.sentence,
        "cannot start the unit x.scope: No such file or directory (talking to /no/such/bus)"
    );
}

/// A message as the specification has it, byte for byte.
#[test]
fn bytes_of_a_call() {
    let fields = [(wire::PATH, Field::Path("/a")), (wire::MEMBER, Field::Str("M"))];
    let message = wire::message(wire::METHOD_CALL, 3, &fields, &[Value::Str("hi".into())]);
    let expected = [
        &b"l\x01\x00\x01\x07\x00\x00\x00\x03\x00\x00\x00\x27\x00\x00\x00"[..],
        b"\x01\x01o\x00\x02\x00\x00\x00/a\x00\x00\x00\x00\x00\x00",
        b"\x03\x01s\x00\x01\x00\x00\x00M\x00\x00\x00\x00\x00\x00\x00",
        b"\x08\x01g\x00\x01s\x00",
        // Up to a multiple of eight, then the body.
        b"\x00",
        b"\x02\x00\x00\x00hi\x00",
    ]
    .concat();
    assert_eq!(message, expected);
    let parsed = wire::parse(&message).unwrap();
    assert_eq!((parsed.serial, parsed.member.as_str()), (3, "M"));
    assert_eq!(parsed.first_string().as_deref(), Some("hi"));
}

#[test]
fn nonsense_is_no_message() {
    let good = wire::message(wire::SIGNAL, 1, &[(wire::MEMBER, Field::Str("M"))], &[]);
    for end in 0..good.len() {
        let _ = wire::parse(&good[..end]);
    }
    for at in 0..good.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = byte;
            let _ = wire::parse(&bad).map(|m| m.removed_job());
            let _ = wire::rest_of(bad[..wire::FIXED].try_into().unwrap());
        }
    }
    assert_eq!(wire::rest_of(b"B\x01\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0"), None);
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A real bus, where one is installed: it accepts us and knows no systemd.
#[test]
fn a_real_bus() {
    let dir = std::env::temp_dir().join(format!("dwell-bus-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let socket = dir.join("bus");
    let started = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile"])
        .arg(format!("--address=unix:path={}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(daemon) = started.map(Daemon) else {
        std::fs::remove_dir_all(&dir).unwrap();
        eprintln!("skipped: dbus-daemon is not installed");
        return;
    };
    for _ in 0..1000 {
        // The file is there before anybody listens.
        if UnixStream::connect(&socket).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let error = start_scope(&socket, "x.scope", None, &Limits::default(), &[1]).unwrap_err();
    // Nobody is there to be asked.
    stop(&socket, &["x.scope", "y.scope"]);
    drop(daemon);
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(error.sentence.contains("org.freedesktop."), "{error}");
}
