//! A connection to a message bus, for calls one after the other.

use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::wire::{self, Field, Received, Value};

/// Whom a call is for.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) destination: &'static str,
    pub(super) path: &'static str,
    pub(super) interface: &'static str,
}

const BUS: Object = Object {
    destination: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Refused {
    /// The connection failed.
    Io(io::Error),
    /// It ended, or speaks something else.
    Errno(String),
    /// The answer is an error.
    Reply { name: String, message: String },
}

pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
    end: Instant,
    /// What has not been sent yet.
    out: Vec<u8>,
    is_let_in: bool,
    /// What came before somebody waited for it.
    inbox: Vec<Received>,
}

impl Bus {
    /// Connects as the user `uid`.
    pub(super) fn connect(socket: &Path, uid: u32, patience: Duration) -> Result<Bus, Refused> {
        Ok(Bus::over(UnixStream::connect(socket)?, uid, patience))
    }

    /// Nothing is sent before an answer is waited for. Each way there and back takes the bus and us a turn
    /// of the scheduler each, and none of the messages has to wait for the answer to another.
    pub(super) fn over(stream: UnixStream, uid: u32, patience: Duration) -> Bus {
        let end = Instant::now() + patience;
        // The kernel tells the other side who we are; here we only claim to be it.
        let id: String = uid.to_string().bytes().map(|b| format!("{b:02x}")).collect();
        let out = format!("\0AUTH EXTERNAL {id}\r\nBEGIN\r\n").into_bytes();
        let mut bus = Bus { stream, serial: 0, end, out, is_let_in: false, inbox: Vec::new() };
        bus.post(&BUS, "Hello", &[]);
        bus
    }

    pub(super) fn add_match(&mut self, rule: &str) -> u32 {
        self.post(&BUS, "AddMatch", &[Value::Str(rule.to_owned())])
    }

    /// Has a method called; gives the number of the call.
    pub(super) fn post(&mut self, object: &Object, member: &str, arguments: &[Value]) -> u32 {
        self.serial += 1;
        let fields = [
            (wire::PATH, Field::Path(object.path)),
            (wire::DESTINATION, Field::Str(object.destination)),
            (wire::INTERFACE, Field::Str(object.interface)),
            (wire::MEMBER, Field::Str(member)),
        ];
        self.out.extend(wire::message(wire::METHOD_CALL, self.serial, &fields, arguments));
        self.serial
    }

    /// Waits for the answer to a call.
    pub(super) fn answer(&mut self, call: u32) -> Result<Received, Refused> {
        let answer = |received: &Received| {
            matches!(received.kind, wire::METHOD_RETURN | wire::ERROR)
                && received.reply_to == Some(call)
        };
        let received = self.wait_for(|received| answer(received).then(|| received.clone()))?;
        if received.kind == wire::ERROR {
            let message = received.first_string().unwrap_or_default();
            return Err(Refused::Reply { name: received.error, message });
        }
        Ok(received)
    }

    /// Waits for the end of a job, and gives its result: `done`, `failed`, `timeout` …
    pub(super) fn wait_for_job(&mut self, job: &str) -> Result<String, Refused> {
        self.wait_for(|signal| {
            signal.removed_job().filter(|(removed, _)| removed == job).map(|(_, result)| result)
        })
    }

    fn wait_for<T>(&mut self, wanted: impl Fn(&Received) -> Option<T>) -> Result<T, Refused> {
        if let Some(found) = self.inbox.iter().find_map(&wanted) {
            return Ok(found);
        }
        self.send()?;
        loop {
            let received = self.receive()?;
            if let Some(found) = wanted(&received) {
                return Ok(found);
            }
            self.inbox.push(received);
        }
    }

    fn send(&mut self) -> Result<(), Refused> {
        self.stream.write_all(&std::mem::take(&mut self.out))?;
        if !self.is_let_in {
            self.let_in()?;
        }
        Ok(())
    }

    /// Reads what the bus says to who we claim to be.
    fn let_in(&mut self) -> Result<(), Refused> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.read(&mut byte)?;
            line.extend(byte);
            if line.len() > 1000 {
                break;
            }
        }
        if !line.starts_with(b"OK ") {
            let said = String::from_utf8_lossy(&line).trim().to_owned();
            return Err(Refused::Errno(format!("the bus does not let us in ({said})")));
        }
        self.is_let_in = true;
        Ok(())
    }

    fn receive(&mut self) -> Result<Received, Refused> {
        let nonsense = || Refused::Errno("the bus sends what is no message".to_owned());
        let mut fixed = [0u8; wire::FIXED];
        self.read(&mut fixed)?;
        let rest = wire::rest_of(&fixed).ok_or_else(nonsense)?;
        let mut message = fixed.to_vec();
        message.resize(wire::FIXED + rest, 0);
        if let Some(rest) = message.get_mut(wire::FIXED..) {
            self.read(rest)?;
        }
        wire::parse(&message).ok_or_else(nonsense)
    }

    fn read(&mut self, room: &mut [u8]) -> Result<(), Refused> {
        let left = self.end.saturating_duration_since(Instant::now());
        // 0 would mean for ever.
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        Ok(self.stream.read_exact(room)?)
    }
}
