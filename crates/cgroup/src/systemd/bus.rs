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
    /// Signals that came before somebody waited for them.
    signals: Vec<Received>,
}

impl Bus {
    /// Connects as the user `uid` and introduces itself.
    pub(super) fn connect(socket: &Path, uid: u32, patience: Duration) -> Result<Bus, Refused> {
        Bus::over(UnixStream::connect(socket)?, uid, patience)
    }

    pub(super) fn over(stream: UnixStream, uid: u32, patience: Duration) -> Result<Bus, Refused> {
        let end = Instant::now() + patience;
        let mut bus = Bus { stream, serial: 0, end, signals: Vec::new() };
        bus.authenticate(uid)?;
        bus.call(&BUS, "Hello", &[])?;
        Ok(bus)
    }

    /// The kernel tells the other side who we are; here we only claim to be it (`EXTERNAL`).
    fn authenticate(&mut self, uid: u32) -> Result<(), Refused> {
        let id: String = uid.to_string().bytes().map(|b| format!("{b:02x}")).collect();
        self.stream.write_all(format!("\0AUTH EXTERNAL {id}\r\n").as_bytes())?;
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
        Ok(self.stream.write_all(b"BEGIN\r\n")?)
    }

    pub(super) fn add_match(&mut self, rule: &str) -> Result<(), Refused> {
        self.call(&BUS, "AddMatch", &[Value::Str(rule.to_owned())]).map(drop)
    }

    /// Calls a method and waits for its answer.
    pub(super) fn call(
        &mut self,
        object: &Object,
        member: &str,
        arguments: &[Value],
    ) -> Result<Received, Refused> {
        self.serial += 1;
        let serial = self.serial;
        let fields = [
            (wire::PATH, Field::Path(object.path)),
            (wire::DESTINATION, Field::Str(object.destination)),
            (wire::INTERFACE, Field::Str(object.interface)),
            (wire::MEMBER, Field::Str(member)),
        ];
        let message = wire::message(wire::METHOD_CALL, serial, &fields, arguments);
        self.stream.write_all(&message)?;
        loop {
            let received = self.receive()?;
            match received.kind {
                wire::SIGNAL => self.signals.push(received),
                wire::METHOD_RETURN if received.reply_to == Some(serial) => return Ok(received),
                wire::ERROR if received.reply_to == Some(serial) => {
                    let message = received.first_string().unwrap_or_default();
                    return Err(Refused::Reply { name: received.error, message });
                }
                _ => {}
            }
        }
    }

    /// Waits for the end of a job, and gives its result: `done`, `failed`, `timeout` …
    pub(super) fn wait_for_job(&mut self, job: &str) -> Result<String, Refused> {
        let result = |signal: &Received| {
            signal.removed_job().filter(|(removed, _)| removed == job).map(|(_, result)| result)
        };
        if let Some(result) = self.signals.iter().find_map(result) {
            return Ok(result);
        }
        loop {
            let received = self.receive()?;
            if let Some(result) = result(&received) {
                return Ok(result);
            }
        }
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
